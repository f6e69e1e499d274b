"""The smallest values: JSON trees, places in a file, and the leaves whose value is filled in later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Tree: TypeAlias = (
    "dict[str, Tree] | list[Tree] | str | int | float | bool | Ref | Secret | Fingerprint | Lookup | _Missing | None"
)
"""A JSON value whose leaves may also be values of ours: references, secrets, and a field that is not there."""

Wire: TypeAlias = Any
"""An answer of the platform, or a body for it, before it is checked: only kinds read its members."""

Path = tuple[str, ...]
"""Steps from the root of a tree to a value in it; keyed sets are stepped into by key, never by index."""

SENSITIVE: Final = "(sensitive)"

_SECRET_NAME = re.compile(r"\$\{secret\.([^}]*)\}")


class _Missing:
    """The type of `MISSING`: a field that is not there, which `None` (an explicit null) is not."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a manifest: `file` as shown to people, `line` and `column` from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that another resource has once it exists: the `field` (`id`, `version`) of `address`."""

    address: str
    field: str = "id"

    def __str__(self) -> str:
        return f"{self.address}#{self.field}"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A sensitive text, still holding `${secret.NAME}` where a provider fills in the value.

    `literal` is true for a value written out in a manifest at a place the catalog knows as secret. Neither
    form ever prints: `str`, `repr` and `format` all give `(sensitive)`.
    """

    template: str
    literal: bool = False

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def names(self) -> tuple[str, ...]:
        """Return the names of the secrets to ask the providers for, in order of appearance."""
        return () if self.literal else tuple(_SECRET_NAME.findall(self.template))

    def reveal(self, values: Mapping[str, str]) -> str:
        """Return the clear text, each `${secret.NAME}` replaced by `values[NAME]`.

        Raises `KeyError` with the name when one is not in `values`.
        """
        if self.literal:
            return self.template
        return _SECRET_NAME.sub(lambda found: values[found.group(1)], self.template)


class Clear(str):
    """The clear text of a secret, for the moment of sending: it is its value to an encoder, and never prints."""

    __slots__ = ()

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(SENSITIVE, spec)

    def plain(self) -> str:
        """Return the text itself."""
        return str.__str__(self)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the state keeps of a secret that was sent: a keyed digest, `ALGORITHM:SALT:HEX`."""

    digest: str

    def __str__(self) -> str:
        return SENSITIVE


@dataclass(frozen=True, slots=True)
class Lookup:
    """An object that exists and is not ours, to be found by `name` while planning; `kind` says where."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} named {self.name!r}"
