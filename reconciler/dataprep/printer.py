"""From a tree back to text. Parsing the text gives an equal tree."""

from __future__ import annotations

import re

from reconciler.dataprep.lexer import RESERVED, is_identifier, quoted
from reconciler.dataprep.parser import PRECEDENCE
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

_LAMBDA, _CONDITIONAL, _BINARY, _UNARY, _POSTFIX = -2, -1, 0, 100, 101


def to_text(node: Node) -> str:
    """Return the expression as text in its canonical form."""
    return _text(node)[0]


def _text(node: Node) -> tuple[str, int]:
    """The text of a node, and how tightly it binds."""
    match node:
        case Unary(sign=sign, operand=operand):
            blank = " " if isinstance(operand, Unary) else ""
            return f"{sign}{blank}{_at_least(operand, _UNARY)}", _UNARY
        case Chain(first=first, rest=rest):
            level = PRECEDENCE[rest[0][0]]
            tail = "".join(f" {sign} {_at_least(operand, level + 1)}" for sign, operand in rest)
            return _at_least(first, level + 1) + tail, level
        case Conditional(test=test, then=then, other=other):
            middle = "?:" if then is None else f"? {to_text(then)} :"
            return f"{_at_least(test, _BINARY)} {middle} {to_text(other)}", _CONDITIONAL
        case Lambda(parameters=parameters, body=body):
            written = ", ".join(map(_called, parameters))
            return f"{written if len(parameters) == 1 else f'({written})'} -> {to_text(body)}", _LAMBDA
    return _postfix(node), _POSTFIX


def _postfix(node: Node) -> str:
    match node:
        case Literal(value=value):
            return _literal(value)
        case Name(names=names):
            return _name(names)
        case Member(owner=owner, name=name, safe=safe):
            return _at_least(owner, _POSTFIX) + ("?." if safe else ".") + _member(name)
        case Index(owner=owner, index=index):
            return f"{_at_least(owner, _POSTFIX)}[{to_text(index)}]"
        case Wildcard(owner=owner):
            return f"{_at_least(owner, _POSTFIX)}[*]"
        case Call(name=name, arguments=arguments):
            return f"{_called(name)}({_list(arguments)})"
        case Method(owner=owner, name=name, arguments=arguments):
            return f"{_at_least(owner, _POSTFIX)}.{_called(name)}({_list(arguments)})"
        case ArrayLiteral(items=items):
            return f"[{_list(items)}]"
        case MapLiteral(pairs=pairs):
            body = ", ".join(f"{_at_least(key, _BINARY)}: {to_text(value)}" for key, value in pairs)
            return f"{{{body or ':'}}}"
    raise AssertionError(node)


def _at_least(node: Node, level: int) -> str:
    text, own = _text(node)
    return text if own >= level else f"({text})"


def _list(nodes: tuple[Node, ...]) -> str:
    return ", ".join(map(to_text, nodes))


def _literal(value: str | int | float | bool | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case float():
            return repr(value) if value == value and abs(value) != float("inf") else "1e999"
    return str(value)


def _escaped(name: str) -> str:
    return re.sub(r"([.\\}])", r"\\\1", name)


def _name(names: tuple[str, ...]) -> str:
    if len(names) == 1 and is_identifier(names[0]):
        return names[0]
    return "${" + ".".join(map(_escaped, names)) + "}"


def _member(name: str) -> str:
    return name if is_identifier(name) or name in RESERVED else "${" + _escaped(name) + "}"


def _called(name: str) -> str:
    """A called name is not wrapped: other characters than those of identifiers have a backslash before them."""
    return "".join(c if re.fullmatch(r"[\w$@]", c) and (i or not c.isdigit()) else "\\" + c for i, c in enumerate(name))
