"""State, journal records and saved plans <-> JSON, in one place, with versions.

Leaves that are not JSON are written under keys no API uses: `$reconciler/ref`, `$reconciler/secret` (the
template, never a value) and `$reconciler/fingerprint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from reconciler.core.compare import alike, exactly
from reconciler.core.diff import FieldChange
from reconciler.core.migrations import migrate
from reconciler.core.plan import Action, Change, Drift, DriftField, Plan
from reconciler.core.problems import Problem, ReconcilerError, StateError
from reconciler.core.resource import Call, Resource
from reconciler.core.state import VERSION, Deposed, Entry, Pending, Record, State, shared_outputs
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret, Tree, transform

Json = dict[str, Any]
_NOTHING: Json = {}

PLAN_FORMAT = "reconciler-plan"
PLAN_VERSION = 1

_MARK = "$reconciler/"
_REF, _SECRET, _PRINT, _MISSING = (
    "$reconciler/ref",
    "$reconciler/secret",
    "$reconciler/fingerprint",
    "$reconciler/missing",
)


def encode(tree: Tree) -> Tree:
    """Return `tree` as plain JSON. Raises `ReconcilerError` for a literal secret, which must rest nowhere."""
    return transform(tree, leaf_json)


def leaf_json(value: Tree) -> Tree:
    """Return a leaf as plain JSON. Raises `ReconcilerError` for a literal secret."""
    if isinstance(value, Ref):
        return {_REF: [value.address, value.field]}
    if isinstance(value, Fingerprint):
        return {_PRINT: value.digest}
    if value is MISSING:
        return {_MISSING: True}
    if isinstance(value, Secret):
        if value.literal:
            raise ReconcilerError(
                Problem(
                    "literal-secret",
                    "a secret written out in a manifest cannot be saved in a file",
                    "put it into a ${secret.NAME}, or apply without a saved plan",
                )
            )
        return {_SECRET: value.template}
    return value


def decode(tree: Tree) -> Tree:
    """Return the tree that `encode` wrote. The containers of `tree` are used, not copied: a state may be large."""
    if type(tree) is dict:
        if len(tree) == 1:
            ((key, value),) = tree.items()
            if key.startswith(_MARK):
                return _marked(key, value)
        for key, value in tree.items():
            if type(value) is dict or type(value) is list:
                tree[key] = decode(value)
    elif type(tree) is list:
        for index, value in enumerate(tree):
            if type(value) is dict or type(value) is list:
                tree[index] = decode(value)
    return tree


def _marked(key: str, value: Tree) -> Tree:
    if key == _REF:
        return Ref(*value)
    if key == _PRINT:
        return Fingerprint(value)
    if key == _SECRET:
        return Secret(value)
    return MISSING if key == _MISSING else {key: decode(value)}


# -- state -------------------------------------------------------------------------------------------------------
def entry_json(entry: Entry, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an entry as it stands in the state file; optional members only where they say something.

    A writer that sees to leaves itself (`leaf_json`) passes another `encode`, which need not copy.
    """
    data: Json = {
        "kind": entry.kind,
        "id": entry.id,
        "etag": entry.etag,
        "file": entry.file,
        "applied": encode(entry.applied),
        "dependencies": list(entry.dependencies),
    }
    if entry.protect:
        data["protect"] = True
    if entry.allow_data_loss:
        data["allowDataLoss"] = True
    if entry.labels:
        data["labels"] = dict(entry.labels)
    if entry.outputs:
        data["outputs"] = dict(entry.outputs)
    if entry.deposed:
        data["deposed"] = [
            {"id": old.id, "kind": old.kind, "dependencies": list(old.dependencies)} for old in entry.deposed
        ]
    return data


def entry_of(data: Json, like: Resource | None = None) -> Entry:
    """Return the entry that `entry_json` wrote; where it says the same as the resource `like`, in that one's objects.

    Ten thousand dataflows need not be held twice.
    """
    dependencies: tuple[str, ...] = tuple(data.get("dependencies", ()))
    applied, labels = data.get("applied"), data.get("labels") or _NOTHING
    if like is not None and exactly(applied, like.body):  # as most are; a body as it stands in a manifest has no marks
        applied = like.body
    else:
        applied = decode(applied) if like is None else alike(decode(applied), like.body)
    if like is not None:
        dependencies = like.dependencies if dependencies == like.dependencies else dependencies
        labels = like.labels if labels == like.labels else labels
    return Entry(
        kind=intern(data["kind"]),
        id=intern(data["id"]),
        etag=data.get("etag"),
        file=intern(data.get("file", "")),
        applied=applied,
        dependencies=dependencies,
        protect=data.get("protect", False),
        allow_data_loss=data.get("allowDataLoss", False),
        labels=labels,
        outputs=shared_outputs(data.get("outputs")),
        deposed=tuple(
            Deposed(old["id"], old.get("kind", data["kind"]), tuple(old.get("dependencies", ())))
            for old in data.get("deposed", ())
        ),
    )


def pending_json(pending: Pending, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an intent as it stands in the state file and the journal."""
    values = {item.name: getattr(pending, item.name) for item in dataclasses.fields(pending)}
    data = {key: value for key, value in values.items() if value or (value == 0 and value is not False)}
    data["body"] = encode(pending.body)
    data["dependencies"] = list(pending.dependencies)
    return data


def pending_of(data: Json) -> Pending:
    """Return the intent that `pending_json` wrote."""
    values = dict(data)
    values["body"] = decode(data.get("body"))
    values["dependencies"] = tuple(data.get("dependencies", ()))
    return Pending(**values)


def state_json(state: State, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return the state file's content (design: version, lineage, serial, environment, platform, …)."""
    return {
        "version": VERSION,
        "lineage": state.lineage,
        "serial": state.serial,
        "environment": state.environment,
        "platform": state.platform,
        "organization": state.organization,
        "sandbox": state.sandbox,
        "resources": {address: entry_json(entry, encode) for address, entry in state.resources.items()},
        "pending": {address: pending_json(item, encode) for address, item in state.pending.items()},
    }


def state_of(data: Any, source: str) -> State:
    """Return the state that `state_json` wrote; `source` names the file in errors.

    Raises `StateError` when it is not a state, broken, or of a newer version.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise too_new(source, version)
    try:
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"no known state version ({version!r})")  # noqa: TRY301
        data = migrate(data, version)
        return State(
            lineage=str(data["lineage"]),
            environment=str(data["environment"]),
            platform=str(data["platform"]),
            organization=str(data["organization"]),
            sandbox=str(data["sandbox"]),
            serial=int(data["serial"]),
            resources={address: entry_of(item) for address, item in data["resources"].items()},
            pending={address: pending_of(item) for address, item in data.get("pending", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(
            Problem(
                "state-broken",
                f"{source} is not a usable state file: {type(error).__name__}: {error}",
                "restore it from its backup, an earlier version or git; nothing was changed",
            )
        ) from None


def too_new(source: str, version: int) -> StateError:
    """Return the error about a file that a later version wrote."""
    what = f"{source} was written by a newer reconciler (state version {version}, this one knows {VERSION})"
    return StateError(Problem("state-too-new", what, "upgrade reconciler"))


def record_json(record: Record, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return one journal line as JSON."""
    data: Json = {"event": record.event, "address": record.address}
    if record.entry is not None:
        data["entry"] = entry_json(record.entry, encode)
    if record.pending is not None:
        data["pending"] = pending_json(record.pending, encode)
    if record.ident is not None:
        data["id"] = record.ident
    if record.to is not None:
        data["to"] = record.to
    return data


def record_of(data: Json) -> Record:
    """Return the record that `record_json` wrote."""
    return Record(
        event=data["event"],
        address=data["address"],
        entry=entry_of(data["entry"]) if "entry" in data else None,
        pending=pending_of(data["pending"]) if "pending" in data else None,
        ident=data.get("id"),
        to=data.get("to"),
    )


# -- saved plans -------------------------------------------------------------------------------------------------
_BODIES = ("desired", "before", "after", "first")
_FIELDS = {item.name: item for item in dataclasses.fields(Change)}


def plan_json(plan: Plan) -> Json:
    """Return a plan as it is saved: everything `apply` needs to do exactly what was shown, and no secret."""
    return {
        "format": PLAN_FORMAT,
        "formatVersion": PLAN_VERSION,
        **{
            name: getattr(plan, name)
            for name in ("environment", "platform", "organization", "sandbox", "lineage", "serial", "destroy")
        },
        "scope": list(plan.scope),
        "leftOut": list(plan.left_out),
        "manifests": dict(plan.manifests),
        "warnings": list(plan.warnings),
        "changes": [_change_json(change) for change in plan.changes],
        "drift": [_drift_json(item) for item in plan.drift],
    }


def plan_of(data: Any, source: str) -> Plan:
    """Return the plan that `plan_json` wrote. Raises `StateError` when `source` is no plan, or of a newer version."""
    try:
        if data["format"] != PLAN_FORMAT:
            raise ValueError("not a plan")  # noqa: TRY301
        if data["formatVersion"] > PLAN_VERSION:
            raise StateError(Problem("plan-too-new", f"{source} was saved by a newer reconciler", "upgrade reconciler"))
        return Plan(
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
            left_out=tuple(data.get("leftOut", ())),
            manifests=dict(data.get("manifests", {})),
            warnings=tuple(data["warnings"]),
            changes=tuple(_change_of(item) for item in data["changes"]),
            drift=tuple(_drift_of(item) for item in data["drift"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(
            Problem(
                "plan-broken",
                f"{source} is not a usable saved plan: {type(error).__name__}: {error}",
                "make it again with: reconciler plan --out FILE",
            )
        ) from None


def _change_json(change: Change) -> Json:
    data: Json = {}
    for name, item in _FIELDS.items():
        value = getattr(change, name)
        if value == item.default or (name == "labels" and not value):
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
    return data


def _seen(field: FieldChange, value: Tree) -> Tree:
    """A sensitive side of a field is kept as a mark only; whether there is one is no secret."""
    if field.sensitive and value is not MISSING:
        return {_SECRET: ""}
    return encode(value)


def _change_of(data: Json) -> Change:
    values: dict[str, Any] = {}
    for name, value in data.items():
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
        elif name == "labels":
            values[name] = dict(value)
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


_DRIFT = ("address", "kind", "ident", "status", "updated_by", "updated_at", "client", "reason")


def _drift_json(drift: Drift) -> Json:
    return {
        **{name: getattr(drift, name) for name in _DRIFT},
        "fields": [
            [
                list(field.path),
                *(
                    {_SECRET: ""} if field.sensitive else encode(side)
                    for side in (field.applied, field.live, field.desired)
                ),
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
