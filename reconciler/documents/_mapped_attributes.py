"""Attributes of file-based destinations: rows of a mapping set between two ad-hoc schemas.

Source: activate-segments-file-based-destinations.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from reconciler.core.trees import elements
from reconciler.core.values import Ref, Tree
from reconciler.documents.blocks import PrimaryField
from reconciler.documents.expand import Expansion
from reconciler.documents.mapping_blocks import Row
from reconciler.documents.mapping_checks import MappedRow, check_rows
from reconciler.documents.shapes import problems_of
from reconciler.kinds.mapping_rows import destination_of, kind_of, source_of


def mapped(ctx: Expansion, attributes: Tree) -> dict[str, Tree]:
    """Add NAME/mapping/input, NAME/mapping/output and NAME/mapping; return the pin of the flow."""
    rows = _rows(ctx, attributes)
    name = ctx.document.name
    params: dict[str, Tree] = {"profileMapping": {}}
    if rows:
        sides = {"input": _nested(rows), "output": _flat(rows)}
        schemas = {
            side: ctx.add(
                f"{name}/mapping/{side}",
                "AdHocSchema",
                {"name": f"{name} mapping {side}", "jsonSchema": schema},
                ("attributes",),
            )
            for side, schema in sides.items()
        }
        body: dict[str, Tree] = {
            f"{side}Schema": {"id": made, "version": Ref(made.address, "version")} for side, made in schemas.items()
        }
        made = ctx.add(f"{name}/mapping", "MappingSet", {**body, "mappings": [*rows]}, ("attributes",))
        params["profileMapping"] = {"mappingId": made, "mappingVersion": Ref(made.address, "version")}
    return params


def as_keys(primary: Sequence[Tree] | None, mandatory: Sequence[str] | None) -> dict[str, Tree]:
    """Return the keys of an export as members of the flow; a list that the author left out is not declared."""
    lists = {"primaryFields": primary, "mandatoryFields": mandatory}
    return {name: [*items] for name, items in lists.items() if items is not None}


def _rows(ctx: Expansion, items: Tree) -> list[dict[str, Tree]]:
    """The rows as a mapping set has them; a bare path goes out under its own name, dots as underscores."""
    rows: list[dict[str, Tree]] = []
    checked: list[MappedRow] = []
    seen = dict[str, int]()
    for index, item in enumerate(elements(items)):
        place = ("attributes", str(index))
        try:
            row = Row.model_validate(_written_out(item)).given()
        except ValidationError as error:
            ctx.problems += problems_of(ctx.document, error, Row, ("spec", *place))
            continue
        target = str(destination_of(row))
        if "." in target:
            what = f"{target!r} is the name of a column and must not hold a dot"
            ctx.report(place, "dotted-name", what, f"write {target.replace('.', '_')}")
        if target in seen:
            what = f"{target} is already written by row {seen[target] + 1}"
            ctx.report(place, "duplicate-destination", what, "keep one row for each destination")
        seen[target] = index
        if isinstance(item, dict) and "path" not in item:
            checked.append(MappedRow.of(row, place))
        legacy = "source" not in row and "destination" not in row
        rows.append(row if legacy or "sourceType" in row else {"sourceType": "ATTRIBUTE", **row})
    check_rows(ctx, checked)
    return rows


def _written_out(item: Tree) -> Tree:
    if isinstance(item, dict) and set(item) <= {"path", "operator"} and isinstance(item.get("path"), str):
        item = item["path"]
    return {"source": item, "destination": flat_name(item)} if isinstance(item, str) else item


def flat_name(path: str) -> str:
    """Return the column a bare path goes out under."""
    return path.replace(".", "_")


def _nested(rows: Sequence[Mapping[str, Tree]]) -> dict[str, Any]:
    """The schema of the profile as far as the rows read it; expressions name what they read themselves."""
    root: dict[str, Any] = {"type": "object", "properties": {}}
    for row in rows:
        if kind_of(row) != "ATTRIBUTE":
            continue
        here = root
        *way, last = str(source_of(row)).split(".")
        for step in way:
            inner = here.setdefault("properties", {}).setdefault(step, {"type": "object", "properties": {}})
            inner["type"] = "object"
            here = inner
        here.setdefault("properties", {}).setdefault(last, {"type": "string"})
    return root


def _flat(rows: Sequence[Mapping[str, Tree]]) -> dict[str, Any]:
    names = [str(destination_of(row)) for row in rows]
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def primary_fields(ctx: Expansion, items: Tree) -> list[Tree] | None:
    """Return deduplication keys; a bare path is short for `{fieldType: ATTRIBUTE, attributePath: …}`."""
    if items is None:
        return None
    made: list[Tree] = []
    for index, item in enumerate(elements(items)):
        full: Tree = {"fieldType": "ATTRIBUTE", "attributePath": item} if isinstance(item, str) else item
        parsed = ctx.parse(PrimaryField, full, ("primaryFields", str(index)))
        if parsed is not None:
            made.append({"fieldType": parsed.field_type, **parsed.given()})
    return made
