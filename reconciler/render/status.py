"""How dataflows fare, for people and pipelines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reconciler.core.plan.drift_report import PendingChange, by_document
from reconciler.core.runs import Dataflow, DataflowRun, Outputs
from reconciler.render.moments import moment

Paint = Callable[[str, str], str]

_STYLES = {"success": "green", "partial": "yellow", "failed": "red", "running": "cyan", "unknown": "yellow"}
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def text(flows: Iterable[Dataflow], now: int, paint: Paint, pending: Sequence[PendingChange] = ()) -> str:
    """Return the text for a terminal; `now` in ms since the epoch, `pending` are the changes that were not applied."""
    lines: list[str] = []
    waiting = by_document(pending)
    for flow in flows:
        state = paint({"enabled": "green", "missing": "red"}.get(flow.state, "yellow"), flow.state)
        lines.append(f"{paint('bold', flow.name)}  {state}  {flow.id}")
        lines += _pending(waiting.pop(flow.name, ()), paint)
        if flow.state == "missing":
            lines.append("  it was deleted outside: reconciler apply makes it again")
            continue
        if flow.leaving:
            lines.append(
                paint("red", "  the platform is deleting it: once it is gone, reconciler apply makes it again")
            )
        lines += [paint("yellow", f"  {note}") for note in flow.notes]
        if flow.operation.get("operation"):
            lines.append(f"  last operation: {flow.operation['operation']}")
        if flow.failure:
            lines.append(paint("red", f"  {flow.failure}"))
        lines += [line for run in flow.runs for line in _run(run, now, paint)]
        if not flow.runs:
            lines.append("  no run yet")
        since = flow.silent_since()
        if flow.state == "enabled" and since and not flow.last_data():
            lines.append(f"  no record came out since {moment(since, seconds=True)} ({ago(now - since)})")
    if not lines:
        lines.append("No dataflow has been applied.")
    lines += [line for name, changes in waiting.items() for line in (paint("bold", name), *_pending(changes, paint))]
    return "\n".join(lines) + "\n"


def _pending(changes: Sequence[PendingChange], paint: Paint) -> list[str]:
    """Return the line of the changes that were not applied; none where there are none."""
    words = ", ".join(f"{item.action} {item.address}" for item in changes)
    return [paint("yellow", f"  pending, not applied: {words}")] if changes else []


def _run(run: DataflowRun, now: int, paint: Paint) -> list[str]:
    when = f"{moment(run.at, seconds=True)} ({ago(now - run.at)} ago)" if run.at else "at an unknown time"
    parts = [f"{run.records_in:,} in", f"{run.records_out:,} out"]
    if run.records_failed:
        parts.append(paint("red", f"{run.records_failed:,} failed"))
    sizes = f"{size(run.bytes_in)} in, {size(run.bytes_out)} out"
    line = f"  {paint(_STYLES[run.outcome], run.outcome)}  {when}  records: {', '.join(parts)}; {sizes}"
    return [line, *(f"    {error}" for error in run.errors)]


def document(flows: Iterable[Dataflow], pending: Sequence[PendingChange] = ()) -> dict[str, Any]:
    """Return the document of `--format json`; times in ms since the epoch, None where they are not known."""
    waiting = by_document(pending)
    return {
        flow.name: {
            **_document(flow),
            "pending": [{"address": item.address, "action": item.action} for item in waiting.get(flow.name, ())],
        }
        for flow in flows
    }


def _document(flow: Dataflow) -> Mapping[str, Any]:
    return {
        "flowId": flow.id,
        "state": flow.state,
        "lastOperation": dict(flow.operation),
        "failure": flow.failure,
        "notes": list(flow.notes),
        "silentSince": flow.silent_since() if flow.state == "enabled" else None,
        "runs": [
            {
                "id": run.id,
                "status": run.outcome,
                "startedAt": run.started,
                "completedAt": run.completed,
                "records": {"in": run.records_in, "out": run.records_out, "failed": run.records_failed},
                "bytes": {"in": run.bytes_in, "out": run.bytes_out},
                "errors": list(run.errors),
            }
            for run in flow.runs
        ],
    }


def ago(ms: int) -> str:
    """Return a span of `ms` milliseconds in its two largest units."""
    parts = []
    left = max(ms, 0)
    for unit, word in _UNITS:
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count} {word}")
    return " ".join(parts[:2]) or "0 s"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def outputs_document(outputs: Mapping[str, Outputs]) -> dict[str, dict[str, Any]]:
    """Return what `outputs --format json` prints: `inletUrl` only where data is pushed to the dataflow."""
    return {
        name: {
            "flowId": item.flow_id,
            "state": item.state,
            **({"inletUrl": item.inlet_url} if item.inlet_url else {}),
            "ids": dict(item.ids),
        }
        for name, item in outputs.items()
    }
