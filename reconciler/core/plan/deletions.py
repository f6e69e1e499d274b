"""What leaves: deletes and forgets, users before what they use. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.core import graph
from reconciler.core.abilities import DataHolding, Part, is_leaving, undeletable_reason
from reconciler.core.compare.diff import at_path
from reconciler.core.compare.lens import normalized
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change
from reconciler.core.pointers import is_below, parse_pointer
from reconciler.core.problems import Problem
from reconciler.core.resource import Live
from reconciler.core.rules import Reason
from reconciler.core.state.model import Entry
from reconciler.core.values import Tree

_NOT_IN_PASSING = (
    'data is never deleted in passing, it stays there unmanaged (reconciler/allow-data-loss: "true" lets it go)'
)


def deletions(world: PlanInput) -> tuple[list[Change], list[Problem]]:
    """Return the deletes and forgets in order, and what the platform would refuse of them."""
    entries = world.state.resources
    if all(name in world.resources and not entries[name].deposed for name in world.scope):
        return [], []
    edges = {
        address: [need for need in entries[address].dependencies if need in entries]
        for address in world.scope
        if address in entries
    }
    for needs in list(edges.values()):
        for need in needs:
            edges.setdefault(need, [])
    scope = set(world.scope)
    ordered = [name for name in reversed(graph.order(edges)) if name in scope]
    gone = dict.fromkeys(name for name in ordered if entries[name].id and name not in world.resources)
    kept = _kept(world, gone)
    changes: list[Change] = []
    problems: list[Problem] = []
    for address in ordered:
        entry = entries[address]
        if address in gone:
            changes.append(_leave(world, address, entry, kept.get(address)))
            if changes[-1].calls:
                problems += _refusals(world, address, entry, gone)
        changes += _old_ones(world, address, entry)
    return changes, [*problems, *_needed(world, gone)]


def _needed(world: PlanInput, gone: Collection[str]) -> list[Problem]:
    """Return an objection for each forgotten object that another entry, which is not forgotten with it, depends on."""
    problems = []
    for address in gone if world.removed else ():
        if not is_below(address, world.removed):
            continue
        users = [
            name
            for name, entry in world.state.resources.items()
            if not is_below(name, world.removed) and address in world.resources.get(name, entry).dependencies
        ]
        if users:
            what = f"the project file lets it go (removed), but {users[0]} depends on it"
            problems.append(
                Problem("needed", what, f"add {users[0]} to removed, or name the document", address=address)
            )
    return problems


def _body(world: PlanInput, address: str) -> Tree:
    live = world.lives.get(address)
    return live.body if live is not None else world.state.resources[address].applied


def _kept(world: PlanInput, gone: Collection[str]) -> Mapping[str, str]:
    """Return why each of `gone` is forgotten instead of deleted: by itself, or because what stays needs it."""
    entries = world.state.resources
    kept: dict[str, str] = {}
    released = {address for address in gone if is_below(address, world.removed)}
    kept |= dict.fromkeys(released, "the project file lets it go without a delete (removed)")
    used = _still_used(world, gone)
    for address in gone:  # users come before what they use, so what stays is known before what it needs
        entry = entries[address]
        kind = world.kinds[entry.kind]
        why = undeletable_reason(kind, _body(world, address))
        if why is None and isinstance(kind, DataHolding) and kind.retain_on_delete and not entry.allow_data_loss:
            why = _NOT_IN_PASSING
        if why is None:
            why = used.get(address)
        if why is None and address not in kept:
            continue
        kept.setdefault(address, why or "")
        for need in entry.dependencies:
            if (isinstance(kind, DataHolding) or address in released) and need in gone:
                released |= {need} if address in released else set()
                kept.setdefault(need, f"{address} stays there and needs it, so it stays too, unmanaged")
    owners = {address for address in kept if isinstance(world.kinds[entries[address].kind], DataHolding)}
    for address in gone:
        for owner in owners & set(entries[address].dependencies):
            if isinstance(world.kinds[entries[address].kind], Part):
                kept.setdefault(address, f"it is a part of {owner}, which stays there unmanaged")
    return kept


def _still_used(world: PlanInput, gone: Collection[str]) -> Mapping[str, str]:
    """Return why some of `gone` stay: an object that stays refers to one, and keeps doing so."""
    entries = world.state.resources
    kept: dict[str, str] = {}
    for user, resource in world.resources.items():
        live, entry = world.lives.get(user), entries.get(user)
        if live is None or entry is None or entry.dependencies == resource.dependencies:
            continue
        kind = world.kinds[resource.kind]
        rules = kind.rules(resource.body)
        places = [parse_pointer(rule.pattern) for rule in rules.of(Reason.RELEASED)]
        ids = {str(at_path(rules, normalized(kind, live.body), place)) for place in places}
        for address in entry.dependencies:
            if address in gone and entries[address].id in ids:
                kept[address] = f"{user} still uses it, so it stays there unmanaged"
    return kept


def _leave(world: PlanInput, address: str, entry: Entry, kept: str | None) -> Change:
    live = world.lives.get(address)
    reason = "destroy" if world.destroy else "no longer in the manifests"
    call = None
    if live is None:
        reason = f"{reason}; it is already gone from the platform"
    elif is_leaving(world.kinds[entry.kind], live):
        reason = f"{reason}; the platform is deleting it already"
        call = world.kinds[entry.kind].delete(live)
    elif kept:
        reason = f"{reason}; {kept}"
    else:
        call = world.kinds[entry.kind].delete(live)
    return Change(
        address=address,
        kind=entry.kind,
        action=Action.FORGET if kept else Action.DELETE,
        reason=reason,
        ident=entry.id,
        etag=live.etag if live else None,
        before=entry.applied,
        calls=(call,) if call else (),
        dependencies=entry.dependencies,
        provenance=entry.provenance,
    )


def _refusals(world: PlanInput, address: str, entry: Entry, gone: Collection[str]) -> list[Problem]:
    kind = world.kinds[entry.kind]
    if not isinstance(kind, Part):
        return []
    staying = [need for need in entry.dependencies if need not in gone and need in world.state.resources]
    needs = [_body(world, need) for need in staying]
    why = kind.delete_blocked_by(_body(world, address), needs)
    return [Problem("cannot-leave", why, "keep it in the manifest", address=address)] if why else []


def _old_ones(world: PlanInput, address: str, entry: Entry) -> list[Change]:
    """Return the deletes of the old objects that a replace left behind when it was cut off."""
    return [
        Change(
            address=address,
            kind=old.kind,
            action=Action.DELETE,
            reason="the old object of a replace",
            ident=old.id,
            calls=tuple(filter(None, (world.kinds[old.kind].delete(Live(old.id)),))),
            dependencies=old.dependencies,
            provenance=entry.provenance,
            deposed=True,
        )
        for old in entry.deposed
    ]
