"""`FieldGroup`: fields for schemas to take in through `{ref: NAME}` (field-groups.md)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reconciler.core.values import Ref, Tree
from reconciler.documents.blocks import RegistryBlock
from reconciler.documents.expand import Expansion


class FieldGroupSpec(RegistryBlock):
    """The `spec` of a FieldGroup: the documented request body; `type` is always `object`."""

    title: str
    """Its title on the platform."""
    description: str | None = None
    """Its description on the platform."""
    type: str | None = None
    """Always `object`."""
    extends: list[str] | None = Field(default=None, alias="meta:intendedToExtend")
    """The classes whose schemas can take it in."""
    definitions: dict[str, Any] | None = None
    """The fields, by name of the definition."""
    properties: dict[str, Any] | None = None
    """The documented `properties`."""
    all_of: list[dict[str, Any]] | None = None
    """The documented `allOf`; left out, all definitions."""
    required: list[str] | None = None
    """The documented `required`."""
    overrides: dict[str, Any] | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class FieldGroup:
    """Expands to one resource whose address is the document's name."""

    kind = "FieldGroup"
    model = FieldGroupSpec
    spec_kept = False
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "FieldGroup",
        "metadata": {"name": "loyalty-fields"},
        "spec": {
            "title": "Loyalty fields",
            "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
            "definitions": {"loyalty": {"properties": {"_tenant": {"type": "object", "properties": {
                "level": {"type": "string", "title": "Level"}}}}}},
        },
    }  # fmt: skip

    def expand(self, ctx: Expansion) -> None:
        """Add the resource of one document to `ctx`, and what is wrong with it."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is not None:
            add_field_group(ctx, ctx.document.name, spec, ())


def add_field_group(
    ctx: Expansion, address: str, spec: FieldGroupSpec, block: tuple[str, ...], extends: str | None = None
) -> Ref:
    """Add a field group, by itself or inside a schema of the class `extends`, and return a reference to its id.

    Without `allOf` it takes in all its definitions, which is what every documented body does.
    """
    body: dict[str, Tree] = {"type": "object", **spec.given(*_FIELDS), **spec.meta}
    if "meta:intendedToExtend" not in body and extends:
        body["meta:intendedToExtend"] = [extends]
    if spec.all_of is None and spec.definitions:
        body["allOf"] = [{"$ref": f"#/definitions/{name}"} for name in spec.definitions]
    elif not spec.all_of:
        advice = "add definitions: {…} with the fields below a tenant's name"
        ctx.report(block, "missing-key", f"the field group {spec.title!r} has no fields", advice)
    return ctx.add(address, "FieldGroup", body, block, overrides=spec.overrides)


_FIELDS = ("title", "description", "type", "extends", "definitions", "properties", "all_of", "required")

DOCUMENT = FieldGroup()
