"""Reads a whole sandbox: every list side by side, then the mapping sets that flows are pinned to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.interning import Interner
from reconciler.core.kind import Kind, Kinds
from reconciler.core.observations import DataflowKind, Pin
from reconciler.core.resource import Live
from reconciler.engine.gather import gather
from reconciler.engine.observe import read
from reconciler.engine.pages import pages
from reconciler.engine.ports import Api


@dataclass(slots=True)
class Inventory:
    """Live objects by kind and id, with what a manifest can say; mapping sets are the versions flows are pinned to."""

    lives: dict[str, dict[str, Live]] = field(default_factory=dict)

    def bodies(self, kind: str) -> Mapping[str, Mapping[str, object]]:
        """Return the bodies of one kind by id."""
        return {ident: live.body for ident, live in self.lives.get(kind, {}).items()}


async def inventory(
    api: Api, kinds: Kinds, flow: DataflowKind, wanted: Callable[[Live], bool]
) -> tuple[Inventory, Sequence[Live]]:
    """Return what is there of the kind `flow` and the kinds it uses, and the flows that are `wanted`.

    Objects that flows are pinned to are read for the wanted ones alone.
    """
    interner = Interner()

    def kept(kind: Kind, live: Live) -> Live:
        return replace(live, body=interner.tree(kind.declarable(live.body)))

    async def pinned(pin: Pin) -> tuple[Pin, Live | None]:
        live = await read(api, kinds[pin.kind], Live(pin.ident), pin.version)
        return pin, None if live is None else kept(kinds[pin.kind], live)

    async def listed(kind: Kind) -> dict[str, Live]:
        return {live.id: kept(kind, live) async for lives in pages(api, kind) for live in lives}

    names = (flow.name, *flow.uses)
    found = Inventory(dict(zip(names, await gather(*(listed(kinds[name]) for name in names)), strict=True)))
    flows = [live for live in found.lives[flow.name].values() if wanted(live)]
    pins = {(pin.kind, pin.ident): pin for live in flows for pin in flow.pins(live.body)}
    for pin, live in await gather(*map(pinned, pins.values())):
        if live is not None:
            found.lives.setdefault(pin.kind, {})[live.id] = live
    return found, flows
