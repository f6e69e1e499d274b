"""What a state takes over from the platform without a change there: drift that the manifests agree with, or gave up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.compare.diff import members_by_key
from reconciler.core.compare.lens import Lens
from reconciler.core.kind import Kinds
from reconciler.core.plan.model import Drift, DriftField, Plan
from reconciler.core.resource import Live
from reconciler.core.rules import Rules
from reconciler.core.state.model import Record, State
from reconciler.core.values import MISSING, Path, Tree

_ACCEPTED = ("agreed", "undeclared")


@dataclass(frozen=True, slots=True)
class RefreshedEntry:
    """One object whose entry is brought up to date: `fields` by what is live, or dropped where it is `gone`."""

    record: Record
    drift: Drift
    gone: bool = False


def state_refresh(plan: Plan, state: State, lives: Mapping[str, Live | None], kinds: Kinds) -> list[RefreshedEntry]:
    """Return what can be accepted of the drift in `plan`, and the records that say so.

    A field that the manifest declares just so (`agreed`), or declares no more (`undeclared`), is taken over; what the
    manifest wants otherwise stays drift. An object that is gone from the platform and the manifests is dropped.
    """
    wanted = {change.address for change in plan.changes if change.desired is not None}
    found = []
    for item in plan.drift:
        entry = state.resources[item.address]
        if item.status == "missing" and item.address not in wanted:
            found.append(RefreshedEntry(Record("gone", item.address, ident=entry.id), item, gone=True))
        fields = tuple(field for field in item.fields if field.cause in _ACCEPTED and not field.sensitive)
        live = lives.get(item.address)
        if item.status != "changed" or not fields or live is None:
            continue
        lens = Lens(kinds[entry.kind], entry.applied)
        applied = lens.normalized(entry.applied)
        for field in fields:
            applied = _put(lens.rules, applied, field.path, _value(field))
        kept = replace(entry, applied=applied, etag=live.etag, outputs=live.outputs)
        found.append(RefreshedEntry(Record("bound", item.address, entry=kept), replace(item, fields=fields)))
    return found


def _value(field: DriftField) -> Tree:
    return field.desired if field.cause == "agreed" else MISSING  # the manifest's words: what is live may hold more


def _put(rules: Rules, tree: Tree, path: Path, value: Tree, depth: int = 0) -> Tree:
    """Return `tree` with `value` at `path` (by keys), or without what is there when `value` is MISSING."""
    if depth == len(path):
        return value
    step = path[depth]
    if isinstance(tree, dict):
        inner = _put(rules, tree.get(step, MISSING), path, value, depth + 1)
        rest = {key: kept for key, kept in tree.items() if key != step}
        return rest if inner is MISSING else {**rest, step: inner}
    rule = rules.associative(path[:depth])
    if isinstance(tree, list) and rule is not None:
        members = dict(members_by_key(rule, tree))
        members[step] = _put(rules, members.get(step, MISSING), path, value, depth + 1)
        return [member for member in members.values() if member is not MISSING]
    return tree
