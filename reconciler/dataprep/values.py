"""The values of the language, and how one sort becomes another inside an expression.

Numbers follow Java: whole numbers have no limit here (Java changes from 64 bits to BigInteger by itself), others are
64-bit floats. Dates are datetimes with a zone, to the microsecond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from reconciler.dataprep.errors import EvaluationError

Value: TypeAlias = "str | int | float | bool | datetime | list[Value] | dict[str, Value] | Function1 | None"
Function1: TypeAlias = Callable[["Value"], "Value"]
"""A lambda of the language, as functions on arrays get it."""

Record: TypeAlias = Mapping[str, "Value"]

KINDS = ("string", "integer", "number", "boolean", "date", "array", "object", "any", "lambda", "path")
"""Sorts of parameters and results. `path` is the name of a field of the record, as a text."""


def kind_of(value: Value) -> str:
    """Return the sort of a value, `null` for None."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case datetime():
            return "date"
        case list():
            return "array"
        case dict():
            return "object"
    return "lambda"


def date_text(value: datetime) -> str:
    """Return a date in UTC with `Z`, with a fraction only when it is not zero, at least three digits of it."""
    utc = value.astimezone(UTC)
    text = f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}"
    if not utc.microsecond:
        return text + "Z"
    fraction = f"{utc.microsecond:06d}"
    return f"{text}.{fraction[:3] if fraction.endswith('000') else fraction}Z"


def number_text(value: float) -> str:
    """Return a float as Java's Double.toString writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:f}"
    mantissa, _, exponent = f"{value!r}".partition("e")
    digits = mantissa.lstrip("-").replace(".", "")
    point = len(mantissa.lstrip("-").partition(".")[0]) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0") or "0"
    sign = "-" if value < 0 else ""
    return f"{sign}{stripped[0]}.{stripped[1:] or '0'}E{point - 1}"


def as_text(value: Value) -> str:
    """Return a simple value as text. Raises EvaluationError for null, an array, an object or a lambda."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime):
        return date_text(value)
    raise EvaluationError(f"expected a text, found {described(value)}")


def as_integer(value: Value) -> int:
    """Return a whole number. Raises EvaluationError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise EvaluationError(f"expected a whole number, found {described(value)}")


def as_number(value: Value) -> int | float:
    """Return a number. Raises EvaluationError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise EvaluationError(f"expected a number, found {described(value)}")


def as_boolean(value: Value) -> bool:
    """Return a boolean. Raises EvaluationError for anything else."""
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"expected true or false, found {described(value)}")


def as_date(value: Value) -> datetime:
    """Return a date. Raises EvaluationError for anything else, a text included."""
    if isinstance(value, datetime):
        return value
    hint = "; make one with date()" if isinstance(value, str) else ""
    raise EvaluationError(f"expected a date, found {described(value)}{hint}")


def as_array(value: Value) -> list[Value]:
    """Return an array. Raises EvaluationError for anything else."""
    if isinstance(value, list):
        return value
    raise EvaluationError(f"expected an array, found {described(value)}")


def as_object(value: Value) -> dict[str, Value]:
    """Return an object or map. Raises EvaluationError for anything else."""
    if isinstance(value, dict):
        return value
    raise EvaluationError(f"expected an object, found {described(value)}")


def as_lambda(value: Value) -> Function1:
    """Return a lambda. Raises EvaluationError for anything else."""
    if callable(value):
        return value
    raise EvaluationError(f"expected a lambda such as x -> x.name, found {described(value)}")


def as_any(value: Value) -> Value:
    """Return the value as it is."""
    return value


CONVERSIONS: dict[str, Callable[[Value], Value]] = {
    "string": as_text,
    "path": as_text,
    "integer": as_integer,
    "number": as_number,
    "boolean": as_boolean,
    "date": as_date,
    "array": as_array,
    "object": as_object,
    "lambda": as_lambda,
    "any": as_any,
}
"""How an argument becomes what a parameter of each sort takes."""

_ARTICLES = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}


def described(value: Value) -> str:
    """Return the sort of a value with its article, and the value itself where it is short."""
    kind = kind_of(value)
    named = _ARTICLES.get(kind, f"a {kind}")
    if isinstance(value, str | int | float) and len(str(value)) <= 40:
        return f"the {kind} {str(value).lower() if isinstance(value, bool) else repr(value)}"
    return named


def flat(values: tuple[Value, ...] | list[Value]) -> list[Value]:
    """Return the values with each array among them replaced by its elements."""
    return [item for value in values for item in (value if isinstance(value, list) else (value,))]


def compare(left: Value, right: Value) -> int:
    """Return -1, 0 or 1 by the natural order of two numbers, texts, dates or booleans.

    Raises EvaluationError for values of different sorts and for arrays, objects and null.
    """
    for kinds in ((int, float), (str,), (datetime,)):
        if isinstance(left, kinds) and isinstance(right, kinds):
            return (left > right) - (left < right)  # type: ignore[operator]
    raise EvaluationError(f"cannot compare {described(left)} with {described(right)}")


def to_json(value: Value) -> Value:
    """Return the value with dates as texts, fit for JSON."""
    if isinstance(value, datetime):
        return date_text(value)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return number_text(value)
    return None if callable(value) else value
