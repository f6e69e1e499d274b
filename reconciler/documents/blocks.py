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


class RegistryBlock(Block):
    """Base of a resource of the Schema Registry: each documented `meta:…` member is accepted beside the known ones."""

    meta: Mapping = Field(default_factory=dict, alias="meta:")
    """Any other documented `meta:…` member."""

    @model_validator(mode="before")
    @classmethod
    def _collect(cls, data: Tree) -> Tree:
        if not isinstance(data, dict):
            return data
        known = {field.alias for field in cls.model_fields.values()}
        others = {key: value for key, value in data.items() if str(key).startswith("meta:") and key not in known}
        return {**{key: value for key, value in data.items() if key not in others}, "meta:": others} if others else data


class Versioned(Block):
    """`{id, version}` of a connection spec or flow spec; the version is text."""

    id: str
    """The id of the connection spec or flow spec."""
    version: str = "1.0"
    """Its version, as text."""


class Auth(Block):
    """Credentials of a base connection: the auth spec's own name and parameters; `{}` where a connector has none."""

    spec_name: str | None = None
    """The name of the way to log in, as the platform calls it."""
    type: str | None = None
    """The documented `type` of the login, as `OAuth2.0`."""
    params: Mapping | None = None
    """Its parameters; secrets as `${secret.NAME}`."""


class Account(Block):
    """A base connection written inside a dataflow."""

    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    connection_spec: Versioned | None = None
    """Its connection spec; left out, the one of the block around it."""
    provider_id: str | None = None
    """The documented `providerId`."""
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
    base_connection_id: str | None = None
    """The documented `baseConnectionId`; means the same as `connection: {id: …}`."""
    provider_id: str | None = None
    """The documented `providerId`."""
    data: Mapping | None = None
    """The documented `data` block: format and schema of what is read or written."""
    params: Mapping | None = None
    """The connector's parameters: `reconciler connectors show KEY`."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""

    @model_validator(mode="after")
    def _whole_or_external(self) -> Endpoint:
        if self.id is not None and self.model_fields_set - {"id", "connector", "connection_spec"}:
            raise PydanticCustomError("borrowed", "an object used by its id is not changed here: leave the rest out")
        return self


class SourceEndpoint(Endpoint):
    """The `source` of a SourceDataflow."""

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

    id: str | None = None
    """A target connection that exists: no other field is given then."""
    name: str | None = None
    """Its name on the platform; left out, the document's name and the block."""
    description: str | None = None
    """Its description on the platform."""
    connection_spec: Versioned | None = None
    """The documented `connectionSpec`; left out, the data lake's."""
    base_connection_id: str | None = None
    """The documented `baseConnectionId`."""
    schema_: Mapping | None = Field(default=None, alias="schema")
    """The schema of the data: one that exists, one of another document, or a new one written out. It is sent as
    `data.schema`; left out, it is the one in `data`, in `mapping` or of the dataset."""
    dataset: Mapping | None = None
    """The dataset written to: one that exists, one of another document, or a new one written out. It is sent as
    `params.dataSetId`; left out, it is the one in `params`."""
    data: Mapping | None = None
    """The documented `data` block."""
    params: Mapping | None = None
    """The documented `params` block."""
    overrides: Mapping | None = None
    """Merged into the request body (RFC 7386), for what is not known here yet."""

    @model_validator(mode="after")
    def _whole_or_external(self) -> DatasetTarget:
        if self.id is not None and self.model_fields_set != {"id"}:
            raise PydanticCustomError("borrowed", "an object used by its id is not changed here: leave the rest out")
        return self


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
    provider_id: str | None = None
    """The documented `providerId`."""
    source_connection_ids: list[str] | None = None
    """The documented `sourceConnectionIds`; used where `source` is left out, in place of `source: {id: …}`."""
    target_connection_ids: list[str] | None = None
    """The documented `targetConnectionIds`; used where `target` is left out, in place of `target: {id: …}`."""
    state: FlowState = "enabled"
    """Whether it runs; a draft is not live yet."""
    schedule_params: Mapping | None = None
    """When a batch flow runs: `startTime` (s since the epoch), `frequency`, `interval`, `backfill`."""
    options: Mapping | None = None
    """The documented `options`."""
    policy: Mapping | None = None
    """The documented `policy`."""
    transformations: list[Transformation] | None = None
    """Steps besides the mapping; `{name: Mapping}` marks where that goes. Of a destination `GeneralTransform`, whose
    lists are `audiences` and `attributes`."""
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
    file_name_template: str | None = None
    """The other documented spelling of `filenameTemplate`."""
    system_segment_id: str | None = None
    """Of an audience from outside: its id on the platform."""
    namespace: str | None = None
    """The origin of the audience, as `aamSegments`."""
    enrichment_info: Mapping | None = None
    """Of files: the enrichment attributes to export."""
    create_time: str | int | None = None
    """As the platform shows it; not sent."""
    update_time: str | int | None = None
    """As the platform shows it; not sent."""

    @model_validator(mode="after")
    def _findable(self) -> Audience:
        if not self.id and not self.name:
            raise PydanticCustomError("one_of", "an audience needs an id, or a name to look it up by")
        return self


class Attribute(Block):
    """One profile attribute to send."""

    path: Annotated[str, Field(min_length=1)]
    """The XDM path of the attribute."""
    operator: Literal["EXISTS"] | None = None
    """The documented `operator`; always EXISTS."""
    mapping: Mapping | None = None
    """The documented `mapping` of the attribute."""
    identity: Mapping | None = None
    """The documented `identity` of the attribute."""


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
