"""Objects in transition, objects that are being deleted, and objects of others that were deleted or replaced."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.emulator.options import Options
from tests.conftest import FLOW, PREP, Cli, Request, Server, point_at, serve

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def applied(live: Cli, server: Server) -> Cli:
    """A source dataflow, applied."""
    live.example("customer-io")
    live.ok("apply", "-y")
    server.clear()
    return live


def show_state(server: Server, state: str) -> None:
    """Let every read of a flow show `state`."""

    def fault(seen: Request) -> Any:
        if seen.method != "GET" or not seen.path.startswith(f"{FLOW}/flows/") or seen.status != 200:
            return None
        return 200, [], {"items": [{**seen.answer["items"][0], "state": state}]}

    server.after.append(fault)


# -- transitions -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", ["enabling", "updating", "initializing", "pending", "inProgress"])
def test_a_transition_to_what_is_declared_is_no_drift(applied: Cli, server: Server, state: str) -> None:
    show_state(server, state)
    assert applied("plan", "--detailed-exitcode").code == 0
    assert applied("drift").code == 0


@pytest.mark.parametrize("state", ["disabling", "disabled"])
def test_a_transition_away_from_what_is_declared_is_drift(applied: Cli, server: Server, state: str) -> None:
    show_state(server, state)
    assert applied("plan", "--detailed-exitcode").code == 2
    report = applied("drift")
    assert report.code == 2
    assert f'state: "enabled" → "{state}"' in report.out


# -- on its way out --------------------------------------------------------------------------------------------------
def test_an_object_that_is_being_deleted_is_told_as_such(applied: Cli, server: Server) -> None:
    show_state(server, "delete-finalizing")
    plan = applied("plan")
    assert "the platform is deleting" in plan.out + plan.err
    assert "plan again when it is gone" in plan.out + plan.err
    result = applied("apply", "-y")
    assert result.code == 1
    assert "plan again when it is gone" in result.err
    assert not server.writes()
    report = applied("drift")
    assert report.code == 2
    assert "(the platform is deleting it)" in report.out
    assert applied("drift", "--format", "json").json()["drift"][0]["note"] == "the platform is deleting it"
    assert "the platform is deleting it" in applied("status").out


# -- objects of others -----------------------------------------------------------------------------------------------
def repin(applied: Cli, server: Server, rows: list[dict[str, Any]] | None) -> str:
    """Do what the update tutorial does: make a mapping set, and pin the flow to it. Returns its id."""
    old = server.call("GET", f"{PREP}/mappingSets/{applied.id('customer-io/mapping')}")
    words = ("source", "destination", "sourceType")
    kept = [{key: row[key] for key in words if key in row} for row in old["mappings"]]
    schema = {"schemaRef": old["outputSchema"]["schemaRef"]}
    body = {"outputSchema": schema, "mappings": kept if rows is None else [*kept[:-1], *rows]}
    ident = str(server.call("POST", f"{PREP}/mappingSets", body)["id"])
    flow = server.get("flows", applied.id("customer-io/flow"))
    number = next(n for n, item in enumerate(flow["transformations"]) if item["name"] == "Mapping")
    value = {"name": "Mapping", "params": {"mappingId": ident, "mappingVersion": 0}}
    server.edit("flows", flow["id"], {"op": "replace", "path": f"/transformations/{number}", "value": value})
    return ident


def test_a_flow_that_was_moved_to_another_mapping_set(applied: Cli, server: Server) -> None:
    ident = repin(applied, server, [{"source": "data.x", "destination": "_extconndev.x", "sourceType": "ATTRIBUTE"}])
    server.clear()
    plan = applied.ok("plan").out
    assert f"the flow was moved from MappingSet {applied.id('customer-io/mapping')} to {ident}" in plan
    assert not [item for item in server.requests if ident in item.path]
    report = applied("drift").out
    assert f"customer-io/flow uses {ident} instead of" in report
    assert "data.x" in report
    assert "_extconndev.x" in report
    for command in ("doctor", "status"):
        assert (
            f"the flow was moved from MappingSet {applied.id('customer-io/mapping')} to {ident}" in applied(command).out
        )
    applied.ok("apply", "-y")
    assert applied("drift").code == 0


def test_a_flow_that_was_moved_to_an_equal_mapping_set(applied: Cli, server: Server) -> None:
    ident = repin(applied, server, None)
    assert f"customer-io/flow uses {ident} of the same content instead of" in applied("drift").out


@pytest.mark.parametrize("command", ["drift", "doctor", "status"])
def test_deleted_objects_that_flows_use_are_named(live: Cli, server: Server, command: str) -> None:
    live.example("customer-io")
    live.example("kinesis")
    live.ok("apply", "-y")
    assert "is not in this sandbox" not in live(command).out
    gone = {"title": "NotFoundError", "status": 404, "detail": "not found."}

    def fault(seen: Request) -> Any:
        if seen.path.endswith("/audiences"):
            return 200, [], {"children": [], "_page": {"totalCount": 0}}
        return (404, [], gone) if "/dataSets/" in seen.path or "/audiences/" in seen.path else None

    server.before.append(fault)
    report = live(command).out
    dataset = "the dataset 63ec807d3f5ce91bd2d06c65 is not in this sandbox"
    audience = "the audience 72ddd79b-6b0a-4e97-a8d2-112ccd81bd02 is not in this sandbox"
    if command == "status":
        assert [report.count(dataset), report.count(audience)] == [1, 1]
        assert report.index("customer-io  enabled") < report.index(dataset) < report.index("kinesis-summer  enabled")
        assert report.index("kinesis-summer  enabled") < report.index(audience)
        notes = {name: item["notes"] for name, item in live("status", "--format", "json").json().items()}
        assert notes["customer-io"] == [f"{dataset} (GET /dataSets/63ec807d3f5ce91bd2d06c65)"]
    else:
        assert f"customer-io/target: {dataset}" in report
        assert f"kinesis-summer/flow: {audience}" in report


@pytest.mark.parametrize("command", ["drift", "doctor", "status"])
def test_a_deleted_mapping_set_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """A plan does not read it again: the flow is still pinned to the applied version."""
    for server in serve(Options(mapping_sets_deletable=True)):
        point_at(server, monkeypatch)
        cli.example("customer-io")
        cli.ok("apply", "-y")
        ident = cli.id("customer-io/mapping")
        words = f"the MappingSet {ident} that the flow is pinned to is not in this sandbox"
        assert words not in cli(command).out
        server.call("DELETE", f"{PREP}/mappingSets/{ident}")
        assert words in cli(command).out
        cli.ok("state", "rm", "customer-io/mapping")
        cli.ok("apply", "-y")
        assert words not in cli(command).out
        assert cli.id("customer-io/mapping") != ident
        assert cli("plan", "--detailed-exitcode").code == 0


def test_a_managed_dataset_that_is_deleted_is_named_by_status(live: Cli, server: Server) -> None:
    live.example("http-api")
    live.ok("apply", "-y")
    assert "is not in this sandbox" not in live.ok("status").out
    (address,) = [name for name, item in live.state["resources"].items() if item["kind"] == "Dataset"]
    gone = (404, [], {"title": "NotFoundError", "status": 404, "detail": "not found."})
    server.before.append(lambda seen: gone if seen.path.endswith(f"/dataSets/{live.id(address)}") else None)
    assert f"the dataset {live.id(address)} is not in this sandbox" in live.ok("status").out


def test_what_cannot_be_asked_is_told_once(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.example("kinesis")
    live.ok("apply", "-y")
    server.before.append(
        lambda seen: (403, [], {"message": "no"}) if "/dataSets/" in seen.path or "/audiences" in seen.path else None
    )
    for command in ("status", "drift"):
        result = live(command)
        assert result.code == 0
        assert (result.out + result.err).count("403 no") == 1
        assert "None" not in result.out + result.err
