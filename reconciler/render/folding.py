"""Long lines on a narrow terminal: broken where words end, what goes on stands further in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_DEEPEST = 24
"""Columns that what goes on is moved in at most: the rest of the line must still have room."""


def fold(text: str, width: int | None) -> str:
    """Return `text` with no line wider than `width` columns; colours go on. None means as wide as it is."""
    if width is None or width < 2 * _DEEPEST:
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _fold(line, width))


def columns(text: str) -> int:
    """Return how many columns of a terminal `text` takes, colours none."""
    plain = _STYLE.sub("", text)
    return len(plain) if plain.isascii() else sum(_wide(char) for char in plain)


def _wide(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _fold(line: str, width: int) -> Iterator[str]:
    if columns(line) <= width:
        yield line
        return
    plain = _STYLE.sub("", line)
    indent = " " * min(len(plain) - len(plain.lstrip()) + 4, _DEEPEST)
    here, used, blank, style = "", 0, 0, ""
    for token in re.findall(r"\x1b\[[0-9;]*m|.", line, re.DOTALL):
        if token.startswith("\x1b"):
            style = "" if token == "\x1b[0m" else style + token
            here += token
            continue
        if used + _wide(token) > width:
            cut = blank if columns(here[:blank]) > width // 2 else len(here)
            rest = here[cut:].lstrip(" ")
            yield here[:cut].rstrip(" ")
            here, blank = indent + rest, 0
            used = columns(here)
        here += token
        used += _wide(token)
        if token == " " and here.strip(" "):
            blank = len(here)
    yield here
