"""JSON as people publish it: comments, missing quotes and commas, trailing commas, curly quotes, bare placeholders."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from reconciler.convert.calls import HOLE, START, hole, hole_name, holes_in
from reconciler.core.values import Tree

DEPTH = 100
"""Levels of nesting that are read."""
_QUOTES = {'"': '"', "'": "'", "“": '”"', "”": '”"', "‘": "’'", "’": "’'"}
_BLANK = re.compile(r"(?:\s|//[^\n]*|#[^\n]*)+")
_BARE_HOLE = re.compile(r"\{\{?\s*([A-Za-z_$][\w .$-]*?)\s*\}?\}(?=\s*(?:[,}\]]|//|/\*|$))", re.MULTILINE)
_WORD = re.compile(r"[^\s,:{}\[\]\"“”]+")
_BARE_TEXT = re.compile(r"[^\n,}\]]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: dict[str, Tree] = {"true": True, "false": False, "null": None}


class LooseError(ValueError):
    """A text cannot be read as JSON, even so; the message gives the reason without quoting the text."""


@dataclass(slots=True)
class Parsed:
    """A value, the place behind it, and what had to be overlooked to read it."""

    value: Tree
    end: int
    notes: list[str] = field(default_factory=list)


def parse(text: str, *, recorded: bool = False) -> Parsed:
    """Return the JSON value that `text` is; one that was `recorded` has no placeholders. Raises `LooseError`."""
    strict = _strict(text)
    if strict is not None:
        return strict if recorded else Parsed(holes_in(strict.value), strict.end)
    reader = _Reader(text)
    reader.blank()
    value = reader.value(0)
    reader.blank()
    if reader.at < len(text):
        reader.note("text after the end of the JSON was left out")
    return Parsed(value if recorded else holes_in(value), reader.at, reader.notes)


def first(text: str, start: int) -> Parsed | None:
    """Return the JSON object or list that begins at `start`, or None where what is there is none."""
    reader = _Reader(text, start)
    try:
        value = reader.value(0)
    except LooseError:
        return None
    closed = text[reader.at - 1 : reader.at] in ("}", "]")
    return Parsed(holes_in(value), reader.at, reader.notes) if closed and isinstance(value, dict | list) else None


def balanced_end(text: str, start: int) -> int | None:
    """Return the place behind the bracket that closes the one at `start`; None where nothing closes it.

    Brackets in texts and comments do not count.
    """
    depth, at = 0, start
    while at < len(text):
        sign = text[at]
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth == 0:
                return at + 1
        elif sign in '"“':
            at = _text_end(text, at)
            continue
        elif text.startswith("//", at):
            at = _line_end(text, at)
            continue
        at += 1
    return None


def _text_end(text: str, start: int) -> int:
    """Return the place behind the text that begins at `start`; a text ends with its line."""
    at, ends = start + 1, _QUOTES[text[start]]
    while at < len(text) and text[at] != "\n":
        if text[at] == "\\" and text[at + 1 : at + 2] != "\n":
            at += 2
        elif text[at] in ends:
            return at + 1
        else:
            at += 1
    return at


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _strict(text: str) -> Parsed | None:
    """Return what the standard parser reads, or None where it refuses or a key is duplicate."""
    if START in text:
        return None  # a placeholder may be where a number is expected
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            twice.append("")
        return made

    def refuse(word: str) -> NoReturn:
        raise ValueError(word)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    if twice or _deep(value):
        return None
    return Parsed(value, len(text))


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        if what not in self.notes:
            self.notes.append(what)

    def blank(self) -> None:
        while True:
            if found := _BLANK.match(self.text, self.at):
                self.at = found.end()
            end = self.text.find("*/", self.at + 2) if self.text.startswith("/*", self.at) else -1
            if end < 0:
                return
            self.at = end + 2

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Tree:
        if depth > DEPTH:
            raise LooseError(f"it is nested more than {DEPTH} levels deep")
        bare = _BARE_HOLE.match(self.text, self.at)
        if bare and depth:
            self.at = bare.end()
            return hole(bare[1], bare=True)
        sign = self.peek()
        if sign == "{":
            return self.members(depth)
        if sign == "[":
            return self.items(depth)
        if sign and sign in _QUOTES:
            return self.quoted()
        return self.bare()

    def members(self, depth: int) -> Tree:
        made: dict[str, Tree] = {}
        self.at += 1
        while self.more("}"):
            if self.elided():
                continue
            key = self.key()
            self.blank()
            if self.peek() != ":":
                raise LooseError("a key has no colon after it")
            self.at += 1
            self.blank()
            value = self.value(depth + 1)
            if key in made:
                self.note(f"the key {key!r} appears twice: the last one is used")
            made[key] = value
        return made

    def items(self, depth: int) -> Tree:
        made: list[Tree] = []
        self.at += 1
        while self.more("]"):
            if not self.elided():
                made.append(self.value(depth + 1))
        return made

    def more(self, closing: str) -> bool:
        """Tell whether another member follows; skip commas, and the bracket at the end."""
        self.blank()
        while self.peek() == ",":
            self.at += 1
            self.blank()
        if not self.peek():
            self.note("a closing bracket is missing")
            return False
        if self.peek() in "}]":
            if self.peek() != closing:
                raise LooseError(f"{closing!r} is expected where there is {self.peek()!r}")
            self.at += 1
            return False
        return True

    def elided(self) -> bool:
        for dots in ("...", "…"):
            if self.text.startswith(dots, self.at):
                self.at += len(dots)
                self.note("the page leaves out part of the body (…)")
                return True
        return False

    def key(self) -> str:
        if self.peek() in _QUOTES:
            return self.quoted(key=True)
        word = _WORD.match(self.text, self.at)
        if word is None:
            raise LooseError("a key is expected")
        self.at = word.end()
        self.note("a key without quotes was read")
        return word[0]

    def quoted(self, *, key: bool = False) -> str:
        """Return a text; where its closing quote is missing, it ends with the line, or a key at its colon."""
        ends = _QUOTES[self.peek()]
        begin = self.at = self.at + 1
        parts: list[str] = []
        while True:
            sign = self.peek()
            if not sign or sign == "\n":
                self.note("a closing quote is missing")
                raw = self.text[begin : self.at]
                text = raw.partition(":")[0] if key else raw.rstrip().removesuffix(",")
                self.at = begin + len(text)
                return text.strip()
            self.at += 1
            if sign in ends:
                return "".join(parts)
            parts.append(self.escape() if sign == "\\" else sign)

    def escape(self) -> str:
        sign = self.peek()
        self.at += 1
        if sign == "u":
            digits = self.text[self.at : self.at + 4]
            if re.fullmatch(r"[0-9A-Fa-f]{4}", digits):
                self.at += 4
                return self.surrogate(int(digits, 16))
        return _ESCAPES.get(sign, sign)

    def surrogate(self, high: int) -> str:
        low = re.compile(r"\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE).match(self.text, self.at)
        if 0xD800 <= high < 0xDC00 and low:
            self.at = low.end()
            return chr(0x10000 + ((high - 0xD800) << 10) + (int(low[1], 16) - 0xDC00))
        return "\ufffd" if 0xD800 <= high < 0xE000 else chr(high)

    def bare(self) -> Tree:
        """Return a number, a word of JSON, or a text without quotes."""
        found = _BARE_TEXT.match(self.text, self.at)
        raw = found[0].partition("//")[0].strip() if found else ""
        if not raw:
            raise LooseError("a value is missing")
        self.at += len(raw)
        if found_hole := HOLE.fullmatch(raw):
            return hole(hole_name(found_hole), bare=True)
        if raw in _WORDS:
            return _WORDS[raw]
        number = _NUMBER.fullmatch(raw)
        if number:
            loaded: Tree = json.loads(raw) if len(raw) < 400 else raw
            return loaded
        self.note("a value without quotes was read as text")
        return raw.strip("\"'“”")
