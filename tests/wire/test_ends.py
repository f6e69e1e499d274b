"""Objects in transition, objects that are being deleted, and objects of others that were deleted or replaced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import FLOW, PREP, Cli, Request, Server

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


def test_an_object_that_leaves_and_is_being_deleted_is_waited_for(applied: Cli, server: Server) -> None:
    ident = applied.id("customer-io/flow")
    reads = iter(range(3))

    def fault(seen: Request) -> Any:
        if seen.method != "GET" or not seen.path.endswith(f"/flows/{ident}") or seen.status != 200:
            return None
        if next(reads, None) is None:
            server.storage.delete("ORG@AdobeOrg\x1fdev", "flows", ident)
            return 404, [], {"errorMessage": f"flows not found with id = [{ident}]"}
        return 200, [], {"items": [{**seen.answer["items"][0], "state": "delete-finalizing"}]}

    server.after.append(fault)
    applied.ok("destroy", "-y", "--wait-timeout", "10")
    assert not [item for item in server.requests if item.method == "DELETE" and item.path.endswith(f"/flows/{ident}")]


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
    assert f"to {ident}" in applied("doctor").out
    applied.ok("apply", "-y")
    assert applied("drift").code == 0


def test_a_flow_that_was_moved_to_an_equal_mapping_set(applied: Cli, server: Server) -> None:
    ident = repin(applied, server, None)
    assert f"customer-io/flow uses {ident} of the same content instead of" in applied("drift").out


@pytest.mark.parametrize("command", ["drift", "doctor"])
def test_a_deleted_dataset_and_a_deleted_audience_are_named(live: Cli, server: Server, command: str) -> None:
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
    assert "customer-io/target: the dataset 63ec807d3f5ce91bd2d06c65 is not in this sandbox" in report
    assert "kinesis-summer/flow: the audience 72ddd79b-6b0a-4e97-a8d2-112ccd81bd02 is not in this sandbox" in report
