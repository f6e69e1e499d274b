"""Plan, drift and state as one JSON document; secrets never appear."""

from __future__ import annotations

import json
from typing import Any

from reconciler.core.plan.drift_report import STATUSES, Report
from reconciler.core.plan.model import Change, Drift, DriftField, Plan
from reconciler.core.state.codec import entry_json
from reconciler.core.state.model import Entry
from reconciler.core.values import MISSING, SENSITIVE, Tree, pointer, shown

FORMAT_VERSION = 1
_KINDS = {"AdHocSchema": "Schema"}  # to whoever reads a plan, one sort of schema


def text(document: Any) -> str:
    """Return `document` as JSON for a pipe or a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as `plan --format json` prints it: only changes that are not no-ops are listed."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": plan.environment,
        "changes": [_change(change) for change in plan.effective],
        "drift": [_drift(item) for item in plan.drift],
        "warnings": list(plan.warnings),
        "summary": dict(plan.summary()),
        **({"leftOut": list(plan.left_out)} if plan.left_out else {}),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "address": change.address,
        "kind": _KINDS.get(change.kind, change.kind),
        "action": str(change.action),
        "id": change.ident,
        "reason": change.reason,
        "before": shown(change.before),
        "after": shown(change.after),
        "patch": [shown(step) for step in change.patch],
        "replacePaths": list(change.replace_paths),
        **({"labels": dict(change.labels)} if change.labels else {}),
    }


def drift_document(report: Report) -> dict[str, Any]:
    """Return a drift report as `drift --format json` prints it."""
    counts = dict.fromkeys(STATUSES, 0)
    for item in report.drift:
        counts[item.status] += 1
    document: dict[str, Any] = {
        "formatVersion": FORMAT_VERSION,
        "environment": report.environment,
        "drift": [_drift(item) for item in report.drift],
        "pending": list(report.pending),
        "notes": list(report.notes),
        "summary": counts,
    }
    if report.unmanaged is not None:
        document["unmanaged"] = [
            {
                "kind": item.kind,
                "id": item.id,
                "name": item.name,
                "updatedBy": item.updated_by,
                "updatedAt": item.updated_at,
            }
            for item in report.unmanaged
        ]
    return document


def _drift(item: Drift) -> dict[str, Any]:
    return {
        "address": item.address,
        "kind": _KINDS.get(item.kind, item.kind),
        "id": item.ident,
        "status": item.status,
        "fields": [_field(field) for field in item.fields],
        "updatedBy": item.updated_by,
        "updatedAt": item.updated_at,
        "updatedClient": item.client,
        "causes": {pointer(field.path): field.cause for field in item.fields if item.status != "unchecked"},
        "unchecked": [pointer(path) for path in item.unchecked],
        **({"reason": item.reason} if item.reason else {}),
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


def entry_document(address: str, entry: Entry) -> dict[str, Any]:
    """Return one state entry as `state show --format json` prints it, fingerprints as `(sensitive)`."""
    return {"address": address, **entry_json(entry), "applied": shown(entry.applied)}
