"""Checks of mapping rows that need no schema and no data: expressions, paths, rows that write below a simple value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.core.problems import Problem
from reconciler.core.values import Span, Tree
from reconciler.kinds.mapping_rows import SOURCES, destination_of, kind_of

if TYPE_CHECKING:
    from reconciler import dataprep
    from reconciler.documents.document import Document
    from reconciler.documents.expand import Expansion

_SCALARS = ("string", "integer", "number", "boolean", "date")


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row, and its place below `spec`."""

    place: tuple[str, ...]
    kind: str
    source: str
    destination: str
    key: str

    @classmethod
    def of(cls, row: Mapping[str, Tree], place: tuple[str, ...]) -> MappedRow:
        """Return a row from its members in either vocabulary."""
        key = next((name for name in SOURCES if row.get(name) is not None), SOURCES[0])
        return cls(place, kind_of(row), str(row.get(key)), str(destination_of(row)), key)


def check_rows(ctx: Expansion, rows: Sequence[MappedRow]) -> None:
    """Note what is wrong or doubtful in rows. Errors are only what the platform's documents rule out."""
    for row in rows:
        if row.kind == "EXPRESSION":
            for problem in _expression_problems(row.source):
                ctx.problems.append(at_expression(ctx.document, row, problem))
        elif row.kind == "ATTRIBUTE" and not _is_readable(row.source):
            what = f"{row.source!r} is neither a path nor an expression"
            ctx.report((*row.place, row.key), "bad-path", what, "escape special characters", severity="warning")
        if "." in row.destination or "[" in row.destination:
            _check_destination(ctx, row)
    _check_parents(ctx, rows)


def at_expression(document: Document, row: MappedRow, problem: dataprep.Problem) -> Problem:
    """Return a finding about a place in a row's expression, with the expression and a caret below it."""
    from reconciler.dataprep import place_at, with_caret

    place = place_at(row.source, problem.offset)
    span = _span_in(document, row, problem.offset)
    what = f"{problem.message} (in the expression at {place.line}:{place.column})"
    severity = "error" if problem.error else "warning"
    return Problem("bad-expression", what, "", span, severity=severity, detail=with_caret(row.source, place))


def _span_in(document: Document, row: MappedRow, offset: int) -> Span:
    """The place in the file where the manifest has the expression letter by letter, else where the value begins."""
    span = document.span(("spec", *row.place, row.key))
    lines = document.text.content.splitlines()
    if span.line > len(lines):
        return span
    rest = lines[span.line - 1][span.column - 1 :]
    for skipped in (0, 1):
        if rest[skipped:].startswith(row.source):
            return Span(span.file, span.line, span.column + skipped + offset)
    return span


@lru_cache(maxsize=4096)
def _expression_problems(text: str) -> tuple[dataprep.Problem, ...]:
    from reconciler.dataprep import check

    return tuple(check(text))


@lru_cache(maxsize=4096)
def _is_readable(source: str) -> bool:
    if source.replace(".", "").replace("_", "").isalnum():
        return True
    from reconciler.dataprep import DataPrepError
    from reconciler.dataprep.mapping import attribute_source

    try:
        attribute_source(source)
    except DataPrepError:
        return False
    return True


def _check_destination(ctx: Expansion, row: MappedRow) -> None:
    from reconciler.dataprep import ExpressionSyntaxError, parse_steps

    key = "destination" if row.key == "source" else "destinationXdmPath"
    if row.destination.replace(".", "").replace("_", "").isalnum():
        return
    try:
        parse_steps(row.destination)
    except ExpressionSyntaxError as error:
        advice = "write names with dots, and elements as [0] or [*]"
        ctx.report((*row.place, key), "bad-path", error.message, advice, severity="warning")


def _check_parents(ctx: Expansion, rows: Iterable[MappedRow]) -> None:
    """Warn about a row that writes into what another row sets to a simple value."""
    simple = {row.destination: row for row in rows if _is_simple(row)}
    if not simple:
        return
    for row in rows:
        parts = row.destination.split(".")
        for length in range(1, len(parts)):
            parent = simple.get(".".join(parts[:length]))
            if parent is not None:
                what = f"{row.destination} lies inside {parent.destination}, which another row sets to a simple value"
                ctx.report(row.place, "shadowed-destination", what, "remove one of the rows", severity="warning")


def _is_simple(row: MappedRow) -> bool:
    if row.kind != "EXPRESSION":
        return row.kind == "STATIC"
    from reconciler.dataprep import ExpressionSyntaxError, infer, parse

    try:
        return infer(parse(row.source)) in _SCALARS
    except ExpressionSyntaxError:
        return False
