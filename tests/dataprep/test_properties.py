"""Properties of every expression."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings

from reconciler import dataprep
from reconciler.dataprep.syntax import Node
from tests.dataprep.trees import RECORDS, SOUP, TREES

MANY = settings(max_examples=60, deadline=None)


@MANY
@given(TREES)
def test_printing_and_parsing_gives_the_same_tree(tree: Node) -> None:
    text = dataprep.to_text(tree)
    if len(text) <= dataprep.LONGEST:
        assert dataprep.parse(text) == tree
        assert dataprep.to_text(dataprep.parse(text)) == text


def run(text: str, record: dict[str, Any]) -> None:
    """Evaluate; whatever happens is an error of this package or a value that JSON can hold."""
    context = dataprep.Context(now=datetime(2026, 1, 2, tzinfo=UTC))
    try:
        value = dataprep.compile_expression(text).evaluate(record, context)
        json.dumps(dataprep.to_json(value), allow_nan=False)
    except dataprep.DataPrepError as error:
        problem = error
    else:
        return
    assert problem.message
    assert problem.offset is None or 0 <= problem.offset <= len(text)


@MANY
@given(TREES, RECORDS)
def test_evaluation_raises_nothing_but_its_own_errors(tree: Node, record: dict[str, Any]) -> None:
    run(dataprep.to_text(tree), record)


@MANY
@given(SOUP, RECORDS)
def test_no_text_at_all_raises_anything_else(text: str, record: dict[str, Any]) -> None:
    run(text, record)
    for problem in dataprep.check(text):
        assert dataprep.with_caret(text, dataprep.place_at(text, problem.offset))


@MANY
@given(TREES)
def test_checks_find_an_error_only_where_compiling_fails(tree: Node) -> None:
    text = dataprep.to_text(tree)
    problems = dataprep.check(text)
    try:
        dataprep.compile_expression(text)
    except dataprep.DataPrepError:
        assert problems
    else:
        assert not [problem for problem in problems if problem.error]


@MANY
@given(TREES, RECORDS)
def test_a_mapping_gives_a_record_whatever_a_row_does(tree: Node, record: dict[str, Any]) -> None:
    before = json.dumps(record, sort_keys=True)
    rows = [
        dataprep.Row(dataprep.to_text(tree), "a.b", "EXPRESSION"),
        dataprep.Row("a", "a"),
        dataprep.Row("b", "a.c[1].d"),
        dataprep.Row("a[*]", "list[*].x"),
        dataprep.Row("b", "list[*]"),
    ]
    try:
        mapping = dataprep.compile_mapping(rows)
    except dataprep.MappingError:
        mapping = dataprep.compile_mapping(rows[1:])
    outcome = mapping.apply(record, dataprep.Context(now=datetime(2026, 1, 2, tzinfo=UTC)))
    json.dumps(dataprep.to_json(outcome.record))
    assert json.dumps(record, sort_keys=True) == before, "the record of the source is not changed"
