"""Plan and drift as plain JSON values, for people, pipelines and policies; no secret is in them. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.core.console import Place, console_url
from reconciler.core.display import shown
from reconciler.core.plan.model import Change, Drift, DriftField, Plan
from reconciler.core.pointers import pointer
from reconciler.core.values import MISSING, SENSITIVE, Tree

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
        **({"leftOut": list(plan.left_out)} if plan.left_out else {}),
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
