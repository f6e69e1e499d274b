"""Saved plans <-> JSON, with a version: everything `apply` needs to do exactly what was shown, and no secret."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from reconciler.core.kind import Kinds
from reconciler.core.plan.model import Action, Basis, Change, Drift, DriftField, Plan
from reconciler.core.plan.signature import plan_digest
from reconciler.core.plan.typed import check_types
from reconciler.core.plan.verify import verify
from reconciler.core.plan.with_rules import with_rules
from reconciler.core.problems import Problem, StateError
from reconciler.core.resource import Call
from reconciler.core.rules import FieldChange
from reconciler.core.state.codec import (
    CARRIED,
    UNSEEN,
    Json,
    decode,
    encode,
    entry_json,
    entry_of,
    provenance_json,
    provenance_of,
)
from reconciler.core.values import MISSING, Tree

PLAN_FORMAT = "reconciler-plan"
PLAN_VERSION = 2

_BODIES = ("desired", "before", "after", "initial")
_FIELDS = {item.name: item for item in dataclasses.fields(Change) if item.name not in ("provenance", "rules")}


def plan_json(plan: Plan) -> Json:
    """Return a plan as it is saved."""
    return {
        "format": PLAN_FORMAT,
        "formatVersion": PLAN_VERSION,
        **{
            name: getattr(plan, name)
            for name in ("environment", "platform", "organization", "sandbox", "lineage", "serial", "destroy")
        },
        "scope": list(plan.scope),
        "leftOut": list(plan.left_out),
        "basis": _basis_json(plan.basis),
        **({"allowDelete": True} if plan.allow_delete else {}),
        **({"imports": {name: entry_json(entry) for name, entry in plan.imports.items()}} if plan.imports else {}),
        **({"removed": list(plan.removed)} if plan.removed else {}),
        "warnings": list(plan.warnings),
        "changes": [_change_json(change) for change in plan.changes],
        "drift": [_drift_json(item) for item in plan.drift],
        **({"snapshot": True} if plan.snapshot else {}),
    }


def plan_of(data: Any, source: str, kinds: Kinds) -> Plan:
    """Return the plan that `plan_json` wrote, with the rules of its `kinds`.

    Raises `StateError` when `source` is not a saved plan, of another version, or shows anything but what it will send.
    """
    try:
        if data["format"] != PLAN_FORMAT:
            raise ValueError("not a plan")  # noqa: TRY301
        if data["formatVersion"] > PLAN_VERSION:
            raise StateError(Problem("plan-too-new", f"{source} was saved by a newer reconciler", "upgrade reconciler"))
        if data["formatVersion"] < PLAN_VERSION:
            what = f"{source} was saved by an older reconciler, whose plans cannot be checked"
            raise StateError(Problem("plan-too-old", what, "plan again with: reconciler plan --out FILE"))
        data = json.loads(json.dumps(data))  # reading uses its containers up
        plan = Plan(
            **{
                name: data[name]
                for name in (
                    "environment",
                    "platform",
                    "organization",
                    "sandbox",
                    "lineage",
                    "serial",
                    "destroy",
                )
            },
            scope=tuple(data["scope"]),
            left_out=tuple(data["leftOut"]),
            basis=_basis_of(data["basis"]),
            digest=plan_digest(data),
            allow_delete=data.get("allowDelete") is True,
            imports={address: entry_of(item) for address, item in data.get("imports", {}).items()},
            removed=tuple(data.get("removed", ())),
            warnings=tuple(data["warnings"]),
            changes=tuple(_change_of(item) for item in data["changes"]),
            drift=tuple(_drift_of(item) for item in data["drift"]),
            snapshot=data.get("snapshot", False) is not False,
        )
        _check(plan)
        plan = with_rules(plan, kinds)
        verify(plan, kinds, source)
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise StateError(
            Problem(
                "plan-broken",
                f"{source} is not a usable saved plan: {type(error).__name__}: {error}",
                "make it again with: reconciler plan --out FILE",
            )
        ) from None
    return plan


def _check(plan: Plan) -> None:
    """Raise `ValueError` for a member of the wrong type: the file may be anybody's."""
    check_types(plan)
    check_types(plan.basis)
    for change in plan.changes:
        check_types(change)
        check_types(change.provenance)
        for field in change.fields:
            check_types(field)
        for call in (*change.calls, *change.requests):
            check_types(call)
    for item in plan.drift:
        check_types(item)
        for difference in item.fields:
            check_types(difference)


def _basis_json(basis: Basis) -> Json:
    return {
        item.name: dict(value) if isinstance(value := getattr(basis, item.name), Mapping) else value
        for item in dataclasses.fields(Basis)
        if item.name != "replace" or basis.replace
    }


def _basis_of(data: Json) -> Basis:
    values: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in data.items()}
    values["dependents"] = {name: tuple(part) for name, part in data["dependents"].items()}
    values["moved"] = tuple((old, new) for old, new in data["moved"])
    for name in ("documents", "files", "entries", "ids", "adopted", "variables"):
        values[name] = dict(data[name])
    return Basis(**values)


def _change_json(change: Change) -> Json:
    data: Json = {}
    for name, item in _FIELDS.items():
        value = getattr(change, name)
        if value == item.default:
            continue
        if name in _BODIES:
            value = encode(value)
        elif name == "patch":
            value = [encode(step) for step in value]
        elif name in ("calls", "requests"):
            value = [_call_json(call) for call in value]
        elif name == "fields":
            value = [
                [
                    list(field.path),
                    _seen(field, field.old),
                    _seen(field, field.new),
                    field.cause,
                    field.sensitive,
                ]
                for field in value
            ]
        elif name == "unchecked":
            value = [list(path) for path in value]
        elif isinstance(value, tuple):
            value = list(value)
        data[name] = value
    return data | provenance_json(change.provenance)


def _seen(field: FieldChange, value: Tree) -> Tree:
    """A sensitive side of a field is kept as a mark only; whether there is one is no secret."""
    if field.sensitive and value is not MISSING:
        return UNSEEN
    return encode(value)


def _change_of(data: Json) -> Change:
    values: dict[str, Any] = {"provenance": provenance_of(data)}
    for name, value in data.items():
        if name in CARRIED:
            continue
        if name in _BODIES:
            values[name] = decode(value)
        elif name == "action":
            values[name] = Action(value)
        elif name == "patch":
            values[name] = tuple(decode(step) for step in value)
        elif name in ("calls", "requests"):
            values[name] = tuple(_call_of(call) for call in value)
        elif name == "fields":
            values[name] = tuple(
                FieldChange(tuple(path), decode(old), decode(new), cause, sensitive)
                for path, old, new, cause, sensitive in value
            )
        elif name == "unchecked":
            values[name] = tuple(tuple(path) for path in value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return Change(**values)


def _call_json(call: Call) -> Json:
    data: Json = {"method": call.method, "path": call.path}
    if call.body is not None:
        data["body"] = encode(call.body)
    if call.query:
        data["query"] = [list(pair) for pair in call.query]
    if call.guarded:
        data["guarded"] = True
    if call.headers:
        data["headers"] = [list(pair) for pair in call.headers]
    return data


def _call_of(data: Json) -> Call:
    return Call(
        data["method"],
        data["path"],
        decode(data.get("body")),
        tuple((key, value) for key, value in data.get("query", ())),
        data.get("guarded", False),
        tuple((key, value) for key, value in data.get("headers", ())),
    )


_DRIFT = ("address", "kind", "ident", "status", "updated_by", "updated_at", "client", "reason", "note")


def _drift_json(drift: Drift) -> Json:
    return {
        **{name: getattr(drift, name) for name in _DRIFT},
        "fields": [
            [
                list(field.path),
                *(UNSEEN if field.sensitive else encode(side) for side in (field.applied, field.live, field.desired)),
                field.sensitive,
                field.cause,
            ]
            for field in drift.fields
        ],
        "unchecked": [list(path) for path in drift.unchecked],
    }


def _drift_of(data: Mapping[str, Any]) -> Drift:
    fields = tuple(
        DriftField(tuple(path), decode(applied), decode(live), decode(desired), *rest)
        for path, applied, live, desired, *rest in data["fields"]
    )
    unchecked = tuple(tuple(path) for path in data.get("unchecked", ()))
    return Drift(**{**data, "fields": fields, "unchecked": unchecked})
