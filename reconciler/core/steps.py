"""Plan -> the steps of its execution and what each must wait for. Pure; the engine only walks the result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.plan import Action, Change, Plan
from reconciler.core.state import State


class Verb(StrEnum):
    """One thing done to one object."""

    RETIRE = "retire"  # stop the old object of a replace
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `key` names it, `needs` are the keys of the steps that must have succeeded before."""

    key: str
    verb: Verb
    change: Change
    needs: tuple[str, ...] = ()
    ident: str | None = None
    replaces: bool = False


def steps(plan: Plan, state: State) -> dict[str, Step]:
    """Return the steps of `plan` by key.

    Creates wait for what they refer to; deletes wait until every user is deleted, moved on or replaced. A replace
    first stops the old object (before anything of its kin is made anew), then makes the new one, then deletes
    the old one.
    """
    active = {change.address: change for change in plan.effective if not change.deposed}
    making = {
        address: f"{Verb.UPDATE if change.action is Action.UPDATE else Verb.CREATE} {address}"
        for address, change in active.items()
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
    }
    retiring = {
        address: f"{Verb.RETIRE} {address}"
        for address, change in active.items()
        if change.action is Action.REPLACE and change.kind == "Flow"
    }
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
            needs = [making[need] for need in change.dependencies if need in making]
            if change.action is Action.REPLACE:
                entry = state.resources.get(address)
                kin = {address, *old_users.get(address, ())} if entry else {address}
                needs += [retiring[mate] for mate in sorted(kin) if mate in retiring]
            verb = Verb.UPDATE if change.action is Action.UPDATE else Verb.CREATE
            key = making[address]
            result[key] = Step(key, verb, change, tuple(needs), change.ident, change.action is Action.REPLACE)
        if address in removing:
            key = removing[address]
            verb = Verb.FORGET if change.action is Action.FORGET else Verb.DELETE
            own = [making[address]] if address in making else []
            needs = own + _users_done(old_users.get(address, ()), making, removing)
            result[key] = Step(key, verb, change, tuple(needs), change.ident)
    for change in plan.effective:
        if change.deposed:
            key = f"{Verb.DELETE} {change.address} {change.ident}"
            needs = _users_done(old_users.get(change.address, ()), making, removing)
            needs += [
                f"{Verb.DELETE} {user.address} {user.ident}"
                for user in plan.effective
                if user.deposed and change.address in user.dependencies
            ]
            own = [making[change.address]] if change.address in making else []
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


def _users_done(users: tuple[str, ...], making: dict[str, str], removing: dict[str, str]) -> list[str]:
    """Return the steps after which none of `users` refers to the old object any more."""
    keys: list[str] = []
    for user in users:
        if user in removing:
            keys.append(removing[user])
        elif user in making:
            keys.append(making[user])
    return keys
