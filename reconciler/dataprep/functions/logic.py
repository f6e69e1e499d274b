"""Logical functions and aggregation (functions.md, "Logical operators" and "Aggregation")."""

from __future__ import annotations

from functools import cmp_to_key

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value, compare, flat


@function(
    "Logical", "decode", "key: any|null, options*: any|null", returns="any",
    doc="Give the value that belongs to a key, else the default at the end.",
)  # fmt: skip
def decode(key: Value, *options: Value) -> Value:
    pairs, default = (options, None) if len(options) % 2 == 0 else (options[:-1], options[-1])
    for option, value in zip(pairs[::2], pairs[1::2], strict=True):
        if type(option) is type(key) and option == key:
            return value
    return default


@function(
    "Logical", "iif", "condition: boolean, then: any|null, otherwise: any|null", returns="any",
    doc="Give one of two values by a condition.",
)  # fmt: skip
def iif(condition: bool, then: Value, otherwise: Value) -> Value:
    return then if condition else otherwise


def _ordered(name: str, values: tuple[Value, ...]) -> list[Value]:
    candidates = [value for value in flat(values) if value is not None]
    if not candidates:
        raise EvaluationError(f"{name} has nothing to choose from")
    return sorted(candidates, key=cmp_to_key(compare))


@function("Aggregation", "min", "values*: any|null", returns="any", doc="Give the smallest value.")
def min_(*values: Value) -> Value:
    return _ordered("min", values)[0]


@function("Aggregation", "max", "values*: any|null", returns="any", doc="Give the largest value.")
def max_(*values: Value) -> Value:
    return _ordered("max", values)[-1]
