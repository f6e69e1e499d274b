"""Plan and drift as plain JSON values, for people, pipelines and policies; no secret is in them. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.core.compare.views import mask
from reconciler.core.console import Place, console_url
from reconciler.core.display import shown
from reconciler.core.plan.model import Change, Drift, DriftField, Plan
from reconciler.core.pointers import pointer
from reconciler.core.resource import Call
from reconciler.core.state.model import Entry
from reconciler.core.trees import leaves, of_kind
from reconciler.core.values import MISSING, SENSITIVE, Secret, Tree

FORMAT_VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as `plan --format json` prints it: only changes that are not no-ops are listed."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": plan.environment,
        "changes": [_change(change, plan) for change in plan.effective],
        "drift": [drift_item(item) for item in plan.drift],
        "warnings": list(plan.warnings),
        "summary": {str(action): count for action, count in plan.summary().items()},
        **({"destroy": True} if plan.destroy else {}),
        **({"leftOut": list(plan.left_out)} if plan.left_out else {}),
        **({"allowDelete": True} if plan.allow_delete else {}),
        **({"imports": [_import(*item) for item in sorted(plan.imports.items())]} if plan.imports else {}),
        **({"moved": [{"from": old, "to": new} for old, new in plan.basis.moved]} if plan.basis.moved else {}),
        **({"variables": dict(plan.basis.variables)} if plan.basis.variables else {}),
        **({"recorded": [_recorded(change) for change in plan.adopted]} if plan.adopted else {}),
        **({"digest": plan.digest} if plan.digest else {}),
    }


def _import(address: str, entry: Entry) -> dict[str, Any]:
    """Return one existing object that the plan binds to an address."""
    return {"address": address, "kind": entry.kind, "id": entry.id}


def _recorded(change: Change) -> dict[str, Any]:
    """Return a no-op that writes something into the state."""
    return {"address": change.address, "file": change.file, "declared": shown(mask(change.desired, change.sensitive))}


def call_document(call: Call) -> dict[str, Any]:
    """Return a request with everything that is sent; of secrets the names, by their place in the body."""
    names = secret_names(call.body)
    return {
        "method": call.method,
        "path": call.path,
        **({"query": [list(pair) for pair in call.query]} if call.query else {}),
        **({"headers": [list(pair) for pair in call.headers]} if call.headers else {}),
        **({"ifMatch": True} if call.guarded else {}),
        **({"body": shown(call.body)} if call.body is not None else {}),
        **({"secrets": names} if names else {}),
    }


def secret_names(body: Tree) -> dict[str, str]:
    """Return the secrets in a body by their place: the manifest's text with `<NAME>` for each, or `(sensitive)`."""
    if not of_kind(body, Secret):
        return {}
    return {
        pointer(path): SENSITIVE if leaf.literal else leaf.template.replace("${secret.", "<").replace("}", ">")
        for path, leaf in leaves(body)
        if isinstance(leaf, Secret)
    }


def _change(change: Change, place: Place) -> dict[str, Any]:
    link = console_url(place, change.rules.page, change.ident or "")
    return {
        "address": change.address,
        "kind": change.rules.reported_as or change.kind,
        "action": str(change.action),
        "id": change.ident,
        "reason": change.reason,
        "before": shown(change.before),
        "after": shown(change.after),
        "patch": [shown(step) for step in change.patch],
        "calls": [call_document(call) for call in change.every_call],
        "replacePaths": list(change.replace_paths),
        **({"reasonCodes": dict(change.reason_codes)} if change.replace_paths else {}),
        **({"labels": dict(change.labels)} if change.labels else {}),
        **({"link": link} if link else {}),
    }


def drift_item(item: Drift) -> dict[str, Any]:
    """Return one drifted object as plans and drift reports print it."""
    return {
        "address": item.address,
        "kind": item.rules.reported_as or item.kind,
        "id": item.ident,
        "status": item.status,
        "fields": [_field(field) for field in item.fields],
        "updatedBy": item.updated_by,
        "updatedAt": item.updated_at,
        "updatedClient": item.client,
        "causes": {pointer(field.path): field.cause for field in item.fields if item.status != "unchecked"},
        "unchecked": [pointer(path) for path in item.unchecked],
        **({"reason": item.reason} if item.reason else {}),
        **({"note": item.note} if item.note else {}),
    }


def _field(field: DriftField) -> dict[str, Any]:
    def side(value: Tree) -> Tree:
        if value is MISSING:
            return None
        return SENSITIVE if field.sensitive else shown(value)

    return {
        "path": pointer(field.path),
        "applied": side(field.applied),
        "live": side(field.live),
        "desired": side(field.desired),
    }
