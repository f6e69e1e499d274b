"""Judges whether a saved plan still fits: compares its documents, entries and live objects with those of now. Pure.

Only what the plan touches counts: other documents and entries, and the serial, may have moved on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reconciler.core.abilities import suspend_call
from reconciler.core.compare.diff import SecretChanged
from reconciler.core.compare.lens import Lens
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.basis import dependents, entry_digest
from reconciler.core.plan.drift import drift_of
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, Drift, Plan
from reconciler.core.plan.phases import early_calls
from reconciler.core.problems import Problem
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Live
from reconciler.core.rules import FieldChange
from reconciler.core.state.model import State
from reconciler.core.values import Path, Tree

_NEXT = "plan again, and review what it shows"


def stale_identity(plan: Plan, state: State) -> list[Problem]:
    """Return why a plan is not one for `state`. One made before there was any state may go with any lineage."""
    for word, theirs, ours in (
        ("platform", plan.platform, state.platform),
        ("organization", plan.organization, state.organization),
        ("sandbox", plan.sandbox, state.sandbox),
    ):
        if theirs != ours:
            return [Problem("stale-plan", f"the plan was made for {word} {theirs!r}, not {ours!r}", _NEXT)]
    if plan.lineage != state.lineage and plan.serial != 0:
        what = f"the plan was made for the state {plan.lineage}, and this is the state {state.lineage}"
        return [Problem("stale-plan", what, _NEXT)]
    return []


def stale_documents(plan: Plan, now: Mapping[str, str]) -> list[Problem]:
    """Return which documents moved on; `now` are the digests of the rendered documents that are there, by name.

    Without any document, the plan is applied without its manifests: nothing has changed.
    """
    if not now:
        return []
    behind = {change.document for change in plan.effective}
    behind |= {need.partition("/")[0] for change in plan.effective for need in change.dependencies}
    problems = []
    for name in sorted(behind):
        before, after = plan.basis.documents.get(name), now.get(name)
        if before != after:
            happened = (
                "is gone or not valid" if after is None else "is new" if before is None else "renders differently"
            )
            file = f"{plan.basis.files[name]}: " if name in plan.basis.files else ""
            what = f"the manifests changed since the plan was made: {file}the document {name} {happened}"
            problems.append(Problem("stale-plan", what, f"{_NEXT}; variables count, too: pass the same --var"))
    return problems


def stale_entries(plan: Plan, state: State) -> list[Problem]:
    """Return which entries moved on that the plan touches, or began to depend on an object that it removes."""
    problems = []
    for address, before in sorted(plan.basis.entries.items()):
        if entry_digest(state.resources.get(address)) != before:
            happened = "appeared in the state" if not before else "changed in the state"
            happened = happened if address in state.resources else "left the state"
            problems.append(_stale(address, f"the object {happened} since the plan was made"))
    unknown = {change.address for change in plan.effective} - plan.basis.entries.keys()
    problems += [
        _stale(address, "the plan does not say for which entry of the state it was made") for address in unknown
    ]
    for address, now in dependents(plan.effective, state).items():
        new = sorted(set(now) - set(plan.basis.dependents.get(address, ())))
        if new:
            problems.append(_stale(address, f"{', '.join(new)} began to depend on the object since the plan was made"))
    return problems


def stale_objects(
    plan: Plan, kinds: Kinds, state: State, lives: Mapping[str, Live | None], changed: SecretChanged
) -> list[Problem]:
    """Return which live objects differ in something that the plan shows. An etag alone does not count."""
    drift = {item.address: item for item in plan.drift}
    problems: list[Problem] = []
    for change in plan.effective:
        if not change.deposed:
            problems += _stale_object(change, kinds, state, lives, changed, drift.get(change.address))
    return problems


def _stale_object(
    change: Change,
    kinds: Kinds,
    state: State,
    lives: Mapping[str, Live | None],
    changed: SecretChanged,
    drift: Drift | None,
) -> Iterator[Problem]:
    live, entry = lives.get(change.address), state.resources.get(change.address)
    if change.action is Action.CREATE:
        if live is not None:
            yield _stale(change.address, f"the object is there by now, as {live.id}")
        return
    if live is None:
        if change.calls:
            yield _stale(change.address, "the object was deleted since the plan was made")
        return
    if live.id != change.ident or entry is None:
        yield _stale(change.address, f"the object is {live.id}, and the plan was made for {change.ident}")
        return
    if change.action in (Action.DELETE, Action.FORGET):
        world = PlanInput({}, state, lives, kinds, changed, ())
        if _seen(drift) != _seen(drift_of(world, change.address)):
            yield _stale(change.address, "the object was changed since the plan was made")
        return
    if entry.kind != change.kind:
        return
    yield from _stale_fields(change, kinds[change.kind], entry.applied, live, changed)


def _stale_fields(change: Change, kind: Kind, applied: Tree, live: Live, changed: SecretChanged) -> Iterator[Problem]:
    """Compare again what an update or replace was made from: the same fields must take the same requests."""
    lens = Lens(kind, change.desired, change, changed)
    delta = lens.compare(applied, live.body)
    if _fields(delta.fields) != _fields(change.fields):
        yield _stale(change.address, f"the object was changed since the plan was made{_where(change, delta.fields)}")
    elif change.action is Action.UPDATE:
        calls = tuple(kind.update(live, delta.patch, change.desired))
        patch = tuple(step for call in calls for step in kind.described(call))
        sent = calls if change.initial is None else early_calls(kind, calls)
        if (sent, patch) != (change.calls, change.patch):
            yield _stale(change.address, "the requests of the plan are not those that make its changes now")
    elif change.suspends and change.requests and suspend_call(kind, live) != change.requests[0]:
        yield _stale(change.address, "the request of the plan that stops the old object is not the one needed now")


def _fields(fields: tuple[FieldChange, ...]) -> dict[tuple[str, ...], tuple[Tree, Tree] | None]:
    """Return both sides by path; of sensitive fields only that they change."""
    return {item.path: None if item.sensitive else (item.old, item.new) for item in fields}


def _where(change: Change, now: tuple[FieldChange, ...]) -> str:
    before, after = _fields(change.fields), _fields(now)
    both = before.keys() | after.keys()
    paths = sorted(".".join(path) for path in both if before.get(path, _NONE) != after.get(path, _NONE))
    return f": {', '.join(paths[:3])}"


_NONE = object()


def _seen(drift: Drift | None) -> list[tuple[Path, tuple[Tree, Tree] | None]] | None:
    if drift is None:
        return None
    return [(item.path, None if item.sensitive else (item.applied, item.live)) for item in drift.fields]


def _stale(address: str, what: str) -> Problem:
    return Problem("stale-plan", what, _NEXT, address=address)


def with_provenance(plan: Plan, declared: Mapping[str, Provenance], state: State) -> Plan:
    """Return the plan with the protections, labels and files of this moment: of the documents, else of the state.

    Guardrails and policies judge by them, so that a plan file cannot lift a protection.
    """
    entries = {address: entry.provenance for address, entry in state.resources.items()}
    changes = tuple(
        replace(item, provenance=declared.get(item.address) or entries.get(item.address) or item.provenance)
        for item in plan.changes
    )
    return replace(plan, changes=changes)


def current(plan: Plan, state: State, lives: Mapping[str, Live | None], kinds: Kinds, changed: SecretChanged) -> Plan:
    """Return the plan without the no-ops whose entry or object moved on: another run has written their state since."""
    kept = [item for item in plan.changes if not item.adopt or _adoptable(item, plan, state, lives, kinds, changed)]
    return plan if len(kept) == len(plan.changes) else replace(plan, changes=tuple(kept))


def _adoptable(
    change: Change, plan: Plan, state: State, lives: Mapping[str, Live | None], kinds: Kinds, changed: SecretChanged
) -> bool:
    entry, live = state.resources.get(change.address), lives.get(change.address)
    if entry is None or live is None or entry.kind != change.kind:
        return False
    if entry_digest(entry) != plan.basis.adopted.get(change.address):
        return False
    return not Lens(kinds[change.kind], change.desired, change, changed).compare(entry.applied, live.body)
