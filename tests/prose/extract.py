"""Finds the prose of a file: Markdown text, comments, docstrings, messages and YAML descriptions.

Blocks keep the length of the source: markup and code are masked, so an offset in a block is an offset in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["page", "docstring", "message", "comment"]


@dataclass(frozen=True)
class Block:
    """A run of prose. Words are separated by spaces; a newline separates paragraphs, list items and cells."""

    kind: Kind
    start: int  # offset of `text` in the file, in characters
    text: str


def blocks(path: str, source: str) -> Iterator[Block]:
    """Yield the prose of a file, in order.

    Args:
        path: Path relative to the repository; its suffix decides how the file is read.
        source: Text of the file.
    """
    name = PurePosixPath(path)
    reader = READERS.get(name.suffix) or READERS.get(name.name)
    if reader is None and source.startswith("#!"):
        reader = _python if "python" in source.partition("\n")[0] else _hash_comments
    return reader(source) if reader else iter(())


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _hide(match: re.Match[str]) -> str:
    """Keep the first and the last character, so that a rule still sees a backtick or brace."""
    text = match[0]
    return text[0] + "_" * (len(text) - 2) + text[-1] if len(text) > 2 else text


_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)[^`]+\1(?!`)")

# --- Markdown

_NOT_PROSE = re.compile(
    r"<!--.*?-->"
    r"|^(?P<indent> *)(?P<fence>```+|~~~+).*?^(?P=indent)(?P=fence)[^\n]*$"
    r"|^(?: {4}|\t)(?! *(?:[-*]|\d+\.) )[^\n]*$",
    re.DOTALL | re.MULTILINE,
)
_GENERATED = re.compile(r"<!-- [^>\n]*written by (?:docs|benchmarks)/", re.IGNORECASE)
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)|https?://\S+|<[^<>\n]+>")
_MARKDOWN_BREAK = re.compile(r"\n(?=\s*\n)|\n(?=\s*(?:[-*+]|\d+\.|[#>|!]) ?)|\|")
_BULLET = re.compile(r"(?<=\n)\s*(?:[-*+>]|\d+\.|#+) ")
_HEADING = re.compile(r"^(#[^\n]*)\n", re.MULTILINE)


def _markdown(source: str) -> Iterator[Block]:
    source = _GENERATED.split(source, maxsplit=1)[0]  # the sources of generated text are read instead
    text = _NOT_PROSE.sub(lambda match: "\n" * len(match[0]), source)
    text = _INLINE_CODE.sub(_hide, text)
    text = _LINK_TARGET.sub(_blank, text)
    text = text.replace("**", "  ")
    text = _HEADING.sub(lambda match: match[1] + "\x00", text)
    text = _MARKDOWN_BREAK.sub(lambda match: "\x00" * len(match[0]), text)
    text = text.replace("\n", " ").replace("\x00", "\n")
    text = _BULLET.sub(lambda match: "\n" * len(match[0]), "\n" + text)[1:]
    yield Block("page", 0, text)


# --- Python

_PYTHON = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r'|(?P<prefix>\b[rRbBfFuU]{1,2}(?=["\']))?(?:'
    r'"""(?P<triple>(?:[^"\\]|\\.|"(?!""))*)"""'
    r"|'''(?P<other>(?:[^'\\]|\\.|'(?!''))*)'''"
    r'|"(?P<double>(?:[^"\\\n]|\\.)*)"'
    r"|'(?P<single>(?:[^'\\\n]|\\.)*)')",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(r"\$?\{\{.*?\}\}|\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}")
_ESCAPE = re.compile(r"\\(?:n|.)", re.DOTALL)
_PARAGRAPH = re.compile(r"\n(?=[ \t]*\n)|\n(?=[ \t]*(?:[-*] |\w+: |>>> ))")
_DIRECTIVE = re.compile(r"#(?:!|\s*(?:noqa|type:|pragma|fmt:|mypy:|ruff:))")


def _python(source: str) -> Iterator[Block]:
    comment: list[tuple[int, int]] = []  # consecutive comment lines
    literal: list[tuple[int, int]] = []  # adjacent literals, which Python joins
    for match in _PYTHON.finditer(source):
        if match["comment"] is not None:
            if comment and source[comment[-1][1] : match.start()].strip():
                yield from _comment(source, comment)
                comment = []
            if not _DIRECTIVE.match(match[0]):
                comment.append(match.span())
            continue
        if comment:
            yield from _comment(source, comment)
            comment = []
        group = match.lastgroup
        assert group is not None
        if (
            group in ("triple", "other")
            and not source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        ):
            yield from _literal(source, literal)
            literal = []
            yield Block("docstring", match.start(group), _prose(match[group]))
            continue
        if literal and source[literal[-1][1] + 1 : match.start()].strip():
            yield from _literal(source, literal)
            literal = []
        literal.append(match.span(group))
    yield from _literal(source, literal)
    yield from _comment(source, comment)


def _comment(source: str, spans: list[tuple[int, int]]) -> Iterator[Block]:
    """Join comment lines that follow one another."""
    if spans:
        text, start = [], spans[0][0]
        at = start
        for begin, end in spans:
            mark = re.match(r"#+(?:\s*-{2,})?\s*", source[begin:end])
            assert mark is not None
            text += [" " * (begin - at + mark.end()), source[begin + mark.end() : end]]
            at = end
        yield Block("comment", start, re.sub(r"-{3,}", _blank, _inline("".join(text))))


def _literal(source: str, spans: list[tuple[int, int]]) -> Iterator[Block]:
    """Join adjacent literals; single words are keys, not prose."""
    if not spans:
        return
    text, at = [], spans[0][0]
    for begin, end in spans:
        text += [" " * (begin - at), source[begin:end]]
        at = end
    joined = "".join(text)
    if " " in joined:
        yield Block("message", spans[0][0], _prose(joined))


def _prose(text: str) -> str:
    text = _ESCAPE.sub(lambda match: "\x00\x00" if match[0] == r"\n" else "  ", text)
    text = _PARAGRAPH.sub("\x00", text)
    return _inline(text.replace("\n", " ").replace("\x00", "\n"))


def _inline(text: str) -> str:
    return _PLACEHOLDER.sub(_hide, _INLINE_CODE.sub(_hide, text))


# --- YAML, shell, TOML, Docker: comments; in YAML descriptions too

_HASH = re.compile(r"(?:(?<=\s)|\A)#[^\n]*")
_DESCRIPTION = re.compile(r"^(?P<indent>[ -]*)(?:description|summary|message): +(?P<line>[^\n]*)", re.MULTILINE)


def _hash_comments(source: str) -> Iterator[Block]:
    spans: list[tuple[int, int]] = []
    for match in _HASH.finditer(source):
        if spans and source[spans[-1][1] : match.start()].strip():
            yield from _comment(source, spans)
            spans = []
        if not match[0].startswith("#!"):
            spans.append(match.span())
    yield from _comment(source, spans)


def _yaml(source: str) -> Iterator[Block]:
    yield from _hash_comments(source)
    for match in _DESCRIPTION.finditer(source):
        if not re.fullmatch(r"[|>][+-]?\s*", match["line"]):
            yield Block("message", match.start("line"), _inline(match["line"]))
        elif block := re.compile(rf"(?:\n {{{len(match['indent']) + 1},}}[^\n]*|\n(?=\s))*").match(source, match.end()):
            yield Block("message", block.start(), _inline(block[0].replace("\n", " ")))


def _slash_comments(source: str) -> Iterator[Block]:
    for match in re.finditer(r"/\*.*?\*/|(?:(?<=\s)|\A)//[^\n]*", source, re.DOTALL):
        yield Block("comment", match.start(), _inline(re.sub(r"[/*\n]", " ", match[0])))


READERS: dict[str, Callable[[str], Iterator[Block]]] = {
    ".md": _markdown,
    ".py": _python,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _hash_comments,
    ".sh": _hash_comments,
    "Dockerfile": _hash_comments,
    "Makefile": _hash_comments,
    ".js": _slash_comments,
    ".css": _slash_comments,
}
