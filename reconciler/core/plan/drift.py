"""Last applied against live: what changed outside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.abilities import is_leaving
from reconciler.core.compare.lens import PLAIN, Lens
from reconciler.core.compare.same import covers
from reconciler.core.observations import Edit, last_edit
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Drift, DriftCause, DriftField
from reconciler.core.pointers import matches
from reconciler.core.resource import Resource
from reconciler.core.rules import FieldChange
from reconciler.core.trees import filled, refs, resolve
from reconciler.core.values import MISSING, Fingerprint, Path, Ref, Tree


def drift_of(world: PlanInput, address: str) -> Drift | None:
    """Compare what was last applied with what is live."""
    entry = world.state.resources.get(address)
    if entry is None or not entry.id or entry.applied is None:
        return None
    live = world.lives.get(address)
    if live is None:
        return Drift(address, entry.kind, entry.id, "missing")
    if is_leaving(world.kinds[entry.kind], live):
        edit = last_edit(world.kinds[entry.kind], live)
        note = "the platform is deleting it"
        return Drift(address, entry.kind, entry.id, "missing", (), edit.by, edit.at, edit.client, note=note)
    if live.body is entry.applied:
        return None  # a pinned version cannot have changed
    resource = world.resources.get(address)
    lens = Lens(world.kinds[entry.kind], entry.applied, resource or PLAIN)
    if lens.identical(live.body):
        return None
    desired = MISSING if resource is None else resolve(resource.body, _known(world, resource))
    delta = lens.compare(entry.applied, live.body)
    fields = tuple(
        _field(item, _declared(lens, entry.applied, desired, item), declared=resource is not None)
        for item in delta.fields
    )
    secret = [path for path in delta.unchecked if isinstance(lens.at(entry.applied, path), Fingerprint)]
    unchecked = tuple(DriftField(path, MISSING, MISSING, MISSING, True) for path in secret)
    if not fields and not unchecked:
        return None
    edit = last_edit(world.kinds[entry.kind], live) if fields else Edit()
    return Drift(
        address,
        entry.kind,
        entry.id,
        "changed" if fields else "unchecked",
        fields or unchecked,
        edit.by,
        edit.at,
        edit.client,
        tuple(secret),
    )


def _known(world: PlanInput, resource: Resource) -> dict[Ref, Tree]:
    """Return the values that the references of a resource have in the state; some have none yet."""
    values: dict[Ref, Tree] = {}
    for ref in refs(resource.body) if resource.dependencies else ():
        entry = world.state.resources.get(ref.address)
        value = None if entry is None else entry.id if ref.field == "id" else entry.outputs.get(ref.field)
        if value is not None and value != "":
            values[ref] = value
    return values


def _declared(lens: Lens, applied: Tree, desired: Tree, item: FieldChange) -> Tree:
    """Return the declared value of a field. A second member with a key that the list has already is never declared."""
    is_duplicate = item.new is MISSING and lens.at(applied, item.path) is not MISSING
    return MISSING if is_duplicate else lens.at(desired, item.path)


def _field(item: FieldChange, desired: Tree, *, declared: bool) -> DriftField:
    """Return one field of a report; the change that would put `live` back to what was applied is `item`."""
    applied, live = item.new, item.old
    cause: DriftCause
    if not declared or (desired is MISSING and applied is not MISSING):
        cause = "undeclared"
    elif _alike(desired, applied):
        cause = "outside"
    else:
        cause = "agreed" if _alike(desired, live) else "conflict"
    return DriftField(item.path, applied, live, desired, item.sensitive, cause)


def _alike(one: Tree, other: Tree) -> bool:
    if one is MISSING or other is MISSING:
        return one is other
    return covers(other, filled(one, other))


def acknowledge(
    drift: Sequence[Drift], known: Sequence[Acknowledged], today: str
) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    """Return `drift` with what is `known` as a bucket of its own, and notes on what is known no longer.

    `today` and the dates are ISO 8601 dates. An object of which only some fields are known stands there twice.
    """
    valid = [item for item in known if item.until >= today]
    notes = [f"{item} was acknowledged until {item.until}: {item.reason}" for item in known if item.until < today]
    found: list[Drift] = []
    for item in drift:
        if item.status not in ("changed", "missing"):
            found.append(item)
            continue
        reasons = {
            field.path: entry.reason for field in item.fields for entry in valid if entry.covers(item, field.path)
        }
        whole = next((entry.reason for entry in valid if entry.covers(item, ())), None)
        left = tuple(field for field in item.fields if field.path not in reasons)
        if whole is not None or (item.fields and not left):
            why = whole or "; ".join(dict.fromkeys(reasons.values()))
            found.append(replace(item, status="acknowledged", reason=why))
            continue
        found.append(replace(item, fields=left))
        if reasons:
            seen = tuple(field for field in item.fields if field.path in reasons)
            why = "; ".join(dict.fromkeys(reasons.values()))
            found.append(replace(item, status="acknowledged", fields=seen, unchecked=(), reason=why))
    return tuple(found), tuple(notes)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Drift that is known: of an address, or all below a name; at `path` (a pointer, all that is below it, too)."""

    address: str
    path: str
    reason: str
    until: str

    def __str__(self) -> str:
        return f"{self.address}{self.path}"

    def covers(self, drift: Drift, path: Path) -> bool:
        """Tell whether it speaks of `path` of the object; the empty path is the whole of it."""
        here = drift.address == self.address or drift.address.startswith(f"{self.address}/")
        return here and (matches(self.path, path) if self.path else True)
