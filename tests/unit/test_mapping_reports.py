"""Pure parts of mapping tests: comparing records, fields of the project's schemas, branches of expressions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.mapping_report import CaseResult, Difference, MappingReport, Uncovered, differences
from reconciler.core.resource import Resource
from reconciler.core.values import MISSING, Ref
from reconciler.dataprep import field_at, kind_of_field, parse, parse_steps, required_paths
from reconciler.dataprep.branches import branches_of
from reconciler.documents.xdm_fields import output_schema, resolved
from reconciler.render import mapping_tests

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("expected", "actual", "exactly", "paths"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, False, []),
        ({"a": 1}, {"a": 1, "b": 2}, True, ["b"]),
        ({"a": 1}, {"a": 1, "b": None}, True, []),
        ({"a": None}, {}, True, []),
        ({"a": {"b": None}}, {}, False, []),
        ({"a": {"b": 1, "c.d": 2}}, {}, False, ["a.b", "a.c\\.d"]),
        ({"a": 1}, {"a": True}, False, ["a"]),
        ({"a": 1}, {"a": 1.0}, False, []),
        ({"a": "1"}, {"a": 1}, False, ["a"]),
        ({"l": [{"x": 1}, 2]}, {"l": [{"x": 1, "y": 2}, 2]}, False, []),
        ({"l": [1]}, {"l": [1, 2]}, False, ["l[1]"]),
        ({"l": [1, 2]}, {"l": [1]}, False, ["l[1]"]),
        ({"l": [1]}, {"l": 1}, False, ["l"]),
    ],
)
def test_differences(expected: Any, actual: Any, exactly: bool, paths: list[str]) -> None:
    assert [one.path for one in differences(expected, actual, exactly=exactly)] == paths


@given(JSON)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert list(differences(value, value, exactly=True)) == []


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_a_part_is_never_stricter_than_the_whole(expected: dict[str, Any], actual: dict[str, Any]) -> None:
    part = list(differences(expected, actual, exactly=False))
    whole = list(differences(expected, actual, exactly=True))
    assert {one.path for one in part} <= {one.path for one in whole}


def resource(address: str, kind: str, body: dict[str, Any]) -> Resource:
    return Resource(address, kind, body)


GROUP = {
    "type": "object",
    "allOf": [{"$ref": "#/definitions/own"}],
    "definitions": {
        "own": {
            "properties": {
                "_t": {
                    "type": "object",
                    "required": ["a"],
                    "properties": {
                        "a": {"type": "string"},
                        "l": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
                        "free": {"type": "object"},
                        "map": {"type": "object", "additionalProperties": {"type": "number"}},
                        "shared": {"$ref": "#/definitions/shared"},
                    },
                }
            }
        },
        "shared": {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}},
    },
}


def schema(*references: Any) -> dict[str, Any]:
    resources = {
        "g": resource("g", "FieldGroup", GROUP),
        "s": resource("s", "Schema", {"type": "object", "allOf": [{"$ref": one} for one in references]}),
    }
    found = output_schema(resources, {"outputSchema": {"schemaRef": {"id": Ref("s")}}})
    assert found == resolved(resources, "s")
    return resolved(resources, "s")


def test_a_schema_has_the_fields_of_its_class_and_field_groups() -> None:
    found = schema("https://ns.adobe.com/xdm/context/experienceevent", Ref("g"))
    kinds = {
        path: kind_of_field(field_at(found, parse_steps(path)) or {})
        for path in ("timestamp", "_t.a", "_t.l[*].x", "_t.l[0]", "_t.free.any.thing", "_t.map.k", "_t.shared.day")
    }
    assert kinds == {
        "timestamp": "date-time", "_t.a": "string", "_t.l[*].x": "integer", "_t.l[0]": "object",
        "_t.free.any.thing": "any", "_t.map.k": "number", "_t.shared.day": "date",
    }  # fmt: skip
    assert field_at(found, ("_t", "b")) is None
    assert field_at(found, ("_t", "l", "x")) is None
    assert field_at(found, ("unknown",)) is None
    assert required_paths(found) == ["_id", "timestamp", "_t.a"]


def test_a_part_that_is_defined_elsewhere_leaves_the_schema_open() -> None:
    found = schema(Ref("g"), "https://ns.adobe.com/acme/mixins/1")
    assert field_at(found, ("unknown", "field")) is not None
    assert field_at(found, ("_t", "b")) is None


def test_a_schema_of_another_project_is_not_known() -> None:
    assert output_schema({}, {"outputSchema": {"schemaRef": {"id": "https://ns.adobe.com/x"}}}) is None
    assert output_schema({}, {}) is None


def test_branches() -> None:
    found = branches_of(parse("iif(a > 1, decode(b, 'x', 1, 'y', 2), c ? 1 : 2)"))
    assert [one.label for one in found] == [
        "a > 1 is true", "a > 1 is false", 'decode key "x"', 'decode key "y"', "decode default", "c is true",
        "c is false",
    ]  # fmt: skip
    assert [one.number for one in found] == [0, 1, 0, 1, 2, 0, 1]


def test_the_text_of_a_report() -> None:
    report = MappingReport(
        [
            CaseResult("t", "good"),
            CaseResult("t", "bad", "failed", [Difference("a", "x", MISSING, ("a",), 2, "b.c")], ["a message"]),
        ],
        uncovered=[Uncovered("m", "row", "row 1"), Uncovered("m", "branch", "x is true")],
        live=[],
    )
    assert mapping_tests.text(report).splitlines() == [
        "PASS  t › good",
        "FAIL  t › bad",
        "      a message",
        "      field  expected  actual",
        '      a      "x"       (none)',
        "        made by row 2: b.c",
        "",
        "Not exercised by any case (2):",
        "  m",
        "    row: row 1",
        "    branch: x is true",
        "",
        "Compared with the platform's preview:",
        "  no difference",
    ]
