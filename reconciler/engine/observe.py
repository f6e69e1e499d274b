"""Reads every live object the plan needs, all at once; and finds by name what is not ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconciler.core import graph
from reconciler.core.kind import Finder, Finders, Kind, Kinds, Row
from reconciler.core.problems import ApiError, ManifestError, Problem
from reconciler.core.resource import Live, Resource
from reconciler.core.state import Entry, State
from reconciler.core.values import Lookup, Tree, leaves, transform
from reconciler.engine.ports import Api
from reconciler.engine.together import together


async def read(api: Api, kind: Kind, ident: str, version: Tree = None) -> Live | None:
    """Return one live object, or None when it does not exist."""
    try:
        reply = await api.send(kind.read(ident, version), accept=(404,))
    except ApiError as error:
        # the Flow Service's catalogue of errors knows "not found" as a 400 too (1439)
        if error.status == 400 and (error.code == "1439-400" or "not found" in str(error).lower()):
            return None
        raise
    return kind.live(reply)


def believed(entry: Entry) -> Live:
    """Return the live object as the state has it: of a kind that never changes, or without a refresh."""
    return Live(entry.id, entry.applied, entry.etag, entry.outputs)


async def observe(
    api: Api, kinds: Kinds, state: State, addresses: Iterable[str], *, fresh: Collection[str] = ()
) -> tuple[dict[str, Live | None], Collection[str]]:
    """Return the live object of every entry among `addresses`, None for one that is gone; and which a list told of.

    A kind of many entries is paged through first, where that takes fewer requests, and only what has another etag than
    the one we know is read by itself: lists may lag behind, so that a change of the last seconds may not be seen.
    What is `fresh` is always read by itself.

    A kind with versions is read after its users: while the version they are pinned to is the one we applied,
    nothing can have changed and nothing is read.
    """
    there = {name: entry for name in addresses if (entry := state.resources.get(name)) and entry.id}
    wanted = {name: entry for name, entry in there.items() if not kinds[entry.kind].constant}
    constant = {name: believed(entry) for name, entry in there.items() if name not in wanted}
    users = graph.reversed_edges({name: entry.dependencies for name, entry in state.resources.items()})
    plain = {name: entry for name, entry in wanted.items() if not _has_versions(kinds, entry)}
    listed = await _unchanged(api, kinds, {name: entry for name, entry in plain.items() if name not in fresh})
    lives = dict(listed)
    left = {name: entry for name, entry in plain.items() if name not in lives}
    there_now = await together(*(read(api, kinds[entry.kind], entry.id) for entry in left.values()))
    lives |= dict(zip(left, there_now, strict=True))

    async def pinned(name: str, entry: Entry) -> Live | None:
        bodies = [found.body for user in users.get(name, ()) if (found := lives.get(user)) is not None]
        version = kinds[entry.kind].pinned(entry.id, bodies)
        if version is not None and version == entry.outputs.get("version") and entry.applied is not None:
            return Live(entry.id, entry.applied, None, entry.outputs)
        return await read(api, kinds[entry.kind], entry.id, version)

    rest = {name: entry for name, entry in wanted.items() if name not in plain}
    found = await together(*(pinned(name, entry) for name, entry in rest.items()))
    return {**constant, **lives, **dict(zip(rest, found, strict=True))}, listed.keys()


_MANY = 25
_TRIES = 3
"""Entries of one kind from which on lists are worth a try, a page holds a hundred; and how many pages that try has."""


async def _unchanged(api: Api, kinds: Kinds, entries: Mapping[str, Entry]) -> dict[str, Live | None]:
    """Return those of `entries` that a list shows with the etag we know: they are as the list says."""
    by_kind: dict[str, dict[str, str]] = {}
    for name, entry in entries.items():
        if entry.etag is not None:
            by_kind.setdefault(entry.kind, {})[entry.id] = name

    async def look(kind: Kind, wanted: dict[str, str]) -> dict[str, Live | None]:
        found: dict[str, Live | None] = {}
        call, pages, seen = kind.browse(None), 0, 0
        # others may have many more objects: a list that shows less than one of ours a page costs more than it saves
        while call is not None and wanted and (pages < _TRIES or seen >= pages):
            reply = await api.send(call)
            pages += 1
            for live in kind.found(reply):
                name = wanted.pop(live.id, None)
                seen += name is not None
                if name is not None and live.etag == entries[name].etag:
                    found[name] = live
            call = kind.browse(reply)
        return found

    many = [(kinds[kind], names) for kind, names in by_kind.items() if len(names) >= _MANY]
    parts = await together(*(look(kind, names) for kind, names in many if kind.browse(None) is not None))
    return {name: live for part in parts for name, live in part.items()}


def _has_versions(kinds: Kinds, entry: Entry) -> bool:
    return type(kinds[entry.kind]).pinned is not Kind.pinned


async def look_up(api: Api, finders: Finders, resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Return `resources` with every look-up by name replaced by the one id it finds.

    Raises `ManifestError` with a finding for each name that matches nothing, or more than one object.
    """
    wanted = {
        leaf: resource.address
        for resource in resources.values()
        for _, leaf in leaves(resource.body)
        if isinstance(leaf, Lookup)
    }
    if not wanted:
        return dict(resources)
    answers = await together(*(_matches(api, finders[item.kind], item.name) for item in wanted))
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
        address: replace(
            resource,
            body=transform(resource.body, lambda leaf: found[leaf] if isinstance(leaf, Lookup) else leaf),
        )
        for address, resource in resources.items()
    }


async def _matches(api: Api, finder: Finder, name: str) -> list[Row]:
    """Return the objects of exactly this name."""
    hits: dict[str, Row] = {}
    start = 0
    while True:
        rows = finder.rows((await api.send(finder.page(name, start))).body)
        hits.update({row.id: row for row in rows if row.name == name})
        start += len(rows)
        if finder.limit is None or len(rows) < finder.limit:
            return list(hits.values())
