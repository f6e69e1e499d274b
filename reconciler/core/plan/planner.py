"""Desired, last applied and live -> Plan. Pure: everything it needs to know is given to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from reconciler.core import graph
from reconciler.core.abilities import Constrained, DataHolding, Reviewed, is_leaving, suspend_call, undeletable_reason
from reconciler.core.compare.diff import Delta
from reconciler.core.compare.lens import Lens
from reconciler.core.compare.same import covers, exactly
from reconciler.core.compare.views import mask
from reconciler.core.kind import Kind
from reconciler.core.observations import held_back
from reconciler.core.plan.deletions import deletions
from reconciler.core.plan.drift import drift_of
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, Drift, Plan
from reconciler.core.plan.phases import in_phases
from reconciler.core.plan.renames import renames
from reconciler.core.plan.repinned import note_of, repinned
from reconciler.core.plan.requests import with_requests
from reconciler.core.plan.with_rules import with_rules
from reconciler.core.pointers import parse_pointer, pointer
from reconciler.core.problems import Problem
from reconciler.core.resource import Live, Resource
from reconciler.core.rules import FieldChange, Reason, Rules
from reconciler.core.state.model import Entry
from reconciler.core.trees import resolve, without_nulls
from reconciler.core.values import Fingerprint, Path, Ref, Secret, Tree

_REASONS = {
    "manifest": "changed in the manifest",
    "outside": "changed outside",
    "both": "changed in the manifest and outside",
    "dependency": "follows another change",
}


@dataclass(slots=True)
class _Pass:
    """One walk over the graph; `forced` are the replaces that an earlier walk found out about.

    `untouched` are the addresses of which manifest, state and platform say exactly the same.
    """

    world: PlanInput
    forced: dict[str, str]
    known: dict[Ref, Tree] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    objections: list[Problem] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    objected: set[str] = field(default_factory=set)
    untouched: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)


def plan(world: PlanInput) -> Plan:
    """Return the plan that makes the desired resources live and removes what left the manifests.

    The changes come in dependency order: creates, updates and replaces first, then deletes in reverse order.
    """
    forced = {address: "replace requested" for address in world.replace if _exists(world, address)}
    for _ in range(len(world.resources) + 1):  # each walk but the last forces a replace that no walk before forced
        walk = _walk(world, forced)
        again = {
            mate: f"replaced together with {address}"
            for address in walk.replaced
            for mate in world.resources[address].replace_group
            if mate in world.resources and mate not in walk.replaced and _exists(world, mate)
        }
        if not again:
            break
        forced = {**forced, **again}
    else:
        raise AssertionError("the plan does not settle: this is a fault of reconciler: report it")
    gone, problems = deletions(world)
    made = [_with_requests(world, item) for item in in_phases(world, walk.changes)]
    changes = [*made, *gone]
    drift = [found for address in sorted(set(world.scope) - walk.untouched) if (found := drift_of(world, address))]
    state = world.state
    made_plan = Plan(
        environment=state.environment,
        platform=state.platform,
        organization=state.organization,
        sandbox=state.sandbox,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        drift=_with_notes(world, drift),
        scope=tuple(sorted(world.scope)),
        destroy=world.destroy,
        objections=(*walk.objections, *problems),
        warnings=(*walk.cautions, *(_renamed(*pair) for pair in renames(changes, state, world.kinds))),
    )
    return with_rules(made_plan, world.kinds)


def _with_requests(world: PlanInput, change: Change) -> Change:
    entry = world.state.resources.get(change.address)
    kind = world.kinds[change.kind]
    return with_requests(kind, world.kinds[entry.kind] if entry else kind, change, world.lives.get(change.address))


def _with_notes(world: PlanInput, drift: Sequence[Drift]) -> tuple[Drift, ...]:
    """Return `drift` with words about flows that were moved to another mapping set."""
    lives = {item.address: world.lives.get(item.address) for item in drift}
    moved = {
        item.user: note_of(item, world.state.resources[item.address].id)
        for item in repinned(world.kinds, world.state, lives)
    }
    return tuple(replace(item, note=item.note or moved.get(item.address, "")) for item in drift)


def _renamed(old: str, new: str) -> str:
    return (
        f"{old} leaves and {new} comes with the same content: if it was only renamed, add "
        f"moved: [{{from: {old}, to: {new}}}] to reconciler.yaml and nothing is deleted or made anew"
    )


def _exists(world: PlanInput, address: str) -> bool:
    live = world.lives.get(address)
    return live is not None and not is_leaving(world.kinds[world.resources[address].kind], live)


def _walk(world: PlanInput, forced: dict[str, str]) -> _Pass:
    walk = _Pass(world, forced)
    for address, entry in world.state.resources.items():
        if address not in world.resources and entry.id:
            walk.known[Ref(address, "id")] = entry.id
            for name, value in entry.outputs.items():
                walk.known[Ref(address, name)] = value
    edges = {
        address: needs
        for address, resource in world.resources.items()
        if resource.dependencies and (needs := [need for need in resource.dependencies if need in world.resources])
    }
    walk.needed = {need for needs in edges.values() for need in needs}
    # most need nothing, and come first: no graph is made of those
    free = sorted(address for address in world.resources if address not in edges)
    later = graph.order({address: [need for need in needs if need in edges] for address, needs in edges.items()})
    for address in chain(free, later):
        change = _change(walk, world.resources[address])
        walk.changes.append(change)
        if change.action is Action.REPLACE:
            walk.replaced[address] = change.reason
    return walk


def _change(walk: _Pass, resource: Resource) -> Change:
    world, address = walk.world, resource.address
    kind = world.kinds[resource.kind]
    entry = world.state.resources.get(address)
    live = world.lives.get(address)
    desired = resolve(resource.body, walk.known) if resource.dependencies else resource.body
    lens = Lens(kind, desired, resource, world.secret_changed)
    if entry is not None and live is not None and is_leaving(kind, live):
        return _leaving(walk, resource, kind, entry, live)
    if entry is not None and live is not None and _untouched(walk, lens, resource, entry, live):
        walk.untouched.add(address)
        _note_known(walk, kind, address, live, changed=False)
        return _still(resource, entry, live)
    after = mask(without_nulls(desired), resource.sensitive)
    base = _of(resource, Action.CREATE, "new", desired, after=after)
    if entry is None or not entry.id or live is None:
        if entry is not None and entry.id:
            base = replace(base, reason=f"deleted outside (was {entry.id})")
        return _made_anew(walk, resource, kind, base)
    delta = _delta(lens, resource, entry, live)
    if not delta and address not in walk.forced:
        _note_known(walk, kind, address, live, changed=False)
        return _noop(base, entry, live, delta)
    rules = lens.rules
    breaking: Mapping[Path, str] = {}
    if isinstance(kind, Constrained):
        breaking = kind.incompatible_changes(lens.normalized(live.body), delta.fields, world.now)
    forcing = tuple(sorted({
        pointer(item.path) for item in delta.fields if rules.forces_replace(item.path) or item.path in breaking
    }))  # fmt: skip
    before = mask(lens.project(live.body), resource.sensitive)
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
        return _replaced(walk, resource, kind, world.kinds[entry.kind], live, base, breaking)
    return _updated(walk, kind, live, base, delta)


def _updated(walk: _Pass, kind: Kind, live: Live, base: Change, delta: Delta) -> Change:
    """Return the update of an object in place, and note what the platform will refuse and what others lose by it."""
    address, desired = base.address, base.desired
    _note_known(walk, kind, address, live, changed=True)
    if isinstance(kind, Reviewed):
        _note_findings(walk, address, kind.review_update(live, desired, delta.patch))
    calls = tuple(kind.update(live, delta.patch, desired))
    return replace(
        base,
        action=Action.UPDATE,
        reason=_reason(delta.fields),
        patch=tuple(step for call in calls for step in kind.described(call)),
        calls=calls,
    )


def _note_findings(walk: _Pass, address: str, findings: Iterable[Problem]) -> None:
    """Note what a kind says about a change: errors are objections, the rest warnings."""
    for item in findings:
        if item.severity == "error":
            walk.objections.append(replace(item, address=address))
        else:
            walk.cautions.append(f"{address}: {item.what}")


def _leaving(walk: _Pass, resource: Resource, kind: Kind, entry: Entry, live: Live) -> Change:
    """Object to the plan: the platform is deleting the object, and takes neither a change nor another delete."""
    what = f"the platform is deleting {live.id} on a request from outside"
    advice = "plan again when it is gone: the plan will make it again"
    walk.objections.append(Problem("leaving", what, advice, address=resource.address))
    _note_known(walk, kind, resource.address, live, changed=False)
    return replace(_still(resource, entry, live), reason="the platform is deleting it", adopt=False)


def _untouched(walk: _Pass, lens: Lens, resource: Resource, entry: Entry, live: Live) -> bool:
    """Tell at a glance that manifest, state and platform say the same; False proves nothing.

    True also excludes drift: the body last applied is exactly the desired one.
    """
    if resource.address in walk.forced or entry.kind != resource.kind or not entry.id:
        return False
    if not exactly(entry.applied, lens.declared):
        return False
    return live.body is entry.applied or lens.identical(live.body)


def _still(resource: Resource, entry: Entry, live: Live) -> Change:
    """Return the no-op of an object that is untouched."""
    stale = _stale(entry, resource, live)
    return _of(resource, Action.NOOP, "unchanged", entry.applied, live=live, adopt=stale)


def _of(
    resource: Resource,
    action: Action,
    reason: str,
    desired: Tree,
    *,
    live: Live | None = None,
    after: Tree = None,
    adopt: bool = False,
) -> Change:
    """Return a change of `resource`, of the object that is `live` where there is one."""
    return Change(
        address=resource.address,
        kind=resource.kind,
        action=action,
        reason=reason,
        desired=desired,
        dependencies=resource.dependencies,
        provenance=resource.provenance,
        ignore=resource.ignore,
        shared=resource.shared,
        sensitive=resource.sensitive,
        ident=live.id if live is not None else None,
        etag=live.etag if live is not None else None,
        after=after,
        adopt=adopt,
    )


def _stale(entry: Entry, wanted: Change | Resource, live: Live) -> bool:
    """Tell whether the state has something about an entry to learn besides its body."""
    return (
        entry.provenance != wanted.provenance
        or entry.dependencies != wanted.dependencies
        or entry.outputs != dict(live.outputs)
    )


def _replaced(
    walk: _Pass, resource: Resource, kind: Kind, old: Kind, live: Live, base: Change, breaking: Mapping[Path, str]
) -> Change:
    """Return the replace of an object, and note why it may not be and what people should know before.

    `old` is the kind of the live object, which differs from `kind` where a document changed its kind.
    """
    address, forcing = resource.address, base.replace_paths
    if isinstance(old, Reviewed):
        _note_findings(walk, address, old.review_replace(live, base.desired, walk.world.now))
    follows = bool(walk.objected & set(resource.dependencies))  # what follows from an objection is none of its own
    found = [] if follows else _losses(resource, old, live, breaking, forcing)
    walk.objections += found
    if found or follows:
        walk.objected.add(address)
    reason = None if forcing else walk.forced.get(address)
    again = replace(
        base,
        action=Action.REPLACE,
        reason=reason or _cannot_change(kind.rules(base.desired), forcing or ("/kind",)),
        suspends=suspend_call(old, live) is not None,
    )
    return _made_anew(walk, resource, kind, again)


def _cannot_change(rules: Rules, paths: tuple[str, ...]) -> str:
    """Return which fields force a replace, and the reason code of each group."""
    by_code: dict[str, list[str]] = {}
    for path in paths:
        code = Reason.IMMUTABLE if path == "/kind" else rules.replace_reason(parse_pointer(path))
        by_code.setdefault(code, []).append(path)
    return "; ".join(f"{', '.join(group)} cannot change in place ({code})" for code, group in by_code.items())


def _made_anew(walk: _Pass, resource: Resource, kind: Kind, base: Change) -> Change:
    """Return a create or replace with its first call; staged, it is made as a draft or disabled and finished later."""
    initial = base.desired
    held = held_back(kind, base.desired, resource.staging) if walk.world.staged else None
    if held is not None:
        initial, words = held
        base = replace(base, initial=initial, reason=f"{base.reason}; {words} until all else is made")
    return replace(base, calls=(kind.create(initial),))


def _losses(
    resource: Resource, kind: Kind, live: Live, breaking: Mapping[Path, str], forcing: tuple[str, ...]
) -> list[Problem]:
    """Return why an object that holds or shapes data may not be replaced."""
    if not isinstance(kind, DataHolding):
        return []
    why = "; ".join(breaking.values())
    what = why or f"{', '.join(forcing) or 'it'} cannot change in place, and a new one has none of its data"
    kept = undeletable_reason(kind, live.body)
    if kept:
        advice = "keep it as it is, and make another beside it"
        return [Problem("breaking-change", f"{what}; {kept}", advice, address=resource.address)]
    if resource.allow_data_loss:
        return []
    advice = 'keep it as it is, or annotate reconciler/allow-data-loss: "true" to have it replaced'
    return [Problem("breaking-change" if why else "data-loss", what, advice, address=resource.address)]


def _delta(lens: Lens, resource: Resource, entry: Entry, live: Live) -> Delta:
    if entry.kind != resource.kind:
        return Delta((FieldChange(("kind",), entry.kind, resource.kind),))
    return lens.compare(entry.applied, live.body)


def _noop(base: Change, entry: Entry, live: Live, delta: Delta) -> Change:
    """A no-op may still have something for the state: a new file, protection or way of saying the same."""
    stale = _stale(entry, base, live) or not _said_the_same(entry.applied, without_nulls(base.desired))
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
    if address not in walk.needed:
        return
    if not (changed and kind.write_once):
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
