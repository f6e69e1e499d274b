"""The `mapping` of a SourceDataflow as a mapping set, and its place among the flow's transformations."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from reconciler.core.values import Ref, Tree
from reconciler.documents.blocks import SchemaRef, Transformation
from reconciler.documents.expand import Expansion, given
from reconciler.documents.mapping_blocks import MappingBlock, Row
from reconciler.documents.mapping_checks import MappedRow, check_rows
from reconciler.documents.shapes import problems_of

_ROWS = TypeAdapter(list[Row])


def parsed_mapping(ctx: Expansion, mapping: Tree) -> MappingBlock | None:
    """Return the `mapping` of a spec in its long form; None where there is none, or after noting what is wrong."""
    if isinstance(mapping, dict):
        return ctx.parse(MappingBlock, mapping, ("mapping",))
    if isinstance(mapping, list):
        rows = _rows(ctx, mapping)
        return None if rows is None else MappingBlock.model_construct({"mappings"}, mappings=rows)
    if mapping is not None:
        ctx.report(("mapping",), "bad-type", f"mapping must be a list of rows, not {mapping!r}", "begin rows with -")
    return None


def _rows(ctx: Expansion, rows: list[Tree]) -> list[Row] | None:
    try:
        return _ROWS.validate_python(rows)
    except ValidationError:
        pass  # each by itself, to tell the places
    parsed = []
    for index, row in enumerate(rows):
        try:
            parsed.append(Row.model_validate(row))
        except ValidationError as error:
            ctx.problems += problems_of(ctx.document, error, Row, ("spec", "mapping", str(index)))
    return parsed if len(parsed) == len(rows) else None


def add_mapping(ctx: Expansion, block: MappingBlock, schema: dict[str, Tree]) -> Ref:
    """Add NAME/mapping, which writes to `schema` (`{id, version}`) where the block names no schema itself.

    Only rows in the current vocabulary get a defaulted sourceType: a documented body is sent as it stands.
    """
    rows: list[dict[str, Tree]] = []
    seen, one = dict[str, int](), ctx.setting.interner.texts
    inner = ("mapping", "mappings") if isinstance(ctx.spec["mapping"], dict) else ("mapping",)
    for index, row in enumerate(block.mappings):
        if row.target in seen:
            ctx.report(
                (*inner, index),
                "duplicate-destination",
                f"{row.target} is already written by row {seen[row.target] + 1}",
                "keep one row for each destination",
            )
        seen[row.target] = index
        legacy = row.source is None and row.destination is None
        written = row.given()
        rows.append(one(written if legacy or row.source_type else {"sourceType": "ATTRIBUTE", **written}))
    check_rows(ctx, [MappedRow.of(row, (*inner, str(index))) for index, row in enumerate(rows)])
    if block.id is not None:
        what = "id is not used: the mapping set is made from these rows and gets an id of its own"
        ctx.report(("mapping", "id"), "unused-id", what, "remove id", severity="warning")
    body: dict[str, Tree] = {
        **block.given("name", "description", "version"),
        **block.given("input_schema", "strict_mapping", "allow_null_values"),
        **_written_to(ctx, block, schema),
        "mappings": [*rows],
    }
    return ctx.add(f"{ctx.document.name}/mapping", "MappingSet", body, ("mapping",), overrides=block.overrides)


def _written_to(ctx: Expansion, block: MappingBlock, schema: dict[str, Tree]) -> dict[str, Tree]:
    """Return the members of a mapping set that name the schema written to, in the words of the block."""
    named = [name for name in ("schema_", "output_schema", "xdm_schema", "schema_ref") if getattr(block, name)]
    if len(named) > 1:
        keys = " and ".join(str(MappingBlock.model_fields[name].alias) for name in named[:2])
        ctx.report(("mapping",), "one-of", f"{keys} exclude each other", "keep one")
    if block.xdm_schema is not None:
        return block.given("xdm_schema", "xdm_version")
    if block.schema_ref is not None:
        found = ctx.external(block.schema_ref, "Schema", ("mapping", "schemaRef"))
        return {"schemaRef": {"id": found, "contentType": block.schema_ref.content_type}}
    if block.output_schema is not None:
        output, place = block.output_schema, ("mapping", "outputSchema", "schemaRef")
        made: dict[str, Tree] = output.given("id", "version")
        if output.schema_ref is not None:
            found = ctx.external(output.schema_ref, "Schema", place)
            made["schemaRef"] = {"id": found, "contentType": output.schema_ref.content_type}
        return {"outputSchema": made}
    if block.schema_ is not None:
        found = ctx.external(block.schema_, "Schema", ("mapping", "schema"))
        schema = {"id": found, "version": block.schema_.version}
    if not schema:
        advice = "add target: {schema: {id: …}}, or mapping: {schema: {id: …}, mappings: […]}"
        ctx.report(("mapping",), "missing-key", "nothing names the schema that the mapping writes to", advice)
        return {}
    version = schema.get("version") or SchemaRef.model_fields["version"].default
    one = ctx.setting.interner.texts
    return {"outputSchema": {"schemaRef": one({"id": schema.get("id"), "contentType": version})}}


def transformations(ctx: Expansion, others: list[Transformation] | None, mapped: Ref | None) -> dict[str, Tree]:
    """Return the `transformations` of the flow; the mapping comes last unless a `Mapping` among them says where."""
    items = [given(item) for item in others or ()]
    if mapped is not None:
        pin: dict[str, Tree] = {
            "name": "Mapping",
            "params": {"mappingId": mapped, "mappingVersion": Ref(mapped.address, "version")},
        }
        places = [index for index, item in enumerate(items) if item["name"] == "Mapping"]
        if places and items[places[0]].get("params"):
            what = "these params are not used: the mapping set is the one of spec.mapping"
            place = ("flow", "transformations", places[0], "params")
            ctx.report(place, "unused-id", what, "remove params, or spec.mapping", severity="warning")
        if places:
            items[places[0]] = pin
        else:
            items.append(pin)
    names = [item["name"] for item in items]
    for index, name in enumerate(names):
        if name in names[:index]:
            ctx.report(
                ("flow", "transformations", index),
                "duplicate-transformation",
                f"a second transformation {name!r}",
                "keep one",
            )
    return {"transformations": [*items]} if items or others is not None else {}
