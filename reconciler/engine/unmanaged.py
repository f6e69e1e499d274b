"""Live objects that no address is bound to."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.kind import Kind, Kinds
from reconciler.core.resource import Live
from reconciler.core.state.model import State
from reconciler.engine.gather import gather
from reconciler.engine.pages import pages
from reconciler.engine.ports import Api


async def unmanaged(api: Api, kinds: Kinds, state: State) -> list[tuple[Kind, Live]]:
    """Return the objects of every kind with a list that `state` does not hold, in the order of kinds and names."""
    ours: Collection[str] = {entry.id for entry in state.resources.values()} | {
        old.id for entry in state.resources.values() for old in entry.deposed
    }

    async def others(kind: Kind) -> list[Live]:
        found: dict[str, Live] = {}
        async for lives in pages(api, kind):
            found |= {live.id: live for live in lives if live.id not in ours}
        return sorted(found.values(), key=lambda item: (str(item.body.get("name", "")), item.id))

    browsable = [kind for kind in kinds.values() if kind.browse(None) is not None]
    groups = await gather(*(others(kind) for kind in browsable))
    return [(kind, live) for kind, lives in zip(browsable, groups, strict=True) for live in lives]
