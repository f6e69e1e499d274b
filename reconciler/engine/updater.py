"""Changing an object that others change too: as planned, rebased on what they did, never over it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from reconciler.core.abilities import is_settled
from reconciler.core.compare.diff import Delta
from reconciler.core.compare.lens import Lens
from reconciler.core.compare.overlap import Overlap
from reconciler.core.kind import Kind
from reconciler.core.observations import last_edit
from reconciler.core.plan.model import Action, Change
from reconciler.core.pointers import matches, pointer
from reconciler.core.problems import AmbiguousError, ConflictError, Problem, ReconcilerError
from reconciler.core.resource import Call, Live
from reconciler.core.rules import FieldChange
from reconciler.core.values import MISSING, SENSITIVE, Path, Tree
from reconciler.engine.ledger import Ledger
from reconciler.engine.poller import Poller
from reconciler.engine.ports import Api

REBASES = 5
"""How often a 412 is answered by reading again before giving up: somebody is editing all the time."""


@dataclass(slots=True)
class Updater:
    """Makes one object show what is wanted of it."""

    api: Api
    ledger: Ledger
    poller: Poller

    async def update(
        self, kind: Kind, change: Change, desired: Tree, applied: Tree, live: Live, todo: Delta | Sequence[Call]
    ) -> Live:
        """Send `todo`, and what is still missing after it, until `live` is as planned; return it as it is then.

        An update changes what the plan showed and nothing else; what is being made is brought to all of `desired`.
        Raises `ConflictError` with both values where somebody else changed the same place meanwhile.
        """
        start = live
        fields = change.fields if change.action is Action.UPDATE else todo.fields if isinstance(todo, Delta) else ()
        only = planned(change)
        if not is_settled(kind, live):  # no change is taken in the middle of a transition (1420, 1421, 1422)
            live = start = await self.poller.settled(kind, change, live)  # what it went through is nobody's edit
            todo = self.compare(kind, change, desired, applied, live, only)
            if not todo:
                return live
        for _ in range(REBASES):
            calls = kind.update(live, todo.patch, desired) if isinstance(todo, Delta) else todo
            try:
                for call in calls:
                    live = await self._send(kind, change, call, live)
                    if kind.needs_readback(desired):
                        live = await self.poller.settled(kind, change, live)
            except (ConflictError, AmbiguousError):
                self.poller.tell(change, "it changed meanwhile: reading it again")
                live = await self.poller.again(kind, change, live)
            else:
                if not kind.needs_readback(desired):
                    return live
            todo = self._left(kind, change, desired, applied, start, live, fields, only)
            if not todo:
                return live
        raise ReconcilerError(
            Problem(
                "restless",
                f"after {REBASES} tries {pointer(todo.fields[0].path) if isinstance(todo, Delta) else 'it'} "
                "is still not as wanted: somebody, or the platform, keeps changing it",
                "find out who edits it, then apply again",
            )
        )

    async def _send(self, kind: Kind, change: Change, call: Call, live: Live) -> Live:
        answer = kind.update_answer(live)  # not in a call of a saved plan
        reply = await self.api.send(replace(self.ledger.clear(call), answer=answer), etag=live.etag)
        told = kind.updated(reply, live)
        return told if told is not None else await self.poller.again(kind, change, live)

    def _left(
        self,
        kind: Kind,
        change: Change,
        desired: Tree,
        applied: Tree,
        start: Live,
        live: Live,
        fields: Collection[FieldChange],
        only: Collection[Path] | None,
    ) -> Delta:
        """Return what is still to be changed. Raises `ConflictError` when that would undo what somebody else did."""
        todo = self.compare(kind, change, desired, applied, live, only)
        if todo:
            found = Lens(kind, desired).overlaps(fields, start.body, live.body)
            if found:
                raise _conflict(kind, found, change, live)
        return todo

    def compare(
        self, kind: Kind, change: Change, desired: Tree, applied: Tree, live: Live, only: Collection[Path] | None = None
    ) -> Delta:
        """Return what must change in `live`, of all that is declared or of the places in `only`."""
        return Lens(kind, desired, change, self.ledger.secrets.changed).compare(applied, live.body, only=only)


def planned(change: Change) -> Collection[Path] | None:
    """Return the places an update may touch, those its plan showed; None for what is being made: all of it."""
    return {item.path for item in change.fields} if change.action is Action.UPDATE else None


def _conflict(kind: Kind, found: Sequence[Overlap], change: Change, live: Live) -> ConflictError:
    """Return the error that shows both sides of every overlap."""
    who = last_edit(kind, live).by or "somebody"

    def shown(value: Tree, hidden: bool) -> str:
        return SENSITIVE if hidden else "nothing" if value is MISSING else repr(value)

    problems = []
    for item in found:
        hidden = item.sensitive or any(matches(place, item.path) for place in change.sensitive)
        theirs, ours = shown(item.theirs, hidden), shown(item.ours, hidden)
        what = f"{who} changed {pointer(item.path)} to {theirs} while it was about to become {ours}"
        problems.append(Problem("conflict", what, "plan again to decide with the new value in view"))
    return ConflictError(problems, 412)
