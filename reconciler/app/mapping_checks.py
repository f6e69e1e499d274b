"""Checks of mappings against the schemas and sample files of a project. All findings are warnings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from reconciler.app.mappings import ProjectMapping, mapping_of
from reconciler.app.samples import records_in, sample_path
from reconciler.app.session import Session
from reconciler.core.problems import ManifestError, Problem
from reconciler.dataprep import (
    DataPrepError,
    Record,
    Row,
    Schema,
    Value,
    field_at,
    infer,
    kind_of_field,
    parse,
    parse_steps,
    references,
    required_paths,
    steps_text,
)
from reconciler.dataprep.paths import Step
from reconciler.documents.document import Document, nearest
from reconciler.documents.load import Project
from reconciler.documents.mapping_test import TESTED
from reconciler.kinds.mapping_set import ROWS

SAMPLED = 1000
"""Records of a sample file that are read."""

_FITS = {
    "string": {"string", "integer", "number", "boolean", "date"},
    "integer": {"integer", "number", "string"},
    "number": {"integer", "number", "string"},
    "boolean": {"boolean", "string"},
    "date": {"date", "string"},
    "date-time": {"date", "string"},
    "array": {"array"},
    "object": {"object"},
    "map": {"object"},
}
"""Kinds of values can be written to each type of field (data-handling.md)."""


def mapping_findings(session: Session, project: Project) -> list[Problem]:
    """Return the findings about all mappings of a project, each at its row."""
    found: list[Problem] = []
    for document in project.documents.values():
        if document.kind in TESTED and f"{document.name}/mapping" in project.resources:
            found += _of_document(session, project, document)
    for test in project.tests:
        document = project.documents[test.document]
        for index, case in enumerate(test.cases):
            if case.file is not None:
                found += _missing_file(session, document, case.file, ("spec", "cases", str(index), "file"))
    return found


def _missing_file(session: Session, document: Document, name: str, where: tuple[str, ...]) -> list[Problem]:
    try:
        sample_path(session.root, document, name, where)
    except ManifestError as error:
        return list(error.problems)
    return []


def _of_document(session: Session, project: Project, document: Document) -> Iterator[Problem]:
    names = project.samples.get(document.name)
    mapping = mapping_of(project, document.name)
    places = _Places(document)
    if mapping.schema is not None:
        yield from _against_schema(document, mapping, mapping.schema, places)
    if names:
        yield from _against_samples(session, document, mapping, names, places)


class _Places:
    """The places of the rows of a document. The document is read again only for a finding."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _rows(self) -> tuple[str, ...]:
        spec = self._document.written()
        key = "attributes" if self._document.kind == "DestinationDataflow" else "mapping"
        return ("spec", key, ROWS) if isinstance(spec.get(key), dict) else ("spec", key)

    def row(self, index: int) -> tuple[str, ...]:
        """Return the place of a row by its number from 0."""
        return (*self._rows, str(index))


def _warning(document: Document, where: tuple[str, ...], code: str, what: str, advice: str = "") -> Problem:
    return document.problem(where, code, what, advice, severity="warning")


# -- schema ------------------------------------------------------------------------------------------------------
def _against_schema(document: Document, mapping: ProjectMapping, schema: Schema, places: _Places) -> Iterator[Problem]:
    for index, row in enumerate(mapping.rows):
        try:
            steps = parse_steps(row.destination)
        except DataPrepError:
            continue
        field = field_at(schema, steps)
        if field is None:
            yield _no_field(document, places.row(index), schema, row, steps)
            continue
        kind, value = kind_of_field(field), _kind_of_row(row)
        if value not in (None, "any", "null") and value not in _FITS.get(kind, {str(value)}):
            what = f"{row.destination} is of the type {kind}, the expression gives {value}"
            yield _warning(document, places.row(index), "type-mismatch", what, "convert it, or map another field")
    written = [_names(row.destination) for row in mapping.rows]
    for path in required_paths(schema):
        names = _names(path)
        if not any(names[: len(one)] == one or one[: len(names)] == names for one in written):
            what = f"no row writes the required field {path}: the platform rejects records without it"
            yield _warning(document, where=("spec",), code="required-field", what=what, advice="add a row for it")


def _no_field(document: Document, where: tuple[str, ...], schema: Schema, row: Row, steps: tuple[Step, ...]) -> Problem:
    for length in range(1, len(steps)):
        parent = field_at(schema, steps[:length])
        if parent is not None and kind_of_field(parent) == "array" and isinstance(steps[length], str):
            path = steps_text(steps[:length])
            what = f"{path} is an array: {row.destination} names no element of it"
            return _warning(document, where, "path-into-array", what, f"write {path}[0] or {path}[*]")
    known = list(_paths(schema))
    what = f"the schema has no field {row.destination}"
    return _warning(document, where, "unknown-field", what, nearest(row.destination, known))


def _paths(schema: Schema, at: tuple[Step, ...] = (), depth: int = 0) -> Iterator[str]:
    properties = schema.get("properties")
    for name, field in properties.items() if isinstance(properties, dict) and depth < 10 else ():
        if not isinstance(field, dict):
            continue
        path = (*at, name)
        yield steps_text(path)
        inner = field.get("items")
        if kind_of_field(field) == "array" and isinstance(inner, dict):
            yield from _paths(inner, (*path, -1), depth + 1)
        else:
            yield from _paths(field, path, depth + 1)


def _kind_of_row(row: Row) -> str | None:
    if row.kind == "STATIC":
        return "string"
    if row.kind != "EXPRESSION":
        return None
    try:
        return infer(parse(row.source))
    except DataPrepError:
        return None


def _names(path: str) -> tuple[str, ...]:
    try:
        return tuple(step for step in parse_steps(path) if isinstance(step, str))
    except DataPrepError:
        return (path,)


# -- samples -----------------------------------------------------------------------------------------------------
def _against_samples(
    session: Session, document: Document, mapping: ProjectMapping, names: list[str], places: _Places
) -> Iterator[Problem]:
    present: set[tuple[str, ...]] = set()
    for index, name in enumerate(names):
        where = ("spec", "source", "samples", str(index))
        try:
            path = sample_path(session.root, document, name, where)
            for record in islice(records_in(path, mapping.delimiter), SAMPLED):
                _collect(record, (), present)
        except ManifestError as error:
            yield from error.problems
            return
    known = {".".join(path) for path in present}
    for number, row in enumerate(mapping.rows):
        for read in _read_paths(row):
            name = ".".join(read)
            if read not in present and name not in known:
                what = f"no sample has the field {name}"
                yield _warning(document, places.row(number), "unknown-source-field", what, nearest(name, known))


def _collect(record: Record, at: tuple[str, ...], present: set[tuple[str, ...]]) -> None:
    waiting: list[tuple[Value, tuple[str, ...]]] = [(dict(record), at)]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                present.add((*path, key))
                waiting.append((item, (*path, key)))
        elif isinstance(value, list):
            waiting.extend((item, path) for item in value)


def _read_paths(row: Row) -> Iterator[tuple[str, ...]]:
    if row.kind == "STATIC":
        return
    if row.kind == "ATTRIBUTE" and "(" not in row.source:
        yield _names(row.source)
        return
    try:
        tree = parse(row.source)
    except DataPrepError:
        return
    for reference in references(tree):
        yield reference.names
