"""Audiences in files: mapped attributes, deduplication keys and schedules, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import FLOW, PREP, Cli, Server

PARAMS = "/transformations/0/params"


def params(server: Server, live: Cli) -> dict[str, Any]:
    """Return the parameters of the flow's only transformation."""
    found: dict[str, Any] = server.get("flows", live.id("newsletter/flow"))["transformations"][0]["params"]
    return found


def test_a_file_export_is_made_as_documented(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    posted = [item.path.removeprefix(PREP) for item in server.writes() if item.path.startswith(PREP)]
    assert posted == ["/schemas", "/schemas", "/mappingSets"]
    [seed] = server.bodies("POST", f"{FLOW}/flows")
    assert seed["flowSpec"] == {"id": "1a0514a6-33d4-4c7f-aff8-594799c47549", "version": "1.0"}
    assert seed["transformations"] == [
        {
            "name": "GeneralTransform",
            "params": {
                "segmentSelectors": {"selectors": []}, "profileMapping": {}, "primaryFields": [], "mandatoryFields": [],
            },
        }
    ]  # fmt: skip
    [patch] = [item.body for item in server.writes() if item.method == "PATCH"]
    by_path = {step["path"]: step for step in patch}
    assert {step["op"] for step in patch} == {"add"}
    mapping = {"mappingId": live.id("newsletter/mapping"), "mappingVersion": 0}
    assert by_path[f"{PARAMS}/profileMapping"]["value"] == mapping
    assert by_path[f"{PARAMS}/primaryFields"]["value"] == [
        {"fieldType": "ATTRIBUTE", "attributePath": "personalEmail.address"}
    ]
    assert by_path[f"{PARAMS}/mandatoryFields"]["value"] == ["personalEmail.address"]
    assert len([path for path in patch if path["path"].endswith("selectors/-")]) == 2
    [body] = server.bodies("POST", f"{PREP}/mappingSets")
    assert body == {
        "inputSchema": {"id": live.id("newsletter/mapping/input"), "version": 0},
        "outputSchema": {"id": live.id("newsletter/mapping/output"), "version": 0},
        "mappings": [
            {"sourceType": "ATTRIBUTE", "source": "personalEmail.address", "destination": "personalEmail_address"},
            {"sourceType": "ATTRIBUTE", "source": "person.name.firstName", "destination": "first_name"},
            {
                "sourceType": "EXPRESSION", "source": "iif(person.gender == 'female', 'Ms', 'Mr')",
                "destination": "salutation",
            },
        ],
    }  # fmt: skip
    sides = {item["name"].rpartition(" ")[2]: item["jsonSchema"] for item in server.bodies("POST", f"{PREP}/schemas")}
    assert sides["input"]["properties"]["person"]["properties"]["name"]["properties"]["firstName"] == {"type": "string"}
    assert set(sides["output"]["properties"]) == {"personalEmail_address", "first_name", "salutation"}
    assert live.changes() == {}


def test_a_plan_calls_them_schemas(live: Cli) -> None:
    live.example("s3-audiences")
    kinds = {item["address"]: item["kind"] for item in live.ok("plan", "--format", "json").json()["changes"]}
    assert kinds["newsletter/mapping/input"] == kinds["newsletter/mapping/output"] == "Schema"
    assert kinds["newsletter/mapping"] == "MappingSet"


def test_another_attribute_is_a_new_version_and_one_patch(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    flow, mapping = live.id("newsletter/flow"), live.id("newsletter/mapping")
    server.clear()
    live.edit(
        "s3-audiences.yaml", "  primaryFields", "    - {source: person.birthYear, destination: born}\n  primaryFields"
    )
    assert set(live.changes().values()) == {"update"}
    live.ok("apply", "-y")
    assert (live.id("newsletter/flow"), live.id("newsletter/mapping")) == (flow, mapping)
    calls = [(item.method, item.path) for item in server.writes() if "/ims/" not in item.path]
    assert sorted(calls) == sorted([
        ("POST", f"{PREP}/schemas"), ("POST", f"{PREP}/schemas"), ("PUT", f"{PREP}/mappingSets/{mapping}"),
        ("PATCH", f"{FLOW}/flows/{flow}"),
    ])  # fmt: skip
    [patch] = server.bodies("PATCH", f"{FLOW}/flows/{flow}")
    value = {"mappingId": mapping, "mappingVersion": 1}
    assert patch == [{"op": "add", "path": f"{PARAMS}/profileMapping", "value": value}]
    assert live.changes() == {}


def test_it_is_no_delete_for_a_protected_environment(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.write("reconciler.yaml", (
        "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\n"
        "spec: {environments: {prod: {protected: true}}, guardrails: {maxDeletes: 0}}\n"
    ))  # fmt: skip
    live.ok("apply", "-y", "--env", "prod")
    live.edit("s3-audiences.yaml", "destination: first_name", "destination: given_name")
    plan = live.ok("plan", "--env", "prod", "--format", "json").json()
    assert plan["summary"]["replace"] == plan["summary"]["delete"] == 0
    live.ok("apply", "-y", "--env", "prod")
    body = server.bodies("POST", f"{PREP}/schemas")[-1]
    assert "given_name" in body["jsonSchema"]["properties"], "it was carried out, not refused"


@pytest.mark.parametrize(
    ("old", "new", "place", "value"),
    [
        ("primaryFields: [personalEmail.address]", "primaryFields: []", "primaryFields", []),
        ("  primaryFields: [personalEmail.address] ", "  # ", "primaryFields", []),
        (
            "primaryFields: [personalEmail.address]",
            "primaryFields: [{fieldType: IDENTITY, identityNamespace: ECID}]",
            "primaryFields",
            [{"fieldType": "IDENTITY", "identityNamespace": "ECID"}],
        ),
        ("  mandatoryFields: [personalEmail.address]", "", "mandatoryFields", []),
        ("mandatoryFields: [", "mandatoryFields: [ECID, ", "mandatoryFields", ["ECID", "personalEmail.address"]),
    ],
)
def test_keys_and_mandatory_fields_go_whole(
    live: Cli, server: Server, old: str, new: str, place: str, value: Any
) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    live.edit("s3-audiences.yaml", old, new)
    server.clear()
    live.ok("apply", "-y")
    [patch] = [item.body for item in server.writes() if item.method == "PATCH"]
    assert patch == [{"op": "add", "path": f"{PARAMS}/{place}", "value": value}]
    assert params(server, live)[place] == value
    assert live.changes() == {}


def test_a_schedule_of_an_audience_is_replaced_whole_with_its_times(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    live.edit("s3-audiences.yaml", "EVERY_6_HOURS", "EVERY_12_HOURS")
    server.clear()
    live.ok("apply", "-y")
    [[step]] = [item.body for item in server.writes() if item.method == "PATCH"]
    assert step["op"] == "replace"
    assert step["path"].startswith(f"{PARAMS}/segmentSelectors/selectors/")
    assert step["value"]["value"]["schedule"]["frequency"] == "EVERY_12_HOURS"
    assert step["value"]["value"]["createTime"]
    assert live.changes() == {}


def test_attributes_left_out_later_are_taken_away(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    text = (live.folder / "s3-audiences.yaml").read_text()
    live.write("s3-audiences.yaml", text[: text.index("  attributes:")])
    actions = live.changes()
    assert actions["newsletter/flow"] == "update"
    assert actions["newsletter/mapping"] == actions["newsletter/mapping/input"] == "forget"
    live.ok("apply", "-y")
    assert params(server, live)["profileMapping"] == {}
    assert live.changes() == {}


def test_everything_goes_but_what_the_platform_keeps(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.ok("apply", "-y")
    said = live.ok("destroy", "-y")
    assert "cannot delete it" in said.out
    assert live.state["resources"] == {}
    for kind in ("flows", "sourceConnections", "targetConnections", "connections"):
        assert server.items(kind) == []


def test_a_schema_whose_create_got_no_answer_is_made_again(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    hits: list[str] = []

    def fault(request: Any) -> Any:
        if request.path == f"{PREP}/schemas" and not hits:
            hits.append(request.path)
            return "drop"
        return None

    server.after.append(fault)
    live.ok("apply", "-y", "--settle", "0")
    assert len(server.storage_items("mappingSets")) == 1
    assert live.changes() == {}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("destination: first_name", "destination: name.first", "must not hold a dot (write name_first)"),
        ("destination: first_name", "destination: salutation", "salutation is already written by row 2"),
        ("[personalEmail.address]                         #", "[{fieldType: IDENTITY}] #", "has identityNamespace"),
        ("fileType: CSV", "fileType: XML", "fileType must be one of"),
    ],
)
def test_a_wrong_file_export_is_told_offline(live: Cli, server: Server, old: str, new: str, says: str) -> None:
    live.example("s3-audiences")
    live.edit("s3-audiences.yaml", old, new)
    found = live("validate")
    assert found.code == 1
    assert says in found.out, found.out
    assert "s3-audiences.yaml:" in found.out
    assert server.requests == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("EVERY_6_HOURS", "ONCE", "FIRST_FULL_THEN_INCREMENTAL goes with the frequencies DAILY, EVERY_3_HOURS"),
        ("EVERY_6_HOURS", "HOURLY", "frequency must be one of"),
        ("triggerType: SCHEDULED", "triggerType: AFTER_SEGMENT_EVAL", "is SCHEDULED"),
        ("AFTER_SEGMENT_EVAL, startDate: 2030-01-01", "AFTER_SEGMENT_EVAL, startTime: '02:00'", "no startTime"),
        ("DAILY, triggerType: AFTER_SEGMENT_EVAL", "ONCE, triggerType: SCHEDULED, endDate: 2030-02-01", "no endDate"),
        ('startTime: "02:00"', 'startTime: "02:30"', "startTime must be like 23:00"),
        ("startDate: 2030-01-01, startTime", "startDate: 01.01.2030, startTime", "startDate must be like"),
        ("exportMode: DAILY_FULL_EXPORT", "exportMode: ALL", "exportMode must be one of"),
    ],
)
def test_an_audience_against_the_documents_is_doubted_offline_and_refused_where_it_is_written(
    live: Cli, server: Server, old: str, new: str, says: str
) -> None:
    live.example("s3-audiences")
    live.edit("s3-audiences.yaml", old, new)
    assert says in live.ok("validate").out
    assert server.requests == []
    refused = live("apply", "-y")
    assert refused.code == 1
    assert says in refused.err
    assert server.writes() == []


def test_an_audience_without_a_trigger_is_a_doubt(live: Cli) -> None:
    live.example("s3-audiences")
    live.edit("s3-audiences.yaml", ", triggerType: AFTER_SEGMENT_EVAL", "")
    assert "without a triggerType is against the API reference" in live.ok("validate").out


def test_a_streaming_destination_has_no_files(live: Cli) -> None:
    live.example("event-hubs")
    path = next(live.folder.glob("*.yaml"))
    live.edit(path.name, "audiences:\n", "audiences:\n    - {id: x, exportMode: DAILY_FULL_EXPORT}\n")
    assert "its audiences have no exportMode" in live("validate").out


def test_without_a_catalog_entry_the_attributes_themselves_say_it(live: Cli, server: Server) -> None:
    live.example("s3-audiences")
    live.edit(
        "s3-audiences.yaml", "    connector: amazon-s3\n",
        "    connectionSpec: {id: 11111111-2222-4333-8444-555555555555, version: '1.0'}\n",
    )  # fmt: skip
    live.edit("s3-audiences.yaml", "  attributes:", "  flow: {flowSpec: {id: f, version: '1.0'}}\n  attributes:")
    server.call("GET", f"{FLOW}/connectionSpecs")
    kinds = {item["address"] for item in live.ok("plan", "--format", "json").json()["changes"]}
    assert "newsletter/mapping/output" in kinds


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("${person.name}", "${person.name}"),
        ("$${person.name}", "${person.name}"),
        ("concat('$${var.a}', ${person.name})", "concat('${var.a}', ${person.name})"),
    ],
)
def test_an_expression_with_the_platforms_own_syntax_comes_back(
    live: Cli, server: Server, written: str, sent: str
) -> None:
    live.example("s3-audiences")
    live.edit("s3-audiences.yaml", "iif(person.gender == 'female', 'Ms', 'Mr')", written)
    live.ok("apply", "-y")
    [body] = server.bodies("POST", f"{PREP}/mappingSets")
    assert body["mappings"][-1]["source"] == sent
    live.afresh()
    live.ok("export", "--out", "found", "--adopt")
    live.ok("validate", "found")
    assert live.ok("plan", "found", "--format", "json").json()["changes"] == []
