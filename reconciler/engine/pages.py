"""Objects of one kind from its list, page by page; and those of many ids, with the fewest requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from reconciler.core.abilities import Listable, Searchable
from reconciler.core.kind import Kind
from reconciler.core.problems import ApiError
from reconciler.core.resource import Call, Live
from reconciler.core.values import Tree
from reconciler.engine.gather import gather
from reconciler.engine.listing import MANY
from reconciler.engine.listing_guard import ListingGuard
from reconciler.engine.observe import read
from reconciler.engine.ports import Api


async def pages(api: Api, kind: Kind) -> AsyncIterator[Sequence[Live]]:
    """Yield the objects of `kind` page by page; none where it has no list. Raises `ApiError` for one without an end."""
    if not isinstance(kind, Listable):
        return
    seen = 0
    guard = ListingGuard()
    call = kind.page(None, "", seen)
    while call is not None:
        reply = await api.send(call)
        lives = kind.found(reply)
        seen += len(lives)
        yield lives
        following = kind.page(reply, "", seen)
        guard.page(call, (live.id for live in lives), following)
        call = following


async def search(api: Api, kind: Searchable, call: Call) -> Sequence[Live]:
    """Return the objects that a search of `kind` finds; `call` is one of its searches."""
    reply = await api.send(call, accept=kind.not_found)
    return () if reply.status in kind.not_found else kind.found(reply)


async def candidates(api: Api, kind: Searchable, body: Tree) -> Sequence[Live]:
    """Return the objects that could be the one made from `body`; all there are, where a search by name is refused."""
    try:
        return await search(api, kind, kind.search(body))
    except ApiError as error:
        if error.status != 400 or not isinstance(kind, Listable):
            raise
    return [live async for lives in pages(api, kind) for live in lives]


async def gathered(api: Api, kind: Kind, idents: Collection[str]) -> Mapping[str, Live]:
    """Return those of the objects that are there, by id: as a list shows them, where that takes fewer requests.

    Lists may lag by seconds, so what one does not show is asked for by itself.
    """
    found: dict[str, Live] = {}
    left = set(idents)
    if len(left) >= MANY and isinstance(kind, Listable):
        count, most = 0, len(left)
        async for lives in pages(api, kind):
            found |= {live.id: live for live in lives if live.id in left}
            left.difference_update(live.id for live in lives)
            count += 1
            if not left or count == most:
                break
    alone = sorted(left)
    read_alone = await gather(*(read(api, kind, Live(ident)) for ident in alone))
    return found | {ident: live for ident, live in zip(alone, read_alone, strict=True) if live is not None}
