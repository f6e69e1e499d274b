"""Methods of values, as Java has them. The guide documents equals, equalsIgnoreCase and get only."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.functions.strings import equals, equals_ignore_case
from reconciler.dataprep.values import Value, as_array, as_integer, as_object, as_text, described

Run = Callable[..., Value]


def _text(run: Run) -> Run:
    return lambda owner, *arguments: run(as_text(owner), *map(as_text, arguments))


def _substring(owner: Value, start: Value, end: Value = None) -> Value:
    text, first = as_text(owner), as_integer(start)
    last = len(text) if end is None else as_integer(end)
    if not 0 <= first <= last <= len(text):
        raise EvaluationError(f"substring({first}, {last}) lies outside a text of {len(text)} characters")
    return text[first:last]


def _get(owner: Value, key: Value) -> Value:
    if isinstance(owner, dict):
        return owner.get(as_text(key))
    items, index = as_array(owner), as_integer(key)
    return items[index] if 0 <= index < len(items) else None


def _contains(owner: Value, value: Value) -> Value:
    return as_text(value) in owner if isinstance(owner, str) else value in as_array(owner)


def _size(owner: Value) -> Value:
    if isinstance(owner, list | dict):
        return len(owner)
    raise EvaluationError(f"{described(owner)} has no method size")


def _length(owner: Value) -> Value:
    return len(as_text(owner))


def _is_empty(owner: Value) -> Value:
    if isinstance(owner, str | list | dict):
        return not owner
    raise EvaluationError(f"{described(owner)} has no method isEmpty")


METHODS: dict[str, tuple[int, int, Run]] = {
    "equals": (1, 1, equals),
    "equalsIgnoreCase": (
        1,
        1,
        lambda owner, other: equals_ignore_case(as_text(owner), None if other is None else as_text(other)),
    ),
    "get": (1, 1, _get),
    "contains": (1, 1, _contains),
    "containsKey": (1, 1, lambda owner, key: as_text(key) in as_object(owner)),
    "endsWith": (1, 1, _text(str.endswith)),
    "indexOf": (1, 1, _text(str.find)),
    "isEmpty": (0, 0, _is_empty),
    "length": (0, 0, _length),
    "replace": (2, 2, _text(str.replace)),
    "size": (0, 0, _size),
    "startsWith": (1, 1, _text(str.startswith)),
    "substring": (1, 2, _substring),
    "toLowerCase": (0, 0, _text(str.lower)),
    "toUpperCase": (0, 0, _text(str.upper)),
    "trim": (0, 0, _text(str.strip)),
}
"""Each method with the least and most number of arguments, and what it does."""


def method_problem(name: str, count: int) -> str | None:
    """Return a message where a known method does not take `count` arguments, else None."""
    least, most, _ = METHODS[name]
    if least <= count <= most:
        return None
    expected = f"{least} to {most}" if least != most else str(least) if least else "no"
    return f"the method {name} takes {expected} argument{'' if expected == '1' else 's'}, not {count}"
