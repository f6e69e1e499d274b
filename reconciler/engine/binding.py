"""Binds an object that exists to an address: read once, nothing written to the platform."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.abilities import Versioned
from reconciler.core.compare.lens import Lens
from reconciler.core.fingerprint import TRUSTED
from reconciler.core.interning import like
from reconciler.core.kind import Kind, Kinds
from reconciler.core.problems import Problem, StateError
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.trees import refs, resolve
from reconciler.core.values import Secret, Tree
from reconciler.engine.gather import gather
from reconciler.engine.listing import from_state
from reconciler.engine.observe import read
from reconciler.engine.ports import Api
from reconciler.engine.settle import old_ones


async def bind(api: Api, kinds: Kinds, state: State, resource: Resource, ident: str) -> Entry:
    """Return the entry that binds the object `ident` to the address of `resource`.

    What it shows of the declared fields counts as last applied, so that a plan tells only real differences; secrets
    are trusted until they are sent. Raises `StateError` when the address or the object is bound already, or absent.
    """
    refuse_bound(state, resource, ident)
    kind = kinds[resource.kind]
    live = await read(api, kind, Live(ident), await version_of(api, kinds, state, resource, ident))
    if live is None:
        what = f"there is no {resource.kind} with the id {ident} in this sandbox"
        raise StateError(Problem("not-found", what, "check the id, and --env", address=resource.address))
    return entry_of(kind, state.resources, resource, live)


async def version_of(api: Api, kinds: Kinds, state: State, resource: Resource, ident: str) -> Tree | None:
    """Return the version of an object that bound users of it are pinned to; None where that does not say anything."""
    kind = kinds[resource.kind]
    if not isinstance(kind, Versioned):
        return None
    users = [item for item in state.resources.values() if item.id and resource.address in item.dependencies]
    lives = await gather(*(read(api, kinds[item.kind], from_state(item)) for item in users))
    return kind.pinned(Live(ident), [live.body for live in lives if live is not None])


def entry_of(kind: Kind, entries: Mapping[str, Entry], resource: Resource, live: Live) -> Entry:
    """Return the entry that binds `live`; `entries` tell the ids of what is bound already."""
    known = {
        ref: entries[ref.address].id for ref in refs(resource.body) if ref.field == "id" and ref.address in entries
    }
    lens = Lens(kind, resolve(resource.body, known))
    before = entries.get(resource.address)
    shown = lens.project(live.body, others=False)
    return Entry(
        kind=resource.kind,
        id=live.id,
        etag=live.etag,
        provenance=resource.provenance,
        applied=like(_trusted(shown, lens.normalized(lens.declared)), resource.body),
        dependencies=resource.dependencies,
        outputs=live.outputs,
        deposed=old_ones(before),
    )


def refuse_bound(state: State, resource: Resource, ident: str) -> None:
    """Raise `StateError` where the address or the object has a use already.

    A bound address whose replace was interrupted takes the new object: the old one is deleted by the next apply.
    """
    entry, intent = state.resources.get(resource.address), state.pending.get(resource.address)
    replacing = intent is not None and intent.action == "create" and intent.kind == resource.kind
    if entry is not None and entry.id and (ident == entry.id or not replacing):
        what = f"the address is bound to {entry.id} already"
        advice = "see: reconciler state show " + resource.address
        if replacing:
            what += ", and an interrupted run was about to replace that object"
            advice = "give the id of the new object; or run reconciler apply, which looks for it"
        raise StateError(Problem("bound", what, advice, address=resource.address))
    for address, other in state.resources.items():
        if other.id == ident and other.kind == resource.kind:
            raise StateError(Problem("bound", f"{ident} is bound to {address} already", "one object has one address"))
        if any((old.id, old.kind) == (ident, resource.kind) for old in other.deposed):
            what = f"{ident} is the old object of a replace of {address}: the next apply deletes it"
            advice = f"to keep it, forget it first: reconciler state rm '{address}'"
            raise StateError(Problem("bound", what, advice))


def _trusted(shown: Tree, declared: Tree) -> Tree:
    """Return `shown` with every declared secret as one that nobody has the fingerprint of."""
    if isinstance(declared, Secret):
        return TRUSTED
    if isinstance(declared, dict):
        there = shown if isinstance(shown, dict) else {}
        kept = {key: _trusted(there.get(key), value) for key, value in declared.items()}
        return {key: value for key, value in kept.items() if value is not None}
    return shown
