"""The life of a dataflow: drift, repair, replace, destroy; saved plans; failures; what a person is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.test_state_surgery import sound
from tests.conftest import FLOW, PREP, SECRETS, Cli, Request, Server

SELECTORS = "/transformations/0/params/segmentSelectors/selectors"


def actions(plan: dict[str, Any]) -> dict[str, str]:
    """Return address -> action of a plan in JSON."""
    return {item["address"]: item["action"] for item in plan["changes"]}


def test_plan_writes_nothing(live: Cli, server: Server) -> None:
    live.example("customer-io")
    result = live.ok("plan")
    assert "4 to create" in result.out
    assert live("plan", "--detailed-exitcode").code == 2
    assert [item.path for item in server.writes()] == []
    assert not (live.folder / "state").exists()


def test_the_plan_in_json(live: Cli) -> None:
    live.example("kinesis")
    plan = live.ok("plan", "--format", "json").json()
    assert plan["formatVersion"] == 1
    assert plan["environment"] == "default"
    assert plan["summary"] == {"create": 5, "update": 0, "replace": 0, "delete": 0, "noop": 0}
    flow = next(item for item in plan["changes"] if item["kind"] == "Flow")
    assert flow["after"]["sourceConnectionIds"] == [{"$ref": "kinesis-summer/source#id"}]
    account = next(item for item in plan["changes"] if item["address"] == "kinesis-summer/target/connection")
    assert account["after"]["auth"]["params"]["secretKey"] == "(sensitive)"
    assert set(flow) == {
        "address", "kind", "action", "id", "reason", "before", "after", "patch", "calls", "replacePaths",
    }  # fmt: skip


def test_drift_is_seen_told_and_repaired(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    assert live("drift").code == 0
    flow = live.id("kinesis-summer/flow")
    server.edit(
        "flows",
        flow,
        {"op": "replace", "path": "/description", "value": "clicked"},
        {"op": "add", "path": f"{SELECTORS}/-", "value": {"type": "PLATFORM_SEGMENT", "value": {"id": "extra"}}},
    )
    found = live("drift", "--format", "json")
    assert found.code == 2
    report = found.json()
    changed = next(item for item in report["drift"] if item["status"] == "changed")
    assert (changed["address"], changed["id"], changed["updatedBy"]) == (
        "kinesis-summer/flow",
        flow,
        "somebody@techacct.adobe.com",
    )
    description = next(item for item in changed["fields"] if item["path"] == "/description")
    assert description == {
        "path": "/description",
        "applied": "Summer campaign",
        "live": "clicked",
        "desired": "Summer campaign",
    }
    unchecked = [item["address"] for item in report["drift"] if item["status"] == "unchecked"]
    assert unchecked == ["kinesis-summer/target/connection"]
    assert report["summary"]["changed"] == 1
    assert '"Summer campaign" → "clicked"' in live("drift").out
    server.clear()
    live.ok("apply", "-y")
    (patch,) = [item.body for item in server.writes() if item.method == "PATCH"]
    assert patch == [
        {"op": "replace", "path": "/description", "value": "Summer campaign"},
        {"op": "remove", "path": f"{SELECTORS}/1"},
    ]
    assert live("drift").code == 0


def test_deleted_outside_is_made_again(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    old = live.id("customer-io/flow")
    server.call("DELETE", f"{FLOW}/flows/{old}")
    found = live("drift", "--format", "json")
    assert found.code == 2
    assert [(item["address"], item["status"]) for item in found.json()["drift"]] == [("customer-io/flow", "missing")]
    plan = live.ok("plan", "--format", "json").json()
    assert actions(plan) == {"customer-io/flow": "create"}
    assert old in plan["changes"][0]["reason"]
    live.ok("apply", "-y")
    assert live.id("customer-io/flow") != old
    assert len(server.items("flows")) == 1
    assert live("plan", "--detailed-exitcode").code == 0


def test_destroy_takes_users_before_what_they_use(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    server.clear()
    live.ok("destroy", "-y")
    gone = [item.path.split("/")[4] for item in server.writes() if item.method == "DELETE"]
    assert gone[0] == "flows"
    assert sorted(gone[1:3]) == ["sourceConnections", "targetConnections"]
    assert gone[3:] == ["connections", "connections"]
    for kind in ("connections", "sourceConnections", "targetConnections", "flows"):
        assert server.items(kind) == []
    assert live.state["resources"] == {}
    again = live.ok("destroy", "-y")
    assert "Nothing to destroy: the state of environment default holds no object." in again.out
    assert "There is no state" not in again.err
    elsewhere = live.ok("destroy", "-y", "--state-dir", "elsewhere")
    assert "There is no state at " in elsewhere.err
    assert "--state-dir choose another" in elsewhere.err


def test_mapping_sets_are_forgotten_and_said_so(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    mapping = live.id("customer-io/mapping")
    result = live.ok("destroy", "-y")
    assert "cannot delete it" in result.out
    assert "1 forgotten" in result.out
    assert server.call("GET", f"{PREP}/mappingSets/{mapping}")["id"] == mapping


def test_what_leaves_the_manifests_is_deleted(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    (live.folder / "customer-io.yaml").unlink()
    plan = live.ok("plan", "--format", "json").json()
    assert actions(plan) == {
        "customer-io/flow": "delete",
        "customer-io/source": "delete",
        "customer-io/target": "delete",
        "customer-io/mapping": "forget",
    }
    live.ok("apply", "-y")
    assert len(server.items("flows")) == 1


def test_path_limits_the_run(live: Cli, server: Server) -> None:
    live.write("reconciler.yaml", "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {}\n")
    live.example("kinesis")
    live.write("reconciler.yaml", (live.folder / "reconciler.yaml").read_text(encoding="utf-8"))
    (live.folder / "in").mkdir()
    live.example("customer-io")
    (live.folder / "customer-io.yaml").rename(live.folder / "in" / "customer-io.yaml")
    live.ok("apply", "-y", "in")
    assert {name.partition("/")[0] for name in live.state["resources"]} == {"customer-io"}
    live.ok("apply", "-y")
    # what lies outside PATH is neither changed nor deleted
    (live.folder / "kinesis.yaml").unlink()
    assert live.ok("plan", "in", "--format", "json").json()["changes"] == []
    (live.folder / "in" / "customer-io.yaml").rename(live.folder / "moved.yaml")
    assert live.ok("plan", "in", "--format", "json").json()["changes"] == []


def test_a_reference_outside_path_names_the_file(live: Cli, server: Server) -> None:
    live.example("event-hubs")
    text = (live.folder / "event-hubs.yaml").read_text(encoding="utf-8")
    account, flow = text.split("---\n")
    live.write("reconciler.yaml", "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {}\n")
    live.write("event-hubs.yaml", flow)
    live.write("accounts/account.yaml", account)
    found = live("plan", "event-hubs.yaml")
    assert found.code == 1
    assert "include accounts/account.yaml" in found.err
    live.ok("apply", "-y", "accounts")
    live.ok("apply", "-y", "event-hubs.yaml")
    assert live("plan", "--detailed-exitcode").code == 0


# -- replaces ----------------------------------------------------------------------------------------------------
def test_a_source_change_replaces_the_pair_and_the_flow(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    old = {name: live.id(f"customer-io/{name}") for name in ("source", "target", "flow", "mapping")}
    live.edit("customer-io.yaml", "dataset: {id: 63ec807d3f5ce91bd2d06c65}", "dataset: {id: 73ec807d3f5ce91bd2d06c65}")
    plan = live.ok("plan", "--format", "json").json()
    assert actions(plan) == {f"customer-io/{name}": "replace" for name in ("source", "target", "flow")}
    paths = {item["address"]: item["replacePaths"] for item in plan["changes"]}
    assert paths["customer-io/target"] == ["/params/dataSetId"]
    [target] = [item for item in plan["changes"] if item["address"] == "customer-io/target"]
    assert target["reasonCodes"] == {"/params/dataSetId": "immutable"}
    assert target["reason"] == "/params/dataSetId cannot change in place (immutable)"
    assert all("reasonCodes" not in item for item in plan["changes"] if not item["replacePaths"])
    assert any("customer-io/flow: it gets a new inletUrl" in text for text in plan["warnings"])
    assert "together with customer-io/target" in next(
        item["reason"] for item in plan["changes"] if item["address"] == "customer-io/source"
    )
    server.clear()
    live.ok("apply", "-y")
    writes = [(item.method, item.path.removeprefix(FLOW), item.query) for item in server.writes() if FLOW in item.path]
    assert writes[0] == ("POST", f"/flows/{old['flow']}/action", "op=disable")
    assert sorted(path for _, path, _ in writes[1:3]) == ["/sourceConnections", "/targetConnections"]
    assert writes[3] == ("POST", "/flows", "")
    assert writes[4] == ("DELETE", f"/flows/{old['flow']}", "")
    assert sorted(path for _, path, _ in writes[5:]) == [
        f"/sourceConnections/{old['source']}",
        f"/targetConnections/{old['target']}",
    ]
    assert live.id("customer-io/mapping") == old["mapping"]
    assert live("plan", "--detailed-exitcode").code == 0
    assert len(server.items("flows")) == len(server.items("sourceConnections")) == 1


def test_a_replace_that_fails_enables_the_old_flow_again(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    old = live.id("customer-io/flow")
    live.edit("customer-io.yaml", "63ec807d3f5ce91bd2d06c65", "73ec807d3f5ce91bd2d06c65")

    def refuse(request: Request) -> Any:
        if (request.method, request.path) == ("POST", f"{FLOW}/flows"):
            return 400, [], {"message": "no room"}
        return None

    server.before.append(refuse)
    result = live("apply", "-y")
    assert result.code == 1
    assert "no room" in result.err
    assert server.get("flows", old)["state"] == "enabled"
    assert live.id("customer-io/flow") == old
    assert live.state["resources"]["customer-io/source"]["deposed"]
    server.before.clear()
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    assert [len(server.items(kind)) for kind in ("flows", "sourceConnections", "targetConnections")] == [1, 1, 1]


def test_names_are_patched_in_place(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    server.clear()
    live.edit("customer-io.yaml", "name: Streaming Source Connection", "name: The Source Connection")
    live.edit("customer-io.yaml", "    description: Streaming Dataflow for Customer.io\n", "")
    live.ok("apply", "-y")
    patches = [item.body for item in server.writes() if item.method == "PATCH"]
    assert [{"op": "replace", "path": "/name", "value": "The Source Connection for Customer.io"}] in patches
    assert [{"op": "remove", "path": "/description"}] in patches
    assert len(patches) == 2


def test_target_params_of_a_destination_are_patched(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    server.clear()
    live.ok("apply", "-y", "--var", "stream=other")
    (patch,) = [item.body for item in server.writes() if item.method == "PATCH"]
    assert patch == [{"op": "replace", "path": "/params/stream", "value": "other"}]


def test_state_of_a_flow_is_an_action(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "    flowSpec:", "    state: disabled\n    flowSpec:")
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    assert server.get("flows", flow)["state"] == "disabled"
    assert "state" not in server.bodies("POST", f"{FLOW}/flows")[0]
    live.edit("customer-io.yaml", "    state: disabled\n", "")
    plan = live.ok("plan", "--format", "json").json()
    assert plan["changes"][0]["patch"] == [{"call": f"POST /flows/{flow}/action?op=enable"}]
    live.ok("apply", "-y")
    assert server.get("flows", flow)["state"] == "enabled"
    live.edit("customer-io.yaml", "    flowSpec:", "    state: draft\n    flowSpec:")
    refused = live("plan")
    assert refused.code == 1
    assert "cannot become a draft again" in refused.err


# -- secrets -----------------------------------------------------------------------------------------------------
def test_a_new_secret_is_seen_without_its_value(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    server.clear()
    monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", "canary-rotated-0042")
    plan = live.ok("plan")
    assert "secretKey: (sensitive) → (sensitive, changed)" in plan.out
    assert "accessKeyId:" not in plan.out
    live.ok("apply", "-y")
    (patch,) = [item for item in server.writes() if item.method == "PATCH"]
    assert patch.body == [
        {
            "op": "replace",
            "path": "/auth/params",
            "value": {
                "accessKeyId": SECRETS["RECONCILER_SECRET_KINESIS_ID"],
                "secretKey": "canary-rotated-0042",
                "region": "us-east-1",
            },
        }
    ]
    assert any(item.path.endswith("/test") for item in server.requests)
    assert live("plan", "--detailed-exitcode").code == 0


def test_credentials_set_outside_that_will_be_gone_are_named(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    step = {"op": "add", "path": "/auth/params/connectionUrl", "value": "theirs"}
    server.edit("connections", live.id("kinesis-summer/target/connection"), step)
    assert live("plan", "--detailed-exitcode").code == 0, "what is not declared is not ours"
    monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", "another")
    assert "connectionUrl, which the manifest does not declare, will be gone" in live.ok("plan").out


def test_plan_needs_no_secret_apply_does(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("kinesis")
    monkeypatch.delenv("RECONCILER_SECRET_KINESIS_KEY")
    live.ok("plan")
    server.clear()
    refused = live("apply", "-y")
    assert refused.code == 1
    assert "set RECONCILER_SECRET_KINESIS_KEY" in refused.err
    assert [item.path for item in server.writes() if FLOW in item.path] == []
    assert not (live.folder / "state" / "default.json").exists()


def test_bad_credentials_are_an_error_and_tried_again(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("kinesis")
    monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", "wrong")
    failed = live("apply", "-y")
    assert failed.code == 1
    assert "cannot log in" in failed.err
    assert "kinesis-summer/flow" in failed.err, "what depends on it is named as not done"
    assert "kinesis-summer/source" in live.state["resources"], "what does not depend on it is done"
    again = live("apply", "-y")
    assert again.code == 1, "an unrepaired credential is never taken for good"
    monkeypatch.setenv("RECONCILER_SECRET_KINESIS_KEY", "right-one")
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    assert len(server.items("connections")) == 2


def test_no_secret_rests_anywhere(live: Cli, server: Server) -> None:
    live.example("kinesis")
    shown = [
        live("--verbose", *args) for args in (("plan",), ("plan", "--format", "json"), ("plan", "--out", "p.json"))
    ]
    shown += [
        live("apply", "-y", "--verbose"),
        live("plan", "--verbose"),
        live("state", "show", "kinesis-summer/target/connection"),
    ]
    server.before.append(
        lambda request: (400, [], {"message": json.dumps(request.body)}) if request.method == "POST" else None
    )
    live.edit("kinesis.yaml", "name: kinesis-summer", "name: kinesis-winter")
    shown.append(live("apply", "-y", "--verbose"))
    assert shown[-1].code == 1
    canaries = [
        *(value for name, value in SECRETS.items() if name != "RECONCILER_SECRET_EVENT_HUBS_KEY"),
        "canary-client",
    ]
    texts = [text for result in shown for text in (result.out, result.err)]
    texts += [path.read_text(encoding="utf-8", errors="replace") for path in live.folder.rglob("*") if path.is_file()]
    for text in texts:
        for canary in canaries:
            assert canary not in text
    state = json.dumps(live.state)
    assert "scrypt:" in state


# -- saved plans -------------------------------------------------------------------------------------------------
def test_a_saved_plan_is_applied_without_the_manifests(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("plan", "--out", "plan.json")
    assert "5 to create" in live.ok("show", "plan.json").out
    (live.folder / "kinesis.yaml").unlink()
    live.ok("apply", "plan.json", "-y")
    live.example("kinesis")
    assert live("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("changes", ["[1]", '[{"action": "fly"}]', "5"])
def test_a_broken_saved_plan_is_refused(live: Cli, server: Server, changes: str) -> None:
    live.example("customer-io")
    live.ok("plan", "--out", "plan.json")
    plan = json.loads((live.folder / "plan.json").read_text(encoding="utf-8"))
    live.write("plan.json", json.dumps({**plan, "changes": json.loads(changes)}))
    server.clear()
    refused = live("apply", "plan.json", "-y")
    assert refused.code == 1
    assert "not a usable saved plan" in refused.err
    assert server.requests == []


def test_a_saved_plan_is_stale_when_the_state_moved(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "plan.json")
    live.edit("customer-io.yaml", "name: A Dataflow", "name: Another Dataflow")
    live.ok("apply", "-y")
    server.clear()
    refused = live("apply", "plan.json", "-y")
    assert refused.code == 1
    assert "plan again" in refused.err
    assert [item for item in server.writes() if FLOW in item.path] == []


def test_a_saved_plan_is_stale_when_an_object_moved(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: Streaming Dataflow", "name: A Dataflow")
    live.ok("plan", "--out", "plan.json")
    server.edit("flows", live.id("customer-io/flow"), {"op": "replace", "path": "/description", "value": "x"})
    refused = live("apply", "plan.json", "-y")
    assert refused.code == 1
    assert "customer-io/flow" in refused.err
    assert "was changed since the plan was made" in refused.err


def test_a_saved_update_does_exactly_what_it_showed(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "sourceAttribute: metric,", "sourceAttribute: data.metric,")
    live.ok("plan", "--out", "plan.json")
    server.clear()
    live.ok("apply", "plan.json", "-y")
    assert [item.method for item in server.writes() if item.path.startswith("/data")] == ["PUT", "PATCH"]
    assert live("plan", "--detailed-exitcode").code == 0


# -- asking ------------------------------------------------------------------------------------------------------
def test_without_a_terminal_apply_wants_approval(live: Cli, server: Server) -> None:
    live.example("customer-io")
    refused = live("apply")
    assert refused.code == 1
    assert "--auto-approve" in refused.err
    assert server.requests == []


def test_usage_errors_exit_1(cli: Cli) -> None:
    assert cli("aply").code == 1
    assert "Did you mean 'apply'?" in cli("aply").err
    assert cli("plan", "--no-such-option").code == 1


def test_options_before_and_after_the_command(live: Cli) -> None:
    live.example("customer-io")
    live.ok("--state-dir", "elsewhere", "apply", "-y")
    assert (live.folder / "elsewhere" / "default.json").exists()
    live.ok("plan", "--state-dir", "elsewhere", "--detailed-exitcode")
    live.ok("--env", "dev", "plan", ".")


def test_the_state_commands(live: Cli) -> None:
    live.example("customer-io")
    assert live("state", "list").code == 1
    live.ok("apply", "-y")
    assert live.ok("state", "list").out.split() == [
        f"customer-io/{name}" for name in ("flow", "mapping", "source", "target")
    ]
    entry = live.ok("state", "show", "customer-io/flow", "--format", "json").json()
    assert entry["id"] == live.id("customer-io/flow")
    assert "customer-io/flow" in live.ok("state", "show", "customer-io/flow").out
    missing = live("state", "show", "customer-io/flwo")
    assert missing.code == 1
    assert "did you mean 'customer-io/flow'" in missing.err
    assert "SourceConnection" in live.ok("show").out
    assert live.ok("show", "state/default.json", "--format", "json").json()["serial"] == live.state["serial"]
    assert live("show", "customer-io.yaml").code == 1


def test_target_limits_the_plan(live: Cli) -> None:
    live.example("customer-io")
    plan = live.ok("plan", "--target", "customer-io/mapping", "--format", "json").json()
    assert list(actions(plan)) == ["customer-io/mapping"]
    assert set(actions(live.ok("plan", "--target", "customer-io/flow", "--format", "json").json())) == {
        f"customer-io/{name}" for name in ("flow", "mapping", "source", "target")
    }
    unknown = live("plan", "--target", "nobody")
    assert unknown.code == 1
    assert "nothing has the address 'nobody'" in unknown.err


def test_an_audience_by_name(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.edit(
        "kinesis.yaml",
        '{id: 72ddd79b-6b0a-4e97-a8d2-112ccd81bd02, name: Men over 50, description: ""}',
        "{name: Loyal}",
    )
    missing = live("plan")
    assert missing.code == 1
    assert "Audience named 'Loyal': there is none" in missing.err
    audience = server.call("POST", "/data/core/ups/audiences", {"name": "Loyal"})
    server.call("POST", "/data/core/ups/audiences", {"name": "loyal ones"})
    live.ok("apply", "-y")
    flow = server.get("flows", live.id("kinesis-summer/flow"))
    (selector,) = flow["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert selector["value"] == {"id": audience["id"], "name": "Loyal"}
    server.call("POST", "/data/core/ups/audiences", {"name": "Loyal"})
    twice = live("plan")
    assert twice.code == 1
    assert "2 objects match" in twice.err


def test_shared_ownership_leaves_others_alone(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.edit("kinesis.yaml", "  audiences:\n", "  ownership: {audiences: shared}\n  audiences:\n")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    extra = {"type": "PLATFORM_SEGMENT", "value": {"id": "theirs"}}
    server.edit("flows", flow, {"op": "add", "path": f"{SELECTORS}/-", "value": extra})
    assert live("plan", "--detailed-exitcode").code == 0
    live.edit("kinesis.yaml", "id: 72ddd79b-6b0a-4e97-a8d2-112ccd81bd02", "id: ours-2")
    live.ok("apply", "-y")
    found = server.get("flows", flow)["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert [item["value"]["id"] for item in found] == ["theirs", "ours-2"]


def test_a_list_left_out_is_not_ours(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    row = '    - {id: 72ddd79b-6b0a-4e97-a8d2-112ccd81bd02, name: Men over 50, description: ""}\n'
    extra = {"type": "PLATFORM_SEGMENT", "value": {"id": "theirs"}}
    server.edit("flows", flow, {"op": "add", "path": f"{SELECTORS}/-", "value": extra})
    live.edit("kinesis.yaml", f"  audiences:\n{row}", "")
    live.ok("apply", "-y")
    found = server.get("flows", flow)["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert [item["value"]["id"] for item in found] == ["theirs"], "ours goes, theirs stays"
    assert live("plan", "--detailed-exitcode").code == 0
    live.edit("kinesis.yaml", "  attributes:\n", "  audiences: []\n  attributes:\n")
    live.ok("apply", "-y")
    assert server.get("flows", flow)["transformations"][0]["params"]["segmentSelectors"]["selectors"] == []


def test_ignored_changes_stay(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.edit(
        "customer-io.yaml",
        "  name: customer-io\n",
        "  name: customer-io\n  annotations: {reconciler/ignore-changes: /flow/description}\n",
    )
    live.ok("apply", "-y")
    server.edit("flows", live.id("customer-io/flow"), {"op": "replace", "path": "/description", "value": "theirs"})
    assert live("plan", "--detailed-exitcode").code == 0
    assert live("drift").code == 0


def test_ignored_audiences_are_still_made_at_first(live: Cli, server: Server) -> None:
    live.example("kinesis")
    ignoring = "  name: kinesis-summer\n  annotations: {reconciler/ignore-changes: '/audiences,/flow/name'}\n"
    live.edit("kinesis.yaml", "  name: kinesis-summer\n", ignoring)
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    found = server.get("flows", flow)["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert len(found) == 1
    server.edit("flows", flow, {"op": "remove", "path": f"{SELECTORS}/0"})
    assert live("plan", "--detailed-exitcode").code == 0


def test_overrides_and_nulls(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "  target:\n", "    overrides: {params: {later: 1}}\n  target:\n")
    live.ok("apply", "-y")
    assert server.bodies("POST", f"{FLOW}/sourceConnections")[0]["params"] == {"later": 1}
    live.edit("customer-io.yaml", "    description: Streaming Dataflow for Customer.io\n", "    description: null\n")
    live.ok("apply", "-y")
    assert "description" not in server.get("flows", live.id("customer-io/flow"))
    assert live("plan", "--detailed-exitcode").code == 0


def test_an_empty_folder_is_said_to_be_empty(live: Cli) -> None:
    assert "there is no manifest" in live.ok("validate").out
    for command in ("plan", "drift", "apply"):
        refused = live(command, *(["-y"] if command == "apply" else []))
        assert refused.code == 1
        assert "error: there is no manifest" in refused.err


def test_long_plain_lists_show_what_came_and_went(live: Cli) -> None:
    live.example("customer-io")
    live.edit(
        "customer-io.yaml",
        "    data: {format: json}\n  target",
        "    data: {format: json}\n    params: {columns: [a, b, c]}\n  target",
    )
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "[a, b, c]", "[c, b, d]")
    out = live.ok("plan").out
    assert '- "a"' in out
    assert '+ "d"' in out
    assert '- "b"' not in out
    live.edit("customer-io.yaml", "[c, b, d]", "[c, b, a]")
    assert "in another order" in live.ok("plan").out


@pytest.mark.processes
def test_on_a_terminal_it_asks_and_shows_progress(live: Cli) -> None:
    """A real pseudo-terminal: colours, the question, and an answer that is not yes."""
    import os
    import pty
    import sys

    live.example("customer-io")

    def session(answer: bytes, *args: str) -> tuple[int, str]:
        child, fd = pty.fork()
        if child == 0:  # pragma: no cover - another process
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "reconciler", *args])
        seen = b""
        asked = False
        while True:
            try:
                part = os.read(fd, 4096)
            except OSError:
                break
            if not part:
                break
            seen += part
            if b"Only 'yes' goes on" in seen and not asked:
                asked = True
                os.write(fd, answer)
        _, status = os.waitpid(child, 0)
        os.close(fd)
        return os.waitstatus_to_exitcode(status), seen.decode()

    code, text = session(b"no\n", "apply")
    assert code == 1
    assert "Nothing was done" in text
    assert "\x1b[32m+ customer-io/flow" in text
    assert not (live.folder / "state" / "default.json").exists()
    code, text = session(b"yes\n", "apply")
    assert code == 0
    assert "created" in text
    code, text = session(b"", "plan", "--no-color")
    assert "\x1b[" not in text


def test_what_others_own_is_looked_up_by_name(live: Cli, server: Server) -> None:
    accept = {"Accept": "application/vnd.adobe.xed+json;version=1"}
    registry, catalog = "/data/foundation/schemaregistry/tenant/schemas", "/data/foundation/catalog/dataSets"
    schema = server.call(
        "POST",
        registry,
        {
            "title": "Events",
            "description": "",
            "type": "object",
            "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
        },
    )
    (reference,) = server.call("POST", catalog, {"name": "Events", "schemaRef": {"id": schema["$id"]}})
    dataset = reference.rpartition("/")[2]
    assert server.call("GET", f"{registry}/{schema['meta:altId']}", **accept)["$id"] == schema["$id"]
    assert server.call("GET", f"{catalog}/{dataset}")[dataset]["name"] == "Events"
    live.example("customer-io")
    text = (live.folder / "customer-io.yaml").read_text(encoding="utf-8")
    identity = "id: https://ns.adobe.com/extconndev/schemas/945546112b746524bfd9f1264b26c2b7d8e7f5b7fadb953a"
    text = text.replace(identity, "lookup: {name: Events}").replace(
        "{id: 63ec807d3f5ce91bd2d06c65}", "{lookup: {name: Events}}"
    )
    live.write("customer-io.yaml", text)
    live.ok("apply", "-y")
    (target,) = server.bodies("POST", f"{FLOW}/targetConnections")
    assert target["data"]["schema"]["id"] == schema["$id"]
    assert target["params"]["dataSetId"] == dataset
    (mapping,) = server.bodies("POST", f"{PREP}/mappingSets")
    assert mapping["outputSchema"]["schemaRef"]["id"] == schema["$id"]
    assert live("plan", "--detailed-exitcode").code == 0
    server.call("POST", catalog, {"name": "Events"})
    twice = live("plan")
    assert twice.code == 1
    assert "Dataset named 'Events': 2 objects match" in twice.err
    assert dataset in twice.err


def test_an_account_of_others_is_looked_up_or_named(live: Cli, server: Server) -> None:
    live.example("event-hubs")
    live.ok("apply", "-y", "--target", "event-hubs-account")
    account = live.id("event-hubs-account")
    text = (live.folder / "event-hubs.yaml").read_text(encoding="utf-8").split("---\n")[1]
    live.write(
        "event-hubs.yaml",
        text.replace("{ref: event-hubs-account}", "{lookup: {name: Connection for Azure Event Hubs}}"),
    )
    live.ok("apply", "-y", "--state-dir", "other")
    (target,) = server.bodies("POST", f"{FLOW}/targetConnections")
    assert target["baseConnectionId"] == account
    live.edit("event-hubs.yaml", "{lookup: {name: Connection for Azure Event Hubs}}", f"{{id: {account}}}")
    assert live("plan", "--detailed-exitcode", "--state-dir", "other").code == 0


BATCH = """\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {name: rows}
spec:
  source:
    connector: snowflake
    connection: {auth: {specName: ConnectionString, params: {connectionString: "${secret.kinesis-key}"}}}
    data: {format: tabular}
    params: {tableName: T}
  target:
    schema: {id: https://ns.adobe.com/t/schemas/1}
    dataset: {id: 63ec807d3f5ce91bd2d06c65}
    data: {format: parquet_xdm}
  mapping:
    - {source: upper(name), destination: _t.name, sourceType: EXPRESSION}
  flow:
    scheduleParams: {startTime: 1700000000, frequency: day, interval: 1}
    transformations:
      - {name: Copy, params: {deltaColumn: {name: changed}}}
"""


def test_a_batch_source_of_another_connector(live: Cli, server: Server) -> None:
    live.write("rows.yaml", BATCH)
    live.ok("apply", "-y")
    (flow,) = server.bodies("POST", f"{FLOW}/flows")
    assert [item["name"] for item in flow["transformations"]] == ["Copy", "Mapping"]
    assert flow["scheduleParams"] == {"startTime": 1700000000, "frequency": "day", "interval": 1}
    (account,) = server.bodies("POST", f"{FLOW}/connections")
    assert account["auth"]["params"]["connectionString"] == SECRETS["RECONCILER_SECRET_KINESIS_KEY"]
    assert live("plan", "--detailed-exitcode").code == 0
    server.clear()
    live.edit("rows.yaml", "upper(name)", "lower(name)")
    live.edit("rows.yaml", "interval: 1", "interval: 2")
    live.ok("apply", "-y")
    (patch,) = (item.body for item in server.writes() if item.method == "PATCH")
    assert [(step["op"], step["path"]) for step in patch] == [
        ("replace", "/transformations/1"),
        ("replace", "/scheduleParams/interval"),
    ]
    live.edit("rows.yaml", "tableName: T", "tableName: U")
    assert "reads history again" in live.ok("plan").out
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    assert [len(server.items(kind)) for kind in ("flows", "sourceConnections", "connections")] == [1, 1, 1]


def test_an_entry_that_was_never_applied_is_trusted_and_noted_once(live: Cli, server: Server) -> None:
    """As an import leaves it: an id, and nothing about what was last applied."""
    live.example("kinesis")
    live.ok("apply", "-y")
    state = live.state
    for entry in state["resources"].values():
        entry["applied"] = None
    live.write("state/default.json", json.dumps(sound(state)))
    plan = live("plan", "--detailed-exitcode", "--verbose")
    assert plan.code == 0
    assert "1 write-only values could not be compared" in plan.out or "2 write-only values" in plan.out
    server.clear()
    live.ok("apply", "-y")
    assert [item for item in server.writes() if FLOW in item.path] == []
    assert live.state["resources"]["kinesis-summer/flow"]["applied"]["name"] == "Summer campaign"
    serial = live.state["serial"]
    live.ok("apply", "-y")
    assert live.state["serial"] == serial
