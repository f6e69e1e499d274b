"""The results of mapping tests, as values that every format shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.values import MISSING, Span, Tree


@dataclass(frozen=True, slots=True)
class Difference:
    """A field whose value is not the expected one; MISSING where there is none.

    `steps` are the keys and numbers that lead to it. `row` is the number of the mapping row that wrote the field, from
    1, and `source` its attribute or expression.
    """

    path: str
    expected: Tree
    actual: Tree
    steps: tuple[str, ...] = ()
    row: int | None = None
    source: str = ""


@dataclass(slots=True)
class CaseResult:
    """How one case ended. An `error` is a case that could not be run."""

    document: str
    case: str
    status: Literal["passed", "failed", "error"] = "passed"
    differences: list[Difference] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    span: Span | None = None
    records: int = 0


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Something of a mapping that no case exercises: a row, a branch of an expression, or a required field."""

    mapping: str
    kind: Literal["row", "branch", "required"]
    text: str


@dataclass(slots=True)
class MappingReport:
    """All results of a run."""

    results: list[CaseResult] = field(default_factory=list)
    uncovered: list[Uncovered] | None = None
    live: list[str] | None = None
    updated: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[CaseResult]:
        """The cases that did not pass."""
        return [result for result in self.results if result.status != "passed"]


def differences(expected: Tree, actual: Tree, *, exactly: bool, steps: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Yield what `actual` has otherwise than `expected` says.

    Unless `exactly`, members that an expected object does not name may be there. Null and a missing member are equal.
    """
    if isinstance(expected, dict) and actual is MISSING and expected:
        actual = {}
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            yield from differences(value, actual.get(key, MISSING), exactly=exactly, steps=(*steps, str(key)))
        for key, value in actual.items():
            if exactly and key not in expected and value is not None:
                yield _difference(MISSING, value, (*steps, str(key)))
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            one = expected[index] if index < len(expected) else MISSING
            other = actual[index] if index < len(actual) else MISSING
            yield from differences(one, other, exactly=exactly, steps=(*steps, f"[{index}]"))
    elif not _same(expected, actual):
        yield _difference(expected, actual, steps)


def _difference(expected: Tree, actual: Tree, steps: tuple[str, ...]) -> Difference:
    path = ""
    for step in steps:
        if step.startswith("["):
            path += step
        else:
            escaped = step.replace("\\", "\\\\").replace(".", "\\.")
            path += f".{escaped}" if path else escaped
    return Difference(path, expected, actual, steps)


def _same(expected: Tree, actual: Tree) -> bool:
    if expected in (None, MISSING) and actual in (None, MISSING):
        return True
    return isinstance(expected, bool) == isinstance(actual, bool) and bool(expected == actual)
