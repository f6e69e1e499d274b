"""Plan -> the steps of its execution and what each must wait for. Pure; the engine only walks the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.plan.model import EVERYTHING, Action, Change, Plan
from reconciler.core.state.model import State


class Verb(StrEnum):
    """One thing done to one object."""

    SUSPEND = "suspend"  # stop the old object of a replace
    CREATE = "create"
    UPDATE = "update"
    FINISH = "finish"  # what of a create or update had to wait for others
    DELETE = "delete"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `key` names it, `needs` are the keys of the steps that must have succeeded before.

    A step that is `is_final` needs all that is made, too: not listed, for each of the staged ones would list it all.
    """

    key: str
    verb: Verb
    change: Change
    needs: tuple[str, ...] = ()
    ident: str | None = None
    replaces: bool = False
    is_final: bool = False

    @property
    def makes(self) -> bool:
        """Whether it makes or changes an object, for others to refer to."""
        return self.verb in (Verb.CREATE, Verb.UPDATE)


def steps(plan: Plan, state: State) -> dict[str, Step]:
    """Return the steps of `plan` by key.

    Creates wait for what they refer to; deletes wait until every user is deleted, moved on or replaced. A replace
    first stops the old object (before anything of its kin is made anew), then makes the new one, then deletes
    the old one. What is made in two goes is finished when all it waits for is made; others wait for the second.
    """
    active = {change.address: change for change in plan.effective if not change.deposed}
    making = {
        address: f"{Verb.UPDATE if change.action is Action.UPDATE else Verb.CREATE} {address}"
        for address, change in active.items()
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE) and (change.calls or change.initial is None)
    }
    finishing = {
        address: f"{Verb.FINISH} {address}" for address, change in active.items() if change.initial is not None
    }
    removing = {
        address: f"{Verb.DELETE} {address} {change.ident}"
        for address, change in active.items()
        if change.action in (Action.DELETE, Action.REPLACE, Action.FORGET)
    }
    suspending = {address: f"{Verb.SUSPEND} {address}" for address, change in active.items() if change.suspends}
    keys = _Keys(active, making, {**making, **finishing}, suspending, removing, _old_users(plan, state))
    result: dict[str, Step] = {}
    for address, change in active.items():
        if address in suspending:
            result[suspending[address]] = Step(suspending[address], Verb.SUSPEND, change, (), change.ident)
        if address in making:
            result[making[address]] = keys.make(change)
        if address in finishing:
            result[finishing[address]] = keys.finish(change, finishing[address])
        if address in removing:
            verb = Verb.FORGET if change.action is Action.FORGET else Verb.DELETE
            result[removing[address]] = keys.remove(change, verb, removing[address], ())
    old = [change for change in plan.effective if change.deposed]
    users: dict[str, list[str]] = {}
    for change in old:
        for need in change.dependencies:
            users.setdefault(need, []).append(f"{Verb.DELETE} {change.address} {change.ident}")
    for change in old:
        key = f"{Verb.DELETE} {change.address} {change.ident}"
        result[key] = keys.remove(change, Verb.DELETE, key, users.get(change.address, ()))
    return result


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of the steps of each address: what makes it, its last one (`ready`), what stops and removes the old."""

    active: Mapping[str, Change]
    making: Mapping[str, str]
    ready: Mapping[str, str]
    suspending: Mapping[str, str]
    removing: Mapping[str, str]
    old_users: Mapping[str, tuple[str, ...]]

    def make(self, change: Change) -> Step:
        """Return the create or update; a replace waits until the old object and its users are stopped."""
        address, replaces = change.address, change.action is Action.REPLACE
        needs = self._needs(change)
        if replaces:
            kin = {address, *self.old_users.get(address, ())}
            needs += [self.suspending[mate] for mate in sorted(kin) if mate in self.suspending]
        verb = Verb.UPDATE if change.action is Action.UPDATE else Verb.CREATE
        return Step(self.making[address], verb, change, tuple(needs), change.ident, replaces)

    def finish(self, change: Change, key: str) -> Step:
        """Return the second go of an object that is made in two."""
        needs = [self.making[need] for need in (change.address, *change.waits_for) if need in self.making]
        needs += [self.ready[need] for need in change.dependencies if need in self.ready]
        return Step(key, Verb.FINISH, change, tuple(needs), is_final=change.waits_for == EVERYTHING)

    def remove(self, change: Change, verb: Verb, key: str, more: Iterable[str]) -> Step:
        """Return the delete or forget: after its successor is ready and no user refers to it any more."""
        own = [self.ready[change.address]] if change.address in self.ready else []
        for user in self.old_users.get(change.address, ()):
            done = self.removing.get(user) or self.ready.get(user)
            own += [done] if done else []
        return Step(key, verb, change, (*own, *more), change.ident)

    def _needs(self, change: Change) -> list[str]:
        """Return the steps after which all that `change` refers to is there; what waits for it is not waited for."""
        keys = self.making if change.initial is not None else self.ready
        found = []
        for need in change.dependencies:
            waits = self.active[need].waits_for if need in self.active else ()
            held_up = waits == EVERYTHING or change.address in waits
            key = (self.making if held_up else keys).get(need)
            found += [key] if key else []
        return found


def _old_users(plan: Plan, state: State) -> dict[str, tuple[str, ...]]:
    """Return, for each address, who used it until now, by the state and by what is being deleted."""
    users: dict[str, dict[str, None]] = {}
    for address, entry in state.resources.items():
        for need in entry.dependencies:
            users.setdefault(need, {})[address] = None
    for change in plan.effective:
        if change.action is Action.DELETE and not change.deposed:
            for need in change.dependencies:
                users.setdefault(need, {})[change.address] = None
    return {need: tuple(found) for need, found in users.items()}
