"""Live objects that no address is bound to: the lists of the kinds that have one, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from reconciler.core.kind import Kind, Kinds
from reconciler.core.resource import Live
from reconciler.core.state import State
from reconciler.engine.ports import Api
from reconciler.engine.together import together


async def listed(api: Api, kind: Kind, kept: Callable[[Live], Live] = lambda live: live) -> list[Live]:
    """Return every object of `kind` in the sandbox as `kept` returns it; one that moves between pages is there once."""
    found: dict[str, Live] = {}
    async for lives in pages(api, kind):
        found |= {live.id: kept(live) for live in lives}
    return list(found.values())


async def pages(api: Api, kind: Kind) -> AsyncIterator[Sequence[Live]]:
    """Yield the objects of `kind` page by page; none where it has no list."""
    seen = 0
    call = kind.page(None, "", seen)
    while call is not None:
        reply = await api.send(call)
        lives = kind.found(reply)
        seen += len(lives)
        yield lives
        call = kind.page(reply, "", seen)


async def unmanaged(api: Api, kinds: Kinds, state: State) -> list[tuple[Kind, Live]]:
    """Return the objects of every kind with a list that `state` does not hold, in the order of kinds and names."""
    ours: Collection[str] = {entry.id for entry in state.resources.values()} | {
        old.id for entry in state.resources.values() for old in entry.deposed
    }
    browsable = [kind for kind in kinds.values() if kind.browse(None) is not None]
    pages = await together(*(listed(api, kind) for kind in browsable))
    return [
        (kind, live)
        for kind, lives in zip(browsable, pages, strict=True)
        for live in sorted(lives, key=lambda item: (str(item.body.get("name", "")), item.id))
        if live.id not in ours
    ]
