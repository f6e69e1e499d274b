"""Type conversions and JSON (functions.md, "Type conversions" and "JSON functions")."""

from __future__ import annotations

import json
import math
import re
import struct

from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value, as_number, described

_CATEGORY = "Type conversion"
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def whole_number(value: Value) -> int:
    """Return a whole number from a number or a text. Raises EvaluationError for anything else."""
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value.strip()):
            raise EvaluationError(f"{value[:40]!r} is not a whole number")
        return int(value)
    number = as_number(value)
    if isinstance(number, float) and not number.is_integer():
        raise EvaluationError(f"{number!r} is not a whole number")
    return int(number)


def decimal_number(value: Value) -> float:
    """Return a 64-bit float from a number or a text. Raises EvaluationError for anything else."""
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value.strip()):
            raise EvaluationError(f"{value[:40]!r} is not a number")
        number = float(value)
    else:
        number = float(as_number(value))
    if not math.isfinite(number):
        raise EvaluationError(f"{described(value)} is too large for a 64-bit float")
    return number


@function(
    _CATEGORY, "to_bigint", "text: any", returns="integer", doc="Read a whole number of any size.",
    unsupported="a number with a fraction: the guide names a BigInteger and prints a fraction",
)  # fmt: skip
def to_bigint(value: Value) -> Value:
    if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()) and _DECIMAL.fullmatch(value.strip()):
        raise NotSupportedLocallyError("to_bigint of a fraction", "the guide names a BigInteger and prints a fraction")
    return whole_number(value)


@function(_CATEGORY, "to_decimal", "text: any", returns="number", doc="Read a 64-bit float.")
def to_decimal(value: Value) -> Value:
    return decimal_number(value)


@function(_CATEGORY, "to_float", "text: any", returns="number", doc="Read a 32-bit float.")
def to_float(value: Value) -> Value:
    number = decimal_number(value)
    try:
        single = struct.pack("f", number)
    except OverflowError:
        raise EvaluationError(f"{described(value)} is too large for a 32-bit float") from None
    for digits in range(1, 10):  # the shortest number that is the same 32-bit float, as Java prints it
        short = float(f"{number:.{digits}g}")
        if struct.pack("f", short) == single:
            return short
    return struct.unpack("f", single)[0]  # type: ignore[no-any-return]


@function(_CATEGORY, "to_integer", "text: any", returns="integer", doc="Read a 32-bit whole number.")
def to_integer(value: Value) -> Value:
    number = whole_number(value)
    if not -(2**31) <= number < 2**31:
        raise EvaluationError(f"{number} is not a 32-bit integer")
    return number


@function("JSON", "json_to_object", "text: string", returns="any", doc="Read a value from JSON.")
def json_to_object(text: str) -> Value:
    try:
        value: Value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is not a character
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"the text is not JSON: {error}") from None
    return value
