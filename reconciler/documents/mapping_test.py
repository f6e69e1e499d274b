"""`MappingTest`: records, and what a mapping must make of them. It makes no resources and is never part of a plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.values import Tree
from reconciler.documents.blocks import Block
from reconciler.documents.document import nearest
from reconciler.documents.expand import Expansion, ParsedTest
from reconciler.documents.mapping_blocks import Row
from reconciler.documents.mapping_checks import MappedRow, check_rows

TESTED = ("SourceDataflow", "DestinationDataflow")
"""Kinds of documents that have a mapping."""


class Case(Block):
    """One case: a record, or a file of records, and what is expected of it."""

    name: str
    """The purpose of the case; unique in the document."""
    records: Any = Field(default=None, alias="given")
    """The source record, or a list of records."""
    file: str | None = None
    """Instead of `given`: a file of records, relative to this document: .json, .jsonl, .csv or .parquet."""
    expect: Any = None
    """A part of the XDM record that the mapping makes, or a list with one part for each record."""
    exactly: Any = None
    """Instead of `expect`: the whole record, or a list of records."""
    warnings: list[str] | None = None
    """Destinations that a transformation error sets to null; any other such column fails the case."""
    rejected: bool = False
    """Whether the platform rejects the records because a required field is missing."""

    @model_validator(mode="after")
    def _complete(self) -> Case:
        written = self.model_fields_set
        if ("records" in written) == ("file" in written):
            raise PydanticCustomError("one_of", "exactly one of given and file must be given")
        if {"expect", "exactly"} <= written:
            raise PydanticCustomError("one_of", "expect and exactly exclude each other")
        return self


class MappingTestSpec(Block):
    """The `spec` of a MappingTest."""

    dataflow: str | None = None
    """The dataflow whose mapping is tested: the name of a document of this project."""
    mapping: list[Row] | None = None
    """Instead of `dataflow`: the rows themselves."""
    now: str | None = None
    """The time that now() and timestamp() give, as `2026-01-02T03:04:05Z`; left out, 1 January 2026."""
    cases: list[Case]
    """The cases."""

    @model_validator(mode="after")
    def _complete(self) -> MappingTestSpec:
        if (self.dataflow is None) == (self.mapping is None):
            raise PydanticCustomError("one_of", "exactly one of dataflow and mapping must be given")
        return self


class MappingTest:
    """Expands to nothing; `reconciler test` runs it."""

    kind = "MappingTest"
    model = MappingTestSpec
    spec_kept = False
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "MappingTest",
        "metadata": {"name": "customer-io-events"},
        "spec": {
            "mapping": [
                {"source": "lower(data.email)", "sourceType": "EXPRESSION", "destination": "_tenant.email"},
            ],
            "cases": [
                {
                    "name": "the e-mail address is lower-cased",
                    "given": {"data": {"email": "Ann@Example.com"}},
                    "expect": {"_tenant": {"email": "ann@example.com"}},
                }
            ],
        },
    }

    def expand(self, ctx: Expansion) -> None:
        """Check the document and keep it in `ctx.tests`; add no resource."""
        spec = ctx.parse(self.model, ctx.spec, ())
        if spec is None:
            return
        if spec.dataflow is not None:
            _check_dataflow(ctx, spec.dataflow)
        rows = [MappedRow.of(row.given(), ("mapping", str(index))) for index, row in enumerate(spec.mapping or ())]
        check_rows(ctx, rows)
        names: set[str] = set()
        for index, case in enumerate(spec.cases):
            if case.name in names:
                advice = "names of cases are unique in a document"
                ctx.report(("cases", index, "name"), "duplicate-case", f"a second case {case.name!r}", advice)
            names.add(case.name)
        ctx.tests.append(ParsedTest(ctx.document.name, spec.dataflow, spec.mapping, _time(ctx, spec.now), spec.cases))


def _check_dataflow(ctx: Expansion, name: str) -> None:
    document = ctx.setting.documents.get(name)
    if document is not None and document.kind in TESTED:
        return
    names = [item.name for item in ctx.setting.documents.values() if item.kind in TESTED]
    what = f"no dataflow is named {name!r}" if document is None else f"{name!r} is a {document.kind}, not a dataflow"
    ctx.report(("dataflow",), "unknown-reference", what, nearest(name, names))


def _time(ctx: Expansion, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        ctx.report(("now",), "bad-time", f"{text!r} is not a time with a zone", "write it as 2026-01-02T03:04:05Z")
    return time


DOCUMENT = MappingTest()
