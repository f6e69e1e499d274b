"""Functions that the guide to calculated fields of file destinations adds (see `_PAGE`)."""

from __future__ import annotations

from datetime import datetime

from reconciler.dataprep.functions.dates import milliseconds
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Function1, Value, as_boolean, as_text

_CATEGORY = "Export"
_PAGE = "help/destinations/ui/data-transformations-calculated-fields.md"


def flattened(values: list[Value]) -> list[Value]:
    """Return the elements of an array, those of arrays in it included."""
    result: list[Value] = []
    waiting = list(reversed(values))
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        else:
            result.append(value)
    return result


def _inside(value: Value) -> str:
    """A value inside an object or array: texts in single quotes, dates as milliseconds."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, datetime):
        return str(milliseconds(value))
    if isinstance(value, list):
        return "[" + ",".join(map(_inside, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"'{key}':{_inside(item)}" for key, item in value.items()) + "}"
    return as_text(value)


def _element(value: Value) -> str:
    if value is None:
        return ""
    return _inside(value) if isinstance(value, dict | datetime) else as_text(value)


@function(
    _CATEGORY, "array_to_string", "separator: string, array: array", returns="string", page=_PAGE,
    doc="Join the elements of an array to a text, objects included.",
)  # fmt: skip
def array_to_string(separator: str, array: list[Value]) -> Value:
    return separator.join(map(_element, flattened(array)))


@function(
    _CATEGORY, "filterArray", "array: array, condition: lambda", returns="array", page=_PAGE,
    doc="Keep the elements for which a lambda gives true.",
)  # fmt: skip
def filter_array(array: list[Value], condition: Function1) -> Value:
    return [item for item in array if as_boolean(condition(item))]


@function(
    _CATEGORY, "transformArray", "array: array, change: lambda", returns="array", page=_PAGE,
    doc="Replace each element by what a lambda gives for it.",
)  # fmt: skip
def transform_array(array: list[Value], change: Function1) -> Value:
    return [change(item) for item in array]


@function(
    _CATEGORY, "flattenArray", "array: array", returns="array", page=_PAGE,
    doc="Replace arrays in an array by their elements.",
)  # fmt: skip
def flatten_array(array: list[Value]) -> Value:
    return flattened(array)
