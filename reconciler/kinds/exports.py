"""What dataflows hand to destinations: each audience and attribute, for policies to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from reconciler.core.display import shown
from reconciler.core.plan.model import Action, Change
from reconciler.core.values import Tree

_GONE = (Action.DELETE, Action.FORGET)


def exports(changes: Iterable[Change], labels: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return what will be handed out once `changes` are carried out, those of no-ops included.

    `labels` are those of attributes, by path or pattern. Audiences and attributes stand in the selectors of a flow
    (seed-dst), mapped attributes in the mapping set of its document (api-facts 7.3).
    """
    left = [change for change in changes if change.action not in _GONE and change.desired]
    found: list[dict[str, Any]] = []
    handing: set[str] = set()
    for change in left:
        if change.kind == "Flow":
            for kind, value in _selected(change.desired):
                handing.add(change.document)
                found.append(_export(change, kind, value, labels))
            if any("segmentSelectors" in params for params in _params(change.desired)):
                handing.add(change.document)
    for change in left:
        if change.kind == "MappingSet" and change.document in handing:
            for row in change.desired.get("mappings") or ():
                path = row.get("source", row.get("sourceAttribute"))
                found.append(_export(change, "attribute", {"path": path}, labels))
    return found


def _params(body: Tree) -> Iterator[Mapping[str, Any]]:
    for step in body.get("transformations") or ():
        if isinstance(step, dict) and isinstance(step.get("params"), dict):
            yield step["params"]


def _selected(body: Tree) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for params in _params(body):
        for name, kind in (("segmentSelectors", "audience"), ("profileSelectors", "attribute")):
            for member in (params.get(name) or {}).get("selectors") or ():
                yield kind, member.get("value") or {}


def _export(change: Change, kind: str, value: Mapping[str, Any], labels: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    path = value.get("path")
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
        "type": kind,
        "id": shown(value.get("id")),
        "name": value.get("name"),
        "path": path,
        "dataLabels": list(dict.fromkeys(carried)),
    }
