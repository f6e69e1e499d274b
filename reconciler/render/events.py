"""The events of a run, one JSON object each: `--format jsonl` prints a line for each as it happens. Pure.

`schemas/events.json` is the published schema: `reconciler schema events`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from reconciler.core.plan.drift_report import Report
from reconciler.core.plan.model import Plan
from reconciler.core.problems import Problem
from reconciler.render.json import FORMAT_VERSION, drift_document, finding, plan_document

Status = Literal["started", "waiting", "done", "failed", "skipped"]
_CHANGE = ("address", "kind", "action", "id", "reason", "link")

Result = Literal["ok", "changes", "failed", "refused", "interrupted"]
"""How a command ended: `changes` is drift, `refused` that the plan was not carried out."""


def start(command: str, version: str) -> dict[str, Any]:
    """Return the first event of a command."""
    return {"type": "start", "formatVersion": FORMAT_VERSION, "command": command, "version": version}


def plan_events(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield an event for each change that is not a no-op, and the plan with its counts, warnings and objections."""
    document = plan_document(plan)
    for change in document["changes"]:
        yield {"type": "change", **{name: change[name] for name in _CHANGE if name in change}}
    yield {
        "type": "plan",
        "warnings": document["warnings"],
        "objections": [str(problem) for problem in plan.objections],
        "summary": document["summary"],
    }


def step(status: Status, address: str, action: str, *, ident: str = "", text: str = "") -> dict[str, Any]:
    """Return the event of one step of a run: `ident` is the id of its object, `text` a reason or an error."""
    return {
        "type": "step",
        "status": status,
        "address": address,
        "action": action,
        **({"id": ident} if ident else {}),
        **({"message": text} if text else {}),
    }


def message(text: str) -> dict[str, Any]:
    """Return the event of a message for people."""
    return {"type": "message", "message": text}


def errors(problems: Sequence[Problem]) -> Iterator[dict[str, Any]]:
    """Yield an event for each finding that ends or interrupts a run."""
    yield from ({"type": "error", **finding(problem)} for problem in problems)


def drift_events(report: Report) -> Iterator[dict[str, Any]]:
    """Yield an event for each entry of a drift report, as `drift --format json` prints it."""
    document = drift_document(report)
    yield from ({"type": "drift", "drift": item} for item in document["drift"])
    yield from ({"type": "pending", **item} for item in document["pending"])
    yield from ({"type": "unmanaged", **item} for item in document.get("unmanaged", ()))
    yield from (message(note) for note in document["notes"])


def summary(
    command: str,
    result: Result,
    exit_code: int,
    counts: Mapping[str, int],
    left: Sequence[str] = (),
    environments: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the last event of a command.

    `counts` are the steps that were done, or the objects that drifted, by sort; `left` the addresses of the steps that
    were not carried out; `environments` the exit code of each environment where there are several.
    """
    return {
        "type": "summary",
        "command": command,
        "result": result,
        "exitCode": exit_code,
        "counts": dict(counts),
        "left": list(left),
        **({"environments": dict(environments)} if environments is not None else {}),
    }
