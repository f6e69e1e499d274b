"""Finds the objects of manifests again when the state is lost: users first, for they name what they use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core import graph
from reconciler.core.compare import covers
from reconciler.core.diff import keyed_members
from reconciler.core.kind import Kind, Kinds, Rules
from reconciler.core.problems import Problem
from reconciler.core.resource import Live, Resource
from reconciler.core.state import Entry, Record, State
from reconciler.core.values import MISSING, Path, Ref, Secret, Tree, resolve
from reconciler.engine.binding import entry_of
from reconciler.engine.observe import read
from reconciler.engine.ports import Api


@dataclass(slots=True)
class _Search:
    api: Api
    kinds: Kinds
    entries: dict[str, Entry]
    hints: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)


async def rebuild(
    api: Api, kinds: Kinds, state: State, resources: Mapping[str, Resource]
) -> tuple[list[Record], list[Problem]]:
    """Return the records that bind what exists to the addresses of `resources`, and what stays unbound or in doubt.

    An object is taken when a bound user names it, or when it is the only one of its name that shows all that is
    declared. Nothing is written to the platform.
    """
    search = _Search(api, kinds, dict(state.resources))
    order = list(reversed(graph.order({name: [need for need in item.dependencies if need in resources]
                                       for name, item in resources.items()})))  # fmt: skip
    parts = [name for name in order if resources[name].part_of]  # told apart only by what they are part of
    for address in [*(name for name in order if name not in set(parts)), *parts]:
        entry = search.entries.get(address)
        if entry is None or not entry.id:
            await _find(search, resources[address])
    return search.records, search.doubts


async def twins(api: Api, kind: Kind, resources: Mapping[str, Resource]) -> list[str]:
    """Return what to say of objects of `kind` that are there already and show all that `resources` declare.

    They are paged through once, whatever the number of resources: for a first apply, whose state may have been lost.
    """
    wanted: dict[str, list[Resource]] = {}
    for resource in resources.values():
        if resource.kind == kind.name:
            wanted.setdefault(str(resource.body.get("name")), []).append(resource)
    found: list[str] = []
    call = kind.browse(None) if wanted else None
    while call is not None:
        reply = await api.send(call)
        for live in kind.found(reply):
            for resource in wanted.get(str(live.body.get("name")), ()):
                part = _known_part(kind.canonical(resource.body))
                if covers(_shown_part(kind.canonical(live.body), part), part):
                    found.append(
                        f"{resource.address}: {live.id} is there already and looks the same; if the state was lost: "
                        "reconciler state rebuild"
                    )
        call = kind.browse(reply)
    return found


async def _find(search: _Search, resource: Resource) -> None:
    kind = search.kinds[resource.kind]
    known = {Ref(name, "id"): entry.id for name, entry in search.entries.items()}
    body = resolve(resource.body, known)
    hint = search.hints.get(resource.address)
    if hint is not None:
        live = await read(search.api, kind, hint)
        matches = [live] if live is not None else []
        namesakes: list[Live] = []
    else:
        matches, namesakes = await _candidates(search, kind, body)
    if len(matches) != 1:
        _doubt(search, resource, matches, namesakes)
        return
    entry = entry_of(kind, search.entries, resource, matches[0])
    search.entries[resource.address] = entry
    search.records.append(Record("bound", resource.address, entry=entry))
    rules = kind.rules(body)
    for ref, ident in _named(rules, kind.canonical(resource.body), kind.canonical(matches[0].body)):
        search.hints[ref.address] = ident


async def _candidates(search: _Search, kind: Kind, body: Tree) -> tuple[list[Live], list[Live]]:
    """Return the objects of the body's name that are not bound: those that show all of it, and those that do not."""
    call = kind.search(body)
    if call is None:
        return [], []
    wanted = _known_part(kind.canonical(body))
    taken = {(entry.kind, entry.id) for entry in search.entries.values()}
    matches: list[Live] = []
    others: list[Live] = []
    for live in kind.found(await search.api.send(call)):
        if (kind.name, live.id) not in taken:
            fits = covers(_shown_part(kind.canonical(live.body), wanted), wanted)
            (matches if fits else others).append(live)
    return matches, others


def _doubt(search: _Search, resource: Resource, matches: list[Live], namesakes: list[Live]) -> None:
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


def _shown_part(live: Tree, wanted: Tree) -> Tree:
    """Return `live` with its lists in the order of `wanted`, where the members are the same."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {key: _shown_part(value, wanted.get(key)) for key, value in live.items()}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        left, ordered = list(live), []
        for want in wanted:
            hit = next((item for item in left if covers(_shown_part(item, want), want)), None)
            if hit is None:
                return live
            left.remove(hit)
            ordered.append(_shown_part(hit, want))
        return ordered
    return live


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
        rule = rules.keyed(path)
        if rule is None:
            for left, right in zip(declared, live, strict=False):
                yield from _named(rules, left, right, (*path, "0"))
            return
        there = dict(keyed_members(rule, live))
        for key, member in keyed_members(rule, declared):
            if key in there:
                yield from _named(rules, member, there[key], (*path, key))
