"""Finds the objects of manifests again when the state is lost: users first, for they name what they use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from reconciler.core import graph
from reconciler.core.abilities import Listable, Searchable, Singleton, Versioned
from reconciler.core.compare.diff import members_by_key
from reconciler.core.compare.lens import Lens
from reconciler.core.kind import Kind, Kinds
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Resource
from reconciler.core.rules import Rules
from reconciler.core.state.model import Entry, Record, State, held
from reconciler.core.trees import members, resolve
from reconciler.core.values import MISSING, Path, Ref, Secret, Tree
from reconciler.engine.binding import entry_of
from reconciler.engine.gather import gather
from reconciler.engine.listing import MANY
from reconciler.engine.observe import read
from reconciler.engine.pages import pages
from reconciler.engine.pages import search as searched
from reconciler.engine.ports import Api


@dataclass(slots=True)
class _Search:
    """What is bound so far, and what bound users name: an id, and the version they are pinned to if they are.

    `known` and `taken` say of `entries` what is asked most.
    """

    api: Api
    kinds: Kinds
    resources: Mapping[str, Resource]
    entries: dict[str, Entry] = field(default_factory=dict)
    known: dict[Ref, Tree] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)
    hints: dict[str, tuple[str, Tree]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)

    def note(self, address: str, entry: Entry) -> None:
        """Remember what an address is bound to; it may be to nothing but what a replace left over."""
        self.entries[address] = entry
        if entry.id:
            self.known[Ref(address, "id")] = entry.id
        self.taken.update(held([entry]))


async def rebuild(
    api: Api, kinds: Kinds, state: State, resources: Mapping[str, Resource]
) -> tuple[list[Record], list[Problem]]:
    """Return the records that bind what exists to the addresses of `resources`, and what stays unbound or in doubt.

    An object is taken when a bound user names it, or when it is the only one of its name that shows all that is
    declared. Nothing is written to the platform.
    """
    search = _Search(api, kinds, resources)
    for address, entry in state.resources.items():
        search.note(address, entry)
    users = graph.reversed_edges({name: item.dependencies for name, item in resources.items()})
    levels = list(graph.levels({name: users.get(name, ()) for name in resources}))
    for parts in (False, True):  # parts are told apart only by what they are part of
        for level in levels:
            await _find(search, [
                resources[name]
                for name in sorted(level)
                if bool(resources[name].owner) is parts and not _is_bound(search.entries.get(name))
            ])  # fmt: skip
    by_address = attrgetter("address")  # not by whose answer came first
    return sorted(search.records, key=by_address), sorted(search.doubts, key=by_address)


def _is_bound(entry: Entry | None) -> bool:
    return entry is not None and bool(entry.id)


async def possible_duplicates(api: Api, kind: Listable, resources: Mapping[str, Resource]) -> list[str]:
    """Return what to say of objects of `kind` that are there already and show all that `resources` declare.

    They are paged through once, whatever the number of resources: for a first apply, whose state may have been lost.
    """
    wanted: dict[str, list[Resource]] = {}
    for resource in resources.values():
        if resource.kind == kind.name:
            wanted.setdefault(str(members(resource.body).get(kind.name_field)), []).append(resource)
    found: list[str] = []
    if not wanted:
        return found
    async for lives in pages(api, kind):
        for live in lives:
            for resource in wanted.get(str(live.body.get(kind.name_field)), ()):
                if Lens(kind, _known_part(resource.body)).matches(live.body):
                    found.append(
                        f"{resource.address}: {live.id} exists already with the same content, and apply would make "
                        "another: bind it with reconciler adopt, or with reconciler state rebuild if the state was lost"
                    )
    return found


async def _find(search: _Search, wanted: Sequence[Resource]) -> None:
    """Bind those of the resources that are found. None of them needs another."""
    by_kind: dict[str, list[Resource]] = {}
    for resource in wanted:
        by_kind.setdefault(resource.kind, []).append(resource)
    groups = await gather(*(_possible(search, search.kinds[name], items) for name, items in by_kind.items()))
    for possible in groups:  # when all that users name is bound, so that nobody is taken for it
        for resource, lives in possible:
            _decide(search, resource, [live for live in lives if (resource.kind, live.id) not in search.taken])


async def _possible(search: _Search, kind: Kind, wanted: Sequence[Resource]) -> list[tuple[Resource, Sequence[Live]]]:
    """Bind those that a user names by id; return the others, each with the objects of its name.

    They are paged through where they are many, and nothing is asked for twice.
    """
    if isinstance(kind, Singleton):
        lives = await gather(*(_owned(search, kind, item) for item in wanted))
        return list(zip(wanted, lives, strict=True))
    sought = {item.address: _sought(search, kind, item) for item in wanted}
    there = await _listed(search.api, kind, sought.values())
    found: list[tuple[Resource, Sequence[Live]]] = []
    alone: list[Resource] = []
    calls: dict[Call, list[Resource]] = {}
    for item in wanted:
        by, word = key = sought[item.address]
        if by == "id" and there is not None and key in there:
            _bind(search, item, there.pop(key)[word])
        elif by == "id":
            alone.append(item)
        elif there is not None:
            found.append((item, list(there.get(key, {}).values())))
        elif isinstance(kind, Searchable):
            calls.setdefault(kind.search(resolve(item.body, search.known)), []).append(item)
        else:
            found.append((item, ()))

    async def named(item: Resource) -> None:
        ident, version = search.hints[item.address]
        live = await read(search.api, kind, Live(ident), version)
        if live is None:
            _doubt(search, item, [], [])
        else:
            _bind(search, item, live)

    await gather(*map(named, alone))
    if isinstance(kind, Searchable):
        answers = await gather(*(searched(search.api, kind, call) for call in calls))
        for items, namesakes in zip(calls.values(), answers, strict=True):
            found += [(item, namesakes) for item in items]
    return found


async def _owned(search: _Search, kind: Singleton, resource: Resource) -> Sequence[Live]:
    """Return the singleton of the owner that a resource names, if it is there and the owner is known."""
    owner = kind.owner(resolve(resource.body, search.known))
    live = await read(search.api, kind, Live(owner)) if isinstance(owner, str) else None
    return [] if live is None else [live]


def _sought(search: _Search, kind: Kind, resource: Resource) -> tuple[str, str]:
    """Return by what an object is looked for: the id that a user names, or its name."""
    hint = search.hints.get(resource.address)
    return _name_key(kind, resource.body) if hint is None else ("id", hint[0])


def _name_key(kind: Kind, body: Tree) -> tuple[str, str]:
    return "name", str(members(body).get(kind.name_field if isinstance(kind, Searchable) else "name"))


async def _listed(
    api: Api, kind: Kind, sought: Collection[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Live]] | None:
    """Return what a list shows of what is `sought`, by id; None where each is sooner asked for by itself."""
    if len(sought) < MANY or not isinstance(kind, Listable):
        return None
    wanted, left = set(sought), len(sought)
    named = any(by == "name" for by, _ in wanted)  # of a name there may always be another
    found: dict[tuple[str, str], dict[str, Live]] = {}
    async for lives in pages(api, kind):
        if not left:
            return None
        left -= 1
        for live in lives:
            for key in (("id", live.id), _name_key(kind, live.body)):
                if key in wanted:
                    found.setdefault(key, {})[live.id] = live
        if len(found) == len(wanted) and not named:
            break
    return found


def _decide(search: _Search, resource: Resource, namesakes: Sequence[Live]) -> None:
    """Bind the one object of its name that shows all that is declared, or say why there is doubt."""
    kind = search.kinds[resource.kind]
    lens = Lens(kind, _known_part(resolve(resource.body, search.known)))
    matches = [live for live in namesakes if lens.matches(live.body)]
    if len(matches) == 1:
        _bind(search, resource, matches[0])
    else:
        _doubt(search, resource, matches, namesakes)


def _bind(search: _Search, resource: Resource, live: Live) -> None:
    """Note what a resource is, and by that what the objects it uses are."""
    kind = search.kinds[resource.kind]
    entry = entry_of(kind, search.entries, resource, live)
    search.note(resource.address, entry)
    search.records.append(Record("bound", resource.address, entry=entry))
    lens = Lens(kind, resource.body)
    for ref, ident in _named(lens.rules, lens.normalized(resource.body), lens.normalized(live.body)):
        used = search.resources.get(ref.address)
        used_kind = search.kinds[used.kind] if used is not None else None
        version = used_kind.pinned(Live(ident), [live.body]) if isinstance(used_kind, Versioned) else None
        search.hints[ref.address] = ident, version


def _doubt(search: _Search, resource: Resource, matches: Sequence[Live], namesakes: Sequence[Live]) -> None:
    found = matches or namesakes
    ids = ", ".join(live.id for live in found)
    advice = f"reconciler import '{resource.address}' ID" if found else "an apply makes it"
    if matches:
        what = f"{len(matches)} objects could be it: {ids}"
    elif namesakes:
        what = f"nothing of its name shows what is declared; of that name, but different: {ids}"
    else:
        what = "nothing of its name shows what is declared"
    search.doubts.append(Problem("not-rebuilt", what, advice, address=resource.address, severity="warning"))


def _known_part(tree: Tree) -> Tree:
    """Return what of a declared body can be compared: no secrets, and nothing that only the state knew."""
    if isinstance(tree, dict):
        kept = {key: _known_part(value) for key, value in tree.items() if value is not None}
        return {key: value for key, value in kept.items() if value is not MISSING}
    if isinstance(tree, list):
        members = [_known_part(item) for item in tree]
        return MISSING if any(item is MISSING for item in members) else members
    return MISSING if isinstance(tree, Ref | Secret) else tree


def _named(rules: Rules, declared: Tree, live: Tree, path: Path = ()) -> Iterator[tuple[Ref, str]]:
    """Yield the references in `declared` to ids, with the id that stands at their place in `live`."""
    if isinstance(declared, Ref):
        if declared.field == "id" and isinstance(live, str):
            yield declared, live
    elif isinstance(declared, dict) and isinstance(live, dict):
        for key, value in declared.items():
            if key in live:
                yield from _named(rules, value, live[key], (*path, key))
    elif isinstance(declared, list) and isinstance(live, list):
        rule = rules.associative(path)
        if rule is None:
            for left, right in zip(declared, live, strict=False):
                yield from _named(rules, left, right, (*path, "0"))
            return
        there = dict(members_by_key(rule, live))
        for key, member in members_by_key(rule, declared):
            if key in there:
                yield from _named(rules, member, there[key], (*path, key))
