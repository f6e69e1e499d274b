"""Run MappingTest documents: apply mappings to records locally and compare the result with what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

from reconciler.app.mappings import ProjectMapping, mapping_of
from reconciler.app.samples import records_in, sample_path
from reconciler.app.session import Session
from reconciler.core.mapping_report import CaseResult, Difference, MappingReport, Uncovered, differences
from reconciler.core.problems import ManifestError
from reconciler.core.values import MISSING, Tree
from reconciler.core.values import Path as Steps
from reconciler.dataprep import CompiledMapping, Context, Outcome, Record, required_paths, row_of, to_json
from reconciler.dataprep.branches import branches_of
from reconciler.documents.document import Document
from reconciler.documents.expand import ParsedTest
from reconciler.documents.load import Project
from reconciler.documents.mapping_test import Case
from reconciler.kinds.mapping_set import ROWS

DEFAULT_NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The time that now() gives where a test names none."""

_SHOWN = 20
"""Differences of a case that are shown; a file of a million records may have many."""


def tree_of(record: Record) -> Tree:
    """Return the JSON of a record."""
    return cast("Tree", to_json(dict(record)))  # the type of to_json is that of its argument, its result is JSON


@dataclass(slots=True)
class Exercised:
    """The parts of one mapping that the cases exercise."""

    mapping: ProjectMapping
    compiled: CompiledMapping
    rows: set[int] = field(default_factory=set)
    branches: dict[int, set[tuple[int, int]]] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class RunCase:
    """A case with the document it comes from, and its number there."""

    document: Document
    test: ParsedTest
    case: Case
    index: int


class MappingTests:
    """The tests of a project that lie in PATH."""

    def __init__(self, session: Session, project: Project) -> None:
        self.session = session
        self.project = project
        self._mappings: dict[str, Exercised] = {}

    @cached_property
    def cases(self) -> list[RunCase]:
        """All cases, in the order of the files."""
        found = []
        for test in self.project.tests:
            document = self.project.documents[test.document]
            if self.session.path.resolve() == self.session.root.resolve() or self.session.came_from_path(document.file):
                found += [RunCase(document, test, case, index) for index, case in enumerate(test.cases)]
        return found

    def exercised(self, test: ParsedTest) -> Exercised:
        """Return the mapping of a test. Raises ManifestError where there is none, or it cannot be compiled."""
        key = test.dataflow or f"MappingTest {test.document}"
        if key not in self._mappings:
            if test.dataflow is not None:
                mapping = mapping_of(self.project, test.dataflow)
            else:
                rows = [row.given() for row in test.rows or ()]
                mapping = ProjectMapping(key, tuple(map(row_of, rows)), {ROWS: [*rows]})
            self._mappings[key] = Exercised(mapping, mapping.compiled())
        return self._mappings[key]

    def records(self, one: RunCase) -> Iterator[Record]:
        """Yield the records of a case. Raises ManifestError for an unreadable file, or for what is not an object."""
        if one.case.file is not None:
            where = ("spec", "cases", str(one.index), "file")
            path = sample_path(self.session.root, one.document, one.case.file, where)
            yield from records_in(path, self.exercised(one.test).mapping.delimiter)
            return
        given = one.case.records
        for record in given if isinstance(given, list) else [given]:
            if not isinstance(record, dict):
                where = ("spec", "cases", str(one.index), "given")
                raise ManifestError(
                    one.document.problem(where, "bad-type", "a record is a mapping", "write key: value")
                )
            yield record

    def context(self, one: RunCase) -> Context:
        """Return the clock and seed of a case; branches are counted for coverage."""
        return Context(now=one.test.now or DEFAULT_NOW, coverage=self.exercised(one.test).branches)

    def run(self) -> MappingReport:
        """Return how all cases end."""
        return MappingReport([self._result(one) for one in self.cases])

    def _result(self, one: RunCase) -> CaseResult:
        result = CaseResult(one.test.document, one.case.name)
        result.span = one.document.span(("spec", "cases", str(one.index)))
        try:
            exercised = self.exercised(one.test)
            _Comparison(one, exercised, result).run(self.records(one), self.context(one))
        except ManifestError as error:
            result.status = "error"
            result.messages += [problem.what for problem in error.problems]
        return result

    def uncovered(self) -> list[Uncovered]:
        """Return the rows, branches and required fields that no case of the last run exercised."""
        found: list[Uncovered] = []
        for exercised in self._mappings.values():
            found += _uncovered(exercised)
        return found


class _Comparison:
    """Compares what a mapping makes of the records of one case with what the case expects."""

    def __init__(self, one: RunCase, exercised: Exercised, result: CaseResult) -> None:
        self._case = one.case
        self._exercised = exercised
        self._result = result
        self._exactly = "exactly" in one.case.model_fields_set
        self._compared = self._exactly or "expect" in one.case.model_fields_set
        self._expected = one.case.exactly if self._exactly else one.case.expect
        self._nulled: dict[str, str] = {}

    def run(self, records: Iterable[Record], context: Context) -> None:
        result = self._result
        for number, record in enumerate(records):
            outcome = self._exercised.compiled.apply(record, context)
            result.records = number + 1
            self._note(outcome)
            self._check(number, outcome)
        self._check_count()
        self._check_warnings()
        if result.status == "passed" and (result.differences or result.messages):
            result.status = "failed"

    def _note(self, outcome: Outcome) -> None:
        """Remember what the record exercised."""
        nulled = {warning.row for warning in outcome.warnings}
        exercised = self._exercised
        if len(exercised.rows) < len(exercised.mapping.rows):
            exercised.rows |= set(range(len(exercised.mapping.rows))) - nulled - set(outcome.unmapped)
        for warning in outcome.warnings:
            if warning.unsupported:
                self._result.status = "error"
                self._say(f"{warning.destination}: {warning.message} (row {warning.row + 1}: {warning.source})")
            else:
                self._nulled.setdefault(
                    warning.destination, f"{warning.message} (row {warning.row + 1}: {warning.source})"
                )

    def _check(self, number: int, outcome: Outcome) -> None:
        if outcome.rejected != self._case.rejected:
            names = ", ".join(outcome.missing)
            which = f"record {number + 1} is " if number or self._result.records > 1 else "the record is "
            self._say(f"{which}rejected: it lacks the required {names}" if outcome.rejected else f"{which}not rejected")
        if not self._compared:
            return
        expected = self._of(number)
        prefix = (f"[{number}]",) if isinstance(self._expected, list) else ()
        actual = tree_of(outcome.record)
        for one in differences(expected, actual, exactly=self._exactly, steps=prefix):
            if len(self._result.differences) < _SHOWN:
                self._result.differences.append(self._placed(one))

    def _of(self, number: int) -> Tree:
        expected: Tree = self._expected
        if not isinstance(expected, list):
            return expected
        return expected[number] if number < len(expected) else MISSING

    def _placed(self, one: Difference) -> Difference:
        """The difference with the row that wrote the field."""
        path = one.path.partition("].")[2] if isinstance(self._expected, list) else one.path  # [0]. is the record
        best, length = None, -1
        for index, row in enumerate(self._exercised.mapping.rows):
            if _covers(row.destination, path) and len(row.destination) > length:
                best, length = index, len(row.destination)
        if best is None:
            return one
        return replace(one, row=best + 1, source=self._exercised.mapping.rows[best].source)

    def _check_count(self) -> None:
        count = self._result.records
        if isinstance(self._expected, list) and len(self._expected) != count:
            self._say(f"the number of records is {count}, expected: {len(self._expected)}")
        elif self._compared and not isinstance(self._expected, list) and count != 1:
            self._say(f"one record is expected, there are {count}: write a list")

    def _check_warnings(self) -> None:
        wanted = set(self._case.warnings or ())
        for destination, reason in self._nulled.items():
            if destination not in wanted:
                self._say(f"{destination} is set to null by an error: {reason}")
        for destination in sorted(wanted - set(self._nulled)):
            self._say(f"{destination} is listed under warnings, but no error sets it to null")

    def _say(self, message: str) -> None:
        if len(self._result.messages) < _SHOWN and message not in self._result.messages:
            self._result.messages.append(message)


def _covers(destination: str, path: str) -> bool:
    plain = _without_indices(destination)
    other = _without_indices(path)
    return other == plain or other.startswith((plain + ".", plain + "["))


def _without_indices(path: str) -> str:
    import re

    return re.sub(r"\[[^\]]*\]", "", path)


def _uncovered(exercised: Exercised) -> Iterator[Uncovered]:
    mapping = exercised.mapping
    for index, row in enumerate(mapping.rows):
        if index not in exercised.rows:
            yield Uncovered(mapping.name, "row", f"row {index + 1}: {row.source} → {row.destination}")
            continue
        expression = exercised.compiled.expression(index)
        taken = exercised.branches.get(index, set())
        for branch in branches_of(expression.tree) if expression else ():
            if (branch.offset, branch.number) not in taken:
                yield Uncovered(mapping.name, "branch", f"row {index + 1} ({row.destination}): {branch.label}")
    written = [_without_indices(mapping.rows[index].destination) for index in exercised.rows]
    for path in required_paths(mapping.schema) if mapping.schema else ():
        if not any(_covers(one, path) or _covers(path, one) for one in written):
            yield Uncovered(mapping.name, "required", path)


def changed_cases(tests: MappingTests, report: MappingReport) -> Iterator[tuple[RunCase, list[tuple[Steps, Tree]]]]:
    """Yield the cases to update, each with the places in the case that change, and their values."""
    for one, result in zip(tests.cases, report.results, strict=True):
        empty = not {"expect", "exactly", "warnings", "rejected"} & one.case.model_fields_set
        if result.status == "error" or (result.status == "passed" and not empty):
            continue
        made: list[Tree] = []
        nulled: dict[str, None] = {}
        rejected = False
        for record in tests.records(one):
            outcome = tests.exercised(one.test).compiled.apply(record, tests.context(one))
            made.append(tree_of(outcome.record))
            nulled |= dict.fromkeys(warning.destination for warning in outcome.warnings)
            rejected = rejected or outcome.rejected
        changes = _expectation(one.case, made)
        if list(nulled) != (one.case.warnings or []):
            changes.append((("warnings",), list(nulled)))
        if rejected != one.case.rejected:
            changes.append((("rejected",), rejected))
        yield one, changes


def _expectation(case: Case, made: list[Tree]) -> list[tuple[Steps, Tree]]:
    """The values that differ, each at its place; the whole expectation where one is to go or lists differ in length."""
    exactly = "exactly" in case.model_fields_set
    key = "exactly" if exactly else "expect"
    expected = case.exactly if exactly else case.expect
    actual = made if isinstance(expected, list) or len(made) != 1 else made[0]
    if expected is None:
        return [((key,), actual)]
    found = list(differences(expected, actual, exactly=exactly))
    if any(one.actual is MISSING or (one.expected is MISSING and one.steps[-1].startswith("[")) for one in found):
        return [((key,), actual)]
    return [((key, *(step.strip("[]") for step in one.steps)), one.actual) for one in found]
