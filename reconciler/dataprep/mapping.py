"""Apply a mapping to records: rows in, an XDM record and warnings out (mapping-set.md, troubleshooting-guide.md).

A row whose value has an error gives a warning, and its column is left out. A record that lacks a required field is
rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.dataprep.compiler import Expression, compile_expression
from reconciler.dataprep.errors import (
    DataPrepError,
    EvaluationError,
    ExpressionSyntaxError,
    MappingError,
    NotSupportedLocallyError,
)
from reconciler.dataprep.paths import AttributePath, Step, parse_steps, write, write_simple
from reconciler.dataprep.table import Context
from reconciler.dataprep.values import Record, Value
from reconciler.dataprep.xdm import Schema, coercion, field_at, required_of

KINDS = {
    "ATTRIBUTE": "ATTRIBUTE", "EXPRESSION": "EXPRESSION", "STATIC": "STATIC",
    "text/x.schema-path": "ATTRIBUTE", "text/x.aep-xl": "EXPRESSION", "text/plain": "STATIC",
}  # fmt: skip
"""Each spelling of a row's kind, and the kind."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a mapping."""

    source: str
    destination: str
    kind: str = "ATTRIBUTE"


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001
    """A column that is null because its value has an error."""

    destination: str
    source: str
    row: int
    message: str
    offset: int | None = None
    unsupported: bool = False


@dataclass(slots=True)
class Outcome:
    """The result of a mapping for one record. `missing` names the required fields whose absence rejects it.

    `unmapped` are the numbers of the rows whose value is null."""

    record: dict[str, Value]
    warnings: list[Warning] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unmapped: list[int] = field(default_factory=list)

    @property
    def rejected(self) -> bool:
        """Whether the platform does not ingest the record."""
        return bool(self.missing)


_SIMPLE = frozenset((str, int, float, bool))
"""Types of values that are written as they are."""

Read: TypeAlias = Callable[[Context], Value]


@dataclass(frozen=True, slots=True)
class _Column:
    """A compiled row."""

    index: int
    row: Row
    read: Read
    steps: tuple[Step, ...]
    names: tuple[str, ...] | None
    convert: Callable[[Value], Value]
    typed: bool
    tree: Expression | None


def row_of(row: Mapping[str, object]) -> Row:
    """Return a row from its form in a mapping set, in either vocabulary. Raises KeyError where a member is missing."""
    words = ("source", "sourceAttribute", "sourceExpression")
    source = next((row[name] for name in words if row.get(name) is not None), None)
    destination = row.get("destination", row.get("destinationXdmPath"))
    if source is None or destination is None:
        raise KeyError("source" if source is None else "destination")
    return Row(str(source), str(destination), KINDS.get(str(row.get("sourceType") or "ATTRIBUTE"), "ATTRIBUTE"))


def attribute_source(source: str) -> AttributePath | Expression:
    """Return how an ATTRIBUTE is read: as a path, or as the expression that it is in fact.

    The platform accepts an expression that is labelled ATTRIBUTE.
    """
    try:
        path = AttributePath.parse(source)
    except ExpressionSyntaxError:
        return compile_expression(source)
    if "(" in source and all(isinstance(step, str) for step in path.steps):
        try:
            return compile_expression(source)
        except DataPrepError:
            return path
    return path


def _reader(row: Row) -> tuple[Read, Expression | None]:
    if row.kind == "STATIC":
        constant = row.source
        return lambda _: constant, None
    source = compile_expression(row.source) if row.kind == "EXPRESSION" else attribute_source(row.source)
    if isinstance(source, Expression):
        return source.run, source
    read = source.reader()
    return lambda context: read(context.record), None


class CompiledMapping:
    """A mapping that is ready to be applied."""

    def __init__(self, columns: Sequence[_Column], rows: Sequence[Row], schema: Schema | None) -> None:
        self.rows = tuple(rows)
        self.schema = schema
        self._columns = tuple(columns)
        self._required = None if schema is None else required_of(schema)

    def expression(self, row: int) -> Expression | None:
        """Return the expression of a row, None for an attribute or a constant."""
        return next((column.tree for column in self._columns if column.index == row), None)

    def apply(self, record: Record, context: Context | None = None) -> Outcome:
        """Return what the mapping makes of a record. Never raises for a record: errors are warnings of the outcome."""
        context = context or Context()
        context.record = record
        target: dict[str, Value] = {}
        outcome = Outcome(target)
        coverage = context.coverage
        for column in self._columns:
            if coverage is not None:
                context.branches = coverage.setdefault(column.index, set())
            try:
                value = column.read(context)
                if value is None:
                    outcome.unmapped.append(column.index)
                    continue
                simple = type(value) in _SIMPLE
                if column.typed or not simple:
                    value = column.convert(value)
                    simple = type(value) in _SIMPLE
                if not (simple and column.names and write_simple(target, column.names, value)):
                    write(target, column.steps, value)
            except EvaluationError as error:
                outcome.warnings.append(_warning(column, error))
            except RecursionError:
                outcome.warnings.append(_warning(column, EvaluationError("the value is nested too deeply", 0)))
        if self._required is not None:
            outcome.missing = self._required.missing(target)
        return outcome


def _warning(column: _Column, error: EvaluationError) -> Warning:
    row = column.row
    unsupported = isinstance(error, NotSupportedLocallyError)
    return Warning(row.destination, row.source, column.index, error.message, error.offset, unsupported)


def compile_mapping(rows: Iterable[Row], schema: Schema | None = None) -> CompiledMapping:
    """Return a mapping, ready to be applied.

    `schema` is the resolved output schema; without it values are written as they are, and nothing is required.
    Raises MappingError, with the row, for a row that cannot be compiled.
    """
    all_rows = list(rows)
    columns = []
    for index, row in enumerate(all_rows):
        try:
            columns.append(_column(index, row, schema))
        except DataPrepError as error:
            raise MappingError(error.message, index, error.offset) from error
    return CompiledMapping(_parents_first(columns), all_rows, schema)


def _column(index: int, row: Row, schema: Schema | None) -> _Column:
    read, tree = _reader(row)
    steps = parse_steps(row.destination)
    names = tuple(step for step in steps if isinstance(step, str))
    convert = _conversion(steps, schema)
    return _Column(index, row, read, steps, names if names == steps else None, convert, schema is not None, tree)


def _conversion(steps: tuple[Step, ...], schema: Schema | None) -> Callable[[Value], Value]:
    if schema is None:
        return coercion(None)
    found = field_at(schema, steps)
    if found is None:
        return _refused
    convert = coercion(found)
    for _ in range(sum(step == -1 for step in steps)):
        convert = _for_each(convert)
    return convert


def _for_each(convert: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def run(value: Value) -> Value:
        if not isinstance(value, list):
            return convert(value)
        return [None if item is None else convert(item) for item in value]

    return run


def _refused(_: Value) -> Value:
    raise EvaluationError("the schema has no such field")


def _parents_first(columns: list[_Column]) -> list[_Column]:
    """Put a row that writes a whole object before rows that write into it: explicit rows win over object copy."""
    written = {column.steps for column in columns}
    if not any(column.steps[:length] in written for column in columns for length in range(1, len(column.steps))):
        return columns
    return sorted(columns, key=lambda column: len(column.steps))
