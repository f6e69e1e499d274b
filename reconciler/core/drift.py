"""Last applied against live: what changed outside. Pure."""

from __future__ import annotations

from reconciler.core.diff import at_path, compare
from reconciler.core.plan import Drift, DriftField
from reconciler.core.values import MISSING, Fingerprint
from reconciler.core.world import World


def drift_of(world: World, address: str) -> Drift | None:
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
