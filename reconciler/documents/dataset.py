"""`Dataset`: data of one schema; by itself, or inside a dataflow's target (catalog.yaml)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.trees import elements, members
from reconciler.core.values import Ref, Tree
from reconciler.documents._kind_document import add_of_kind
from reconciler.documents.blocks import Block, SchemaRef
from reconciler.documents.expand import Expansion, default_name
from reconciler.documents.mapping_blocks import SchemaOf
from reconciler.kinds.dataset_labels import KIND as LABELS
from reconciler.kinds.dataset_labels import Labels, labels_body


class DatasetSpec(Block):
    """The `spec` of a Dataset: the documented request body; `schema` says the same as `schemaRef`."""

    name: str | None = None
    """Its name on the platform; left out, the document's."""
    description: str | None = None
    """Its description on the platform."""
    schema_ref: SchemaOf | None = None
    """Its schema, in the documented words."""
    schema_: SchemaRef | None = Field(default=None, alias="schema")
    """Its schema; says the same as `schemaRef`."""
    tags: dict[str, list[str] | None] | None = None
    """Documented tags, as `unifiedProfile: [enabled:true]`."""
    file_description: dict[str, Any] | None = None
    """The documented `fileDescription`."""
    enable_error_diagnostics: bool | None = None
    """Whether the platform keeps what it could not read."""
    observable_schema: dict[str, Any] | None = None
    """The documented `observableSchema`."""
    labels: list[str] | dict[str, Any] | None = None
    """Its data usage labels: a list for the dataset as a whole, or a block with labels of fields, too."""
    overrides: dict[str, Any] | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""

    @model_validator(mode="after")
    def _one_schema(self) -> DatasetSpec:
        if self.schema_ref is not None and self.schema_ is not None:
            raise PydanticCustomError("one_of", "schema and schemaRef exclude each other")
        return self


class Dataset:
    """Expands to NAME, and to NAME/labels where the dataset has labels."""

    kind = "Dataset"
    model = DatasetSpec
    spec_kept = True
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "Dataset",
        "metadata": {"name": "loyalty-data"},
        "spec": {"name": "Loyalty members", "schemaRef": {"lookup": {"name": "Loyalty members"}}},
    }

    def expand(self, ctx: Expansion) -> None:
        """Add the resource of one document to `ctx`, and what is wrong with it."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is None:
            return
        if spec.schema_ref is None and spec.schema_ is None:
            ctx.report((), "missing-key", "the dataset names no schema", "add schemaRef: {ref: NAME}, or {id: …}")
            return
        add_dataset(ctx, ctx.document.name, spec, ())


def add_dataset(ctx: Expansion, address: str, spec: DatasetSpec, block: tuple[str, ...], default: Tree = None) -> Ref:
    """Add a dataset and return a reference to its id; `default` is the schemaRef of one that names no schema."""
    reference = default
    if spec.schema_ref is not None:
        found = ctx.external(spec.schema_ref, "Schema", (*block, "schemaRef"))
        reference = {"id": found, "contentType": spec.schema_ref.content_type}
    elif spec.schema_ is not None:
        found = ctx.external(spec.schema_, "Schema", (*block, "schema"))
        reference = {"id": found, "contentType": spec.schema_.version}
    body: dict[str, Tree] = {
        "name": spec.name or default_name(ctx.document.name, block),
        **spec.given("description"),
        "schemaRef": reference,
        **spec.given("tags", "file_description", "enable_error_diagnostics", "observable_schema"),
    }
    _check_profile(ctx, spec, reference, (*block, "tags", "unifiedProfile"))
    made = ctx.add(address, "Dataset", body, block, overrides=spec.overrides)
    _add_labels(ctx, made, spec.labels, members(reference).get("id"), (*block, "labels"))
    return made


def _add_labels(
    ctx: Expansion, dataset: Ref, value: list[str] | dict[str, Tree] | None, schema: Tree, block: tuple[str, ...]
) -> None:
    """Add the labels of a dataset whose schema is `schema`."""
    if value is None:
        return
    labels = ctx.parse(Labels, {"labels": [*value]} if isinstance(value, list) else value, block)
    if labels is not None:
        body = labels_body(ctx, dataset, labels, block, schema)
        add_of_kind(ctx, LABELS, f"{dataset.address}/labels", body, block, labels.overrides)


def _check_profile(ctx: Expansion, spec: DatasetSpec, reference: Tree, place: tuple[str, ...]) -> None:
    """A dataset joins Profile after its schema (catalog.yaml); an unmanaged schema cannot be checked."""
    values = [value.replace(" ", "") for value in (spec.tags or {}).get("unifiedProfile") or ()]
    schema = members(reference).get("id")
    if "enabled:true" not in values or not isinstance(schema, Ref):
        return
    body: Tree = next((item.body for item in ctx.resources if item.address == schema.address), None)
    if body is None:
        body = ctx.setting.documents[schema.address].spec
    if isinstance(body, dict) and "union" not in elements(body.get("meta:immutableTags")):
        advice = f"add meta:immutableTags: [union] to the schema {schema.address}"
        ctx.report(place, "not-in-profile", "a dataset can be in Profile only when its schema is", advice)


DOCUMENT = Dataset()
