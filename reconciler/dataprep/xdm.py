"""Conversion of values to the types of an XDM schema (help/data-prep/data-handling.md).

A schema is JSON Schema as the Schema Registry resolves it (`xed-full`). Only what the guide describes is converted;
anything else that does not fit is an error, which sets the column to null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from reconciler.dataprep.datereader import parse_default
from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError
from reconciler.dataprep.functions.conversions import decimal_number, whole_number
from reconciler.dataprep.paths import Step, steps_text
from reconciler.dataprep.values import Value, as_text, date_text, described

Schema: TypeAlias = Mapping[str, object]
Coerce: TypeAlias = Callable[[Value], Value]

TRUE = frozenset(("y", "yes", "Y", "YES", "on", "ON", "true", "TRUE"))
FALSE = frozenset(("n", "N", "no", "NO", "off", "OFF", "false", "FALSE"))
"""Texts that are read as booleans (data-handling.md, "Booleans")."""

_RANGES = {"byte": 8, "short": 16, "int": 32, "long": 64}
"""Bits of the whole-number types of XDM, by `meta:xdmType`."""


def kind_of_field(schema: Schema) -> str:
    """Return the type of a field: boolean, date, date-time, integer, number, string, array, object, map or any."""
    marked = schema.get("meta:xdmType")
    if marked in ("date", "date-time", "map"):
        return str(marked)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if kind == "string" and schema.get("format") in ("date", "date-time"):
        return str(schema["format"])
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict) and not schema.get("properties"):
        return "map"
    return str(kind) if isinstance(kind, str) else "object" if "properties" in schema else "any"


def _boolean(value: Value) -> Value:
    if isinstance(value, str):
        if value in TRUE or value in FALSE:
            return value in TRUE
        raise EvaluationError(f"{value[:40]!r} is not one of the texts that are read as a boolean")
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"expected a boolean, found {described(value)}")


def _date_time(value: Value) -> Value:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, str):
        return date_text(parse_default(value))
    raise EvaluationError(f"expected a date, found {described(value)}")


def _date(value: Value) -> Value:
    if isinstance(value, str):
        value = parse_default(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    raise EvaluationError(f"expected a date, found {described(value)}")


def _integer(schema: Schema) -> Coerce:
    bits = _RANGES.get(str(schema.get("meta:xdmType")), 64)
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def coerce(value: Value) -> Value:
        number = whole_number(value)
        if not least <= number <= most:
            raise EvaluationError(f"{number} does not fit into {bits} bits")
        return number

    return coerce


def _string(schema: Schema) -> Coerce:
    allowed = schema.get("enum")
    names = frozenset(map(str, allowed)) if isinstance(allowed, list) else None
    pattern = schema.get("pattern")
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    expression = _pattern(pattern) if isinstance(pattern, str) else None

    def coerce(value: Value) -> Value:
        text = as_text(value)
        if names is not None and text not in names:
            raise EvaluationError(f"{text[:40]!r} is not one of the values that the schema allows")
        if isinstance(longest, int) and len(text) > longest:
            raise EvaluationError(f"the text is longer than {longest} characters")
        if isinstance(shortest, int) and len(text) < shortest:
            raise EvaluationError(f"the text is shorter than {shortest} characters")
        if expression is not None and not expression(text):
            raise EvaluationError(f"{text[:40]!r} does not match the pattern of the schema, {pattern}")
        return text

    return coerce


def _pattern(pattern: str) -> Callable[[str], bool]:
    from reconciler.dataprep.functions.regexes import SECONDS, bounded, compiled

    return lambda text: bounded(lambda: compiled(pattern).search(text, timeout=SECONDS)) is not None


def coercion(schema: Schema | None) -> Coerce:
    """Return the function that makes a value fit a field. Without a schema only dates change, to texts."""
    if schema is None:
        return _plain
    match kind_of_field(schema):
        case "boolean":
            return _boolean
        case "date-time":
            return _date_time
        case "date":
            return _date
        case "integer":
            return _integer(schema)
        case "number":
            return decimal_number
        case "string":
            return _string(schema)
        case "array":
            return _array(schema)
        case "object":
            return _object(schema)
        case "map":
            return _map(schema)
    return _plain


def _plain(value: Value) -> Value:
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if callable(value):
        raise NotSupportedLocallyError("a lambda as a value", "it cannot be written to a field")
    return value


def _array(schema: Schema) -> Coerce:
    items = schema.get("items")
    coerce = coercion(items if isinstance(items, dict) else None)

    def run(value: Value) -> Value:
        if not isinstance(value, list):
            raise EvaluationError(f"expected an array, found {described(value)}")
        return [None if item is None else coerce(item) for item in value]

    return run


def _object(schema: Schema) -> Coerce:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return _plain
    fields = {name: coercion(field) for name, field in properties.items()}
    is_open = schema.get("additionalProperties") is True

    def run(value: Value) -> Value:
        """Attributes of the same name are copied (functions.md, "Object copy"); null and unknown ones are left out."""
        if not isinstance(value, dict):
            raise EvaluationError(f"expected an object, found {described(value)}")
        return {
            name: fields[name](item) if name in fields else _plain(item)
            for name, item in value.items()
            if item is not None and (is_open or name in fields)
        }

    return run


def _map(schema: Schema) -> Coerce:
    values = schema.get("additionalProperties")
    coerce = coercion(values if isinstance(values, dict) else None)

    def run(value: Value) -> Value:
        if not isinstance(value, dict):
            raise EvaluationError(f"expected a map, found {described(value)}")
        return {key: coerce(item) for key, item in value.items() if item is not None}

    return run


def field_at(schema: Schema, steps: tuple[Step, ...]) -> Schema | None:
    """Return the field that a path leads to, or None where the schema has none."""
    current: Schema = schema
    for step in steps:
        if current is _ANY:
            return _ANY
        if isinstance(step, int):
            items = current.get("items")
            if not isinstance(items, dict):
                return None
            current = items
            continue
        properties = current.get("properties")
        field = properties.get(step) if isinstance(properties, dict) else None
        if not isinstance(field, dict):
            field = _undeclared(current)
        if field is None:
            return None
        current = field
    return current


_ANY: Schema = {"additionalProperties": True}


def _undeclared(schema: Schema) -> Schema | None:
    """The schema of a member that an object does not declare.

    It is that of a map's values, or anything where the object is open or has no description.
    """
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return extra
    undescribed = kind_of_field(schema) in ("object", "any") and not schema.get("properties")
    return _ANY if extra is True or undescribed else None


@dataclass(frozen=True, slots=True)
class Required:
    """The required fields of an object, and of the objects in it."""

    names: tuple[str, ...]
    below: tuple[tuple[str, Required], ...]

    def missing(self, record: Mapping[str, Value], at: tuple[Step, ...] = ()) -> list[str]:
        """Return the paths of required fields that a record lacks; an absent object needs none of its own."""
        result = [steps_text((*at, name)) for name in self.names if record.get(name) is None]
        for name, inner in self.below:
            value = record.get(name)
            if isinstance(value, dict):
                result.extend(inner.missing(value, (*at, name)))
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, dict):
                        result.extend(inner.missing(item, (*at, name, index)))
        return result


def required_of(schema: Schema) -> Required | None:
    """Return the required fields of a schema, or None where it has none."""
    names = schema.get("required")
    properties = schema.get("properties")
    below: list[tuple[str, Required]] = []
    for name, field in properties.items() if isinstance(properties, dict) else ():
        inner = field.get("items") if isinstance(field, dict) and kind_of_field(field) == "array" else field
        found = required_of(inner) if isinstance(inner, dict) else None
        if found is not None:
            below.append((name, found))
    own = tuple(map(str, names)) if isinstance(names, list) else ()
    return Required(own, tuple(below)) if own or below else None


def required_paths(schema: Schema, at: tuple[Step, ...] = ()) -> list[str]:
    """Return the paths of all required fields of a schema."""
    found = required_of(schema)
    if found is None:
        return []
    result = [steps_text((*at, name)) for name in found.names]
    properties = schema.get("properties")
    for name, field in properties.items() if isinstance(properties, dict) else ():
        if isinstance(field, dict) and kind_of_field(field) == "object":
            result.extend(required_paths(field, (*at, name)))
    return result
