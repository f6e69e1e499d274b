"""The syntax tree of an expression. `at` is the offset of a node in the text and takes no part in comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, boolean or null."""

    value: str | int | float | bool | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A field of the record, or a parameter of the lambda around it.

    `names` has several entries only for `${a.b}`: a field of this exact name, else a path.
    """

    names: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`owner.name`; with `safe`, `owner?.name`."""

    owner: Node
    name: str
    safe: bool = False
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """`owner[index]`."""

    owner: Node
    index: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`owner[*]`: all elements of an array; what follows applies to each."""

    owner: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`."""

    name: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Method:
    """`owner.name(arguments)`."""

    owner: Node
    name: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`!operand`, `-operand`, `+operand` or `~operand`."""

    sign: str
    operand: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence from left to right: `first sign operand sign operand …`."""

    first: Node
    rest: tuple[tuple[str, Node], ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Conditional:
    """`test ? then : other`. Without `then` it is `test ?: other`."""

    test: Node
    then: Node | None
    other: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ArrayLiteral:
    """`[item, …]`."""

    items: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{key: value, …}`; the empty one is `{:}`."""

    pairs: tuple[tuple[Node, Node], ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Lambda:
    """`parameter -> body` or `(a, b) -> body`, an argument of functions on arrays."""

    parameters: tuple[str, ...]
    body: Node
    at: int = field(default=0, compare=False)


Node: TypeAlias = (
    Literal
    | Name
    | Member
    | Index
    | Wildcard
    | Call
    | Method
    | Unary
    | Chain
    | Conditional
    | ArrayLiteral
    | MapLiteral
    | Lambda
)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below a node, from left to right."""
    match node:
        case Literal() | Name():
            return ()
        case Member(owner=owner) | Wildcard(owner=owner):
            return (owner,)
        case Index(owner=owner, index=index):
            return (owner, index)
        case Call(arguments=arguments):
            return arguments
        case Method(owner=owner, arguments=arguments):
            return (owner, *arguments)
        case Unary(operand=operand):
            return (operand,)
        case Chain(first=first, rest=rest):
            return (first, *(operand for _, operand in rest))
        case Conditional(test=test, then=then, other=other):
            return (test, other) if then is None else (test, then, other)
        case ArrayLiteral(items=items):
            return items
        case MapLiteral(pairs=pairs):
            return tuple(side for pair in pairs for side in pair)
        case Lambda(body=body):
            return (body,)
