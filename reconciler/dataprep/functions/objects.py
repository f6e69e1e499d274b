"""Functions on objects (functions.md, "Hierarchies - Objects")."""

from __future__ import annotations

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.paths import AttributePath
from reconciler.dataprep.table import Context, function
from reconciler.dataprep.values import Value, as_array, as_text

_CATEGORY = "Objects"


def pairs_of(name: str, values: tuple[Value, ...]) -> dict[str, Value]:
    """Return a flat list of keys and values as a dict. Raises EvaluationError for an odd number of them."""
    if len(values) % 2:
        raise EvaluationError(f"{name} takes pairs of a key and a value; the last key has no value")
    return {as_text(key): value for key, value in zip(values[::2], values[1::2], strict=True)}


@function(
    _CATEGORY, "is_empty", "value: any|null", returns="boolean", doc="Tell whether a value is null or has no content."
)
def is_empty(value: Value) -> Value:
    return value is None or value == "" or value == [] or value == {}


@function(
    _CATEGORY, "arrays_to_object", "pairs*: any|null", returns="array", aliases=("arrays_to_objects",),
    doc="Make an array of objects of keys and arrays; the guide's sample writes arrays_to_objects.",
)  # fmt: skip
def arrays_to_object(*values: Value) -> Value:
    columns = {key: as_array(value) for key, value in pairs_of("arrays_to_object", values).items() if value is not None}
    longest = max(map(len, columns.values()), default=0)
    return [
        {key: column[row] if row < len(column) else None for key, column in columns.items()} for row in range(longest)
    ]


@function(_CATEGORY, "to_object", "pairs*: any|null", returns="object", doc="Make an object of keys and values.")
def to_object(*values: Value) -> Value:
    return dict(pairs_of("to_object", values))


def parsed_pairs(text: str, value_delimiter: str | None, field_delimiter: str | None) -> dict[str, Value]:
    """Return the keys and values in a text, blanks around both removed; a part without a delimiter is left out."""
    result: dict[str, Value] = {}
    for part in text.split(field_delimiter or ","):
        key, delimiter, value = part.partition(value_delimiter or ":")
        if delimiter and key.strip():
            result[key.strip()] = value.strip()
    return result


@function(
    _CATEGORY, "str_to_object", "text: string, valueDelimiter?: string|null, fieldDelimiter?: string|null",
    returns="object", doc="Make an object of a text such as a:1,b:2.",
)  # fmt: skip
def str_to_object(text: str, value_delimiter: str | None = None, field_delimiter: str | None = None) -> Value:
    return parsed_pairs(text, value_delimiter, field_delimiter)


@function(
    _CATEGORY, "contains_key", "path: path", returns="boolean", context=True, aliases=("is_set",),
    doc="Tell whether the source data has a field; is_set is its deprecated name.",
)  # fmt: skip
def contains_key(context: Context, path: str) -> Value:
    return AttributePath.parse(path).exists(context.record)


@function(_CATEGORY, "nullify", returns="any", doc="Give null, so that the field is not copied.")
def nullify() -> Value:
    return None


@function(_CATEGORY, "get_keys", "value: object", returns="array", doc="Give the keys of an object.")
def get_keys(value: dict[str, Value]) -> Value:
    return list(value)


@function(
    _CATEGORY, "get_values", "text: string, key: string, valueDelimiter: string|null, fieldDelimiter?: string|null",
    returns="string", doc="Give the value of a key in a text such as a:1,b:2.",
)  # fmt: skip
def get_values(text: str, key: str, value_delimiter: str | None, field_delimiter: str | None = None) -> Value:
    return parsed_pairs(text, value_delimiter, field_delimiter).get(key)
