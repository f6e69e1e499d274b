"""Static checks of an expression: syntax, functions, arguments, names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import reconciler.dataprep.functions  # noqa: F401  fills the function table
from reconciler.dataprep.compiler import BUILT_IN, LAMBDA_PLACE, LAMBDA_PROBLEM, built_in_problem, unknown_function
from reconciler.dataprep.errors import ExpressionSyntaxError
from reconciler.dataprep.methods import METHODS, method_problem
from reconciler.dataprep.parser import parse
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
    children,
)
from reconciler.dataprep.table import FUNCTIONS
from reconciler.dataprep.values import kind_of

_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "&&", "||", "=~", "!~", "=^", "!^", "=$", "!$"))
_ACCEPTED = {
    "string": {"string", "integer", "number", "boolean", "date"},
    "path": {"string"},
    "integer": {"integer", "number"},
    "number": {"integer", "number"},
    "boolean": {"boolean"},
    "date": {"date"},
    "array": {"array"},
    "object": {"object"},
    "lambda": {"lambda"},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding about an expression. `error` only where the platform's documents are clear that it does not work."""

    message: str
    offset: int
    error: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of the source that an expression reads: its names, and the offset of the first."""

    names: tuple[str, ...]
    offset: int


def check(text: str) -> list[Problem]:
    """Return what is wrong or doubtful in an expression, in the order of the text."""
    try:
        tree = parse(text)
    except ExpressionSyntaxError as error:
        return [Problem(error.message, error.offset or 0, error=True)]
    return sorted(_problems(tree), key=lambda problem: problem.offset)


def _all(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(children(current))


def _problems(tree: Node) -> Iterator[Problem]:
    lambdas = {id(a) for node in _all(tree) if isinstance(node, Call) for a in _lambda_arguments(node)}
    for node in _all(tree):
        match node:
            case Call():
                yield from _call_problems(node)
            case Method(name=name, at=at) if name not in METHODS:
                yield Problem(f"the method {name!r} is not documented and not known locally", at, error=False)
            case Method(name=name, arguments=arguments, at=at) if problem := method_problem(name, len(arguments)):
                yield Problem(problem, at, error=False)
            case Lambda(at=at) if id(node) not in lambdas:
                yield Problem(LAMBDA_PLACE, at, error=False)
            case Lambda(parameters=parameters, at=at) if len(parameters) != 1:
                yield Problem(LAMBDA_PROBLEM, at, error=False)
    for reference in references(tree):
        if reference.names[0] in FUNCTIONS:
            name = reference.names[0]
            message = f"{name!r} is also the name of a function; wrap the field in ${{{name}}}"
            yield Problem(message, reference.offset, error=False)


def _lambda_arguments(node: Call) -> Iterator[Lambda]:
    function = FUNCTIONS.get(node.name)
    if function is None or function.count_problem(len(node.arguments)):
        return
    for index, argument in enumerate(node.arguments):
        if isinstance(argument, Lambda) and function.parameter(index).kind == "lambda":
            yield argument


def _call_problems(node: Call) -> Iterator[Problem]:
    if node.name in BUILT_IN:
        if len(node.arguments) != 1:
            yield Problem(built_in_problem(node), node.at, error=True)
        return
    function = FUNCTIONS.get(node.name)
    if function is None:
        yield Problem(unknown_function(node.name), node.at, error=False)
        return
    problem = function.count_problem(len(node.arguments))
    if problem:
        yield Problem(problem, node.at, error=True)
        return
    for index, argument in enumerate(node.arguments):
        parameter, kind = function.parameter(index), infer(argument)
        accepted = _ACCEPTED.get(parameter.kind)
        if accepted and kind not in accepted and kind not in ("any", "null"):
            message = f"{node.name}: {parameter.name} takes {_article(parameter.kind)}, this is {_article(kind)}"
            yield Problem(message, argument.at, error=False)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def infer(node: Node) -> str:
    """Return the sort of an expression's value as far as its text tells; `any` where it does not."""
    match node:
        case Literal(value=value):
            return kind_of(value)
        case Call(name=name):
            return FUNCTIONS[name].returns if name in FUNCTIONS else "any"
        case Chain(rest=rest) if rest[0][0] in _COMPARISONS:
            return "boolean"
        case Chain(rest=rest) if rest[0][0] in ("-", "*", "/", "%"):
            return "number"
        case Unary(sign=sign):
            return "boolean" if sign == "!" else "number"
        case Conditional(then=then, other=other) if then is not None and infer(then) == infer(other):
            return infer(then)
        case ArrayLiteral() | Wildcard():
            return "array"
        case MapLiteral():
            return "object"
        case Lambda():
            return "lambda"
    return "any"


def references(tree: Node) -> list[Reference]:
    """Return the fields of the source that an expression reads, in the order of the text."""
    found: list[Reference] = []
    _collect(tree, frozenset(), found)
    return sorted(found, key=lambda reference: reference.offset)


def _collect(node: Node, local: frozenset[str], found: list[Reference]) -> None:
    names: list[str] = []
    below = node
    while isinstance(below, Member | Index | Wildcard):
        if isinstance(below, Member):
            names.insert(0, below.name)
        elif isinstance(below, Index):
            _collect(below.index, local, found)
            names = [] if not isinstance(below.index, Literal) else names
        below = below.owner
    if isinstance(below, Name):
        if below.names[0] not in local:
            found.append(Reference((*below.names, *names), below.at))
        return
    if below is not node:
        _collect(below, local, found)
        return
    inner = local | set(node.parameters) if isinstance(node, Lambda) else local
    for position, child in enumerate(children(node)):
        if isinstance(node, Call) and node.name == "object_to_map" and position == 1 and isinstance(child, Name):
            continue  # the name of a key, not a field
        _collect(child, inner, found)
