"""Flows that were pinned to another object than the one we made for them, as an edit in the UI does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.abilities import Versioned
from reconciler.core.kind import Kinds
from reconciler.core.observations import DataflowKind, Pin
from reconciler.core.plan.drift import drift_of
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Drift
from reconciler.core.resource import Live
from reconciler.core.state.model import Entry, State


@dataclass(frozen=True, slots=True)
class Repinned:
    """The flow at address `user` uses the object of `pin` instead of the one at `address`."""

    user: str
    address: str
    pin: Pin


def repinned(kinds: Kinds, state: State, lives: Mapping[str, Live | None]) -> Iterator[Repinned]:
    """Yield the flows that use another versioned object than the state says."""
    for user, live in lives.items():
        entry = state.resources.get(user)
        if entry is not None and live is not None:
            yield from _of(kinds, state, user, entry, live)


def _of(kinds: Kinds, state: State, user: str, entry: Entry, live: Live) -> Iterator[Repinned]:
    kind = kinds[entry.kind]
    if not isinstance(kind, DataflowKind):
        return
    pins = kind.pins(live.body)
    needs = [name for name in entry.dependencies if (need := state.resources.get(name)) and need.id]
    ours = {state.resources[name].id for name in needs}
    for name in needs:
        need = state.resources[name]
        if not isinstance(kinds[need.kind], Versioned) or any(pin.ident == need.id for pin in pins):
            continue
        for pin in pins:
            if pin.kind == need.kind and pin.ident not in ours:
                yield Repinned(user, name, pin)


def note_of(item: Repinned, old: str) -> str:
    """Return what happened to a flow, in words."""
    return f"the flow was moved from {item.pin.kind} {old} to {item.pin.ident}; an apply moves it back"


def rows_that_differ(world: PlanInput, item: Repinned, live: Live | None) -> Drift:
    """Return how the object that a flow uses now differs from the one we applied; None for `live`: it is gone."""
    entry = world.state.resources[item.address]
    if live is None:
        note = f"{item.user} uses {item.pin.ident} instead, which does not exist"
        return Drift(item.address, entry.kind, item.pin.ident, "changed", note=note)
    drift = drift_of(replace(world, lives={item.address: live}), item.address)
    same = "" if drift is not None else " of the same content"
    note = f"{item.user} uses {item.pin.ident}{same} instead of {entry.id}"
    drift = drift or Drift(item.address, entry.kind, entry.id, "changed")
    return replace(drift, ident=item.pin.ident, note=note)
