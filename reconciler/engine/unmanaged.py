"""Live objects that no address is bound to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.core.abilities import Listable, Singleton
from reconciler.core.kind import Kind, Kinds
from reconciler.core.resource import Live
from reconciler.core.state.model import State, held
from reconciler.engine.gather import gather
from reconciler.engine.observe import read
from reconciler.engine.pages import pages
from reconciler.engine.ports import Api


async def unmanaged(api: Api, kinds: Kinds, state: State) -> list[tuple[Kind, Live]]:
    """Return the objects that `state` does not hold: those in lists, by kind and name, then singletons of its own."""
    ours: Collection[str] = {ident for _, ident in held(state.resources.values())}

    async def others(kind: Kind) -> list[Live]:
        found: dict[str, Live] = {}
        async for lives in pages(api, kind):
            found |= {live.id: live for live in lives if live.id not in ours}
        return sorted(found.values(), key=lambda item: (str(item.body.get("name", "")), item.id))

    singletons = await gather(*(_singletons(api, kind, state) for kind in kinds.values()))
    browsable = [kind for kind in kinds.values() if isinstance(kind, Listable) and kind.shows_unmanaged]
    groups = await gather(*(others(kind) for kind in browsable))
    found: list[tuple[Kind, Live]] = [
        (kind, live) for kind, lives in zip(browsable, groups, strict=True) for live in lives
    ]
    return [*found, *((kind, live) for kind, lives in zip(kinds.values(), singletons, strict=True) for live in lives)]


async def _singletons(api: Api, kind: Kind, state: State) -> Sequence[Live]:
    """Return the singletons that managed objects have and no address is bound to; of others no list tells."""
    if not isinstance(kind, Singleton):
        return ()
    entries = [entry for entry in state.resources.values() if entry.id]
    ours = {entry.id for entry in entries if entry.kind == kind.name}
    owners = sorted({entry.id for entry in entries if entry.kind == kind.owner_kind} - ours)
    lives = await gather(*(read(api, kind, Live(ident)) for ident in owners))
    return [live for live in lives if live is not None]
