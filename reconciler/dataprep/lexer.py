"""Tokens of an expression.

The language is Apache Commons JEXL: the reserved words of the mapping functions guide are JEXL's, and the operator
samples of the functions endpoint quote its syntax reference. String escapes follow it: a backslash before any other
character than a quote, a backslash or `u` stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.dataprep.errors import ExpressionSyntaxError

LONGEST = 4096
"""Characters a calculated field may have (help/data-prep/home.md)."""

RESERVED = frozenset((
    "new", "mod", "or", "break", "var", "lt", "for", "false", "while", "eq", "gt", "div", "not", "null", "continue",
    "else", "and", "ne", "true", "le", "if", "ge", "return", "_errors", "do", "function", "empty", "size",
))  # fmt: skip
"""Words that cannot be field names unless wrapped in ${} (help/data-prep/functions.md)."""

WORD_SIGNS = {
    "or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "div": "/",
    "mod": "%", "not": "!",
}  # fmt: skip
"""Operators that can be written as a word."""

_TOKEN = re.compile(
    r"""
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>0[xX][0-9a-fA-F]+[lLhH]?|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[lLhHfFdDbB]?(?![\w$]))
    | (?P<wrapped>\$\{(?:[^}\\]|\\.)*\})
    | (?P<name>(?!\$\{)(?:[^\W\d]|[$@]|\\.)(?:[\w$@]|\\.)*)
    | (?P<sign>->|==|!=|<=|>=|&&|\|\||\?\?|\?\.|=~|!~|=\^|!\^|[=!]\$(?![\w${])|[-+*/%~!<>()\[\]{},.?:&|^])
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its sort (`text`, `number`, `wrapped`, `name`, `sign`, `end`), its text, and its offset."""

    sort: str
    word: str
    at: int


def tokens(text: str) -> list[Token]:
    """Return the tokens of an expression, the last of the sort `end`.

    Raises ExpressionSyntaxError for an expression that is too long or has a character that starts no token.
    """
    if len(text) > LONGEST:
        raise ExpressionSyntaxError(
            f"an expression has at most {LONGEST} characters, this one has {len(text)}", LONGEST
        )
    result: list[Token] = []
    at = _skip(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionSyntaxError(_unreadable(text, at), at)
        result.append(Token(str(match.lastgroup), match.group(), at))
        at = _skip(text, match.end())
    result.append(Token("end", "", len(text)))
    return result


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _unreadable(text: str, at: int) -> str:
    character = text[at]
    if character in "\"'":
        return f"the text that starts with {character} has no end"
    if text.startswith("${", at):
        return "the name that starts with ${ has no }"
    if character.isdigit():
        return "a name cannot start with a digit: wrap it in ${}"
    return f"unexpected character {character!r}"


_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def unquoted(word: str) -> str:
    """Return the value of a quoted text, escapes resolved."""
    quote = word[0]

    def resolved(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        if escape in (quote, "\\"):
            return escape
        return _ESCAPES.get(escape, "\\" + escape)

    return _ESCAPE.sub(resolved, word[1:-1])


def quoted(value: str) -> str:
    """Return the text as a literal in double quotes, the inverse of `unquoted`."""
    out = []
    for character in value:
        if character in '"\\':
            out.append("\\" + character)
        elif character < " ":
            out.append(f"\\u{ord(character):04x}")
        else:
            out.append(character)
    return '"' + "".join(out) + '"'


def plain_name(word: str) -> str:
    """Return a name without its backslashes: `street\\.name` is the field `street.name`."""
    return re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL)


def wrapped_names(word: str) -> tuple[str, ...]:
    """Return the names in `${…}`: an escaped dot is part of a name, a plain one separates two."""
    return tuple(plain_name(part) for part in re.findall(r"(?:[^.\\]|\\.)+", word[2:-1], re.DOTALL)) or ("",)


_IDENTIFIER = re.compile(r"(?:[^\W\d]|[$@])[\w$@]*")


def is_identifier(name: str) -> bool:
    """Return whether a field of this name can be written without ${}."""
    return name not in RESERVED and bool(_IDENTIFIER.fullmatch(name))
