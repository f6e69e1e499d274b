"""From a tree to a function of Python that gives the value for a record. A tree is compiled once and run many times."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.dataprep.closures import Run, all_of, applied, branching, decoding, each, placed
from reconciler.dataprep.errors import CompileError, EvaluationError, NotSupportedLocallyError, nearest
from reconciler.dataprep.methods import METHODS, method_problem
from reconciler.dataprep.operators import BINARY, UNARY, truthy
from reconciler.dataprep.parser import parse
from reconciler.dataprep.paths import AttributePath, taken
from reconciler.dataprep.syntax import (
    ArrayLiteral,
    Call,
    Chain,
    Conditional,
    Index,
    Lambda,
    Literal,
    MapLiteral,
    Member,
    Method,
    Name,
    Node,
    Unary,
    Wildcard,
)
from reconciler.dataprep.table import FUNCTIONS, Context, Function
from reconciler.dataprep.values import Record, Value, as_boolean, as_text, described

__all__ = ["Expression", "compile_expression", "unknown_function"]


LAMBDA_PLACE = "a lambda is an argument of filterArray or transformArray only"
LAMBDA_PROBLEM = "a lambda here has one parameter"
BUILT_IN = frozenset(("size", "empty"))
"""Operators of JEXL that are written like functions."""


def built_in_problem(node: Call) -> str:
    """Return the message for a wrong number of arguments of size() or empty()."""
    return f"{node.name} takes 1 argument, not {len(node.arguments)}"


class Expression:
    """An expression that is ready to run."""

    __slots__ = ("run", "text", "tree")

    def __init__(self, text: str, tree: Node, run: Run) -> None:
        self.text = text
        self.tree = tree
        self.run = run

    def evaluate(self, record: Record, context: Context | None = None) -> Value:
        """Return the value of the expression for a record.

        Raises EvaluationError where it has none, NotSupportedLocallyError where the platform alone can tell.
        """
        context = context or Context()
        context.record = record
        try:
            return self.run(context)
        except EvaluationError:
            raise
        except RecursionError:
            raise EvaluationError("the expression is nested too deeply", 0) from None


def compile_expression(text: str) -> Expression:
    """Return the expression, ready to run.

    Raises ExpressionSyntaxError where it does not parse; CompileError for an unknown function, a wrong number of
    arguments, or a lambda in a wrong place.
    """
    tree = parse(text)
    try:
        return Expression(text, tree, _compiled(tree, frozenset()))
    except RecursionError:
        raise CompileError("the expression is nested too deeply", 0) from None


def unknown_function(name: str) -> str:
    """Return the message for an unknown function, with the nearest name."""
    suggestion = nearest(name, FUNCTIONS)
    return f"{name!r} is not a function" + (f"; did you mean {suggestion!r}?" if suggestion else "")


def _compiled(node: Node, local: frozenset[str]) -> Run:
    match node:
        case Literal(value=value):
            return lambda _: value
        case Name() | Member():
            return _field(node, local)
        case Index():
            return _index(node, local)
        case Wildcard(owner=owner):
            return placed(node.at, all_of(_compiled(owner, local)))
        case Call():
            return _call(node, local)
        case Method():
            return _method(node, local)
        case Unary(sign=sign, operand=operand):
            return _unary(node, UNARY[sign], _compiled(operand, local))
        case Chain():
            return _chain(node, local)
        case Conditional():
            return _conditional(node, local)
        case ArrayLiteral() | MapLiteral():
            return _container(node, local)
    raise CompileError(LAMBDA_PLACE, node.at)


def _container(node: ArrayLiteral | MapLiteral, local: frozenset[str]) -> Run:
    if isinstance(node, ArrayLiteral):
        items = [_compiled(item, local) for item in node.items]
        return lambda context: [run(context) for run in items]
    pairs = [(_compiled(key, local), _compiled(value, local)) for key, value in node.pairs]
    return placed(node.at, lambda context: {as_text(key(context)): value(context) for key, value in pairs})


# -- fields ------------------------------------------------------------------------------------------------------
def _field(node: Name | Member, local: frozenset[str]) -> Run:
    names: list[str] = []
    below: Node = node
    while isinstance(below, Member):
        names.insert(0, below.name)
        below = below.owner
    if isinstance(below, Name) and not (len(below.names) == 1 and below.names[0] in local):
        read = AttributePath((*below.names, *names)).reader()
        if not names and len(below.names) == 1:
            name = below.names[0]
            return lambda context: context.record.get(name)
        return placed(node.at, lambda context: read(context.record))
    if isinstance(node, Name):
        parameter = node.names[0]
        return lambda context: context.local[parameter]
    if isinstance(below, Wildcard):
        tail = tuple(names)
        owner = _compiled(below, local)
        return placed(node.at, lambda context: each(owner(context), tail))
    owner, name = _compiled(node.owner, local), node.name
    return placed(node.at, lambda context: taken(owner(context), name))


def _index(node: Index, local: frozenset[str]) -> Run:
    owner, index = _compiled(node.owner, local), _compiled(node.index, local)

    def run(context: Context) -> Value:
        value, key = owner(context), index(context)
        if value is None:
            return None
        if isinstance(value, dict):
            return value.get(as_text(key))
        if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
            return taken(value, key)
        raise EvaluationError(f"{described(key)} is not the number of an element")

    return placed(node.at, run)


# -- operators ---------------------------------------------------------------------------------------------------
def _unary(node: Node, apply: Callable[[Value], Value], operand: Run) -> Run:
    return placed(node.at, lambda context: apply(operand(context)))


def _chain(node: Chain, local: frozenset[str]) -> Run:
    first = _compiled(node.first, local)
    operands = [_compiled(operand, local) for _, operand in node.rest]
    sign = node.rest[0][0]
    if sign in ("&&", "||"):
        stops = sign == "||"

        def decided(context: Context) -> Value:
            if as_boolean(first(context)) is stops:
                return stops
            for operand in operands:
                if as_boolean(operand(context)) is stops:
                    return stops
            return not stops

        return placed(node.at, decided)
    if sign == "??":
        return lambda context: next((v for run in (first, *operands) if (v := run(context)) is not None), None)
    steps = [(BINARY[sign], operand) for (sign, _), operand in zip(node.rest, operands, strict=True)]
    if len(steps) == 1:
        apply, operand = steps[0]
        return placed(node.at, lambda context: apply(first(context), operand(context)))

    def run(context: Context) -> Value:
        value = first(context)
        for apply, operand in steps:
            value = apply(value, operand(context))
        return value

    return placed(node.at, run)


def _conditional(node: Conditional, local: frozenset[str]) -> Run:
    test, other = _compiled(node.test, local), _compiled(node.other, local)
    if node.then is None:

        def elvis(context: Context) -> Value:
            value = test(context)
            return value if truthy(value) else other(context)

        return elvis
    return placed(node.at, branching(node.at, test, _compiled(node.then, local), other))


# -- calls -------------------------------------------------------------------------------------------------------
def _call(node: Call, local: frozenset[str]) -> Run:
    name = node.name
    if name in BUILT_IN:
        return placed(node.at, _built_in(node, local))
    function = FUNCTIONS.get(name)
    if function is None:
        raise CompileError(unknown_function(name), node.at)
    problem = function.count_problem(len(node.arguments))
    if problem:
        raise CompileError(problem, node.at)
    if not function.runnable:
        reason = function.unsupported

        def refused(_: Context) -> Value:
            raise NotSupportedLocallyError(name, reason, node.at)

        return refused
    if name == "iif":
        test, then, other = (_compiled(argument, local) for argument in node.arguments)
        return placed(node.at, branching(node.at, test, then, other))
    if name == "decode":
        return placed(node.at, decoding(node.at, *_key_and_options(node, local)))
    return placed(node.at, applied(function, _arguments(node, function, local)))


def _built_in(node: Call, local: frozenset[str]) -> Run:
    """`size(x)` and `empty(x)`: operators of JEXL that are written like functions."""
    if len(node.arguments) != 1:
        raise CompileError(built_in_problem(node), node.at)
    operand, counts = _compiled(node.arguments[0], local), node.name == "size"

    def run(context: Context) -> Value:
        value = operand(context)
        if value is None:
            return 0 if counts else True
        if isinstance(value, str | list | dict):
            return len(value) if counts else not value
        raise EvaluationError(f"{node.name} takes a text, an array or an object, found {described(value)}")

    return run


def _arguments(node: Call, function: Function, local: frozenset[str]) -> list[Run]:
    runs: list[Run] = []
    for index, argument in enumerate(node.arguments):
        if function.parameter(index).kind == "lambda" and isinstance(argument, Lambda):
            runs.append(_lambda(argument, local))
        elif function.name == "object_to_map" and index == 1 and _is_key_name(node):
            runs.append(_key_name(argument, local))
        else:
            runs.append(_compiled(argument, local))
    return runs


def _is_key_name(node: Call) -> bool:
    """The guide writes the key of `object_to_map(addresses, type)` without quotes."""
    return len(node.arguments) == 2 and isinstance(node.arguments[1], Name)


def _key_name(argument: Node, local: frozenset[str]) -> Run:
    assert isinstance(argument, Name)
    value, name = _compiled(argument, local), ".".join(argument.names)

    def run(context: Context) -> Value:
        found = value(context)
        return name if found is None else found

    return run


def _lambda(node: Lambda, local: frozenset[str]) -> Run:
    if len(node.parameters) != 1:
        raise CompileError(LAMBDA_PROBLEM, node.at)
    name = node.parameters[0]
    body = _compiled(node.body, local | {name})

    def run(context: Context) -> Value:
        def called(value: Value) -> Value:
            before = context.local.get(name)
            context.local[name] = value
            try:
                return body(context)
            finally:
                context.local[name] = before

        return called

    return run


def _key_and_options(node: Call, local: frozenset[str]) -> tuple[Run, list[Run]]:
    key, *options = (_compiled(argument, local) for argument in node.arguments)
    return key, options


def _method(node: Method, local: frozenset[str]) -> Run:
    method = METHODS.get(node.name)
    owner = _compiled(node.owner, local)
    arguments = [_compiled(argument, local) for argument in node.arguments]
    name = node.name
    if method is None:
        suggestion = nearest(name, METHODS)
        reason = f"it is not a supported method; did you mean {suggestion}?" if suggestion else "it is not documented"

        def unknown(_: Context) -> Value:
            raise NotSupportedLocallyError(f"the method {name}", reason, node.at)

        return unknown
    problem = method_problem(name, len(arguments))
    if problem:
        raise CompileError(problem, node.at)
    apply = method[2]

    def run(context: Context) -> Value:
        value = owner(context)
        if value is None:
            raise EvaluationError(f"null has no method {name}: test the field with is_empty() before")
        return apply(value, *(argument(context) for argument in arguments))

    return placed(node.at, run)
