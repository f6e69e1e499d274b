"""Checks the members of a value that was read from a file against the annotations of its dataclass. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, get_args

from reconciler.core.plan.model import DriftCause
from reconciler.core.rules import Cause

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Check = Callable[[object], bool]


def _text(value: object) -> bool:
    return type(value) is str


def _whole(value: object) -> bool:
    return type(value) is int


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_text, value))


def _mapping(of: _Check) -> _Check:
    return lambda value: isinstance(value, Mapping) and all(_text(key) and of(item) for key, item in value.items())


_CHECKS: Mapping[str, _Check] = {
    "str": _text,
    "int": _whole,
    "bool": lambda value: type(value) is bool,
    "str | None": lambda value: value is None or _text(value),
    "int | None": lambda value: value is None or _whole(value),
    "Path": _texts,
    "tuple[str, ...]": _texts,
    "tuple[Path, ...]": lambda value: isinstance(value, tuple) and all(map(_texts, value)),
    "tuple[tuple[str, str], ...]": lambda value: (
        isinstance(value, tuple) and all(_texts(item) and len(item) == 2 for item in value)
    ),
    "Mapping[str, str]": _mapping(_text),
    "Mapping[str, tuple[str, ...]]": _mapping(_texts),
    "Mapping[str, Tree]": _mapping(lambda _: True),
    "Cause": lambda value: value in get_args(Cause),
    "DriftCause": lambda value: value in get_args(DriftCause),
}
"""A check for each annotation. Other members are made by the reader of the file itself, or may be any JSON value."""


def check_types(value: DataclassInstance) -> None:
    """Raise `ValueError` for a member of another type than its dataclass names."""
    for member in dataclasses.fields(value):
        check = _CHECKS.get(str(member.type))
        if check is not None and not check(getattr(value, member.name)):
            raise ValueError(f"{member.name} has a value of the wrong type")
