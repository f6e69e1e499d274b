"""When two values mean the same: the platform renders scalars and media types in other ways than it was sent."""

from __future__ import annotations

import re

from reconciler.core.values import Tree

_MASK = re.compile(r"[*•●]{3}|^[xX]{4,}$")
_BLANKS = re.compile(r"\s+")
_VERSION = re.compile(r"version=(\d+)\.0\b")


def _text(value: Tree) -> str:
    """Return the one text for all renderings of a scalar: `15`, `"15"` and `15.0`; `true` and `"true"`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _media_type(value: str) -> str:
    """Return a media type without blanks and with `version=1.0` read as `version=1` (as in schema-registry.yaml)."""
    return _VERSION.sub(r"version=\1", _BLANKS.sub("", value))


def same_scalar(left: Tree, right: Tree) -> bool:
    """Tell whether two scalars mean the same.

    A number or boolean equals its own text, as the Flow Service returns it (flow-service.yaml
    ScheduleSpecDTO: `"15"` for 15, `"true"`); two texts must be equal, but for the blanks of a media type.
    """
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        if left == right:
            return True
        return left.startswith("application/") and _media_type(left) == _media_type(right)
    return _text(left).lower() == _text(right).lower()


def is_masked(value: str) -> bool:
    """Tell whether a text is a mask, in place of a value that the platform does not show (flow-service.yaml)."""
    return _MASK.search(value) is not None


def is_empty(value: Tree) -> bool:
    """Tell whether `value` is an empty container, which the platform may leave out altogether."""
    return isinstance(value, dict | list) and not value


def same(left: Tree, right: Tree) -> bool:
    """Tell whether two whole values mean the same, with the same members on both sides."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return False
    return same_scalar(left, right)


def identical(live: Tree, declared: Tree) -> bool:
    """Tell whether `live` shows just what `declared` says, in the same words.

    It is the quick answer for the many objects that nobody touched. False means only that it takes a closer look: at
    other words for the same, at secrets, at what must be absent.
    """
    if type(declared) is not dict or type(live) is not dict:
        return False
    for key, value in declared.items():
        there = live.get(key)
        kind = type(value)
        if kind is dict:
            told = identical(there, value)
        elif kind is list:
            told = there == value and _same_types(there, value)
        else:
            told = there == value and type(there) is kind and value is not None
        if not told:
            return False
    return True


def _same_types(left: Tree, right: Tree) -> bool:
    """Tell whether two equal values are of the same types throughout."""
    if type(left) is not type(right):
        return False
    if type(left) is dict and type(right) is dict:
        for key, value in left.items():
            if type(value) is not str and not _same_types(value, right[key]):
                return False  # what is equal to a text is one
    elif type(left) is list and type(right) is list:
        return all(map(_same_types, left, right))
    return True


def exactly(left: Tree, right: Tree) -> bool:
    """Tell whether two values are equal and of the same types throughout: to Python 1, 1.0 and true are equal."""
    return left is right or (bool(left == right) and _same_types(left, right))


def covers(live: Tree, declared: Tree) -> bool:
    """Tell whether `live` shows everything `declared` says; what it shows beyond that does not count."""
    if isinstance(declared, dict):
        if not declared:
            return True
        return isinstance(live, dict) and all(covers(live.get(key), value) for key, value in declared.items())
    if isinstance(declared, list):
        if not declared and live is None:
            return True
        return isinstance(live, list) and len(live) == len(declared) and all(map(covers, live, declared))
    return not isinstance(live, dict | list) and same_scalar(live, declared)
