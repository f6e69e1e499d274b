"""Operators, as Apache Commons JEXL carries them out in strict mode.

Texts that hold numbers count as numbers beside a number. Null is an operand of `==`, `!=` and `??` only. Whole numbers
divide to whole numbers, cut towards zero.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError
from reconciler.dataprep.functions.conversions import decimal_number, whole_number
from reconciler.dataprep.functions.regexes import matches_regex
from reconciler.dataprep.values import Value, as_boolean, as_integer, as_number, as_text, compare, described

Binary = Callable[[Value, Value], Value]


def _numeric(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Value) -> int | float:
    if not isinstance(value, str):
        return as_number(value)
    try:
        return whole_number(value)
    except EvaluationError:
        return decimal_number(value)


def equal(left: Value, right: Value) -> bool:
    """Return whether two values are equal; a text beside a number or boolean is read as one."""
    if left is None or right is None:
        return left is right
    if _numeric(left) != _numeric(right) and (isinstance(left, str) or isinstance(right, str)):
        return _number(left) == _number(right)
    if isinstance(left, bool) != isinstance(right, bool):
        return (
            as_text(left).lower() == as_text(right).lower()
            if isinstance(left, str) or isinstance(right, str)
            else False
        )
    return left == right


def _order(left: Value, right: Value) -> int:
    if _numeric(left) or _numeric(right):
        return compare(_number(left), _number(right))
    return compare(left, right)


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, str) or isinstance(right, str):
        text, other = (left, right) if isinstance(left, str) else (right, left)
        if _numeric(other) and _looks_numeric(text):
            raise NotSupportedLocallyError(
                f"{described(left)} + {described(right)}", "it may add or join; write concat() or to_integer()"
            )
        return as_text(left) + as_text(right)
    return as_number(left) + as_number(right)


def _looks_numeric(text: Value) -> bool:
    try:
        _number(text)
    except EvaluationError:
        return False
    return True


def _divide(left: Value, right: Value) -> Value:
    first, second = _number(left), _number(right)
    if second == 0:
        raise EvaluationError("division by zero")
    if isinstance(first, int) and isinstance(second, int):
        quotient = abs(first) // abs(second)
        return quotient if (first < 0) == (second < 0) else -quotient
    return first / second


def _remainder(left: Value, right: Value) -> Value:
    first, second = _number(left), _number(right)
    if second == 0:
        raise EvaluationError("division by zero")
    if isinstance(first, int) and isinstance(second, int):
        rest = abs(first) % abs(second)
        return -rest if first < 0 else rest
    return math.fmod(first, second)


def _matches(left: Value, right: Value) -> bool:
    """`left =~ right`: a text matches an expression, or an array or map has the value."""
    if isinstance(right, list):
        return any(equal(left, item) for item in right)
    if isinstance(right, dict):
        return as_text(left) in right
    if left is None or right is None:
        return left is right
    return as_boolean(matches_regex(as_text(left), as_text(right)))


def _math(run: Callable[[int | float, int | float], int | float]) -> Binary:
    return lambda left, right: run(_number(left), _number(right))


def _bits(run: Callable[[int, int], int]) -> Binary:
    return lambda left, right: run(as_integer(left), as_integer(right))


BINARY: dict[str, Binary] = {
    "+": _add,
    "-": _math(operator.sub),
    "*": _math(operator.mul),
    "/": _divide,
    "%": _remainder,
    "&": _bits(operator.and_),
    "|": _bits(operator.or_),
    "^": _bits(operator.xor),
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": lambda left, right: _order(left, right) < 0,
    "<=": lambda left, right: _order(left, right) <= 0,
    ">": lambda left, right: _order(left, right) > 0,
    ">=": lambda left, right: _order(left, right) >= 0,
    "=~": _matches,
    "!~": lambda left, right: not _matches(left, right),
    "=^": lambda left, right: as_text(left).startswith(as_text(right)),
    "!^": lambda left, right: not as_text(left).startswith(as_text(right)),
    "=$": lambda left, right: as_text(left).endswith(as_text(right)),
    "!$": lambda left, right: not as_text(left).endswith(as_text(right)),
}
"""The implementation of each operator, except `&&`, `||` and `??`, which may skip their right side."""

UNARY: dict[str, Callable[[Value], Value]] = {
    "!": lambda value: not as_boolean(value),
    "-": lambda value: -_number(value),
    "+": lambda value: +_number(value),
    "~": lambda value: ~as_integer(value),
}


def truthy(value: Value) -> bool:
    """Return whether `value ?: other` is the value."""
    return value not in (None, False, "", 0) or value == [] or value == {}


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as the platform's `/languages/el/operators` lists it."""

    symbol: str
    name: str
    operands: int
    doc: str
    example: str


OPERATORS = (
    Operator("+", "add", 2, "Add numbers, or join texts.", "1 + 2"),
    Operator("-", "subtract", 2, "Subtract.", "3 - 2"),
    Operator("*", "multiply", 2, "Multiply.", "2 * 3"),
    Operator("/", "divide", 2, "Divide; also div.", "1 / 2"),
    Operator("%", "mod", 2, "Give the remainder of a division; also mod.", "5 % 2"),
    Operator("~", "complement", 1, "Invert the bits.", "~44"),
    Operator("-", "negate", 1, "Change the sign.", "-12"),
    Operator("!", "not", 1, "Turn true to false; also not.", "!cond1"),
    Operator("&&", "and", 2, "True when both sides are; also and.", "a && b"),
    Operator("||", "or", 2, "True when one side is; also or.", "a || b"),
    Operator("==", "equals", 2, "Equal; also eq.", "a == b"),
    Operator("!=", "notEquals", 2, "Not equal; also ne.", "a != b"),
    Operator("<", "lessThan", 2, "Less; also lt.", "a < b"),
    Operator("<=", "lessThanOrEqual", 2, "Less or equal; also le.", "a <= b"),
    Operator(">", "greaterThan", 2, "Greater; also gt.", "a > b"),
    Operator(">=", "greaterThanOrEqual", 2, "Greater or equal; also ge.", "a >= b"),
)
