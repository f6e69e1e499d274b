"""Plan, drift and state as one JSON document; secrets never appear."""

from __future__ import annotations

import json
from typing import Any

from reconciler.core.display import shown
from reconciler.core.plan.document import FORMAT_VERSION, drift_item, plan_document
from reconciler.core.plan.drift_report import STATUSES, PendingChange, Report
from reconciler.core.problems import Problem
from reconciler.core.state.codec import entry_json
from reconciler.core.state.model import Entry

__all__ = ["FORMAT_VERSION", "drift_document", "drift_item", "entry_document", "finding", "plan_document", "text"]


def text(document: Any) -> str:
    """Return `document` as JSON for a pipe or a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def drift_document(report: Report) -> dict[str, Any]:
    """Return a drift report as `drift --format json` prints it."""
    counts = dict.fromkeys(STATUSES, 0)
    for item in report.drift:
        counts[item.status] += 1
    document: dict[str, Any] = {
        "formatVersion": FORMAT_VERSION,
        "environment": report.environment,
        "drift": [drift_item(item) for item in report.drift],
        "pending": [pending_item(item) for item in report.pending],
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


def pending_item(item: PendingChange) -> dict[str, Any]:
    """Return one change that was not applied and its known commits; times are in ms since the epoch."""
    commits = [
        {"id": commit.id, "at": commit.at, "author": commit.author, "subject": commit.subject}
        for commit in item.commits
    ]
    return {
        "address": item.address,
        "action": item.action,
        **({"since": item.since} if item.since is not None else {}),
        **({"commits": commits} if commits else {}),
    }


def entry_document(address: str, entry: Entry) -> dict[str, Any]:
    """Return one state entry as `state show --format json` prints it, fingerprints as `(sensitive)`."""
    return {"address": address, **entry_json(entry), "applied": shown(entry.applied)}


def finding(problem: Problem) -> dict[str, Any]:
    """Return one finding as `validate --format json` and the events of a run print it."""
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.what,
        "advice": problem.next,
        "file": problem.span.file if problem.span else None,
        "line": problem.span.line if problem.span else None,
        "column": problem.span.column if problem.span else None,
        "address": problem.address,
    }
