"""Reads objects by paged lists, where that takes fewer requests than one each; from both ends, where they are many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern

from reconciler.core.abilities import Listable
from reconciler.core.compare.same import identical
from reconciler.core.kind import Kinds
from reconciler.core.problems import ApiError
from reconciler.core.resource import Live
from reconciler.core.state.model import Entry
from reconciler.engine.gather import gather
from reconciler.engine.listing_guard import ListingGuard
from reconciler.engine.ports import Api

MANY = 25
_TRIES = 3
"""Entries of one kind from which on lists are worth a try, a page holds a hundred; and how many pages that try has."""
_BOTH_ENDS = 1000
"""Entries of one kind from which on its list is read from both ends at once."""


async def unchanged(
    api: Api, kinds: Kinds, entries: Mapping[str, Entry], known: Mapping[str, Live]
) -> dict[str, Live | None]:
    """Return those of `entries` that a list shows with the etag we know: they are as the list says.

    What is just as in `known` is returned as that object.
    """
    by_kind: dict[str, dict[str, str]] = {}
    for name, entry in entries.items():
        kind = kinds[entry.kind]
        if isinstance(kind, Listable) and (entry.etag is not None or kind.lists_are_complete):
            by_kind.setdefault(entry.kind, {})[entry.id] = name
    found: dict[str, Live | None] = {}
    lists = [
        _List(api, kind, entries, names, found, known)
        for name, names in by_kind.items()
        if len(names) >= MANY and isinstance(kind := kinds[name], Listable)
    ]
    await gather(*(item.read() for item in lists))
    return found


def from_state(entry: Entry) -> Live:
    """Return the live object as the state has it: of a kind that never changes, or without a refresh."""
    return Live(entry.id, entry.applied, entry.etag, entry.outputs)


def as_applied(entry: Entry, live: Live, known: Live | None = None) -> Live:
    """Return the object with the body we know, where it shows just that: ten thousand need not be kept twice.

    The one that is `known`, if it is just so.
    """
    if identical(live.body, entry.applied):
        if live.outputs == entry.outputs:
            return known or from_state(entry)
        return Live(entry.id, entry.applied, entry.etag, live.outputs)
    return live


@dataclass(slots=True)
class _List:
    """The list of one kind: `wanted` names what is looked for by id, `met` are all ids that were seen."""

    api: Api
    kind: Listable
    entries: Mapping[str, Entry]
    wanted: dict[str, str]
    found: dict[str, Live | None]
    known: Mapping[str, Live]
    met: set[str] = field(default_factory=set)

    async def read(self) -> None:
        """Find what is wanted, as far as the list shows it."""
        ends = self.kind.list_orders if len(self.wanted) >= _BOTH_ENDS else None
        if ends is not None:
            try:
                await gather(*(self._walk(order) for order in ends))
            except ApiError as error:
                if error.status != 400:
                    raise
            else:
                return
        self.met.clear()
        await self._walk("")

    async def _walk(self, order: str) -> None:
        """Go through the pages from one end, until all is found or the walk from the other end has been here."""
        pages = seen = shown = 0
        guard = ListingGuard()
        call = self.kind.page(None, order, 0)
        coming = asyncio.ensure_future(self.api.send(call)) if call is not None else None
        try:
            while coming is not None and call is not None:
                page = await coming
                pages += 1
                items = self.kind.found(page)
                shown += len(items)
                over = not self.met.isdisjoint(live.id for live in items)
                self.met.update(intern(live.id) for live in items)
                ours = [(name, live) for live in items if (name := self.wanted.pop(live.id, None)) is not None]
                seen += len(ours)
                # others may have many more objects: a list with less than one of ours a page costs more than it saves
                worth = bool(self.wanted) and not over and (pages < _TRIES or seen >= pages)
                following = self.kind.page(page, order, shown) if worth else None
                guard.page(call, (live.id for live in items), following)
                call = following
                coming = asyncio.ensure_future(self.api.send(call)) if call is not None else None
                for name, live in ours:  # while the next page is on its way
                    if self.kind.lists_are_complete or live.etag == self.entries[name].etag:
                        self.found[name] = as_applied(self.entries[name], live, self.known.get(name))
        finally:
            if coming is not None:
                coming.cancel()
