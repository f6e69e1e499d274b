"""Binds several existing objects to addresses at once, as the project file's `imports` say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.kind import Kinds
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.engine.binding import entry_of, version_of
from reconciler.engine.gather import gather
from reconciler.engine.observe import read
from reconciler.engine.ports import Api


async def bind_all(
    api: Api, kinds: Kinds, state: State, wanted: Mapping[str, tuple[Resource, str]]
) -> dict[str, Entry | None]:
    """Return the entry that binds each object of `wanted`, its resource and id by address; None where there is none.

    The objects may refer to each other: all ids are known before the first is read.
    """
    coming = {
        address: Entry(resource.kind, ident, dependencies=resource.dependencies)
        for address, (resource, ident) in wanted.items()
    }
    known = replace(state, resources={**state.resources, **coming})

    async def one(resource: Resource, ident: str) -> Entry | None:
        kind = kinds[resource.kind]
        live = await read(api, kind, Live(ident), await version_of(api, kinds, known, resource, ident))
        if live is None:
            return None
        entries = {name: entry for name, entry in known.resources.items() if name != resource.address}
        if before := state.resources.get(resource.address):  # it may still have old objects of a replace
            entries[resource.address] = before
        return entry_of(kind, entries, resource, live)

    found = await gather(*(one(*item) for item in wanted.values()))
    return dict(zip(wanted, found, strict=True))
