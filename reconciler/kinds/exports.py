"""What dataflows hand to destinations: each audience and attribute, for policies to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from reconciler.core.display import shown
from reconciler.core.plan.model import Action, Change
from reconciler.core.selector import Selector, Selectors
from reconciler.core.values import Wire
from reconciler.kinds.selectors import FLOW, SELECTORS

_GONE = (Action.DELETE, Action.FORGET)


def exports(
    changes: Iterable[Change], labels: Mapping[str, Sequence[str]], rows: Selectors = SELECTORS
) -> list[dict[str, Any]]:
    """Return what will be handed out once `changes` are carried out, those of no-ops included.

    `labels` are those of attributes, by path or pattern; `rows` are the lists to look at. The lists of other objects
    (mapped attributes) are handed out where the flow of their document hands out something.
    """
    left = [change for change in changes if change.action not in _GONE and change.desired]
    told = [row for row in rows if row.exported_as]
    of_flows = [row for row in told if row.kind == FLOW]
    handing = {
        change.document for change in left if change.kind == FLOW and any(row.is_in(change.desired) for row in of_flows)
    }
    others = [row for row in told if row.kind != FLOW]
    return [
        _export(change, row, value, labels)
        for group in (of_flows, others)
        for change in left
        if change.document in handing
        for row in group
        if row.kind == change.kind
        for value in row.members(change.desired)
    ]


def _export(
    change: Change, row: Selector, value: Mapping[str, Wire], labels: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    path = next((value[name] for name in row.exported_path if name in value), None)
    whole = row.value != ""  # a row of a mapping set has an id and a name of its own, not the attribute's
    carried = [
        label
        for pattern, names in labels.items()
        if isinstance(path, str) and fnmatchcase(path, pattern)
        for label in names
    ]
    return {
        "address": change.address,
        "document": change.document,
        "labels": dict(change.labels),
        "type": row.exported_as,
        "id": shown(value.get("id")) if whole else None,
        "name": value.get("name") if whole else None,
        "path": path,
        "dataLabels": list(dict.fromkeys(carried)),
    }
