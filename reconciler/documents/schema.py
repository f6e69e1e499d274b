"""`Schema`: a class, field groups and descriptors; by itself, or inside a dataflow's target (schema-registry.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.trees import members
from reconciler.core.values import Ref, Tree
from reconciler.documents.blocks import ExternalRef, RegistryBlock
from reconciler.documents.expand import Expansion
from reconciler.documents.field_group import FieldGroupSpec, add_field_group

CLASSES = {
    "profile": "https://ns.adobe.com/xdm/context/profile",
    "experienceevent": "https://ns.adobe.com/xdm/context/experienceevent",
}
"""The two classes that have a short name in manifests (classes.md)."""


class SchemaSpec(RegistryBlock):
    """The `spec` of a Schema: the documented request body, or `class` and `fieldGroups` for its `allOf`."""

    title: str
    """Its title on the platform."""
    description: str | None = None
    """Its description on the platform."""
    type: str | None = None
    """Always `object`."""
    class_: str | None = Field(default=None, alias="class")
    """Its class: `profile`, `experienceevent`, or a class's `$id`."""
    field_groups: list[dict[str, Any] | str] | None = None
    """Its field groups: an `$id`, one that exists, one of another document, or a new one written out."""
    all_of: list[dict[str, Any]] | None = None
    """The documented `allOf`, instead of class and field groups or besides."""
    tags: list[str] | None = Field(default=None, alias="meta:immutableTags")
    """`[union]` takes the schema into Profile."""
    descriptors: list[dict[str, Any]] | dict[str, dict[str, Any]] | None = None
    """Identities, relations and names of its fields, under a key each."""
    version: str = "application/vnd.adobe.xed-full+json;version=1"
    """The media type others refer to it by."""
    definitions: dict[str, Any] | None = None
    """The documented `definitions`."""
    properties: dict[str, Any] | None = None
    """The documented `properties`."""
    required: list[str] | None = None
    """The documented `required`."""
    overrides: dict[str, Any] | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""

    @model_validator(mode="after")
    def _has_class(self) -> SchemaSpec:
        if not self.class_ and not self.all_of:
            raise PydanticCustomError("missing_class", "a schema needs class: … or an allOf whose first $ref is one")
        return self


class Schema:
    """Expands to NAME, NAME/field-groups/TITLE and NAME/descriptors/KEY."""

    kind = "Schema"
    model = SchemaSpec
    spec_kept = True
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "Schema",
        "metadata": {"name": "loyalty-schema"},
        "spec": {
            "title": "Loyalty members",
            "class": "profile",
            "fieldGroups": [{"lookup": {"name": "Loyalty fields"}}],
        },
    }

    def expand(self, ctx: Expansion) -> None:
        """Add the resources of one document to `ctx`, and what is wrong with it."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is not None:
            add_schema(ctx, ctx.document.name, spec, ())


def add_schema(ctx: Expansion, address: str, spec: SchemaSpec, block: tuple[str, ...]) -> Ref:
    """Add a schema with the field groups and descriptors written inside it; return a reference to its `$id`."""
    parent = CLASSES.get((spec.class_ or "").lower(), spec.class_)
    parts: list[Tree] = [{"$ref": parent}] if parent else []
    for index, item in enumerate(spec.all_of or ()):
        parts.append(_part(ctx, item, (*block, "allOf", str(index))))
    first = members(parts[0]).get("$ref") if parts else None
    base = first if isinstance(first, str) else None
    for index, group in enumerate(spec.field_groups or ()):
        parts.append({"$ref": _group(ctx, address, group, (*block, "fieldGroups", str(index)), base)})
    body: dict[str, Tree] = {
        "type": "object",
        **spec.given("title", "description", "type"),
        "allOf": parts,
        **spec.given("definitions", "properties", "required", "tags"),
        **spec.meta,
    }
    made = ctx.add(address, "Schema", body, block, overrides=spec.overrides)
    _descriptors(ctx, made, spec.descriptors, (*block, "descriptors"))
    return made


def _part(ctx: Expansion, item: dict[str, Tree], place: tuple[str, ...]) -> Tree:
    """One member of `allOf`, as documented or by what it is called here."""
    if item.keys() & {"ref", "lookup", "id"}:
        borrowed = ctx.parse(ExternalRef, item, place)
        return {"$ref": ctx.external(borrowed, "FieldGroup", place) if borrowed else None}
    if "$ref" not in item:
        ctx.report(place, "missing-key", "a part of a schema is a reference", "write {$ref: …} or {ref: NAME}")
    return item


def _group(ctx: Expansion, address: str, item: dict[str, Tree] | str, place: tuple[str, ...], base: str | None) -> Tree:
    """A field group: its id as text, one that exists, one of a document, or a new one written out."""
    if isinstance(item, str):
        return item
    if item.keys() & {"ref", "lookup", "id"}:
        borrowed = ctx.parse(ExternalRef, item, place)
        return ctx.external(borrowed, "FieldGroup", place) if borrowed else None
    spec = ctx.parse(FieldGroupSpec, item, place)
    if spec is None:
        return None
    inner = f"{address}/field-groups/{spec.title}"
    if any(other.address == inner for other in ctx.resources):
        ctx.report(place, "duplicate-title", f"the field group {spec.title!r} stands here twice", "titles are unique")
    return add_field_group(ctx, inner, spec, place, base)


def _descriptors(
    ctx: Expansion,
    schema: Ref,
    items: Sequence[dict[str, Tree]] | dict[str, dict[str, Tree]] | None,
    place: tuple[str, ...],
) -> None:
    pairs: Iterable[tuple[str | None, dict[str, Tree]]]
    pairs = items.items() if isinstance(items, dict) else ((None, item) for item in items or ())
    seen: set[str] = set()
    for index, (name, item) in enumerate(pairs):
        here = (*place, name if name is not None else str(index))
        sort = item.get("@type")
        if not isinstance(sort, str):
            ctx.report(here, "missing-key", "@type is missing", 'add "@type": xdm:descriptorIdentity, or another')
            continue
        key = name if name is not None else _key(item)
        if key in seen:
            advice = "write descriptors as a mapping, each under a key of its own"
            ctx.report(here, "duplicate-descriptor", f"a second descriptor {key!r}", advice)
            continue
        seen.add(key)
        body = {"xdm:sourceSchema": schema, "xdm:sourceVersion": 1, **item}
        target = item.get("xdm:destinationSchema")
        if isinstance(target, dict):
            body["xdm:destinationSchema"] = _other_schema(ctx, target, (*here, "xdm:destinationSchema"))
        ctx.add(f"{schema.address}/descriptors/{key}", "Descriptor", body, here, owner=schema.address)


def _key(item: dict[str, Tree]) -> str:
    """What tells one descriptor from another: its type, and the field it speaks of."""
    sort = str(item["@type"]).removeprefix("xdm:").removeprefix("descriptor")
    field = str(item.get("xdm:sourceProperty", "")).strip("/").replace("/", ".")
    return f"{sort[:1].lower()}{sort[1:]}{':' if field else ''}{field}"


def _other_schema(ctx: Expansion, item: dict[str, Tree], place: tuple[str, ...]) -> Tree:
    borrowed = ctx.parse(ExternalRef, item, place)
    return ctx.external(borrowed, "Schema", place) if borrowed else None


DOCUMENT = Schema()
