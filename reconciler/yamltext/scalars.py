"""Scalars of YAML 1.2's core schema: which unquoted text is a number, a boolean, null or a text."""

from __future__ import annotations

import math
import re
from typing import Final

from reconciler.core.values import Tree

TAG: Final = "tag:yaml.org,2002:"
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DIGITS = "-+.0123456789"
CORE: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _letters, _name, _pattern in (
    ("~nN", "null", re.compile(r"~|null|Null|NULL")),
    ("tTfF", "bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_DIGITS, "int", re.compile(rf"(?:{INT.pattern})$")),
    (_DIGITS, "float", re.compile(rf"(?:{FLOAT.pattern})$")),
    ("<", "merge", re.compile(r"<<")),
):
    for _letter in _letters:
        CORE.setdefault(_letter, []).append((TAG + _name, re.compile(rf"(?:{_pattern.pattern})$")))
CORE[""] = [(TAG + "null", re.compile(r"$"))]


class CarefulError(Exception):
    """A text that the quick way cannot read."""


_WORDS = {word: value for value, words in (
    (None, ("", "~", "null", "Null", "NULL")), (True, ("true", "True", "TRUE")), (False, ("false", "False", "FALSE")),
) for word in words}  # fmt: skip
_NUMERIC = frozenset(_DIGITS)


def plain_scalar(value: str) -> Tree:
    if value[:1] in _NUMERIC:
        if INT.fullmatch(value) or FLOAT.fullmatch(value):
            if len(value) > 15:
                raise CarefulError  # it may be too large
            number = INT.fullmatch(value)
            if number:
                return int(value, 0) if value[:2] in ("0o", "0x") else int(value)
            if not math.isfinite(float(value)):
                raise CarefulError
            return float(value)
        return value
    return _WORDS.get(value, value)


def is_text(plain: str) -> bool:
    """Tell whether an unquoted scalar is read as text."""
    try:
        return isinstance(plain_scalar(plain), str)
    except CarefulError:
        return False


SPECIAL = frozenset(["", *_DIGITS, *"~nNtTfF"])
