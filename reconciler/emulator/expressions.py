"""The expression language of mappings: read, checked and carried out (api-facts 4.5, 4.6; mapping functions guide)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.emulator.functions import FUNCTIONS

LONGEST = 4096
"""Characters a calculated field may have."""

RESERVED = frozenset((
    "new", "mod", "or", "break", "var", "lt", "for", "false", "while", "eq", "gt", "div", "not", "null", "continue",
    "else", "and", "ne", "true", "le", "if", "ge", "return", "_errors",
))  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<field>\$\{[^}]*\})
    | (?P<name>(?:[A-Za-z_@$][\w@$]*|\\\.)+(?:\\\.[\w@$]*)*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%~!<>()\[\],.?:])
    )""",
    re.VERBOSE,
)
_BINARY: list[dict[str, str]] = [
    {"||": "or", "or": "or"},
    {"&&": "and", "and": "and"},
    {"==": "==", "eq": "==", "!=": "!=", "ne": "!="},
    {"<": "<", "lt": "<", "<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">="},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "div": "/", "%": "%", "mod": "%"},
]
_DEEPEST = 60


class ExpressionError(Exception):
    """What is wrong with an expression, for people."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a read expression: its sort, a word, and what stands below it."""

    sort: str
    word: Any = None
    below: tuple[Node, ...] = ()


def read(text: str) -> Node:
    """Return the tree of an expression. Raises ExpressionError for what cannot be read or names no known function."""
    if len(text) > LONGEST:
        raise ExpressionError(f"a calculated field has at most {LONGEST} characters")
    reader = _Reader(_tokens(text))
    tree = reader.choice()
    if reader.peek()[1]:
        raise ExpressionError(f"unexpected {reader.peek()[1]!r}")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if not match:
            raise ExpressionError(f"cannot read {text[at:].strip()[:20]!r}")
        found.append((str(match.lastgroup), match.group(str(match.lastgroup))))
        at = match.end()
    return [*found, ("end", "")]


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, *words: str) -> str | None:
        sort, word = self.peek()
        if word in words and sort in ("sign", "name"):
            self._at += 1
            return word
        return None

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise ExpressionError(f"expected {word!r}, found {self.peek()[1] or 'the end'!r}")

    def choice(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("the expression is nested too deeply")
        first = self._level(0)
        if self._take("?"):
            then = self.choice()
            self._expect(":")
            first = Node("call", "iif", (first, then, self.choice()))
        self._depth -= 1
        return first

    def _level(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._level(level + 1)
        while sign := self._take(*_BINARY[level]):
            left = Node("binary", _BINARY[level][sign], (left, self._level(level + 1)))
        return left

    def _unary(self) -> Node:
        signs = []
        while sign := self._take("!", "-", "~", "not"):
            signs.append({"not": "!"}.get(sign, sign))
        node = self._postfix()
        for sign in reversed(signs):
            node = Node("unary", sign, (node,))
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while sign := self._take(".", "["):
            if sign == "[":
                node = Node("item", None, (node, self.choice()))
                self._expect("]")
                continue
            sort, word = self._next()
            if sort not in ("name", "field", "number"):
                raise ExpressionError(f"expected a name after '.', found {word or 'the end'!r}")
            if self._take("("):
                node = Node("call", _known(word, method=True), (node, *self._arguments()))
            else:
                node = Node("member", _plain(sort, word), (node,))
        return node

    def _primary(self) -> Node:
        sort, word = self._next()
        if sort == "text":
            return Node("value", re.sub(r"\\(.)", r"\1", word[1:-1]))
        if sort == "number":
            return Node("value", float(word) if "." in word else int(word))
        if word == "(":
            inner = self.choice()
            self._expect(")")
            return inner
        if word in ("true", "false", "null"):
            return Node("value", {"true": True, "false": False, "null": None}[word])
        if sort == "name" and self._take("("):
            arguments = self._arguments()
            return Node("call", _known(word, count=len(arguments)), arguments)
        if sort not in ("name", "field") or word in RESERVED:
            raise ExpressionError(f"unexpected {word or 'end of the expression'!r}")
        return Node("member", _plain(sort, word), ())

    def _arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(")"):
            if found:
                self._expect(",")
            found.append(self.choice())
        return tuple(found)


def _plain(sort: str, word: str) -> str:
    return word[2:-1] if sort == "field" else word.replace("\\.", ".")


def _known(name: str, *, count: int | None = None, method: bool = False) -> str:
    function = FUNCTIONS.get(name)
    if function is None:
        if method:
            return name  # methods of Java objects, like .get(key), are not listed anywhere
        raise ExpressionError(f"{name} is no known function")
    if count is not None and not function.takes(count):
        raise ExpressionError(f"{name} does not take {count} arguments: {function.syntax}")
    return name


def path_of(text: str) -> list[str] | None:
    """Return the members a path names, or None where the text is no plain path."""
    try:
        node: Node = read(text)
    except ExpressionError:
        return None
    names: list[str] = []
    while node.sort == "member":
        names.insert(0, node.word)
        if not node.below:
            return names
        node = node.below[0]
    return None


def evaluate(node: Node, data: Any) -> Any:
    """Return the value of a read expression over one record. Raises ExpressionError where it has none."""
    if node.sort == "value":
        return node.word
    if node.sort == "member":
        owner = evaluate(node.below[0], data) if node.below else data
        return owner.get(node.word) if isinstance(owner, dict) else None
    try:
        if node.sort == "item":
            owner, key = (evaluate(one, data) for one in node.below)
            return owner[key] if owner is not None else None
        if node.sort == "unary":
            return _UNARY[node.word](evaluate(node.below[0], data))
        if node.sort == "binary":
            return _OPERATORS[node.word](*(evaluate(one, data) for one in node.below))
        return _called(node.word, [evaluate(one, data) for one in node.below])
    except ExpressionError:
        raise
    except Exception as error:
        raise ExpressionError(f"{node.word or 'index'}: {error}") from None


def _called(name: str, arguments: list[Any]) -> Any:
    if name == "get" and len(arguments) == 2:
        return arguments[0].get(arguments[1]) if isinstance(arguments[0], dict) else None
    function = FUNCTIONS.get(name)
    if function is None or function.run is None:
        raise ExpressionError(f"the emulator knows {name} but does not carry it out")
    if not function.takes(len(arguments)):
        raise ExpressionError(f"{name} does not take {len(arguments)} arguments: {function.syntax}")
    return function.run(*arguments)


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return f"{left}{right}"
    return left + right


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, str | list) or isinstance(right, str | list):
        raise ExpressionError("* takes numbers")
    return left * right


_UNARY: dict[str, Callable[[Any], Any]] = {"!": operator.not_, "-": operator.neg, "~": operator.invert}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "or": lambda left, right: bool(left or right),
    "and": lambda left, right: bool(left and right),
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": _plus,
    "-": operator.sub,
    "*": _times,
    "/": operator.truediv,
    "%": operator.mod,
}
OPERATORS: list[dict[str, Any]] = [
    {"operatorSymbol": sign, "methodName": name, "numberOfOperands": count, "description": text, "example": example}
    for sign, name, count, text, example in (
        ("+", "add", 2, "adds, or joins text", "1 + 2"),
        ("-", "subtract", 2, "subtracts", "3 - 2"),
        ("*", "multiply", 2, "multiplies", "2 * 3"),
        ("/", "divide", 2, "divides", "1 / 2"),
        ("%", "mod", 2, "gives what a division leaves", "5 % 2"),
        ("~", "complement", 1, "inverts the bits", "~44"),
        ("-", "negate", 1, "changes the sign", "-12"),
        ("!", "not", 1, "turns true to false", "!cond1"),
        ("&&", "and", 2, "is true when both are", "a && b"),
        ("||", "or", 2, "is true when one is", "a || b"),
        ("==", "equals", 2, "compares", "a == b"),
        ("!=", "notEquals", 2, "compares", "a != b"),
        ("<", "lessThan", 2, "compares", "a < b"),
        ("<=", "lessThanOrEqual", 2, "compares", "a <= b"),
        (">", "greaterThan", 2, "compares", "a > b"),
        (">=", "greaterThanOrEqual", 2, "compares", "a >= b"),
    )
]
