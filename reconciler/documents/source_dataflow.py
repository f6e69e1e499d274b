"""`SourceDataflow`: source, target, mapping and flow of data coming in (flow-service.yaml, data-prep.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, ClassVar

from pydantic import Field

from reconciler.catalog import Connector
from reconciler.core.trees import members
from reconciler.core.values import Lookup, Tree
from reconciler.documents import _schedules
from reconciler.documents._source_mapping import add_mapping, parsed_mapping, transformations
from reconciler.documents.blocks import (
    Block,
    DatasetRef,
    DatasetTarget,
    ExternalRef,
    FlowBlock,
    SchemaRef,
    SourceEndpoint,
)
from reconciler.documents.dataset import DatasetSpec, add_dataset
from reconciler.documents.expand import Expansion, catalog_spec, default_name, spec_of
from reconciler.documents.mapping_blocks import Row
from reconciler.documents.schema import SchemaSpec, add_schema

_ELSEWHERE = {"ref", "id", "lookup"}


class SourceDataflowSpec(Block):
    """The `spec` of a SourceDataflow; `mapping` is a list of rows, or a block with its own schema."""

    source: SourceEndpoint | None = None
    """Where the data comes from; left out, `flow.sourceConnectionIds`."""
    target: DatasetTarget | None = None
    """The dataset it goes to; left out, `flow.targetConnectionIds`."""
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
        block = parsed_mapping(ctx, mapping)
        spec = ctx.parse(self.model, {**ctx.spec, "mapping": None}, ())
        if spec is None or (mapping is not None and block is None):
            return
        name = ctx.document.name
        begin = spec.source or SourceEndpoint(id=ctx.earlier_id(spec.flow, "source"))
        end = spec.target or DatasetTarget(id=ctx.earlier_id(spec.flow, "target"))
        ctx.unused_ids(spec.flow, source=spec.source is not None, target=spec.target is not None)
        ctx.samples += begin.samples or ()
        connector = ctx.connector(begin.connector, begin.connection_spec, "source", ("source",))
        source = _source(ctx, begin, connector)
        schema = _schema(ctx, end)
        target = _target(ctx, end, schema)
        mapped = None
        if block is not None:
            mapped = add_mapping(ctx, block, schema or _schema_of_dataset(ctx, end))
        maps = mapped is not None or any(item.name == "Mapping" for item in spec.flow.transformations or ())
        body: dict[str, Tree] = {
            "name": spec.flow.name or default_name(name, ("flow",)),
            **spec.flow.given("description"),
            "flowSpec": ctx.flow_spec(spec.flow.flow_spec, connector, mapped=maps),
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            **transformations(ctx, spec.flow.transformations, mapped),
            **spec.flow.given("provider_id", "schedule_params", "options", "policy"),
            "state": spec.flow.state,
        }
        if connector is not None:
            _schedules.schedule(ctx, connector, spec.flow.schedule_params, ("flow",))
        ctx.add(f"{name}/flow", "Flow", body, ("flow",), overrides=spec.flow.overrides, staging="draft")


def _schema(ctx: Expansion, target: DatasetTarget) -> dict[str, Tree]:
    """The target's schema as `{id, version}`: one that exists, one of a document, or a new one; empty for none."""
    block = target.schema_
    if block is None:
        written = members(members(target.data).get("schema"))
        if not written.keys() & {"ref", "lookup"}:
            return dict(written)
        block = dict(written)
    place = ("target", "schema")
    if block.keys() & _ELSEWHERE or block.keys() <= {"version"}:
        found = ctx.parse(SchemaRef, block, place)
        return {"id": ctx.external(found, "Schema", place), "version": found.version} if found else {}
    spec = ctx.parse(SchemaSpec, block, place)
    if spec is None:
        return {}
    made = add_schema(ctx, f"{ctx.document.name}/target/schema", spec, place)
    return {"id": made, "version": spec.version}


def _schema_of_dataset(ctx: Expansion, target: DatasetTarget) -> dict[str, Tree]:
    """The schema of the target's dataset as `{id, version}`, as far as it is known: empty where it is not."""
    block = target.dataset or {"id": members(target.params).get("dataSetId")}
    if isinstance(block.get("id"), str):
        return {"id": Lookup("SchemaOfDataset", str(block["id"]))}
    spec = block
    if "ref" in block:
        document = ctx.setting.documents.get(str(block["ref"]))
        spec = members(document.spec) if document is not None and document.kind == "Dataset" else {}
    given = members(spec.get("schemaRef") or spec.get("schema"))
    if not given or any("${" in str(value) for value in given.values()):
        return {}
    reference = {key: given[key] for key in _ELSEWHERE if key in given}
    found = ctx.parse(ExternalRef, reference, ("target", "dataset"))
    version = given.get("contentType") or given.get("version")
    if found is None:
        return {}
    ident = ctx.external(found, "Schema", ("target", "dataset"))
    return {"id": ident, **({"version": version} if version else {})}


def _dataset(ctx: Expansion, block: dict[str, Tree], schema: dict[str, Tree]) -> Tree:
    """The target's dataset: one that exists, one of a document, or a new one of the target's schema."""
    place = ("target", "dataset")
    if block.keys() & _ELSEWHERE or not block:
        found = ctx.parse(DatasetRef, block, place)
        return ctx.external(found, "Dataset", place) if found else None
    spec = ctx.parse(DatasetSpec, block, place)
    if spec is None:
        return None
    if not schema and spec.schema_ref is None and spec.schema_ is None:
        ctx.report(place, "missing-key", "the dataset names no schema", "add target: {schema: …}, or schemaRef")
    default = {"id": schema.get("id"), "contentType": schema.get("version")}
    return add_dataset(ctx, f"{ctx.document.name}/target/dataset", spec, place, default)


def _source(ctx: Expansion, block: SourceEndpoint, connector: Connector | None) -> Tree:
    if block.id is not None:
        return block.id
    document = ctx.document.name
    spec = ctx.end_spec(block.connection_spec, block.connector, connector, ("source",))
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec,
        **block.given("provider_id"),
    }
    base: Mapping[str, Tree] = connector.connection_spec if connector else spec
    account = ctx.base_connection(block, "source", connector, base, "draft")
    if account is not None:
        body["baseConnectionId"] = account
    elif connector is not None and connector.needs_connection:
        ctx.report(
            ("source",),
            "missing-connection",
            f"{connector.name} needs a base connection",
            "add connection: {auth: …} or connection: {ref: NAME}",
        )
    body.update(block.given("data", "params"))
    ctx.check_params(block.params, connector, "source")
    return ctx.add(
        f"{document}/source",
        "SourceConnection",
        body,
        ("source",),
        overrides=block.overrides,
        replace_group=(intern(f"{document}/target"),),
        staging="draft",
    )


def _target(ctx: Expansion, block: DatasetTarget, schema: dict[str, Tree]) -> Tree:
    if block.id is not None:
        return block.id
    document = ctx.document.name
    lake = ctx.setting.catalog.fixed_spec("data-lake")
    data: dict[str, Tree] = dict(block.data or {})
    if schema:
        data["schema"] = ctx.setting.interner.texts(schema)
    params: dict[str, Tree] = dict(block.params or {})
    if block.dataset is not None:
        params["dataSetId"] = _dataset(ctx, block.dataset, schema)
    elif not params.get("dataSetId"):
        ctx.report(("target",), "missing-key", "dataset is missing", "add dataset: {id: …}, or params: {dataSetId: …}")
    spec = spec_of(block.connection_spec, lake)
    if spec is not None and spec["id"] != lake["id"]:
        what = f"the target of a source dataflow is the data lake, {lake['id']}"
        ctx.report(("target", "connectionSpec", "id"), "odd-target", what, "remove connectionSpec", severity="warning")
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("target",)),
        **block.given("description"),
        "connectionSpec": catalog_spec(lake) if block.connection_spec is None else spec,
        **block.given("base_connection_id"),
        **({"data": data} if schema or block.data is not None else {}),
        "params": params,
    }
    return ctx.add(
        f"{document}/target",
        "TargetConnection",
        body,
        ("target",),
        overrides=block.overrides,
        replace_group=(intern(f"{document}/source"),),
        staging="draft",
    )


DOCUMENT = SourceDataflow()
