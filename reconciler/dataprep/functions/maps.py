"""Functions on maps (functions.md, "Hierarchies - Objects" and "Hierarchies - Maps")."""

from __future__ import annotations

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.functions.objects import pairs_of
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value, as_object, as_text

_CATEGORY = "Maps"


@function(
    _CATEGORY, "map_get_values", "map: object, key: any", returns="any",
    doc="Give the value of a key, or for an array of keys the array of their values.",
)  # fmt: skip
def map_get_values(values: dict[str, Value], key: Value) -> Value:
    if not isinstance(key, list):
        return values.get(as_text(key))
    wanted = dict.fromkeys(as_text(one) for one in key)
    return [values[one] for one in wanted if one in values]


@function(
    _CATEGORY, "map_has_keys", "map: object, keys: any", returns="boolean",
    doc="Tell whether a map has a key, or one of an array of keys.",
)  # fmt: skip
def map_has_keys(values: dict[str, Value], keys: Value) -> Value:
    return any(as_text(key) in values for key in (keys if isinstance(keys, list) else [keys]))


@function(
    _CATEGORY, "add_to_map", "map: object, maps*: object", returns="object",
    doc="Merge maps; of a repeated key the first value counts.",
)  # fmt: skip
def add_to_map(*maps: dict[str, Value]) -> Value:
    merged: dict[str, Value] = {}
    for one in maps:
        for key, value in one.items():
            merged.setdefault(key, value)
    return merged


def _by_key(rows: list[Value], key: str) -> dict[str, Value]:
    result: dict[str, Value] = {}
    for row in rows:
        value = as_object(row).get(key)
        if value is None:
            raise EvaluationError(f"an object of the array has no {key!r} to be its key")
        result[as_text(value)] = row
    return result


@function(
    _CATEGORY, "object_to_map", "value: any|null, more*: any|null", returns="object",
    doc="Make a map of keys and values, of an object, or of an array of objects and the name of their key.",
)  # fmt: skip
def object_to_map(value: Value, *more: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, dict) and not more:
        return value
    if isinstance(value, list | dict) and len(more) == 1:
        return _by_key(value if isinstance(value, list) else [value], as_text(more[0]))
    return dict(pairs_of("object_to_map", (value, *more)))


@function(
    _CATEGORY, "array_to_map", "objects: array, key: string", returns="object",
    doc="Make a map of an array of objects, by the value of a field.",
)  # fmt: skip
def array_to_map(objects: list[Value], key: str) -> Value:
    return _by_key(objects, key)


@function(_CATEGORY, "to_map", "pairs*: any|null", returns="object", doc="Make a map of keys and values.")
def to_map(*values: Value) -> Value:
    return dict(pairs_of("to_map", values))
