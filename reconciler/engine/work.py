"""What each step does: note the intent, send, note the outcome; look when no answer came; rebase on a 412."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.codec import encode
from reconciler.core.compare import covers, same
from reconciler.core.diff import Delta, at_path, compare
from reconciler.core.fingerprint import UNPROVEN
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan import Change
from reconciler.core.problems import AmbiguousError, ApiError, ConflictError, Problem, ReconcilerError
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.state import Entry, Pending, Record, fold_into
from reconciler.core.steps import Step
from reconciler.core.values import (
    MISSING,
    SENSITIVE,
    Fingerprint,
    Secret,
    Tree,
    canonical_json,
    pointer,
    refs,
    resolve,
    transform,
    without_nulls,
)
from reconciler.engine.observe import believed, read
from reconciler.engine.ports import Api, Clock, Event, Journal, Listener, Secrets
from reconciler.engine.settle import bound, find

_REBASES = 5
"""How often a 412 is answered by reading again before giving up: somebody is editing all the time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of one run: calls at once, seconds to wait for a transition, and for a lagging list."""

    parallelism: int = 10
    wait_timeout: float = 300.0
    settle: float = 5.0


@dataclass(slots=True)
class Work:
    """The doing of one run: entries, intents and live objects as they stand now."""

    kinds: Kinds
    api: Api
    journal: Journal
    secrets: Secrets
    clock: Clock
    listener: Listener
    settings: Settings
    entries: dict[str, Entry]
    pending: dict[str, Pending]
    lives: dict[str, Live | None]
    retired: set[str] = field(default_factory=set)

    # -- bookkeeping -----------------------------------------------------------------------------------------
    async def note(self, *records: Record) -> None:
        """Make `records` durable, then believe them."""
        await self.journal.append(records)
        for record in records:
            fold_into(self.entries, self.pending, record)

    def known(self, tree: Tree) -> Tree:
        """Return `tree` with references filled in from what exists by now."""
        values = {}
        for ref in refs(tree):
            entry = self.entries.get(ref.address)
            value = None if entry is None else entry.id if ref.field == "id" else entry.outputs.get(ref.field)
            if value is None or value == "":
                raise ReconcilerError(Problem("unknown-reference", f"{ref} is not known", f"apply {ref.address} first"))
            values[ref] = value
        return resolve(tree, values)

    def clear(self, call: Call) -> Call:
        """Return `call` with secrets in clear: only for the moment of sending."""
        reveal = self.secrets.reveal
        body = transform(call.body, lambda leaf: reveal(leaf) if isinstance(leaf, Secret) else leaf)
        return replace(call, body=body)

    def remembered(self, body: Tree, unproven: bool = False) -> Tree:
        """Return `body` as the state keeps it: secrets as fingerprints, explicit nulls left out."""

        def leaf(value: Tree) -> Tree:
            if not isinstance(value, Secret):
                return value
            return UNPROVEN if unproven else self.secrets.fingerprint(value)

        return transform(without_nulls(body), leaf)

    def entry_for(self, change: Change, live: Live | None) -> Entry:
        """Return the entry after a no-op: the manifest's words, and the fingerprints already there."""
        before = self.entries[change.address]
        assert live is not None
        return replace(
            before,
            etag=live.etag,
            file=change.file,
            applied=_keep_prints(without_nulls(self.known(change.desired)), before.applied),
            dependencies=change.dependencies,
            protect=change.protect,
            allow_data_loss=change.allow_data_loss,
            outputs=live.outputs,
        )

    def _entry(self, change: Change, live: Live, applied: Tree) -> Entry:
        before = self.entries.get(change.address)
        return Entry(
            kind=change.kind,
            id=live.id,
            etag=live.etag,
            file=change.file,
            applied=applied,
            dependencies=change.dependencies,
            protect=change.protect,
            allow_data_loss=change.allow_data_loss,
            outputs=live.outputs,
            deposed=before.deposed if before else (),
        )

    def _intent(self, change: Change, action: str, body: Tree, ident: str | None = None) -> Pending:
        kept = self.remembered(body) if body is not None else None
        return Pending(
            action=action,  # type: ignore[arg-type]
            kind=change.kind,
            at=self.clock.now(),
            offset=self.api.offset,
            id=ident,
            name=str(kept.get("name", "")) if isinstance(kept, dict) else "",
            body=kept,
            fingerprint=_digest(kept),
            file=change.file,
            dependencies=change.dependencies,
            protect=change.protect,
            allow_data_loss=change.allow_data_loss,
        )

    # -- create ----------------------------------------------------------------------------------------------
    async def create(self, step: Step) -> str:
        """Make the object, bind it, then settle what its seed left out."""
        change = replace(step.change, ignore=())  # ignored fields are left alone after the creation, not in it
        kind = self.kinds[change.kind]
        desired = self.known(change.desired if change.first is None else change.first)
        call = kind.create(desired)
        seed = kind.seeded(call)
        pending = self._intent(change, "create", seed)
        before = self.entries.get(change.address)
        gone = before is not None and not step.replaces
        await self.note(Record("intent", change.address, pending=pending))
        live = await self._post(kind, change, call, pending)
        record = bound(change.address, pending, live, replace(before, id="") if before and gone else before)
        await self.note(record)
        await self._complete(kind, change, desired, live, seed)
        return live.id

    async def _post(self, kind: Kind, change: Change, call: Call, pending: Pending) -> Live:
        """Send a create until it is known to have happened just once."""
        for last in (False, False, True):
            try:
                return self._made(kind, call, await self.api.send(self.clear(call)))
            except AmbiguousError:
                self._waiting(change, "no answer to the create: looking whether the object is there")
                taken = {entry.id for entry in self.entries.values()}
                late = (self.clock.now() - pending.at) / 1000
                found = await find(
                    self.api, kind, pending, change.address, taken, self.clock, self.settings.settle + late
                )
                if found is not None:
                    return found
                if last:
                    raise
            except ApiError as error:
                await self.note(Record("settled", change.address))
                raise await self._named(kind, change, call, error) from None
        raise AssertionError("the last attempt returns or raises")

    async def _named(self, kind: Kind, change: Change, call: Call, error: ApiError) -> ApiError:
        """Return a refused create with the object that has the name already, where names are unique."""
        search = kind.search(call.body)
        if not kind.unique_names or search is None or error.status not in (400, 409, 422):
            return error
        try:
            twins = kind.found(await self.api.send(search))
        except ApiError:
            return error
        if not twins:
            return error
        what = f"{error.problems[0].what}; the name is taken by {twins[0].id}"
        advice = f"if that is it: reconciler import '{change.address}' {twins[0].id}"
        return ApiError(Problem("name-taken", what, advice), error.status, error.code)

    @staticmethod
    def _made(kind: Kind, call: Call, reply: Reply) -> Live:
        """Return the new object; an answer without its id is no answer: the object must be looked for."""
        try:
            return kind.created(reply, call.body)
        except (LookupError, TypeError, ValueError, AttributeError):
            what = f"{call}: {reply.status} without an id in the answer"
            raise AmbiguousError(Problem("no-id", what, "the next run looks for the object"), reply.status) from None

    async def _complete(self, kind: Kind, change: Change, desired: Tree, live: Live, seed: Tree) -> None:
        """After a create: wait, add by update what the seed left out, ask whether it works, bind for good."""
        if kind.confirm(desired):
            live = await self._settled(kind, change, live.id)
            delta = self._compare(kind, change, desired, self.remembered(seed), live)
            if delta:
                live = await self._update(kind, change, desired, self.remembered(seed), live, delta)
        await self._bind(kind, change, desired, live, probe=change.first is None)

    async def finish(self, step: Step) -> str:
        """Do what had to wait until others were made: publish, enable, or what a schema's descriptors allow."""
        change = step.change
        kind = self.kinds[change.kind]
        entry = self.entries[change.address]
        desired = self.known(change.desired)
        live = await self._again(kind, change, entry.id)
        await self.note(Record("intent", change.address, pending=self._intent(change, "update", None, live.id)))
        delta = self._compare(kind, change, desired, entry.applied, live)
        if delta:
            live = await self._update(kind, change, desired, entry.applied, live, delta)
        await self._bind(kind, change, desired, live, probe=True)
        return live.id

    async def _bind(self, kind: Kind, change: Change, desired: Tree, live: Live, *, probe: bool) -> None:
        """Bind the finished object; credentials the platform cannot use stay unproven."""
        question = kind.probe(live.id, desired) if probe else None
        failure = None
        if question is not None:
            failure = kind.probe_failure(await self.api.send(question))
        applied = self.remembered(desired, unproven=failure is not None)
        await self.note(Record("bound", change.address, entry=self._entry(change, live, applied)))
        if failure is not None:
            raise ReconcilerError(Problem("probe-failed", failure, "correct the credentials and apply again"))

    # -- update ----------------------------------------------------------------------------------------------
    async def update(self, step: Step) -> str:
        """Change the object as planned; rebased when it moved on elsewhere in the meantime."""
        change = step.change
        kind = self.kinds[change.kind]
        desired = self.known(change.desired if change.first is None else change.first)
        live = self.lives.get(change.address)
        assert live is not None
        entry = self.entries[change.address]
        await self.note(Record("intent", change.address, pending=self._intent(change, "update", None, live.id)))
        calls = [replace(call, body=self.known(call.body)) for call in change.calls]
        live = await self._update(kind, change, desired, entry.applied, live, calls)
        await self._bind(kind, change, desired, live, probe=any(item.path[:1] == ("auth",) for item in change.fields))
        return live.id

    async def _update(
        self, kind: Kind, change: Change, desired: Tree, applied: Tree, live: Live, todo: Delta | Sequence[Call]
    ) -> Live:
        start = live
        if not kind.settled(live):  # no change is taken in the middle of a transition (1420, 1421, 1422)
            live = await self._settled(kind, change, live.id)
            todo = self._compare(kind, change, desired, applied, live)
            if not todo:
                return live
        for _ in range(_REBASES):
            calls = kind.update(live, todo.patch, desired) if isinstance(todo, Delta) else todo
            try:
                for call in calls:
                    live = await self._send_update(kind, change, call, live)
                    if kind.confirm(desired):
                        live = await self._settled(kind, change, live.id)
            except (ConflictError, AmbiguousError) as error:
                self._waiting(change, "it changed meanwhile: reading it again")
                live = await self._again(kind, change, live.id)
                if isinstance(error, ConflictError):
                    self._refuse_overlap(kind, change, desired, start, live)
            else:
                if not kind.confirm(desired):
                    return live
            todo = self._compare(kind, change, desired, applied, live)
            if not todo:
                return live
        raise ReconcilerError(
            Problem(
                "restless",
                f"after {_REBASES} tries {pointer(todo.fields[0].path) if isinstance(todo, Delta) else 'it'} "
                "is still not as wanted: somebody, or the platform, keeps changing it",
                "find out who edits it, then apply again",
            )
        )

    async def _send_update(self, kind: Kind, change: Change, call: Call, live: Live) -> Live:
        reply = await self.api.send(self.clear(call), etag=live.etag)
        told = kind.updated(reply, live)
        return told if told is not None else await self._again(kind, change, live.id)

    def _refuse_overlap(self, kind: Kind, change: Change, desired: Tree, start: Live, live: Live) -> None:
        """A change elsewhere at another place is built upon; one at the same place is not overwritten."""
        rules = kind.rules(desired)
        was, now = kind.canonical(start.body), kind.canonical(live.body)
        for item in change.fields:
            before, after = at_path(rules, was, item.path), at_path(rules, now, item.path)
            wanted = at_path(rules, kind.canonical(desired), item.path)
            if same(before, after) or (wanted is not MISSING and covers(after, wanted)):
                continue
            values = (SENSITIVE, SENSITIVE) if item.sensitive else (after, item.new)
            who = live.body.get("updatedBy", "somebody") if isinstance(live.body, dict) else "somebody"
            raise ConflictError(
                Problem(
                    "conflict",
                    f"{who} changed {pointer(item.path)} to {values[0]!r} while it was about to become {values[1]!r}",
                    "plan again to decide with the new value in view",
                ),
                412,
            )

    def _compare(self, kind: Kind, change: Change, desired: Tree, applied: Tree, live: Live) -> Delta:
        return compare(
            kind.rules(desired),
            kind.canonical(desired),
            MISSING if applied is None else kind.canonical(applied),
            kind.canonical(live.body),
            ignore=change.ignore,
            shared=change.shared,
            sensitive=change.sensitive,
            secret_changed=self.secrets.changed,
        )

    # -- delete and its kin ----------------------------------------------------------------------------------
    async def delete(self, step: Step) -> str:
        """Delete the object and wait until it is gone; one that is gone already is fine."""
        change = step.change
        ident = str(step.ident)
        kind = self.kinds[change.kind]
        call = kind.delete(ident)
        if call is not None and (change.calls or change.action != "delete"):
            if not change.deposed and change.action == "delete":
                await self.note(Record("intent", change.address, pending=self._intent(change, "delete", None, ident)))
            reply = await self.api.send(call, accept=(404,))
            if reply.status not in (204, 404):
                await self._wait_gone(kind, change, ident)
        await self.note(Record("gone", change.address, ident=ident))
        return ident

    async def forget(self, step: Step) -> str:
        """Drop the entry; the object stays."""
        await self.note(Record("forgot", step.change.address))
        return str(step.ident)

    async def retire(self, step: Step) -> str:
        """Stop the old object of a replace."""
        change = step.change
        kind = self.kinds[change.kind]
        live = self.lives.get(change.address)
        call = kind.retire(live) if live is not None else None
        if call is not None:
            await self.note(Record("intent", change.address, pending=self._intent(change, "update", None, step.ident)))
            await self.api.send(call)
            self.retired.add(step.key)
            await self._settled(kind, change, str(step.ident))
            await self.note(Record("settled", change.address))
        return str(step.ident)

    async def revive(self, step: Step) -> None:
        """Start the old object of a failed replace again."""
        kind = self.kinds[step.change.kind]
        live = self.lives.get(step.change.address)
        call = kind.revive(live) if live is not None else None
        if call is not None:
            await self.api.send(call)
            await self._settled(kind, step.change, str(step.ident))

    # -- waiting ---------------------------------------------------------------------------------------------
    async def _again(self, kind: Kind, change: Change, ident: str) -> Live:
        if kind.constant:
            return believed(self.entries[change.address])
        live = await read(self.api, kind, ident)
        if live is None:
            raise ReconcilerError(
                Problem(
                    "vanished", f"{ident} was deleted by somebody else meanwhile", "plan again", None, change.address
                )
            )
        return live

    async def _settled(self, kind: Kind, change: Change, ident: str) -> Live:
        """Read until no transition is going on. Raises with the platform's own error, or when it takes too long."""
        give_up = self.clock.now() + self.settings.wait_timeout * 1000
        pause = 0.2
        while True:
            live = await self._again(kind, change, ident)
            if kind.settled(live):
                break
            if self.clock.now() >= give_up:
                raise ReconcilerError(
                    Problem(
                        "still-changing",
                        f"it is still {live.body.get('state')!r} after {self.settings.wait_timeout:g} s",
                        "everything made so far is in the state; apply again later, or pass a longer --wait-timeout",
                    )
                )
            self._waiting(change, f"the platform says {live.body.get('state')}")
            await self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)
        failure = kind.failure(live)
        if failure:
            raise ReconcilerError(Problem("operation-failed", failure, "correct the cause and apply again"))
        return live

    async def _wait_gone(self, kind: Kind, change: Change, ident: str) -> None:
        give_up = self.clock.now() + self.settings.wait_timeout * 1000
        pause = 0.2
        while await read(self.api, kind, ident) is not None:
            if self.clock.now() >= give_up:
                raise ReconcilerError(
                    Problem("still-there", f"{ident} is still there after its delete", "apply again later")
                )
            self._waiting(change, "deleted, not gone yet")
            await self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _waiting(self, change: Change, why: str) -> None:
        self.listener.tell(Event("waiting", change.address, "", why))


def _keep_prints(desired: Tree, applied: Tree) -> Tree:
    """Return `desired` with each secret as the fingerprint that stands at its place in `applied`."""
    if isinstance(desired, Secret):
        return applied if isinstance(applied, Fingerprint) else None
    if isinstance(desired, dict):
        before = applied if isinstance(applied, dict) else {}
        kept = {key: _keep_prints(value, before.get(key)) for key, value in desired.items()}
        return {key: value for key, value in kept.items() if value is not None}
    return desired


def _digest(body: Tree) -> str:
    """Return the digest that tells this body from another, for people who read a journal."""
    return hashlib.sha256(canonical_json(encode(body)).encode()).hexdigest() if body is not None else ""
