"""A mapping applied to records: paths, types of the schema, warnings, rejected records."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler import dataprep

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_id", "timestamp"],
    "properties": {
        "_id": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "count": {"type": "integer", "meta:xdmType": "int"},
        "price": {"type": "number"},
        "active": {"type": "boolean"},
        "level": {"type": "string", "enum": ["low", "high"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "person": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "city": {"type": "string"}},
        },
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}, "qty": {"type": "integer"}}},
        },
    },
}  # fmt: skip


def apply(rows: list[dict[str, str]], record: dict[str, Any], schema: dict[str, Any] | None = None) -> dataprep.Outcome:
    return dataprep.compile_mapping(map(dataprep.row_of, rows), schema).apply(record)


def one(value: object, destination: str, schema: dict[str, Any] | None = SCHEMA) -> dataprep.Outcome:
    return apply([{"source": "v", "destination": destination}], {"v": value}, schema)


@pytest.mark.parametrize(
    ("value", "destination", "expected"),
    [
        (5, "_id", "5"),
        (True, "_id", "true"),
        ("2020-01-02", "timestamp", "2020-01-02T00:00:00Z"),
        ("2020-01-02T03:04:05.5+01:00", "timestamp", "2020-01-02T02:04:05.500Z"),
        ("2020-01-02T23:04:05-05:00", "day", "2020-01-03"),
        ("12", "count", 12),
        (12.0, "count", 12),
        ("1.5", "price", 1.5),
        ("off", "active", False),
        ([1, "b"], "tags", ["1", "b"]),
        ({"a": "1", "b": None}, "map", {"a": 1}),
        ({"name": "Ann", "age": 4}, "person", {"name": "Ann"}),
        ([{"sku": 1, "x": 2}], "items", [{"sku": "1"}]),
    ],
)
def test_a_value_takes_the_type_of_its_field(value: object, destination: str, expected: object) -> None:
    outcome = one(value, destination)
    assert outcome.record == {destination: expected}
    assert outcome.warnings == []


@pytest.mark.parametrize(
    ("value", "destination", "words"),
    [
        ("ja", "active", "read as a boolean"),
        (1, "active", "expected a boolean"),
        ("soon", "timestamp", "matches no default date format"),
        (5, "timestamp", "expected a date"),
        ("1.5", "count", "not a whole number"),
        (2**31, "count", "does not fit into 32 bits"),
        ("x", "price", "is not a number"),
        ("mid", "level", "not one of the values that the schema allows"),
        ("a", "tags", "expected an array"),
        ("a", "person", "expected an object"),
        ("a", "nowhere", "the schema has no such field"),
        ([{"qty": "x"}], "items", "not a whole number"),
    ],
)
def test_a_value_that_does_not_fit_nulls_its_column(value: object, destination: str, words: str) -> None:
    outcome = one(value, destination)
    assert outcome.record == {}
    (warning,) = outcome.warnings
    assert words in warning.message
    assert (warning.destination, warning.source, warning.row) == (destination, "v", 0)


def test_an_error_leaves_the_other_columns_alone_and_a_missing_required_field_rejects() -> None:
    rows = [
        {"source": "id", "destination": "_id"},
        {"source": "date(at, 'yyyy')", "destination": "timestamp", "sourceType": "EXPRESSION"},
        {"source": "city", "destination": "person.city"},
        {"source": "high", "destination": "level", "sourceType": "STATIC"},
    ]
    outcome = apply(rows, {"id": 1, "at": "later", "city": "Oslo"}, SCHEMA)
    assert outcome.record == {"_id": "1", "person": {"city": "Oslo"}, "level": "high"}
    assert [(warning.row, warning.destination) for warning in outcome.warnings] == [(1, "timestamp")]
    assert outcome.missing == ["timestamp", "person.name"]
    assert outcome.rejected
    assert not apply(rows[:1], {"id": 1}).rejected, "without a schema nothing is required"


@pytest.mark.parametrize(
    ("rows", "record", "expected"),
    [
        (
            [("a[*].x", "l[*].p"), ("a[*].y", "l[*].q")],
            {"a": [{"x": 1, "y": 2}, {"y": 3}]},
            {"l": [{"p": 1, "q": 2}, {"q": 3}]},
        ),
        ([("a", "l[1].p")], {"a": 1}, {"l": [None, {"p": 1}]}),
        ([("a[*].b[*].c", "l[*].m[*].n")], {"a": [{"b": [{"c": 1}, {"c": 2}]}]}, {"l": [{"m": [{"n": 1}, {"n": 2}]}]}),
        ([("a[*]", "l")], {"a": [1, 2]}, {"l": [1, 2]}),
        ([("o.x", "p.y"), ("o", "p")], {"o": {"x": 1, "z": 2}}, {"p": {"x": 1, "z": 2, "y": 1}}),
        ([("o", "p"), ("q", "p")], {"o": {"x": {"a": 1}}, "q": {"x": {"b": 2}}}, {"p": {"x": {"a": 1, "b": 2}}}),
        ([("a b", "c")], {"a b": 1}, {"c": 1}),
        ([("${a b}.c", "c")], {"a b": {"c": 1}}, {"c": 1}),
        ([("a-b.c", "x-y.z")], {"a-b": {"c": 1}}, {"x-y": {"z": 1}}),
        ([("lower(a)", "c")], {"a": "X"}, {"c": "x"}),
        ([("a(b)", "c")], {"a(b)": "X"}, {"c": "X"}),
        ([("a", "c\\.d")], {"a": 1}, {"c.d": 1}),
        ([("a", "b"), ("c", "b")], {"a": 1, "c": None}, {"b": 1}),
    ],
)  # fmt: skip
def test_paths(rows: list[tuple[str, str]], record: dict[str, Any], expected: dict[str, Any]) -> None:
    outcome = apply([{"sourceAttribute": source, "destinationXdmPath": to} for source, to in rows], record)
    assert outcome.warnings == []
    assert outcome.record == expected


def test_the_source_record_stays_as_it_is() -> None:
    record = {"o": {"x": {"a": 1}}, "q": {"x": {"b": 2}}, "l": [{"a": 1}]}
    rows = [("o", "p"), ("q", "p"), ("o", "r"), ("l", "m"), ("q", "m[0]")]
    for schema in (None, {"properties": {name: {"type": "object"} for name in "pr"} | {"m": {"type": "array"}}}):
        apply([{"source": source, "destination": to} for source, to in rows], record, schema)
        assert record == {"o": {"x": {"a": 1}}, "q": {"x": {"b": 2}}, "l": [{"a": 1}]}


@pytest.mark.parametrize(
    ("before", "source", "destination", "words"),
    [("x", "a", "l[*].x", "takes an array"), ("a", "a", "a.b", "already is"), ("l", "list", "l.b", "name an element")],
)
def test_a_place_that_cannot_be_written_is_a_warning(before: str, source: str, destination: str, words: str) -> None:
    rows = [{"source": source, "destination": before}, {"source": source, "destination": destination}]
    (warning,) = apply(rows, {"a": 1, "list": [[1]]}).warnings
    assert words in warning.message
    assert warning.row == 1


@pytest.mark.parametrize(
    ("row", "words", "offset"),
    [
        ({"source": "lwer(a)", "destination": "b", "sourceType": "EXPRESSION"}, "did you mean 'lower'?", 0),
        ({"source": "a +", "destination": "b", "sourceType": "EXPRESSION"}, "expected a value", 3),
        ({"source": "a", "destination": "b..c"}, "in the path", 1),
        ({"source": "a[x]", "destination": "b"}, "", None),
    ],
)
def test_a_row_that_cannot_be_compiled_is_named(row: dict[str, str], words: str, offset: int | None) -> None:
    rows = [{"source": "a", "destination": "x"}, row]
    if offset is None:
        apply(rows, {"a": {"k": 1}, "x": "k"})  # an expression labelled ATTRIBUTE is an expression
        return
    with pytest.raises(dataprep.MappingError) as caught:
        apply(rows, {})
    assert words in caught.value.message
    assert (caught.value.row, caught.value.offset) == (1, offset)


def test_a_function_that_is_not_supported_locally_is_marked() -> None:
    outcome = apply([{"source": "fpid_to_ecid(a)", "destination": "b", "sourceType": "EXPRESSION"}], {"a": "1"})
    assert outcome.warnings[0].unsupported
