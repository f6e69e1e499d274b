"""Shapes of the blocks inside `spec`, strict, in the platform's own field names; and errors as findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from reconciler.core.problems import Problem
from reconciler.core.values import Secret
from reconciler.manifests.document import Document, nearest

Tree = Any
Mapping = dict[str, Any]


class Block(BaseModel):
    """Base of every block: unknown keys are errors, nothing is converted."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=False,
        arbitrary_types_allowed=True,
    )

    def given(self, *names: str) -> dict[str, Tree]:
        """Return those of `names` (Python names; all when none) that the author wrote, by their manifest names."""
        fields = type(self).model_fields
        return {
            fields[name].alias or name: getattr(self, name)
            for name in (names or fields)
            if name in self.model_fields_set
        }


class Versioned(Block):
    """`{id, version}` of a connection spec or flow spec; the version is text."""

    id: str
    version: str = "1.0"


class LookupBy(Block):
    """What to look an object up by: exactly one must match."""

    name: str


class Borrowed(Block):
    """An object that exists and is not ours, by `id` or by `lookup: {name}`; or ours elsewhere, by `ref`."""

    ref: str | None = None
    id: str | None = None
    lookup: LookupBy | None = None

    @model_validator(mode="after")
    def _one(self) -> Borrowed:
        if len([item for item in (self.ref, self.id, self.lookup) if item is not None]) != 1:
            raise PydanticCustomError("one_of", "exactly one of ref, id and lookup must be given")
        return self


class Auth(Block):
    """Credentials of a base connection: the auth spec's own name and parameters."""

    spec_name: str
    params: Mapping = Field(default_factory=dict)


class Account(Block):
    """A base connection written inside a dataflow."""

    name: str | None = None
    description: str | None = None
    auth: Auth | None = None
    overrides: Mapping | None = None


class End(Block):
    """What a source and a target block have in common; a source by `id` is shared with others and nobody's own."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    connector: str | None = None
    connection_spec: Versioned | None = None
    connection: Mapping | None = None
    data: Mapping | None = None
    params: Mapping | None = None
    overrides: Mapping | None = None

    @model_validator(mode="after")
    def _whole_or_borrowed(self) -> End:
        if self.id is not None and self.model_fields_set - {"id", "connector", "connection_spec"}:
            raise PydanticCustomError("borrowed", "what is used by its id is not changed here: leave the rest out")
        return self


class SourceEnd(End):
    """The `source` of a SourceDataflow."""

    provider_id: str | None = None


class SchemaRef(Borrowed):
    """A schema that exists, by its `$id` or looked up by title; the version is a media type."""

    version: str = "application/vnd.adobe.xed-full+json;version=1"


class DatasetRef(Borrowed):
    """A dataset that exists, by its id or looked up by name."""


class LakeEnd(Block):
    """The `target` of a SourceDataflow: a dataset in the data lake and its schema."""

    name: str | None = None
    description: str | None = None
    schema_: Mapping = Field(alias="schema")
    dataset: Mapping
    data: Mapping | None = None
    params: Mapping | None = None
    overrides: Mapping | None = None


class ExportedDataset(Block):
    """One dataset of a dataset export: as documented, or a dataset found by name; the name is for people."""

    data_set_id: str | None = None
    ref: str | None = None
    lookup: LookupBy | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one(self) -> ExportedDataset:
        if len([item for item in (self.data_set_id, self.ref, self.lookup) if item is not None]) != 1:
            raise PydanticCustomError("one_of", "exactly one of dataSetId, ref and lookup must be given")
        return self


class Row(Block):
    """One line of a mapping, in the current or the older vocabulary (api-facts 4.1)."""

    source_type: Literal["ATTRIBUTE", "EXPRESSION", "STATIC"] | None = None
    source: str | None = None
    destination: str | None = None
    source_attribute: str | None = None
    destination_xdm_path: str | None = None
    identity: bool | None = None
    primary_identity: bool | None = None
    identity_group: str | None = None
    namespace_code: str | None = None
    version: int | None = None
    function_version: int | None = None
    name: str | None = None
    description: str | None = None

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
    schema_: SchemaRef | None = Field(default=None, alias="schema")
    mappings: list[Row]
    overrides: Mapping | None = None


class Transformation(Block):
    """One step of a dataflow; a bare `{name: Mapping}` marks where the mapping goes."""

    name: str
    params: Mapping | None = None


FlowState = Literal["enabled", "disabled", "draft"]


class FlowBlock(Block):
    """The `flow` of either dataflow."""

    name: str | None = None
    description: str | None = None
    flow_spec: Versioned | None = None
    state: FlowState = "enabled"
    schedule_params: Mapping | None = None
    options: Mapping | None = None
    transformations: list[Transformation] | None = None
    overrides: Mapping | None = None


class Audience(Block):
    """One audience to activate: by id, or by name alone, then it is looked up."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    export_mode: str | None = None
    schedule: Mapping | None = None
    filename_template: str | None = None

    @model_validator(mode="after")
    def _findable(self) -> Audience:
        if not self.id and not self.name:
            raise PydanticCustomError("one_of", "an audience needs an id, or a name to look it up by")
        return self


class Attribute(Block):
    """One profile attribute to send."""

    path: Annotated[str, Field(min_length=1)]
    operator: Literal["EXISTS"] = "EXISTS"


class PrimaryField(Block):
    """One deduplication key of a file export: an attribute, or an identity (api-facts 7.3)."""

    field_type: Literal["ATTRIBUTE", "IDENTITY"] = "ATTRIBUTE"
    attribute_path: str | None = None
    identity_namespace: str | None = None

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
    attributes: Literal["exclusive", "shared"] = "exclusive"


_WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
}


def problems_of(
    document: Document, error: ValidationError, model: type[BaseModel], base: Sequence[str]
) -> list[Problem]:
    """Return pydantic's findings as ours, each at its place in the document below `base`."""
    return [_problem(document, item, model, tuple(base)) for item in error.errors()]


def _problem(document: Document, item: ErrorDetails, model: type[BaseModel], base: tuple[str, ...]) -> Problem:
    steps = [str(step) for step in item["loc"]]
    path = (*base, *steps)
    value = item.get("input")
    kind = item["type"]
    shown = (
        repr(value) if not isinstance(value, dict | list) else ("a mapping" if isinstance(value, dict) else "a list")
    )
    where = steps[-1] if steps and not steps[-1].isdigit() else "this"
    if kind == "extra_forbidden":
        known = _known_keys(model, steps[:-1])
        return document.problem(path, "unknown-key", f"unknown key {steps[-1]!r}", nearest(steps[-1], known), key=True)
    if kind == "missing":
        return document.problem(path[:-1], "missing-key", f"{steps[-1]} is missing", f"add {steps[-1]}: …")
    if isinstance(value, Secret):
        return document.problem(
            path, "misplaced-secret", f"{where} cannot hold a secret", "write it out, or use ${var.NAME}"
        )
    if kind in _WORDS:
        advice = f'write "{value}" in quotes' if kind == "string_type" and isinstance(value, int | float) else ""
        return document.problem(path, "bad-type", f"{where} must be {_WORDS[kind]}, not {shown}", advice)
    if kind == "literal_error":
        expected = item.get("ctx", {}).get("expected", "")
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return document.problem(
            path,
            "bad-value",
            f"{where} must be one of {', '.join(words)}, not {shown}",
            nearest(str(value), words),
        )
    return document.problem(path, kind.replace("_", "-"), item["msg"].removeprefix("Value error, "))


def _known_keys(model: type[BaseModel], steps: Iterable[str]) -> list[str]:
    """Return the keys a block takes, found by walking the model along `steps`."""
    here: Any = model
    for step in steps:
        fields = {(field.alias or name): field.annotation for name, field in getattr(here, "model_fields", {}).items()}
        inner = _model_in(fields.get(step)) if step in fields else here
        here = inner or here
    return [field.alias or name for name, field in getattr(here, "model_fields", {}).items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
