"""Rules of single kinds that need no platform to be told right from wrong."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource import Live
from reconciler.core.rules import FieldChange
from reconciler.core.values import MISSING
from reconciler.kinds import kinds
from reconciler.kinds._xdm import incompatible_changes

FIELD = ("definitions", "d", "properties", "_t", "properties", "age")


@pytest.mark.parametrize(
    ("path", "old", "new", "breaks"),
    [
        ((*FIELD, "minimum"), 1, 2, True),
        ((*FIELD, "minimum"), 2, 1, False),
        ((*FIELD, "maximum"), 9, 8, True),
        ((*FIELD, "maximum"), 8, 9, False),
        ((*FIELD, "maxLength"), MISSING, 9, True),
        ((*FIELD, "minimum"), 1, "two", True),
        ((*FIELD, "enum"), ["a"], "a", True),
        ((*FIELD, "maxLength"), 9, MISSING, False),
        ((*FIELD, "pattern"), "a", "b", True),
        ((*FIELD, "enum"), ["a", "b"], ["b", "c"], True),
        ((*FIELD, "enum"), ["a"], ["a", "b"], False),
        ((*FIELD, "enum"), MISSING, ["a"], True),
        ((*FIELD, "type"), "string", "integer", True),
        ((*FIELD, "type"), MISSING, "string", False),
        ((*FIELD, "title"), "A", "B", False),
        ((*FIELD, "title"), "A", MISSING, False),
        (FIELD, {"type": "string"}, MISSING, True),
        (FIELD, MISSING, {"type": "string"}, False),
        ((*FIELD, "properties", "title"), {"type": "string"}, MISSING, True),
        (("definitions", "d", "properties", "_t", "required"), ["x"], ["x", "age"], True),
        (("definitions", "d", "properties", "_t", "required"), ["x"], ["x", "fresh"], False),
        (("definitions", "d", "properties", "_t", "required"), ["x", "age"], ["x"], False),
        (("allOf", "https://ns.adobe.com/a"), {"$ref": "https://ns.adobe.com/a"}, MISSING, True),
        (("allOf", "https://ns.adobe.com/a"), MISSING, {"$ref": "https://ns.adobe.com/a"}, False),
        (("meta:immutableTags", "union"), "union", MISSING, True),
    ],
)
def test_a_schema_only_grows(path: tuple[str, ...], old: Any, new: Any, breaks: bool) -> None:
    live = {"definitions": {"d": {"properties": {"_t": {"properties": {"age": {"type": "string"}}}}}}}
    assert bool(incompatible_changes(live, [FieldChange(path, old, new)])) is breaks


@pytest.mark.parametrize(
    ("state", "start", "fixed"),
    [("enabled", 100, True), ("disabled", 100, True), ("draft", 100, False), ("enabled", 300, False)],
)
def test_a_start_that_has_passed_is_fixed_unless_the_flow_is_a_draft(state: str, start: int, fixed: bool) -> None:
    change = FieldChange(("scheduleParams", "startTime"), start, 400)
    live = {"state": state, "scheduleParams": {"startTime": str(start)}}
    assert bool(kinds()["Flow"].incompatible_changes(live, [change], 200)) is fixed


def test_a_dataset_leaves_profile_only_to_come_back_with_upsert() -> None:
    there = {"unifiedProfile": ["enabled:true", "isUpsert:true"], "team": ["a"]}
    patch = [{"op": "replace", "path": "/tags/team", "value": ["b"]}]
    [call] = kinds()["Dataset"].update(Live("d", {"tags": there}), patch, {"tags": {**there, "team": ["b"]}})
    assert call.body == patch


def test_a_put_of_a_descriptor_keeps_the_words_of_others() -> None:
    live = {"@id": "i", "@type": "t", "xdm:namespace": "Email", "xdm:note": "theirs", "imsOrg": "o", "meta:x": 1}
    body = {"@type": "t", "xdm:namespace": "Phone"}
    [call] = kinds()["Descriptor"].update(Live("i", live), [], body)
    assert call.body == {"@type": "t", "xdm:namespace": "Phone", "xdm:note": "theirs"}


def test_of_a_live_object_only_what_a_manifest_can_say_need_be_kept() -> None:
    noted = {"createdBy": "a", "updatedAt": 2, "etag": '"1"', "sandboxName": "prod", "lastOperation": {}}
    said = {"id": "1", "createdAt": 1, "name": "n", "params": {"version": "1"}}
    assert kinds()["SourceConnection"].declarable({**noted, **said}) == said
    inherited = {"baseConnection": {"id": "2"}}  # the only place a Profile Store source names its account at
    assert "inheritedAttributes" in kinds()["SourceConnection"].declarable({"inheritedAttributes": inherited})
    assert kinds()["Flow"].declarable({**said, "inheritedAttributes": {}, "runs": "/runs"}) == said


def test_of_a_live_mapping_only_what_a_manifest_can_say_need_be_kept() -> None:
    noise = {"id": "9", "functionVersion": 1, "createdDate": 1, "version": 0, "identity": False}
    row = {
        "sourceType": "text/x.schema-path",
        "sourceAttribute": "a",
        "destinationXdmPath": "b",
        "primaryIdentity": True,
    }
    row["name"] = ""
    live = {"id": "1", "version": 3, "createdBy": "x", "outputSchema": {}, "mappings": [{**noise, **row}]}
    kind = kinds()["MappingSet"]
    kept = kind.declarable(live)
    wanted = {"sourceType": "ATTRIBUTE", "source": "a", "destination": "b", "primaryIdentity": True, "name": ""}
    assert kept == {"id": "1", "version": 3, "outputSchema": {}, "mappings": [wanted]}
    assert kind.canonical(kept) == kept
