"""Shapes of mapping rows and of the body of a mapping set, strict, in the platform's own field names."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.documents.blocks import Block, ExternalRef, Mapping, SchemaRef
from reconciler.kinds.mapping_rows import DESTINATIONS as DESTINATIONS
from reconciler.kinds.mapping_rows import SOURCES as SOURCES
from reconciler.kinds.mapping_rows import destination_of as destination_of
from reconciler.kinds.mapping_rows import kind_of as kind_of
from reconciler.kinds.mapping_rows import source_of as source_of

RowType = Literal["ATTRIBUTE", "EXPRESSION", "STATIC", "text/x.schema-path", "text/x.aep-xl", "text/plain"]
"""The kinds of a row as sent, and as the platform shows them (mapping-set.md)."""


class Row(Block):
    """One line of a mapping, in the current or the older vocabulary, or in both as the platform shows it."""

    source_type: RowType | None = None
    """What `source` is: a field, an expression, or a fixed value; left out, ATTRIBUTE."""
    source: str | None = None
    """The field or expression read. `${full.name}` is the platform's own syntax here."""
    destination: str | None = None
    """The XDM path written."""
    source_attribute: str | None = None
    """The older word for `source`."""
    source_expression: str | None = None
    """The documented `sourceExpression`: an expression, in place of `source`."""
    destination_xdm_path: str | None = None
    """The older word for `destination`."""
    identity: bool | None = None
    """Whether the field is an identity."""
    primary_identity: bool | None = None
    """Whether it is the primary identity."""
    identity_group: str | None = None
    """The documented `identityGroup`."""
    namespace_code: str | None = None
    """The identity namespace's code."""
    version: int | None = None
    """The documented `version` of the row."""
    function_version: int | None = None
    """The version of the mapping functions."""
    copy_mode_mapping: bool | None = None
    """The documented `copyModeMapping`."""
    name: str | None = None
    """The row's name."""
    description: str | None = None
    """The row's description."""
    id: str | None = None
    """As the platform shows it; not sent."""
    match_score: float | int | None = None
    """As the platform shows it; not sent."""
    created_date: int | None = None
    """As the platform shows it; not sent."""
    modified_date: int | None = None
    """As the platform shows it; not sent."""
    created_by: str | None = None
    """As the platform shows it; not sent."""
    modified_by: str | None = None
    """As the platform shows it; not sent."""

    @model_validator(mode="after")
    def _complete(self) -> Row:
        for names, words in ((_FROM, "source, sourceAttribute and sourceExpression"), (_TO, _TO_WORDS)):
            values = {value for name in names if (value := getattr(self, name)) is not None}
            if len(values) != 1:
                raise PydanticCustomError("one_of", "exactly one of {words} must be given", {"words": words})
        return self

    def given(self, *names: str) -> dict[str, Any]:
        """Return what is sent of the fields the author wrote, by their manifest names."""
        return super().given(*(names or _SENT))

    @property
    def target(self) -> str:
        """The XDM path written to, whichever word it was given with."""
        return str(self.destination if self.destination is not None else self.destination_xdm_path)


_FROM = ("source", "source_attribute", "source_expression")
_TO = ("destination", "destination_xdm_path")
_TO_WORDS = "destination and destinationXdmPath"
_AS_SHOWN = ("id", "match_score", "created_date", "modified_date", "created_by", "modified_by")
_SENT = tuple(name for name in Row.model_fields if name not in _AS_SHOWN)


class SchemaOf(ExternalRef):
    """The documented `schemaRef`: `{id, contentType}`, or a schema by reference or look-up."""

    content_type: str = "application/vnd.adobe.xed-full+json;version=1"
    """The schema's media type with its version."""


class OutputSchema(Block):
    """The documented `outputSchema` of a mapping set."""

    schema_ref: SchemaOf | None = None
    """The schema written to."""
    id: str | None = None
    """The id of a schema of Data Prep."""
    version: str | int | None = None
    """The version of a schema of Data Prep."""


class MappingBlock(Block):
    """The long form of `mapping`: the documented body of a mapping set; `schema` is short for `outputSchema`."""

    name: str | None = None
    """The mapping set's name."""
    description: str | None = None
    """The mapping set's description."""
    schema_: SchemaRef | None = Field(default=None, alias="schema")
    """The schema written to; left out, the target's."""
    output_schema: OutputSchema | None = None
    """The schema written to, in the documented words."""
    input_schema: Mapping | None = None
    """The documented `inputSchema`."""
    xdm_schema: str | None = None
    """The id of the schema written to, in the older words."""
    xdm_version: str | int | None = None
    """The version of the schema written to, in the older words."""
    schema_ref: SchemaOf | None = None
    """The documented `schemaRef`."""
    version: int | str | None = None
    """The documented `version`, which the platform counts itself."""
    id: str | None = None
    """The documented `id`, which the platform gives itself; not sent."""
    strict_mapping: bool | None = None
    """The documented `strictMapping`."""
    allow_null_values: bool | None = None
    """The documented `allowNullValues`."""
    mappings: list[Row]
    """The rows."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""
