"""Judges a saved plan by itself: everything it shows must follow from what it will send. Pure."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from reconciler.core.call_path import path_fault
from reconciler.core.compare.views import mask
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.plan.requests import with_requests
from reconciler.core.problems import Problem, StateError
from reconciler.core.resource import Call, Live
from reconciler.core.trees import of_kind, without_nulls
from reconciler.core.values import Fingerprint, Ref

_MADE = (Action.CREATE, Action.REPLACE)


def verify(plan: Plan, kinds: Kinds, source: str) -> None:
    """Raise `StateError` when a change of a plan read from `source` shows anything but what it will send."""
    for change in plan.changes:
        fault = _fault(change, kinds[change.kind], _old_kind(change, kinds))
        if fault is not None:
            what = f"{source}: the plan file was changed: {change.address}: {fault}"
            raise StateError(Problem("plan-changed", what, "plan again, and review what it shows"))


def _old_kind(change: Change, kinds: Kinds) -> Kind:
    """Return the kind of the live object, which differs from that of the change where a document changed its kind."""
    named = next((item.old for item in change.fields if item.path == ("kind",)), None)
    return kinds.get(named, kinds[change.kind]) if isinstance(named, str) else kinds[change.kind]


def _fault(change: Change, kind: Kind, old: Kind) -> str | None:
    """Return in which way a change does not agree with itself, None where it does; `old` is the kind of the object."""
    for call in change.every_call + change.calls:
        if (fault := path_fault(call.path)) is not None:
            return f"{call.method} {call.path!r}: {fault}"
    if of_kind([change.desired, change.initial, *(call.body for call in change.every_call)], Fingerprint):
        return "a fingerprint is not sent"
    if (change.deposed or change.suspends) and change.action not in (Action.DELETE, Action.REPLACE):
        return f"a change of action {change.action} has no old object"
    if change.adopt and change.action is not Action.NOOP:
        return "only a no-op writes to the state alone"
    if lacking := {ref.address for ref in of_kind(change.desired, Ref)}.difference(change.dependencies):
        return f"it refers to {min(lacking)}, which is not among its dependencies"
    if change.action in _MADE:
        return _made_fault(change, kind, old)
    if change.requests:
        return "the requests are not those of the change"
    if change.action is Action.UPDATE:
        return _updated_fault(change, kind)
    if change.action is Action.NOOP:
        return "a no-op sends nothing" if change.calls or change.fields or change.patch else None
    return _removed_fault(change, kind)


def _after_fault(change: Change) -> str | None:
    expected = mask(without_nulls(change.desired), change.sensitive)
    return None if change.after == expected else "the body shown is not the body sent"


def _made_fault(change: Change, kind: Kind, old: Kind) -> str | None:
    """A create or replace: its calls follow from the desired body, and its requests begin and end as they must."""
    if change.patch or change.desired is None:
        return "a new object is made from its whole body"
    if fault := _after_fault(change):
        return fault
    if change.action is Action.CREATE and (change.fields or change.replace_paths or change.before is not None):
        return "a new object has no earlier values"
    first = kind.create(change.desired if change.initial is None else change.initial)
    if change.calls != (first,):
        return "the request shown is not the one that creates the object"
    bare = replace(change, requests=())
    expected = with_requests(kind, kind, bare, None).every_call
    found = change.every_call
    if change.action is Action.REPLACE:
        found, fault = _around(change, old, found)
        if fault:
            return fault
    return None if found == expected else "the requests shown are not those that follow from the body"


def _around(change: Change, kind: Kind, found: tuple[Call, ...]) -> tuple[tuple[Call, ...], str | None]:
    """Return the requests of a replace without those to the old object, and what is wrong with these."""
    if not change.ident:
        return found, "a replace names its old object"
    last = kind.delete(Live(change.ident, etag=change.etag))
    if last is not None:
        if not found or found[-1] != last:
            return found, "the request that deletes the old object is not shown"
        found = found[:-1]
    if change.suspends:
        if not found or f"/{quote(change.ident, safe='')}" not in found[0].path:
            return found, "the request that stops the old object is not shown"
        found = found[1:]
    return found, None


def _updated_fault(change: Change, kind: Kind) -> str | None:
    if fault := _after_fault(change):
        return fault
    if not change.ident:
        return "an update names its object"
    if not change.fields:
        return "an update names the fields it changes"
    if change.initial is None and change.patch != tuple(step for call in change.calls for step in kind.described(call)):
        return "the patch shown is not the one that is sent"
    return None


def _removed_fault(change: Change, kind: Kind) -> str | None:
    if change.desired is not None or change.after is not None or change.fields or change.patch:
        return "an object that leaves has no new values"
    if not change.calls:
        return None
    if change.action is Action.FORGET:
        return "nothing is sent to an object that is forgotten"
    expected = kind.delete(Live(change.ident or "", etag=change.etag))
    return None if change.calls == (expected,) else "the request shown is not the one that deletes the object"
