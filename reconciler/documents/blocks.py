"""Shapes of the blocks inside `spec`, strict, in the platform's own field names; each field says what it is for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.kinds.shape import Block as Block
from reconciler.kinds.shape import ExternalRef as ExternalRef
from reconciler.kinds.shape import LookupBy as LookupBy

Tree = Any
Mapping = dict[str, Any]


class Versioned(Block):
    """`{id, version}` of a connection spec or flow spec; the version is text."""

    id: str
    """The id of the connection spec or flow spec."""
    version: str = "1.0"
    """Its version, as text."""


class Auth(Block):
    """Credentials of a base connection: the auth spec's own name and parameters."""

    spec_name: str
    """The name of the way to log in, as the platform calls it."""
    params: Mapping = Field(default_factory=dict)
    """Its parameters; secrets as `${secret.NAME}`."""


class Account(Block):
    """A base connection written inside a dataflow."""

    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    auth: Auth | None = None
    """How to log in."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class Endpoint(Block):
    """What a source and a target block have in common; a source by `id` is shared with others and nobody's own."""

    id: str | None = None
    """A connection that exists and that several flows share: nothing else is said then."""
    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    connector: str | None = None
    """The connector's key in the catalog: `reconciler connectors list`."""
    connection_spec: Versioned | None = None
    """Instead of `connector`: a connection spec by its id."""
    connection: Mapping | None = None
    """The account: `{ref: NAME}`, `{id: …}`, `{lookup: {name: …}}`, or one of its own, written out."""
    data: Mapping | None = None
    """The documented `data` block: format and schema of what is read or written."""
    params: Mapping | None = None
    """The connector's parameters: `reconciler connectors show KEY`."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""

    @model_validator(mode="after")
    def _whole_or_external(self) -> Endpoint:
        if self.id is not None and self.model_fields_set - {"id", "connector", "connection_spec"}:
            raise PydanticCustomError("borrowed", "what is used by its id is not changed here: leave the rest out")
        return self


class SourceEndpoint(Endpoint):
    """The `source` of a SourceDataflow."""

    provider_id: str | None = None
    """The documented `providerId`; left out, the connector's."""
    samples: list[str] | None = None
    """Files of sample data, relative to this document; `validate` looks for the mapping's fields in them."""


class SchemaRef(ExternalRef):
    """A schema that exists, by its `$id` or looked up by title; the version is a media type."""

    version: str = "application/vnd.adobe.xed-full+json;version=1"
    """The schema's media type with its version."""


class DatasetRef(ExternalRef):
    """A dataset that exists, by its id or looked up by name."""


class DatasetTarget(Block):
    """The `target` of a SourceDataflow: a dataset in the data lake and its schema."""

    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    schema_: Mapping = Field(alias="schema")
    """The schema of the data: one that exists, one of another document, or a new one written out."""
    dataset: Mapping
    """The dataset written to: one that exists, one of another document, or a new one written out."""
    data: Mapping | None = None
    """The documented `data` block; `schema` and `format: json` are filled in."""
    params: Mapping | None = None
    """More parameters; `dataSetId` is filled in."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class ExportedDataset(Block):
    """One dataset of a dataset export: as documented, or a dataset found by name; the name is for people."""

    data_set_id: str | None = None
    """The dataset's id, as documented."""
    ref: str | None = None
    """The name of a Dataset document."""
    lookup: LookupBy | None = None
    """Finds the dataset by its name."""
    name: str | None = None
    """The dataset's name, for people."""

    @model_validator(mode="after")
    def _one(self) -> ExportedDataset:
        if len([item for item in (self.data_set_id, self.ref, self.lookup) if item is not None]) != 1:
            raise PydanticCustomError("one_of", "exactly one of dataSetId, ref and lookup must be given")
        return self


class Row(Block):
    """One line of a mapping, in the current or the older vocabulary (data-prep.yaml)."""

    source_type: Literal["ATTRIBUTE", "EXPRESSION", "STATIC"] | None = None
    """What `source` is: a field, an expression, or a fixed value; left out, ATTRIBUTE."""
    source: str | None = None
    """The field or expression read. `${full.name}` is the platform's own syntax here."""
    destination: str | None = None
    """The XDM path written."""
    source_attribute: str | None = None
    """The older word for `source`."""
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
    name: str | None = None
    """The row's name."""
    description: str | None = None
    """The row's description."""

    @model_validator(mode="after")
    def _complete(self) -> Row:
        if (self.source is None) == (self.source_attribute is None):
            raise PydanticCustomError("one_of", "exactly one of source and sourceAttribute must be given")
        if (self.destination is None) == (self.destination_xdm_path is None):
            raise PydanticCustomError("one_of", "exactly one of destination and destinationXdmPath must be given")
        return self

    @property
    def target(self) -> str:
        """The XDM path written to, whichever word it was given with."""
        return str(self.destination if self.destination is not None else self.destination_xdm_path)


class MappingBlock(Block):
    """The long form of `mapping`."""

    name: str | None = None
    """The mapping set's name."""
    schema_: SchemaRef | None = Field(default=None, alias="schema")
    """The schema written to; left out, the target's."""
    mappings: list[Row]
    """The rows."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class Transformation(Block):
    """One step of a dataflow; a bare `{name: Mapping}` marks where the mapping goes."""

    name: str
    """The step's name."""
    params: Mapping | None = None
    """The step's parameters."""


FlowState = Literal["enabled", "disabled", "draft"]


class FlowBlock(Block):
    """The `flow` of either dataflow."""

    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    flow_spec: Versioned | None = None
    """The flow spec; left out, the connector's."""
    state: FlowState = "enabled"
    """Whether it runs; a draft is not live yet."""
    schedule_params: Mapping | None = None
    """When a batch flow runs: `startTime` (s since the epoch), `frequency`, `interval`, `backfill`."""
    options: Mapping | None = None
    """The documented `options`."""
    transformations: list[Transformation] | None = None
    """Steps besides the mapping; `{name: Mapping}` marks where that goes."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""


class Audience(Block):
    """One audience to activate: by id, or by name alone, then it is looked up."""

    id: str | None = None
    """The audience's id."""
    name: str | None = None
    """The audience's name; alone it is looked up."""
    description: str | None = None
    """What people are told of it."""
    export_mode: str | None = None
    """Of files: what is exported, `DAILY_FULL_EXPORT` or `FIRST_FULL_THEN_INCREMENTAL`."""
    schedule: Mapping | None = None
    """Of files: when it is exported."""
    filename_template: str | None = None
    """Of files: how they are named."""

    @model_validator(mode="after")
    def _findable(self) -> Audience:
        if not self.id and not self.name:
            raise PydanticCustomError("one_of", "an audience needs an id, or a name to look it up by")
        return self


class Attribute(Block):
    """One profile attribute to send."""

    path: Annotated[str, Field(min_length=1)]
    """The XDM path of the attribute."""
    operator: Literal["EXISTS"] = "EXISTS"
    """The only documented operator."""


class PrimaryField(Block):
    """One deduplication key of a file export: an attribute, or an identity (destinations.yaml)."""

    field_type: Literal["ATTRIBUTE", "IDENTITY"] = "ATTRIBUTE"
    """Whether the key is an attribute or an identity."""
    attribute_path: str | None = None
    """The attribute's XDM path."""
    identity_namespace: str | None = None
    """The identity's namespace."""

    @model_validator(mode="after")
    def _fits(self) -> PrimaryField:
        wanted = "attributePath" if self.field_type == "ATTRIBUTE" else "identityNamespace"
        if (self.attribute_path is None) == (self.identity_namespace is None) or wanted not in self.given():
            what = "a primary field of type {type} has {wanted}, and that alone"
            raise PydanticCustomError("one_of", what, {"type": self.field_type, "wanted": wanted})
        return self


class Ownership(Block):
    """Whether others may add to a list in the UI."""

    audiences: Literal["exclusive", "shared"] = "exclusive"
    """`shared` leaves alone what others activate."""
    attributes: Literal["exclusive", "shared"] = "exclusive"
    """`shared` leaves alone what others add."""
