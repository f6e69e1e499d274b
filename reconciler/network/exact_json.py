"""JSON bodies and texts, read and written by orjson without a change of any number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

DEPTH = 254
"""The deepest nesting that is read from a server, which is the deepest that orjson writes."""

_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_RUN = b"0" * 18
_LONG = tuple(before + _RUN for before in (b" ", b":", b",", b"[", b"-"))
"""How a number that orjson could round begins, every digit a nought; a text may look so, too, which does no harm."""
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def parsed(data: bytes) -> Any:
    """Return the content of a text; numbers that orjson would round are read exactly. Raises ValueError."""
    alike = data.translate(_DIGITS_ALIKE)
    if _RUN in alike and any(long in alike for long in _LONG):
        tree = json.loads(data, parse_constant=_refuse_constant)
        _encoded_exactly(tree)  # it takes lone surrogates and 1e999, which orjson refuses
        return tree
    return orjson.loads(data)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")


def received(data: bytes) -> Any:
    """Return the content of a text of unknown origin. Raises ValueError, also for one nested deeper than `DEPTH`."""
    try:
        tree = parsed(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if data.count(b"{") + data.count(b"[") > DEPTH and _deeper(tree):
        raise ValueError("it is nested too deeply")
    return tree


def _deeper(tree: Any) -> bool:
    """Tell whether a tree is nested deeper than `DEPTH`."""
    try:
        orjson.dumps(tree)  # ten times as fast as a look at every value
    except TypeError:  # too deep for it, or an integer beyond 64 bits
        level = [tree]
        for _ in range(DEPTH):
            children = (item.values() if isinstance(item, dict) else item for item in level)
            level = [child for group in children for child in group if isinstance(child, dict | list)]
        return bool(level)
    return False


def encoded(tree: Any) -> bytes:
    """Return a body as compact JSON. Raises ValueError for a number that JSON does not have."""
    try:
        text = orjson.dumps(tree, option=_OPTIONS)
    except TypeError:  # integers beyond 64 bits, keys of another type than text, lone surrogates
        return _encoded_exactly(tree)
    # orjson writes infinity and NaN as null; only a body with a null needs the second look
    return _encoded_exactly(tree) if b"null" in text and _has_no_number(tree) else text


def _encoded_exactly(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _has_no_number(tree: Any) -> bool:
    """Tell whether a tree holds infinity or NaN."""
    if isinstance(tree, float):
        return not math.isfinite(tree)
    if isinstance(tree, Mapping):
        return any(map(_has_no_number, tree.values()))
    return isinstance(tree, list | tuple) and any(map(_has_no_number, tree))
