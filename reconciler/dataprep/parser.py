"""From the text of an expression to its tree."""

from __future__ import annotations

from reconciler.dataprep.errors import ExpressionSyntaxError
from reconciler.dataprep.lexer import RESERVED, WORD_SIGNS, Token, plain_name, tokens, unquoted, wrapped_names
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

PRECEDENCE: dict[str, int] = {
    sign: level
    for level, signs in enumerate((
        "??", "||", "&&", "|", "^", "&", "== != =~ !~ =^ !^ =$ !$", "< <= > >=", "+ -", "* / %",
    ))
    for sign in signs.split()
}  # fmt: skip
"""Binary operators; the ones with the highest number bind tightest."""

DEEPEST = 100
"""Levels of nesting that an expression may have."""

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_CALLABLE_WORDS = frozenset(("size", "empty"))


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises ExpressionSyntaxError, with the offset in the text, for anything that is not one expression.
    """
    parser = _Parser(tokens(text))
    try:
        node = parser.expression()
    except RecursionError:
        raise ExpressionSyntaxError("the expression is nested too deeply", 0) from None
    parser.expect_end()
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise ExpressionSyntaxError(f"the expression is nested more than {DEEPEST} levels deep", node.at)
        waiting.extend((child, depth + 1) for child in children(node))


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, all_tokens: list[Token]) -> None:
        self._tokens = all_tokens
        self._next = 0

    # -- tokens ----------------------------------------------------------------------------------------------
    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _peek(self, distance: int) -> Token:
        return self._tokens[min(self._next + distance, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._token
        if token.sort != "end":
            self._next += 1
        return token

    def _take(self, sign: str) -> bool:
        if self._token.sort == "sign" and self._token.word == sign:
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unexpected(f"expected {sign!r}")

    def _unexpected(self, expected: str) -> ExpressionSyntaxError:
        token = self._token
        actual = "the expression ends" if token.sort == "end" else f"found {token.word[:30]!r}"
        return ExpressionSyntaxError(f"{expected}, {actual}", token.at)

    def expect_end(self) -> None:
        """Raise ExpressionSyntaxError unless all tokens are used up."""
        if self._token.sort != "end":
            raise self._unexpected("expected an operator or the end")

    # -- grammar ---------------------------------------------------------------------------------------------
    def expression(self) -> Node:
        """Parse a lambda or a conditional."""
        at = self._token.at
        parameters = self._lambda_parameters()
        if parameters is not None:
            return Lambda(parameters, self.expression(), at)
        test = self._binary(0)
        if not self._take("?"):
            return test
        if self._take(":"):
            return Conditional(test, None, self.expression(), at)
        then = self.expression()
        self._expect(":")
        return Conditional(test, then, self.expression(), at)

    def _lambda_parameters(self) -> tuple[str, ...] | None:
        if self._token.sort == "name" and self._peek(1).word == "->":
            name = self._parameter()
            self._next += 1
            return (name,)
        distance, names = 1, 0
        if self._token.word != "(" or self._token.sort != "sign":
            return None
        while self._peek(distance).sort == "name" and self._peek(distance + 1).word == ",":
            distance, names = distance + 2, names + 1
        if self._peek(distance).sort != "name" or self._peek(distance + 1).word != ")":
            return None
        if self._peek(distance + 2).word != "->":
            return None
        self._next += 1
        parameters = [self._parameter()]
        while self._take(","):
            parameters.append(self._parameter())
        self._next += 2
        return tuple(parameters)

    def _parameter(self) -> str:
        token = self._advance()
        name = plain_name(token.word)
        if token.word in RESERVED:
            raise ExpressionSyntaxError(f"{token.word!r} is a reserved word", token.at)
        return name

    def _sign(self) -> str | None:
        token = self._token
        if token.sort == "sign":
            return token.word if token.word in PRECEDENCE else None
        sign = WORD_SIGNS.get(token.word) if token.sort == "name" else None
        return sign if sign in PRECEDENCE else None

    def _binary(self, least: int) -> Node:
        left = self._unary()
        while (sign := self._sign()) is not None and PRECEDENCE[sign] >= least:
            level = PRECEDENCE[sign]
            rest: list[tuple[str, Node]] = []
            while sign is not None and PRECEDENCE[sign] == level:
                self._next += 1
                rest.append((sign, self._binary(level + 1)))
                sign = self._sign()
            left = Chain(left, tuple(rest), left.at)
        return left

    def _unary(self) -> Node:
        signs: list[tuple[str, int]] = []
        while True:
            token = self._token
            if token.sort == "sign" and token.word in ("!", "-", "+", "~"):
                signs.append((token.word, token.at))
            elif token.sort == "name" and token.word == "not":
                signs.append(("!", token.at))
            elif token.sort == "sign" and token.word == "!~":
                signs.extend((("!", token.at), ("~", token.at + 1)))
            else:
                break
            self._next += 1
        node = self._postfix()
        for sign, at in reversed(signs):
            node = Unary(sign, node, at)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._token.sort != "sign":
                return node
            at = self._token.at
            if self._take("["):
                if self._token.word == "*" and self._peek(1).word == "]":
                    self._next += 2
                    node = Wildcard(node, at)
                    continue
                node = Index(node, self.expression(), at)
                self._expect("]")
            elif self._take("."):
                node = self._member(node, safe=False)
            elif self._take("?."):
                node = self._member(node, safe=True)
            else:
                return node

    def _member(self, owner: Node, *, safe: bool) -> Node:
        token = self._token
        if token.sort not in ("name", "wrapped"):
            raise self._unexpected("expected a name after '.'")
        self._next += 1
        if token.sort == "wrapped":
            for name in wrapped_names(token.word):
                owner = Member(owner, name, safe, token.at)
            return owner
        if self._take("("):
            return Method(owner, plain_name(token.word), self._arguments(")"), token.at)
        return Member(owner, plain_name(token.word), safe, token.at)

    def _primary(self) -> Node:
        token = self._token
        match token.sort:
            case "text":
                self._next += 1
                return Literal(unquoted(token.word), token.at)
            case "number":
                self._next += 1
                return Literal(_number(token), token.at)
            case "wrapped":
                self._next += 1
                return Name(wrapped_names(token.word), token.at)
            case "name":
                return self._named()
        if self._take("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._take("["):
            return ArrayLiteral(self._arguments("]"), token.at)
        if self._take("{"):
            return MapLiteral(self._pairs(), token.at)
        raise self._unexpected("expected a value")

    def _named(self) -> Node:
        token = self._advance()
        word = token.word
        if word in _CONSTANTS:
            return Literal(_CONSTANTS[word], token.at)
        called = self._token.word == "(" and self._token.sort == "sign"
        if word in RESERVED and not (called and word in _CALLABLE_WORDS):
            raise ExpressionSyntaxError(
                f"{word!r} is a reserved word: to use a field of this name, write ${{{word}}}", token.at
            )
        if called:
            self._next += 1
            return Call(plain_name(word), self._arguments(")"), token.at)
        return Name((plain_name(word),), token.at)

    def _arguments(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._take(end):
            if items and not self._take(","):
                raise self._unexpected(f"expected ',' or {end!r}")
            items.append(self.expression())
        return tuple(items)

    def _pairs(self) -> tuple[tuple[Node, Node], ...]:
        pairs: list[tuple[Node, Node]] = []
        if self._take(":"):
            self._expect("}")
            return ()
        while not self._take("}"):
            if pairs and not self._take(","):
                raise self._unexpected("expected ',' or '}'")
            key = self._binary(0)
            self._expect(":")
            pairs.append((key, self.expression()))
        return tuple(pairs)


def _number(token: Token) -> int | float:
    word = token.word.lower()
    if word.startswith("0x"):
        return int(word.rstrip("lh"), 16)
    if word[-1] in "lh":
        if not word[:-1].isdigit():
            raise ExpressionSyntaxError(f"{token.word!r} is not a whole number", token.at)
        return int(word[:-1])
    if word[-1] in "fdb":
        return float(word[:-1])
    return int(word) if word.isdigit() else float(word)
