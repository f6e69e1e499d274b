"""Plan -> the steps of its execution and what each must wait for. Pure; the engine only walks the result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.plan import EVERYTHING, Action, Change, Plan
from reconciler.core.state import State


class Verb(StrEnum):
    """One thing done to one object."""

    RETIRE = "retire"  # stop the old object of a replace
    CREATE = "create"
    UPDATE = "update"
    FINISH = "finish"  # what of a create or update had to wait for others
    DELETE = "delete"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `key` names it, `needs` are the keys of the steps that must have succeeded before.

    A step that is `last` needs all that is made, too: not listed, for each of the staged ones would list it all.
    """

    key: str
    verb: Verb
    change: Change
    needs: tuple[str, ...] = ()
    ident: str | None = None
    replaces: bool = False
    last: bool = False

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
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE) and (change.calls or change.first is None)
    }
    finishing = {address: f"{Verb.FINISH} {address}" for address, change in active.items() if change.first is not None}
    ready = {**making, **finishing}
    retiring = {address: f"{Verb.RETIRE} {address}" for address, change in active.items() if change.retires}
    removing = {
        **{
            address: f"{Verb.DELETE} {address} {change.ident}"
            for address, change in active.items()
            if change.action in (Action.DELETE, Action.REPLACE, Action.FORGET)
        },
    }
    old_users = _old_users(plan, state)
    result: dict[str, Step] = {}
    for address, change in active.items():
        if address in retiring:
            key = retiring[address]
            result[key] = Step(key, Verb.RETIRE, change, (), change.ident)
        if address in making:
            needs = _needs(change, active, making, ready)
            if change.action is Action.REPLACE:
                entry = state.resources.get(address)
                kin = {address, *old_users.get(address, ())} if entry else {address}
                needs += [retiring[mate] for mate in sorted(kin) if mate in retiring]
            verb = Verb.UPDATE if change.action is Action.UPDATE else Verb.CREATE
            key = making[address]
            result[key] = Step(key, verb, change, tuple(needs), change.ident, change.action is Action.REPLACE)
        if address in finishing:
            key = finishing[address]
            needs = [making[need] for need in (address, *change.waits) if need in making]
            needs += [ready[need] for need in change.dependencies if need in ready]
            result[key] = Step(key, Verb.FINISH, change, tuple(needs), last=change.waits == EVERYTHING)
        if address in removing:
            key = removing[address]
            verb = Verb.FORGET if change.action is Action.FORGET else Verb.DELETE
            own = [ready[address]] if address in ready else []
            needs = own + _users_done(old_users.get(address, ()), ready, removing)
            result[key] = Step(key, verb, change, tuple(needs), change.ident)
    for change in plan.effective:
        if change.deposed:
            key = f"{Verb.DELETE} {change.address} {change.ident}"
            needs = _users_done(old_users.get(change.address, ()), ready, removing)
            needs += [
                f"{Verb.DELETE} {user.address} {user.ident}"
                for user in plan.effective
                if user.deposed and change.address in user.dependencies
            ]
            own = [ready[change.address]] if change.address in ready else []
            result[key] = Step(key, Verb.DELETE, change, tuple(own + needs), change.ident)
    return result


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


def _needs(change: Change, active: dict[str, Change], making: dict[str, str], ready: dict[str, str]) -> list[str]:
    """Return the steps after which all that `change` refers to is there; what waits for `change` is not waited for."""
    keys = making if change.first is not None else ready
    found = []
    for need in change.dependencies:
        waits = active[need].waits if need in active else ()
        held_up = waits == EVERYTHING or change.address in waits
        key = (making if held_up else keys).get(need)
        if key is not None:
            found.append(key)
    return found


def _users_done(users: tuple[str, ...], ready: dict[str, str], removing: dict[str, str]) -> list[str]:
    """Return the steps after which none of `users` refers to the old object any more."""
    keys: list[str] = []
    for user in users:
        if user in removing:
            keys.append(removing[user])
        elif user in ready:
            keys.append(ready[user])
    return keys
