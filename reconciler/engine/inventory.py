"""Reads a whole sandbox: every list side by side, then the mapping sets that flows are pinned to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.abilities import Versioned
from reconciler.core.interning import Interner
from reconciler.core.kind import Kind, Kinds
from reconciler.core.resource import Live
from reconciler.engine.gather import gather
from reconciler.engine.observe import read
from reconciler.engine.pages import pages
from reconciler.engine.ports import Api

_KINDS = ("Flow", "SourceConnection", "TargetConnection", "Connection")


@dataclass(slots=True)
class Inventory:
    """Live objects by kind and id, with what a manifest can say; mapping sets are the versions flows are pinned to."""

    lives: dict[str, dict[str, Live]] = field(default_factory=dict)

    def bodies(self, kind: str) -> Mapping[str, Mapping[str, object]]:
        """Return the bodies of one kind by id."""
        return {ident: live.body for ident, live in self.lives.get(kind, {}).items()}


async def inventory(api: Api, kinds: Kinds, wanted: Callable[[Live], bool]) -> tuple[Inventory, Sequence[Live]]:
    """Return what is there, and the flows that are `wanted`: only their mapping sets are read."""
    interner = Interner()

    def kept(kind: Kind, live: Live) -> Live:
        return replace(live, body=interner.tree(kind.declarable(live.body)))

    async def mapping(ident: str, version: object) -> Live | None:
        live = await read(api, sets, Live(ident), version)
        return None if live is None else kept(sets, live)

    async def listed(kind: Kind) -> dict[str, Live]:
        return {live.id: kept(kind, live) async for lives in pages(api, kind) for live in lives}

    sets = kinds["MappingSet"]
    assert isinstance(sets, Versioned)
    found = Inventory(dict(zip(_KINDS, await gather(*(listed(kinds[name]) for name in _KINDS)), strict=True)))
    flows = [live for live in found.lives["Flow"].values() if wanted(live)]
    pins: dict[str, object] = {}
    for live in flows:
        for item in live.body.get("transformations") or ():
            params = item.get("params") or {}
            for pin in (params, params.get("profileMapping") or {}):
                if pin.get("mappingId"):
                    ident = str(pin["mappingId"])
                    pins[ident] = sets.pinned(Live(ident), [live.body])
    pinned = await gather(*(mapping(ident, version) for ident, version in pins.items()))
    found.lives["MappingSet"] = {live.id: live for live in pinned if live is not None}
    return found, flows
