"""Reads every live object the plan needs, all at once; and finds by name what is not ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconciler.core.abilities import Singleton, Versioned
from reconciler.core.kind import Finder, Finders, Kind, Kinds, Row
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.resource import Call, Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.trees import transform
from reconciler.core.values import Lookup, Tree
from reconciler.engine.gather import gather
from reconciler.engine.listing import from_state, unchanged
from reconciler.engine.listing_guard import ListingGuard
from reconciler.engine.ports import Api


async def read(api: Api, kind: Kind, known: Live, version: Tree = None) -> Live | None:
    """Return the object `known` as it is now, or None when it does not exist; an empty singleton does not."""
    live = await fetch(api, kind, known, version)
    return None if live is not None and isinstance(kind, Singleton) and kind.is_empty(live) else live


async def fetch(api: Api, kind: Kind, known: Live, version: Tree = None) -> Live | None:
    """Return what the platform answers about the object `known`, or None when it says that there is none."""
    return kind.live(await api.send(kind.read(known, version), accept=(404,)), known)


async def observe(
    api: Api,
    kinds: Kinds,
    state: State,
    addresses: Iterable[str],
    *,
    fresh: Collection[str] = (),
    known: Mapping[str, Live] | None = None,
) -> tuple[dict[str, Live | None], Collection[str]]:
    """Return the live object of every entry among `addresses`, None for one that is gone; and which a list told of.

    A kind of many entries is paged through first, where that takes fewer requests, and only what has another etag than
    the one we know is read by itself: lists may lag behind, so that a change of the last seconds may not be seen.
    What is `fresh` is always read by itself. What is just as in `known` is returned as that object.

    A kind with versions is read after its users: while the version they are pinned to is the one we applied,
    nothing can have changed and nothing is read.
    """
    lives: dict[str, Live | None] = {}
    plain: dict[str, Entry] = {}
    versioned: dict[str, Entry] = {}
    for name in addresses:
        entry = state.resources.get(name)
        if entry is None or not entry.id:
            continue
        if kinds[entry.kind].write_once:
            lives[name] = from_state(entry)
        else:
            (versioned if isinstance(kinds[entry.kind], Versioned) else plain)[name] = entry
    listed = await unchanged(
        api, kinds, {name: entry for name, entry in plain.items() if name not in fresh} if fresh else plain, known or {}
    )
    lives |= listed
    left = {name: entry for name, entry in plain.items() if name not in listed}
    there_now = await gather(*(read(api, kinds[entry.kind], from_state(entry)) for entry in left.values()))
    lives |= dict(zip(left, there_now, strict=True))
    users: dict[str, list[str]] = {name: [] for name in versioned}
    for name, entry in state.resources.items() if versioned else ():
        for need in entry.dependencies:
            if need in users:
                users[need].append(name)

    async def pinned(name: str, entry: Entry) -> Live | None:
        bodies = [found.body for user in users[name] if (found := lives.get(user)) is not None]
        kind, known = kinds[entry.kind], from_state(entry)
        assert isinstance(kind, Versioned)
        version = kind.pinned(known, bodies)
        if version is not None and version == entry.outputs.get("version") and entry.applied is not None:
            return Live(entry.id, entry.applied, None, entry.outputs)
        return await read(api, kind, known, version)

    found = await gather(*(pinned(name, entry) for name, entry in versioned.items()))
    return lives | dict(zip(versioned, found, strict=True)), listed.keys()


async def look_up(api: Api, finders: Finders, resources: Mapping[str, Resource]) -> Mapping[str, Resource]:
    """Return `resources` with every look-up by name replaced by the one id it finds.

    Raises `ManifestError` with a finding for each name that matches nothing, or more than one object.
    """
    wanted = {leaf: resource.address for resource in resources.values() for leaf in resource.lookups}
    if not wanted:
        return resources
    answers = await gather(*(_matches(api, finders[item.kind], item.name) for item in wanted))
    found: dict[Lookup, str] = {}
    problems = []
    for (item, address), hits in zip(wanted.items(), answers, strict=True):
        if len(hits) == 1:
            found[item] = hits[0].id
            continue
        if hits:
            what = f"{len(hits)} objects match: " + "; ".join(f"{row.id} ({row.detail})" for row in hits)
        else:
            what = "there is none in this sandbox"
        problems.append(Problem("lookup", f"{item}: {what}", "give its id instead", address=address))
    if problems:
        raise ManifestError(problems)
    return {
        address: resource
        if not resource.lookups
        else replace(
            resource,
            body=transform(resource.body, lambda leaf: found[leaf] if isinstance(leaf, Lookup) else leaf),
        )
        for address, resource in resources.items()
    }


async def _matches(api: Api, finder: Finder, name: str) -> list[Row]:
    """Return the objects of exactly this name. Raises `ApiError` for a listing without an end."""
    hits: dict[str, Row] = {}
    start = 0
    guard = ListingGuard()
    call: Call | None = finder.page(name, start)
    while call is not None:
        body = (await api.send(call)).body
        rows, total = finder.rows(body), finder.total(body)
        hits.update({row.id: row for row in rows if row.name == name})
        start += len(rows)
        over = finder.limit is None or len(rows) < finder.limit or start == total
        following = None if over else finder.page(name, start)
        guard.page(call, (row.id for row in rows), following, total)
        call = following
    return list(hits.values())
