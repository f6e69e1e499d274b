"""Errors of the Data Prep language. Each knows its place in the expression."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A position in an expression: `offset` from 0, `line` and `column` from 1, all in characters."""

    offset: int
    line: int
    column: int


def place_at(text: str, offset: int) -> Place:
    """Return the place of an offset of a text."""
    before = text[:offset]
    return Place(offset, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


class DataPrepError(Exception):
    """The base of all errors of this package."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset

    def place(self, text: str) -> Place | None:
        """Return the place of the error in the expression `text`, or None where it has none."""
        return None if self.offset is None else place_at(text, self.offset)


class ExpressionSyntaxError(DataPrepError):
    """The expression does not parse."""


class CompileError(DataPrepError):
    """The expression parses, but calls an unknown function or passes a wrong number of arguments."""


class EvaluationError(DataPrepError):
    """The expression has no value for a record. On the platform, such an error sets the column to null."""


class NotSupportedLocallyError(EvaluationError):
    """The platform has a value here, but it cannot be computed locally."""

    def __init__(self, subject: str, reason: str, offset: int | None = None) -> None:
        super().__init__(f"{subject} is not supported locally: {reason}", offset)
        self.reason = reason


class MappingError(DataPrepError):
    """A row of a mapping cannot be used. `row` counts from 0."""

    def __init__(self, message: str, row: int, offset: int | None = None) -> None:
        super().__init__(message, offset)
        self.row = row


class ReadError(DataPrepError):
    """A sample file cannot be read."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like `name`, or None where none is similar."""
    candidates = {one.lower(): one for one in names}
    matches = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return candidates[matches[0]] if matches else None


def with_caret(text: str, place: Place) -> str:
    """Return the line of `text` at `place`, with a caret under the place. A long line is cut to 100 characters."""
    line = text.splitlines()[place.line - 1] if text.strip() else ""
    start = max(0, place.column - 60)
    shown = line[start : start + 100].replace("\t", " ")
    head = "…" if start else ""
    tail = "…" if start + 100 < len(line) else ""
    return f"{head}{shown}{tail}\n{' ' * (len(head) + place.column - 1 - start)}^"
