"""Functions on arrays (functions.md, "Hierarchies - Arrays")."""

from __future__ import annotations

from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value, flat

_CATEGORY = "Arrays"


def elements(values: tuple[Value, ...]) -> list[Value]:
    """Return the elements of a single array, else the arguments themselves."""
    if len(values) == 1 and isinstance(values[0], list):
        return values[0]
    return list(values)


@function(_CATEGORY, "coalesce", "values*: any|null", returns="any", doc="Give the first value that is not null.")
def coalesce(*values: Value) -> Value:
    return next((value for value in elements(values) if value is not None), None)


@function(_CATEGORY, "first", "values*: any|null", returns="any", doc="Give the first element.")
def first(*values: Value) -> Value:
    return next(iter(elements(values)), None)


@function(_CATEGORY, "last", "values*: any|null", returns="any", doc="Give the last element.")
def last(*values: Value) -> Value:
    return next(reversed(elements(values)), None)


@function(
    _CATEGORY, "add_to_array", "array: array|null, values*: any|null", returns="array",
    doc="Append values to an array.",
)  # fmt: skip
def add_to_array(array: list[Value] | None, *values: Value) -> Value:
    return [*(array or []), *values]


@function(_CATEGORY, "join_arrays", "array: array, arrays*: any|null", returns="array", doc="Join arrays to one.")
def join_arrays(array: list[Value], *arrays: Value) -> Value:
    return [*array, *flat([other for other in arrays if other is not None])]


@function(
    _CATEGORY, "to_array", "includeNulls: boolean, values*: any|null", returns="array",
    doc="Make an array of values, with or without those that are null.",
)  # fmt: skip
def to_array(include_nulls: bool, *values: Value) -> Value:
    return [value for value in values if include_nulls or value is not None]


@function(_CATEGORY, "size_of", "value: any", returns="integer", doc="Give the number of elements, keys or characters.")
def size_of(value: Value) -> Value:
    return len(value) if isinstance(value, list | dict | str) else 1


@function(
    _CATEGORY, "upsert_array_append", "array: array", returns="array",
    doc="Mark an array as to be appended in a Profile update; gives the array.",
)  # fmt: skip
def upsert_array_append(array: list[Value]) -> Value:
    return array


@function(
    _CATEGORY, "upsert_array_replace", "array: array, index?: integer", returns="array",
    doc="Mark an array as replacing the one in Profile; gives the array.",
)  # fmt: skip
def upsert_array_replace(array: list[Value], _: int | None = None) -> Value:
    return array
