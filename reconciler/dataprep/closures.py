"""The functions of Python that compiled nodes consist of. They take the compiled operands, never a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from reconciler.dataprep.errors import DataPrepError, EvaluationError
from reconciler.dataprep.operators import equal
from reconciler.dataprep.paths import taken
from reconciler.dataprep.table import Context, Function
from reconciler.dataprep.values import CONVERSIONS, Value, as_boolean, described

Run: TypeAlias = Callable[[Context], Value]


def placed(at: int, run: Run) -> Run:
    """Return the same, with the place in an error that has none, and any other error made one of ours."""

    def guarded(context: Context) -> Value:
        try:
            return run(context)
        except DataPrepError as error:
            if error.offset is None:
                error.offset = at
            raise
        except RecursionError:
            raise
        except Exception as error:
            raise EvaluationError(str(error) or type(error).__name__, at) from None

    return guarded


def all_of(owner: Run) -> Run:
    """Return the array itself: `[*]`."""

    def run(context: Context) -> Value:
        value = owner(context)
        if value is None or isinstance(value, list):
            return value
        raise EvaluationError(f"[*] is read from {described(value)}, not from an array")

    return run


def each(value: Value, names: tuple[str, ...]) -> Value:
    """Return what some names below the elements of an array are."""
    if not isinstance(value, list):
        return None
    result: list[Value] = []
    for item in value:
        for name in names:
            item = taken(item, name)
        result.append(item)
    return result


def branching(at: int, test: Run, then: Run, other: Run) -> Run:
    """Return a choice of two; only the one that is chosen is run."""

    def run(context: Context) -> Value:
        holds = as_boolean(test(context))
        if context.branches is not None:
            context.branches.add((at, 0 if holds else 1))
        return then(context) if holds else other(context)

    return run


def decoding(at: int, key: Run, options: Sequence[Run]) -> Run:
    """Return a decode(): keys and values in turn, perhaps a default behind them."""
    default = options[-1] if len(options) % 2 else None
    pairs = list(zip(options[: len(options) // 2 * 2 : 2], options[1::2], strict=True))

    def run(context: Context) -> Value:
        wanted = key(context)
        for branch, (option, value) in enumerate(pairs):
            if equal_exactly(option(context), wanted):
                if context.branches is not None:
                    context.branches.add((at, branch))
                return value(context)
        if context.branches is not None:
            context.branches.add((at, len(pairs)))
        return default(context) if default else None

    return run


def equal_exactly(left: Value, right: Value) -> bool:
    """Return whether two values are equal and of the same sort, as the keys of decode() are compared."""
    return type(left) is type(right) and equal(left, right)


def applied(function: Function, arguments: list[Run]) -> Run:
    """The call of a function: a null argument that it does not take makes null of the call."""
    convert = [
        (run, CONVERSIONS[parameter.kind], parameter.nullable)
        for run, parameter in ((run, function.parameter(index)) for index, run in enumerate(arguments))
    ]
    apply = function.run
    if function.context:

        def with_context(context: Context) -> Value:
            values = _values(context, convert)
            return None if values is None else apply(context, *values)

        return with_context
    if len(convert) == 1 and not convert[0][2]:
        only, conversion, _ = convert[0]

        def single(context: Context) -> Value:
            value = only(context)
            return None if value is None else apply(conversion(value))

        return single

    def run(context: Context) -> Value:
        values = _values(context, convert)
        return None if values is None else apply(*values)

    return run


def _values(context: Context, convert: list[tuple[Run, Callable[[Value], Value], bool]]) -> list[Value] | None:
    values: list[Value] = []
    missing = False
    for run, conversion, nullable in convert:
        value = run(context)
        if value is not None:
            value = conversion(value)
        elif not nullable:
            missing = True
        values.append(value)
    return None if missing else values
