"""The facts that a plan is made from and judged by later: documents, state entries, dependents. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.resource import Resource
from reconciler.core.state.codec import encode, provenance_json
from reconciler.core.state.model import Entry, State
from reconciler.core.trees import canonical_json, leaves, transform
from reconciler.core.values import Lookup, Secret, Tree

_REMOVES = (Action.DELETE, Action.REPLACE)


def rendered_digest(resources: Iterable[Resource]) -> str:
    """Return the digest of a rendered document: of all that its resources say, but for where they say it."""
    return digest_of([
        [
            item.address, item.kind, encode(transform(item.body, _leaf)), list(item.ignore), list(item.sensitive),
            list(item.shared), list(item.replace_group), item.owner, item.staging or "",
            provenance_json(replace(item.provenance, file="")),
        ]
        for item in resources
    ])  # fmt: skip


def _leaf(value: Tree) -> Tree:
    if isinstance(value, Secret) and value.literal:
        return Secret("")  # that there is one; its text rests nowhere, not even as a digest
    if isinstance(value, Lookup):
        return {"lookup": [value.kind, value.name]}
    return value


def entry_digest(entry: Entry | None) -> str:
    """Return the digest of what an entry says about its object, empty for none."""
    if entry is None:
        return ""
    old: Tree = [[item.id, item.kind] for item in entry.deposed]
    return digest_of([entry.kind, entry.id, encode(entry.applied), encode(dict(entry.outputs)), old])


def with_facts(plan: Plan, state: State) -> Plan:
    """Return `plan` with the entries of `state` that it depends on; `state` is the one it was made from."""
    names = sorted(touched(plan, state))
    entries = {name: state.resources.get(name) for name in names}
    basis = replace(
        plan.basis,
        entries={name: entry_digest(entry) for name, entry in entries.items()},
        ids={name: entry.id for name, entry in entries.items() if entry is not None and entry.id},
        adopted={item.address: entry_digest(state.resources.get(item.address)) for item in plan.adopted},
        dependents=dependents(plan.effective, state),
    )
    return replace(plan, basis=basis)


def digest_of(tree: Tree) -> str:
    """Return the SHA-256 digest of a JSON value."""
    return hashlib.sha256(canonical_json(tree).encode("utf-8", "surrogatepass")).hexdigest()


def touched(plan: Plan, state: State) -> set[str]:
    """Return the addresses whose entries a plan depends on: those it changes, and those whose ids its calls contain."""
    by_id = {entry.id: address for address, entry in state.resources.items() if entry.id}
    found: set[str] = set()
    for change in plan.effective:
        found.add(change.address)
        found.update(need for need in change.dependencies if need in state.resources)
        found.update(by_id[text] for text in _texts(change) if text in by_id)
    return found


def _texts(change: Change) -> Iterable[str]:
    for call in change.every_call:
        yield from call.path.split("/")
        yield from (value for _, value in call.query)
        yield from (leaf for _, leaf in leaves(call.body) if type(leaf) is str)


def dependents(changes: Sequence[Change], state: State) -> Mapping[str, tuple[str, ...]]:
    """Return the entries that depend on each object which one of `changes` deletes or replaces."""
    removed = {change.address for change in changes if change.action in _REMOVES}
    found: dict[str, list[str]] = {address: [] for address in removed}
    for address, entry in sorted(state.resources.items()):
        for need in removed.intersection(entry.dependencies):
            found[need].append(address)
    return {address: tuple(names) for address, names in sorted(found.items())}
