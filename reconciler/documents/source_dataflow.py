"""`SourceDataflow`: source, target, mapping and flow of data coming in (flow-service.yaml, data-prep.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, ClassVar

from pydantic import Field, TypeAdapter, ValidationError

from reconciler.catalog import Connector
from reconciler.core.values import Ref, Tree
from reconciler.documents import _schedules
from reconciler.documents.blocks import (
    Block,
    DatasetRef,
    DatasetTarget,
    FlowBlock,
    MappingBlock,
    Row,
    SchemaRef,
    SourceEndpoint,
    Transformation,
)
from reconciler.documents.dataset import DatasetSpec, add_dataset
from reconciler.documents.expand import Expansion, catalog_spec, default_name, given
from reconciler.documents.mapping_checks import MappedRow, check_rows
from reconciler.documents.schema import SchemaSpec, add_schema
from reconciler.documents.shapes import problems_of

_ELSEWHERE = {"ref", "id", "lookup"}


class SourceDataflowSpec(Block):
    """The `spec` of a SourceDataflow; `mapping` is a list of rows, or a block with its own schema."""

    source: SourceEndpoint
    """Where the data comes from."""
    target: DatasetTarget
    """The dataset it goes to."""
    mapping: list[Row] | dict[str, Any] | None = None
    """Which field goes where: rows, or a block with a schema of its own."""
    flow: FlowBlock = Field(default_factory=FlowBlock)
    """The dataflow itself."""


class SourceDataflow:
    """Expands to NAME/source[/connection], NAME/target, NAME/mapping and NAME/flow."""

    kind = "SourceDataflow"
    model = SourceDataflowSpec
    spec_kept = False
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "SourceDataflow",
        "metadata": {"name": "customer-io", "labels": {"owner": "crm"}},
        "spec": {
            "source": {"connector": "customer-io", "data": {"format": "json"}},
            "target": {"schema": {"lookup": {"name": "Customer.io"}}, "dataset": {"lookup": {"name": "Customer.io"}}},
            "mapping": [{"source": "data.identifiers.email", "destination": "_tenant.email"}],
            "flow": {"name": "Streaming Dataflow for Customer.io"},
        },
    }

    def expand(self, ctx: Expansion) -> None:
        """Add the resources of one document to `ctx`, and what is wrong with it."""
        mapping = ctx.spec.get("mapping")
        block: MappingBlock | _Rows | None = None
        if isinstance(mapping, dict):
            block = ctx.parse(MappingBlock, mapping, ("mapping",))
        elif isinstance(mapping, list):
            block = _rows(ctx, mapping)
        elif mapping is not None:
            ctx.report(
                ("mapping",), "bad-type", f"mapping must be a list of rows, not {mapping!r}", "begin rows with -"
            )
        spec = ctx.parse(self.model, {**ctx.spec, "mapping": None}, ())
        if spec is None or (mapping is not None and block is None):
            return
        name = ctx.document.name
        ctx.samples += spec.source.samples or ()
        connector = ctx.connector(spec.source.connector, spec.source.connection_spec, "source", ("source",))
        source = _source(ctx, spec.source, connector)
        schema = _schema(ctx, spec.target.schema_)
        target = _target(ctx, spec.target, schema)
        mapped = _mapping(ctx, block, schema) if block is not None else None
        body: dict[str, Tree] = {
            "name": spec.flow.name or default_name(name, ("flow",)),
            **spec.flow.given("description"),
            "flowSpec": ctx.flow_spec(spec.flow.flow_spec, connector),
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            **_transformations(ctx, spec.flow.transformations, mapped),
            **spec.flow.given("schedule_params", "options"),
            "state": spec.flow.state,
        }
        if connector is not None:
            _schedules.schedule(ctx, connector, spec.flow.schedule_params, ("flow",))
        ctx.add(f"{name}/flow", "Flow", body, ("flow",), overrides=spec.flow.overrides, staging="draft")


def _schema(ctx: Expansion, block: dict[str, Tree]) -> dict[str, Tree]:
    """The target's schema as `{id, version}`: one that exists, one of a document, or a new one written out."""
    place = ("target", "schema")
    if block.keys() & _ELSEWHERE or block.keys() <= {"version"}:
        found = ctx.parse(SchemaRef, block, place)
        return {"id": ctx.external(found, "Schema", place), "version": found.version} if found else {}
    spec = ctx.parse(SchemaSpec, block, place)
    if spec is None:
        return {}
    made = add_schema(ctx, f"{ctx.document.name}/target/schema", spec, place)
    return {"id": made, "version": spec.version}


def _dataset(ctx: Expansion, block: dict[str, Tree], schema: dict[str, Tree]) -> Tree:
    """The target's dataset: one that exists, one of a document, or a new one of the target's schema."""
    place = ("target", "dataset")
    if block.keys() & _ELSEWHERE or not block:
        found = ctx.parse(DatasetRef, block, place)
        return ctx.external(found, "Dataset", place) if found else None
    spec = ctx.parse(DatasetSpec, block, place)
    if spec is None:
        return None
    default = {"id": schema.get("id"), "contentType": schema.get("version")}
    return add_dataset(ctx, f"{ctx.document.name}/target/dataset", spec, place, default)


_ROWS = TypeAdapter(list[Row])


@dataclass(frozen=True, slots=True)
class _Rows:
    """The short form of `mapping`, in the shape of the long one."""

    mappings: list[Row]
    name: None = None
    schema_: None = None
    overrides: None = None


def _rows(ctx: Expansion, rows: list[Tree]) -> _Rows | None:
    try:
        return _Rows(_ROWS.validate_python(rows))
    except ValidationError:
        pass  # each by itself, to tell the places
    parsed = []
    for index, row in enumerate(rows):
        try:
            parsed.append(Row.model_validate(row))
        except ValidationError as error:
            ctx.problems += problems_of(ctx.document, error, Row, ("spec", "mapping", str(index)))
    return _Rows(parsed) if len(parsed) == len(rows) else None


def _source(ctx: Expansion, block: SourceEndpoint, connector: Connector | None) -> Tree:
    if block.id is not None:
        return block.id
    document = ctx.document.name
    spec = ctx.end_spec(block.connection_spec, block.connector, connector, ("source",))
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec,
    }
    if block.provider_id is not None:
        body["providerId"] = block.provider_id
    elif connector is not None and "providerId" in connector.facts:
        body["providerId"] = connector.facts["providerId"]
    if block.connection is not None:
        base: Mapping[str, Tree] = connector.connection_spec if connector else spec
        body["baseConnectionId"] = ctx.account(
            f"{document}/source/connection", block.connection, ("source", "connection"), connector, base, "draft"
        )
    elif connector is not None and connector.needs_connection:
        ctx.report(
            ("source",),
            "missing-connection",
            f"{connector.name} needs a base connection",
            "add connection: {auth: …} or connection: {ref: NAME}",
        )
    body.update(block.given("data", "params"))
    ctx.check_params(block.params, connector, "source")
    address = f"{document}/source"
    return ctx.add(
        address,
        "SourceConnection",
        body,
        ("source",),
        overrides=block.overrides,
        replace_group=(intern(f"{document}/target"),),
        staging="draft",
    )


def _target(ctx: Expansion, block: DatasetTarget, schema: dict[str, Tree]) -> Ref:
    document = ctx.document.name
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("target",)),
        **block.given("description"),
        "connectionSpec": catalog_spec(ctx.setting.catalog.fixed_spec("data-lake")),
        "data": {
            "format": "json",
            **(block.data or {}),
            "schema": ctx.setting.interner.texts(schema),
        },
        "params": {**(block.params or {}), "dataSetId": _dataset(ctx, block.dataset, schema)},
    }
    address = f"{document}/target"
    return ctx.add(
        address,
        "TargetConnection",
        body,
        ("target",),
        overrides=block.overrides,
        replace_group=(intern(f"{document}/source"),),
        staging="draft",
    )


def _mapping(ctx: Expansion, block: MappingBlock | _Rows, schema: dict[str, Tree]) -> Ref:
    """Only rows in the current vocabulary get a defaulted sourceType: a documented body is sent as it stands."""
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
    if block.schema_ is not None:
        found = ctx.external(block.schema_, "Schema", ("mapping", "schema"))
        schema = {"id": found, "version": block.schema_.version}
    body: dict[str, Tree] = {
        **({"name": block.name} if block.name else {}),
        "outputSchema": {"schemaRef": one({"id": schema.get("id"), "contentType": schema.get("version")})},
        "mappings": [*rows],
    }
    return ctx.add(f"{ctx.document.name}/mapping", "MappingSet", body, ("mapping",), overrides=block.overrides)


def _transformations(ctx: Expansion, others: list[Transformation] | None, mapped: Ref | None) -> dict[str, Tree]:
    """The mapping comes last unless a bare `{name: Mapping}` says where."""
    items = [given(item) for item in others or ()]
    if mapped is not None:
        pin: dict[str, Tree] = {
            "name": "Mapping",
            "params": {"mappingId": mapped, "mappingVersion": Ref(mapped.address, "version")},
        }
        places = [index for index, item in enumerate(items) if item["name"] == "Mapping"]
        if places and items[places[0]].get("params"):
            ctx.report(
                ("flow", "transformations", places[0]),
                "two-mappings",
                "there is a mapping already, made from spec.mapping",
                "remove one of them, or write just {name: Mapping} to place it",
            )
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


DOCUMENT = SourceDataflow()
