"""Objects that are made, or changed, in two goes: the second when others are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.kind import Kind
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import EVERYTHING, Action, Change
from reconciler.core.resource import Call
from reconciler.core.trees import members


def in_phases(world: PlanInput, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, those told what they wait for that can be finished only when others are there."""
    making = [item.address for item in changes if item.action in (Action.CREATE, Action.REPLACE, Action.UPDATE)]
    parts: dict[str, list[str]] = {}
    for address in making:
        parts.setdefault(world.resources[address].owner, []).append(address)
    result = []
    for change in changes:
        kind = world.kinds[change.kind]
        own = parts.get(change.address, [])
        if change.initial is not None:
            change = replace(change, waits_for=EVERYTHING)
        elif own and change.address in making and any(name in members(change.desired) for name in kind.deferred_fields):
            change = _late(world, kind, change, own)
        result.append(change)
    return result


def _late(world: PlanInput, kind: Kind, change: Change, parts: list[str]) -> Change:
    """Return `change` in two goes: what its parts need first, then what needs its parts."""
    touched = {item.path[:1] for item in change.fields}
    if change.action is Action.UPDATE and not touched & {(name,) for name in kind.deferred_fields}:
        return change
    initial = {key: value for key, value in members(change.desired).items() if key not in kind.deferred_fields}
    calls: tuple[Call, ...] = (kind.create(initial),)
    if change.action is Action.UPDATE:
        calls = early_calls(kind, change.calls)
    return replace(change, initial=initial, waits_for=tuple(parts), calls=calls)


def early_calls(kind: Kind, calls: Sequence[Call]) -> tuple[Call, ...]:
    """Return the calls of an update without the steps that have to wait for the parts of the object."""
    late = tuple(f"/{name}" for name in kind.deferred_fields)
    early = [(call, [step for step in call.body if not step["path"].startswith(late)]) for call in calls]
    return tuple(replace(call, body=steps) for call, steps in early if steps)
