"""Desired, last applied and live -> Plan. Pure: everything it needs to know is given to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from reconciler.core import graph
from reconciler.core.compare import covers
from reconciler.core.diff import Delta, FieldChange, SecretChanged, at_path, compare, keyed_members
from reconciler.core.kind import Kind, Kinds, Rules
from reconciler.core.plan import Action, Change, Drift, DriftField, Plan
from reconciler.core.problems import Problem
from reconciler.core.resource import Live, Resource
from reconciler.core.state import Entry, State
from reconciler.core.values import (
    MISSING,
    SENSITIVE,
    Fingerprint,
    Path,
    Ref,
    Secret,
    Tree,
    matches,
    pointer,
    resolve,
    without_nulls,
)

_REASONS = {
    "manifest": "changed in the manifest",
    "outside": "changed outside",
    "both": "changed in the manifest and outside",
    "dependency": "follows another change",
}


@dataclass(frozen=True, slots=True)
class World:
    """Everything a plan is computed from.

    `resources` are the desired ones in scope; `lives` the objects read, None for one that is gone; `scope` the
    state addresses this run may delete; `secret_changed` compares secrets with fingerprints; `now` is the time in
    seconds since the epoch.
    """

    resources: Mapping[str, Resource]
    state: State
    lives: Mapping[str, Live | None]
    kinds: Kinds
    secret_changed: SecretChanged
    scope: Collection[str]
    destroy: bool = False
    now: int = 0


@dataclass(slots=True)
class _Pass:
    """One walk over the graph; `forced` are the replaces that an earlier walk found out about."""

    world: World
    forced: dict[str, str]
    known: dict[Ref, Tree] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    objections: list[Problem] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)


def plan(world: World) -> Plan:
    """Return the plan that makes the desired resources live and removes what left the manifests.

    The changes come in dependency order: creates, updates and replaces first, then deletes in reverse order.
    """
    forced: dict[str, str] = {}
    while True:
        walk = _walk(world, forced)
        again = {
            mate: f"replaced together with {address}"
            for address in walk.replaced
            for mate in world.resources[address].together
            if mate in world.resources and mate not in walk.replaced and _exists(world, mate)
        }
        if not again:
            break
        forced = {**forced, **again}
    changes = [*walk.changes, *_deletes(world)]
    drift = [found for address in sorted(world.scope) if (found := _drift(world, address))]
    state = world.state
    return Plan(
        environment=state.environment,
        platform=state.platform,
        organization=state.organization,
        sandbox=state.sandbox,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        drift=tuple(drift),
        scope=tuple(sorted(world.scope)),
        destroy=world.destroy,
        objections=tuple(walk.objections),
        warnings=tuple(walk.cautions),
    )


def _exists(world: World, address: str) -> bool:
    return world.lives.get(address) is not None


def _walk(world: World, forced: dict[str, str]) -> _Pass:
    walk = _Pass(world, forced)
    for address, entry in world.state.resources.items():
        if address not in world.resources and entry.id:
            walk.known[Ref(address, "id")] = entry.id
            for name, value in entry.outputs.items():
                walk.known[Ref(address, name)] = value
    edges = {
        address: [need for need in resource.dependencies if need in world.resources]
        for address, resource in world.resources.items()
    }
    for address in graph.order(edges):
        change = _change(walk, world.resources[address])
        walk.changes.append(change)
        if change.action is Action.REPLACE:
            walk.replaced[address] = change.reason
    return walk


def _change(walk: _Pass, resource: Resource) -> Change:
    world, address = walk.world, resource.address
    kind = world.kinds[resource.kind]
    entry = world.state.resources.get(address)
    desired = resolve(resource.body, walk.known)
    base = Change(
        address=address,
        kind=resource.kind,
        action=Action.CREATE,
        reason="new",
        desired=desired,
        after=mask(without_nulls(desired), resource.sensitive),
        dependencies=resource.dependencies,
        file=resource.file,
        protect=resource.protect,
        ignore=resource.ignore,
        shared=resource.shared,
        sensitive=resource.sensitive,
    )
    live = world.lives.get(address)
    if entry is None or not entry.id or live is None:
        if entry is not None and entry.id:
            base = replace(base, reason=f"deleted outside (was {entry.id})")
        return replace(base, calls=(kind.create(desired),))
    rules = kind.rules(desired)
    delta = _delta(world, resource, kind, rules, entry, desired, live)
    if not delta and address not in walk.forced:
        _note_known(walk, kind, address, live, changed=False)
        return _noop(base, entry, live, delta)
    forcing = tuple(sorted({pointer(item.path) for item in delta.fields if rules.forces_replace(item.path)}))
    before = mask(project(rules, kind.canonical(live.body), kind.canonical(desired)), resource.sensitive)
    base = replace(
        base,
        ident=live.id,
        etag=live.etag,
        before=before,
        fields=delta.fields,
        unchecked=delta.unchecked,
        replace_paths=forcing,
    )
    if forcing or address in walk.forced or entry.kind != resource.kind:
        reason = walk.forced.get(address) if not forcing else None
        walk.cautions += [f"{address}: {text}" for text in kind.cautions(live, desired, world.now)]
        return replace(
            base,
            action=Action.REPLACE,
            reason=reason or f"{', '.join(forcing) or '/kind'} cannot change in place",
            calls=(kind.create(desired),),
        )
    _note_known(walk, kind, address, live, changed=True)
    walk.objections += [replace(item, address=address) for item in kind.objections(live.body, desired)]
    walk.cautions += [f"{address}: {text}" for text in kind.losses(live, delta.patch)]
    calls = tuple(kind.update(live.id, delta.patch, desired))
    return replace(
        base,
        action=Action.UPDATE,
        reason=_reason(delta.fields),
        patch=tuple(step for call in calls for step in kind.described(call)),
        calls=calls,
    )


def _delta(
    world: World,
    resource: Resource,
    kind: Kind,
    rules: Rules,
    entry: Entry,
    desired: Tree,
    live: Live,
) -> Delta:
    if entry.kind != resource.kind:
        return Delta((FieldChange(("kind",), entry.kind, resource.kind),))
    return compare(
        rules,
        kind.canonical(desired),
        MISSING if entry.applied is None else kind.canonical(entry.applied),
        kind.canonical(live.body),
        ignore=resource.ignore,
        shared=resource.shared,
        sensitive=resource.sensitive,
        secret_changed=world.secret_changed,
    )


def _noop(base: Change, entry: Entry, live: Live, delta: Delta) -> Change:
    """A no-op may still have something for the state: a new file, protection or way of saying the same."""
    stale = (
        (entry.file, entry.protect, entry.dependencies) != (base.file, base.protect, base.dependencies)
        or entry.outputs != dict(live.outputs)
        or not _said_the_same(entry.applied, without_nulls(base.desired))
    )
    return replace(
        base,
        action=Action.NOOP,
        reason="unchanged",
        ident=live.id,
        etag=live.etag,
        after=None,
        unchecked=delta.unchecked,
        adopt=stale,
    )


def _said_the_same(applied: Tree, desired: Tree) -> bool:
    """Tell whether the state already has the manifest's words; secrets have none, with or without a fingerprint."""
    if isinstance(desired, dict) and isinstance(applied, dict):
        wanted = {key: value for key, value in desired.items() if not isinstance(value, Secret)}
        had = {key: value for key, value in applied.items() if not isinstance(value, Fingerprint)}
        return wanted.keys() == had.keys() and all(_said_the_same(had[key], wanted[key]) for key in wanted)
    return covers(applied, desired) and covers(desired, applied)


def _note_known(walk: _Pass, kind: Kind, address: str, live: Live, *, changed: bool) -> None:
    walk.known[Ref(address, "id")] = live.id
    if not changed:
        for name, value in live.outputs.items():
            walk.known[Ref(address, name)] = value


def _reason(fields: tuple[FieldChange, ...]) -> str:
    causes = {item.cause for item in fields}
    if {"manifest", "outside"} <= causes:
        return _REASONS["both"]
    for cause in ("both", "manifest", "outside", "dependency"):
        if cause in causes:
            return _REASONS[cause]
    raise AssertionError("an update without a changed field")


def _deletes(world: World) -> list[Change]:
    """Return the deletes and forgets, users before what they use."""
    entries = world.state.resources
    edges = {
        address: [need for need in entries[address].dependencies if need in entries]
        for address in world.scope
        if address in entries
    }
    for needs in list(edges.values()):
        for need in needs:
            edges.setdefault(need, [])
    result: list[Change] = []
    ordered = list(reversed(graph.order(edges)))
    for address in (name for name in ordered if name in world.scope):
        entry = entries[address]
        if entry.id and address not in world.resources:
            result.append(_delete(world, address, entry))
        result.extend(
            Change(
                address=address,
                kind=old.kind,
                action=Action.DELETE,
                reason="the old object of a replace",
                ident=old.id,
                calls=tuple(filter(None, (world.kinds[old.kind].delete(old.id),))),
                dependencies=old.dependencies,
                file=entry.file,
                deposed=True,
            )
            for old in entry.deposed
        )
    return result


def _delete(world: World, address: str, entry: Entry) -> Change:
    kind = world.kinds[entry.kind]
    call = kind.delete(entry.id)
    live = world.lives.get(address)
    gone = live is None
    reason = "destroy" if world.destroy else "no longer in the manifests"
    if call is None:
        reason = f"{reason}; the platform cannot delete it, it stays there unmanaged"
    elif gone:
        reason = f"{reason}; it is already gone from the platform"
    return Change(
        address=address,
        kind=entry.kind,
        action=Action.DELETE if call else Action.FORGET,
        reason=reason,
        ident=entry.id,
        etag=live.etag if live else None,
        before=entry.applied,
        calls=(call,) if call and not gone else (),
        dependencies=entry.dependencies,
        file=entry.file,
        protect=entry.protect,
    )


def _drift(world: World, address: str) -> Drift | None:
    """Compare what was last applied with what is live."""
    entry = world.state.resources.get(address)
    if entry is None or not entry.id or entry.applied is None:
        return None
    live = world.lives.get(address)
    if live is None:
        return Drift(address, entry.kind, entry.id, "missing")
    if live.body is entry.applied:
        return None  # a pinned version cannot have changed
    kind = world.kinds[entry.kind]
    resource = world.resources.get(address)
    desired = MISSING if resource is None else kind.canonical(resource.body)
    applied = kind.canonical(entry.applied)
    rules = kind.rules(entry.applied)
    sensitive = resource.sensitive if resource else ()
    delta = compare(
        rules,
        applied,
        applied,
        kind.canonical(live.body),
        ignore=resource.ignore if resource else (),
        shared=resource.shared if resource else (),
        sensitive=sensitive,
    )
    fields = tuple(
        DriftField(item.path, item.new, item.old, at_path(rules, desired, item.path), item.sensitive)
        for item in delta.fields
    )
    secret = [path for path in delta.unchecked if isinstance(at_path(rules, applied, path), Fingerprint)]
    unchecked = tuple(DriftField(path, MISSING, MISSING, MISSING, True) for path in secret)
    if not fields and not unchecked:
        return None
    body = live.body if isinstance(live.body, dict) else {}
    return Drift(
        address,
        entry.kind,
        entry.id,
        "changed" if fields else "unchecked",
        fields or unchecked,
        body.get("updatedBy") if fields else None,
        body.get("updatedAt") if fields else None,
    )


def project(rules: Rules, live: Tree, declared: Tree, path: Path = ()) -> Tree:
    """Return the part of `live` that `declared` speaks of: what a reviewer sees as "before"."""
    if isinstance(live, dict) and isinstance(declared, dict):
        return {key: project(rules, live[key], value, (*path, key)) for key, value in declared.items() if key in live}
    if isinstance(live, list) and isinstance(declared, list) and (rule := rules.keyed(path)):
        wanted = dict(keyed_members(rule, declared))
        return [
            project(rules, member, wanted[key], (*path, key)) if key in wanted else member
            for key, member in keyed_members(rule, live)
        ]
    return live


def mask(tree: Tree, sensitive: Collection[str], path: Path = ()) -> Tree:
    """Return `tree` with `(sensitive)` at every pointer in `sensitive`."""
    if path and tree is not None and any(matches(place, path) for place in sensitive):
        return SENSITIVE
    if isinstance(tree, dict):
        return {key: mask(value, sensitive, (*path, key)) for key, value in tree.items()}
    return tree
