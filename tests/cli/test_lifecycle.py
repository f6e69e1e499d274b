"""States of flows: drafts, publishing, enabling, start times; and dataflows that go live only when all is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import FLOW, Cli, Server

BATCH = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: rows}
spec:
  source:
    connector: snowflake
    connection: {auth: {specName: ConnectionString, params: {connectionString: "${secret.s3-secret}"}}}
    data: {format: tabular}
    params: {tableName: T}
  target:
    schema: {id: https://ns.adobe.com/t/schemas/1}
    dataset: {id: 63ec807d3f5ce91bd2d06c65}
  mapping: [{source: a, destination: _t.a}]
  flow:
    scheduleParams: {startTime: 4102444800, frequency: day, interval: 1}
"""


def flow_calls(server: Server) -> list[str]:
    """Return the writes to the Flow Service: method, collection and query."""
    found = []
    for item in server.writes():
        if item.path.startswith(FLOW):
            parts = item.path.removeprefix(FLOW + "/").split("/")
            found.append(f"{item.method} {parts[0]} {item.query}".strip())
    return found


@pytest.mark.parametrize(
    ("before", "after", "actions"),
    [
        ("enabled", "disabled", ["op=disable"]),
        ("disabled", "enabled", ["op=enable"]),
        ("draft", "enabled", ["op=publish"]),
        ("draft", "disabled", ["op=publish", "op=disable"]),
    ],
)
def test_a_state_is_reached_by_its_documented_actions(
    live: Cli, server: Server, before: str, after: str, actions: list[str]
) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "  flow:\n", f"  flow:\n    state: {before}\n")
    live.ok("apply", "-y")
    assert server.get("flows", live.id("customer-io/flow"))["state"] == before
    assert live.changes() == {}
    server.clear()
    live.edit("customer-io.yaml", f"state: {before}", f"state: {after}")
    plan = live.ok("plan", "--format", "json").json()
    assert [step["call"].partition("?")[2] for step in plan["changes"][0]["patch"]] == actions
    live.ok("apply", "-y")
    assert [item.query for item in server.writes()] == actions
    assert server.get("flows", live.id("customer-io/flow"))["state"] == after
    assert live.changes() == {}


@pytest.mark.parametrize("state", ["enabled", "disabled"])
def test_what_is_live_is_no_draft_again(live: Cli, state: str) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "  flow:\n", f"  flow:\n    state: {state}\n")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", f"state: {state}", "state: draft")
    found = live("plan")
    assert found.code == 1
    assert "cannot become a draft again" in found.err


def test_a_draft_is_changed_before_it_is_published(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "  flow:\n", "  flow:\n    state: draft\n")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "    state: draft\n", "")
    live.edit("customer-io.yaml", "name: Streaming Dataflow for", "name: Dataflow for")
    server.clear()
    live.ok("apply", "-y")
    assert [item.method for item in server.writes()] == ["PATCH", "POST"]
    assert live.changes() == {}


def test_a_start_that_has_passed_makes_a_new_flow_and_says_what_that_means(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH.replace("4102444800", "1700000000"))
    live.ok("apply", "-y")
    live.edit("rows.yaml", "1700000000", "1700000001")
    found = live.ok("plan", "--format", "json").json()
    by_address = {item["address"]: item for item in found["changes"]}
    assert by_address["rows/flow"]["action"] == "replace"
    assert by_address["rows/flow"]["replacePaths"] == ["/scheduleParams/startTime"]
    assert by_address["rows/flow"]["reasonCodes"] == {"/scheduleParams/startTime": "incompatible"}
    assert by_address["rows/flow"]["reason"] == "/scheduleParams/startTime cannot change in place (incompatible)"
    assert any("reads history again" in text for text in found["warnings"])
    live.ok("apply", "-y")
    assert len(server.items("flows")) == 1
    assert live.changes() == {}


def test_a_start_to_come_moves_in_place(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.ok("apply", "-y")
    live.edit("rows.yaml", "4102444800", "4102444801")
    assert live.changes() == {"rows/flow": "update"}
    live.ok("apply", "-y")
    assert server.get("flows", live.id("rows/flow"))["scheduleParams"]["startTime"] == 4102444801


def test_staged_a_source_is_all_drafts_until_all_is_there(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.ok("apply", "-y", "--staged")
    queries = [item.query for item in server.writes() if item.path.startswith(FLOW)]
    assert queries == ["mode=draft"] * 4 + ["op=publish"] * 4
    kinds = [item.path.split("/")[4] for item in server.writes() if item.query == "op=publish"]
    assert kinds.index("connections") < kinds.index("sourceConnections")
    assert kinds[-1] == "flows"
    for kind in ("connections", "sourceConnections", "targetConnections", "flows"):
        assert [item["state"] for item in server.items(kind)] == ["enabled"]
    assert live.changes() == {}


def test_staged_a_destination_is_disabled_until_all_is_there(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y", "--staged")
    assert "mode=draft" not in [item.query for item in server.writes()]
    actions = [item.query for item in server.writes() if item.path.endswith("/action")]
    assert actions == ["op=disable", "op=enable"]
    assert server.get("flows", live.id("kinesis-summer/flow"))["state"] == "enabled"
    assert live.changes() == {}


def test_staged_what_fails_leaves_nothing_live_and_the_next_apply_goes_on(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.example("kinesis")
    broken = [True]

    def fault(request: Any) -> Any:
        if broken and (request.method, request.path) == ("POST", f"{FLOW}/targetConnections"):
            params = request.body.get("params") or {}
            return (400, [], {"message": "no such stream"}) if "stream" in params else None
        return None

    server.before.append(fault)
    found = live("apply", "-y", "--staged")
    assert found.code == 1
    assert "no such stream" in found.err
    states = {item["name"]: item["state"] for kind in ("flows", "sourceConnections") for item in server.items(kind)}
    assert states["rows flow"] == "draft"
    assert [item["state"] for item in server.items("flows")] == ["draft"]
    broken.clear()
    live.ok("apply", "-y")
    assert {item["state"] for item in server.items("flows")} == {"enabled"}
    for kind in ("connections", "sourceConnections", "targetConnections"):
        assert {item["state"] for item in server.items(kind)} == {"enabled"}
    assert live.changes() == {}


def test_staged_a_replace_that_cannot_be_published_leaves_the_old_flow_enabled(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.ok("apply", "-y")
    old = live.id("rows/flow")
    live.edit("rows.yaml", "tableName: T", "tableName: U")
    broken = [True]

    def fault(request: Any) -> Any:
        refused = broken and request.query == "op=publish" and "/flows/" in request.path
        return (400, [], {"message": "not today"}) if refused else None

    server.before.append(fault)
    failed = live("apply", "-y", "--staged")
    assert failed.code == 1
    assert "not today" in failed.err
    assert server.get("flows", old)["state"] == "enabled"
    assert server.get("flows", live.id("rows/flow"))["state"] == "draft"
    broken.clear()
    live.ok("apply", "-y")
    assert [item["id"] for item in server.items("flows")] == [live.id("rows/flow")]
    assert live.changes() == {}


def test_staged_keeps_what_is_meant_to_stay_a_draft_or_disabled(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH.replace("  flow:\n", "  flow:\n    state: disabled\n"))
    live.ok("apply", "-y", "--staged")
    assert server.get("flows", live.id("rows/flow"))["state"] == "disabled"
    assert live.changes() == {}


def test_a_saved_plan_stays_staged(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    said = live.ok("plan", "--staged", "--out", "plan.json")
    assert "new; a draft until all else is made" in said.out
    live.ok("apply", "plan.json", "-y")
    assert [item.query for item in server.writes() if item.path.startswith(FLOW)].count("op=publish") == 4
    assert live.changes() == {}


def test_staged_a_replace_is_published_before_the_old_one_goes(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.ok("apply", "-y")
    server.clear()
    live.edit("rows.yaml", "tableName: T", "tableName: U")
    live.ok("apply", "-y", "--staged")
    calls = flow_calls(server)
    assert calls.index("POST flows op=publish") < calls.index("DELETE flows")
    assert len(server.items("flows")) == len(server.items("sourceConnections")) == 1
    assert live.changes() == {}
