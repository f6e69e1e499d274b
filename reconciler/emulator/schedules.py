"""The rules of a flow's schedule (flow-service.yaml, export-datasets.md; the facts in `specs/platform.yaml`)."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.storage import Json
from reconciler.emulator.wire import now_ms


def problem(kind: str, limits: Json, params: Any) -> str | None:
    """Return what is wrong with `scheduleParams`, or None."""
    if not isinstance(params, dict) or not params:
        return "scheduleParams is required by the flow spec"
    for item in limits["params"]:
        name, value = item["name"], params.get(item["name"])
        if value is None:
            if item.get("required"):
                return f"scheduleParams.{name} is required"
        elif item.get("values") and value not in item["values"]:
            return f"scheduleParams.{name} must be one of {item['values']}"
        elif item.get("type") == "integer" and number(value) is None:
            return f"scheduleParams.{name} must be a whole number"
    return _interval_problem(limits, params) if kind == "batch-periodic" else None


def _interval_problem(limits: Json, params: Json) -> str | None:
    frequency, interval = params["frequency"], number(params.get("interval"))
    if frequency == "once":
        return "scheduleParams.backfill must be left out with frequency once" if "backfill" in params else None
    least = limits["minimumInterval"][frequency]
    if interval is None or interval == 0:
        return f"scheduleParams.interval is required with frequency {frequency}, and not 0"
    return f"scheduleParams.interval must be {least} or more with frequency {frequency}" if interval < least else None


def start_problem(old: Any, new: Any) -> str | None:
    """Return that a start time cannot move because it has passed, or None."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None
    before, after = number(old.get("startTime")), number(new.get("startTime"))
    if before is None or before == after or before > now_ms() // 1000:
        return None
    return "scheduleParams.startTime has passed and cannot change"


def number(value: Any) -> int | None:
    """Return a whole number that the platform takes as such: an integer, or the text of one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = value if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
