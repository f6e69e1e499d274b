"""The report for GitLab's Terraform widget."""

from __future__ import annotations

import json
from pathlib import Path


def write_counts(changes: Path, counts: Path) -> None:
    """Read `show --format json` from `changes`; write how much is created, updated and deleted to `counts`.

    A replace counts as a create and a delete, because the widget knows only three numbers.
    """
    summary = json.loads(changes.read_text(encoding="utf-8"))["summary"]
    replaced = summary["replace"]
    widget = {
        "create": summary["create"] + replaced,
        "update": summary["update"],
        "delete": summary["delete"] + replaced,
    }
    counts.write_text(json.dumps(widget), encoding="utf-8")
