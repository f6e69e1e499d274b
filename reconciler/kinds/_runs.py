"""Runs of a dataflow, read in one shape (flow-service.yaml, destinations.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.abilities import whole_number
from reconciler.core.answers import LIST, Object
from reconciler.core.runs import DataflowRun, Outcome

SHAPE = Object(
    may=(
        (
            "metrics",
            Object(
                may=(
                    ("durationSummary", Object()),
                    ("sizeSummary", Object()),
                    ("recordSummary", Object(may=(("failedInfo", LIST),))),
                    ("statusSummary", Object(may=(("errors", LIST),))),
                )
            ),
        ),
    )
)
_WORDS: Mapping[str, Outcome] = {
    "success": "success",
    "completed": "success",
    "partialsuccess": "partial",
    "partialfailure": "partial",
    "failed": "failed",
    **dict.fromkeys(("inprogress", "processing", "waiting", "queued", "scheduled", "pending"), "running"),
}


def run_of(body: Mapping[str, Any]) -> DataflowRun:
    """Return a run from its body; every member of its metrics may be missing (monitor.md)."""
    metrics = body.get("metrics") or {}
    spans, sizes = metrics.get("durationSummary") or {}, metrics.get("sizeSummary") or {}
    records, status = metrics.get("recordSummary") or {}, metrics.get("statusSummary") or {}
    word = str(status.get("status", "")).lower().replace("_", "")
    errors = [*(status.get("errors") or ()), *(records.get("failedInfo") or ())]
    return DataflowRun(
        id=str(body.get("id", "")),
        outcome=_WORDS.get(word, "unknown"),
        started=whole_number(spans.get("startedAtUTC")) or whole_number(body.get("createdAt")),
        completed=whole_number(spans.get("completedAtUTC")) or whole_number(spans.get("stoppedAtUTC")) or None,
        records_in=_count(records.get("inputRecordCount")),
        records_out=_count(records.get("outputRecordCount")),
        records_failed=_count(records.get("failedRecordCount")),
        bytes_in=_count(sizes.get("inputBytes")),
        bytes_out=_count(sizes.get("outputBytes")),
        errors=tuple(dict.fromkeys(_text(item) for item in errors)),
    )


def _count(value: Any) -> int:
    """Return a count that may come as a number, as its text, or not at all."""
    return whole_number(value) or 0


def _text(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    count = f" ({error['count']} times)" if error.get("count") else ""
    return f"{error.get('code', '')} {error.get('message', '')}".strip() + count
