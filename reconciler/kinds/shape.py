"""How a kind declares its manifests itself: the base of spec models, and what turns a spec into a request body.

A kind that is `Documented` needs no module in `documents`: that room finds it among the kinds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from reconciler.core.kind import Kind
from reconciler.core.values import Wire


class Block(BaseModel):
    """Base of every block: unknown keys are errors, nothing is converted."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=False,
        arbitrary_types_allowed=True,
    )

    def given(self, *names: str) -> dict[str, Wire]:
        """Return those of `names` (Python names; all when none) that the author wrote, by their manifest names."""
        fields, written = type(self).__pydantic_fields__, self.__pydantic_fields_set__
        return {fields[name].alias or name: getattr(self, name) for name in (names or fields) if name in written}


class LookupBy(Block):
    """What to look an object up by: exactly one must match."""

    name: str
    """The name, or a schema's title; exactly one object must have it."""


class ExternalRef(Block):
    """An object that exists and is not ours, by `id` or by `lookup: {name}`; or ours elsewhere, by `ref`."""

    ref: str | None = None
    """The name of another document of this project."""
    id: str | None = None
    """The id of an object that exists and is not managed here."""
    lookup: LookupBy | None = None
    """Finds an object that exists by its name, while planning."""

    @model_validator(mode="after")
    def _one(self) -> ExternalRef:
        if len([item for item in (self.ref, self.id, self.lookup) if item is not None]) != 1:
            raise PydanticCustomError("one_of", "exactly one of ref, id and lookup must be given")
        return self


class Context(Protocol):
    """The part of an expansion that a kind may use: references to other documents, and findings."""

    def external(self, value: ExternalRef, kind: str, block: Sequence[str]) -> Wire:
        """Return the id, reference or look-up that stands for an object of `kind` made elsewhere."""
        ...

    def report(
        self, path: Sequence[str | int], code: str, what: str, advice: str = "", *, severity: str = "error"
    ) -> None:
        """Note a finding about the value at `path` below `spec`."""
        ...


Spec = TypeVar("Spec", bound=Block)


class Documented(Kind, Generic[Spec]):
    """An ability: objects are declared by documents of their own, whose name is the resource's address."""

    spec: ClassVar[type[Block]]
    """The model of a document's `spec`; its field `overrides`, if it has one, is merged into the body."""
    example: ClassVar[Wire]
    """A whole document, for the editor schema and the reference."""

    @abstractmethod
    def body(self, spec: Spec, ctx: Context) -> Wire:
        """Return the desired body that `spec` declares; findings go to `ctx`."""
