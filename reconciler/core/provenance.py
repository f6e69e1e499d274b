"""Metadata that travels with an object from its document through the plan and the journal to the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an object comes from, and what its document says of it besides its body.

    `file` is the manifest, relative to the project root, with `/`; `labels` are those of its document. `protect`
    refuses its delete, `allow_data_loss` lets its data go with it. A field added here is written and read by the codecs
    of the state, the journal and the saved plan as it is, where it differs from its default; it must be plain JSON.
    `Resource.dependencies` is not a member: it is computed from the body, and a `moved` record rewrites it.
    """

    file: str = ""
    protect: bool = False
    allow_data_loss: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


UNKNOWN = Provenance()


class HasProvenance:
    """Read access to the single members of `provenance`, for the values that hold one."""

    __slots__ = ()
    provenance: Provenance

    @property
    def file(self) -> str:
        """The manifest, relative to the project root."""
        return self.provenance.file

    @property
    def protect(self) -> bool:
        """Whether a delete is refused."""
        return self.provenance.protect

    @property
    def allow_data_loss(self) -> bool:
        """Whether its data may be lost."""
        return self.provenance.allow_data_loss

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its document."""
        return self.provenance.labels
