"""An edit from outside, kind by kind: told as drift, put right by the next apply."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import FLOW, PREP, ROOT, Cli, Server

REGISTRY = "/data/foundation/schemaregistry/tenant"
FLOW_KINDS = {
    "Connection": "connections", "SourceConnection": "sourceConnections", "TargetConnection": "targetConnections",
    "Flow": "flows",
}  # fmt: skip


def edit(server: Server, kind: str, ident: str) -> str:
    """Change something declared of one object from outside, and return its place."""
    if kind in FLOW_KINDS:
        server.edit(FLOW_KINDS[kind], ident, {"op": "replace", "path": "/name", "value": "Theirs"})
        return "/name"
    if kind in ("Schema", "FieldGroup"):
        path = f"{REGISTRY}/{'schemas' if kind == 'Schema' else 'fieldgroups'}/{quote(ident, safe='')}"
        server.call("PATCH", path, [{"op": "replace", "path": "/description", "value": "Theirs"}])
        return "/description"
    if kind == "Descriptor":
        path = f"{REGISTRY}/descriptors/{ident}"
        live = server.call("GET", path, Accept="application/vnd.adobe.xdm+json")
        words = {key: value for key, value in live.items() if key == "@type" or key.startswith("xdm:")}
        server.call("PUT", path, {**words, "xdm:namespace": "Phone"})
        return "/xdm:namespace"
    if kind == "Dataset":
        kind_of_body = {"Content-Type": "application/json-patch+json"}
        body = [{"op": "replace", "path": "/description", "value": "Theirs"}]
        server.call("PATCH", f"/data/foundation/catalog/dataSets/{ident}", body, **kind_of_body)
        return "/description"
    raise AssertionError(kind)


@pytest.mark.parametrize(
    ("example", "address"),
    [
        ("s3-loyalty", "loyalty-bucket"),
        ("s3-loyalty", "loyalty/source"),
        ("s3-loyalty", "loyalty/target"),
        ("s3-loyalty", "loyalty/flow"),
        ("s3-loyalty", "loyalty-schema"),
        ("s3-loyalty", "loyalty-fields"),
        ("s3-loyalty", "loyalty-data"),
        ("http-api", "web-events/target/schema"),
        ("http-api", "web-events/target/schema/descriptors/email"),
        ("http-api", "web-events/target/dataset"),
        ("event-hubs", "event-hubs/target"),
        ("dataset-export", "dataset-export/flow"),
    ],
)
def test_an_edit_outside_is_told_and_put_right(live: Cli, server: Server, example: str, address: str) -> None:
    live.example(example)
    live.ok("apply", "-y")
    entry = live.state["resources"][address]
    place = edit(server, entry["kind"], entry["id"])
    found = live("drift", "--format", "json")
    assert found.code == 2
    report: dict[str, Any] = found.json()
    drifted = [item for item in report["drift"] if item["status"] == "changed"]
    assert [(item["address"], [field["path"] for field in item["fields"]]) for item in drifted] == [(address, [place])]
    assert live.changes() == {address: "update"}
    live.ok("apply", "-y")
    assert live("drift").code == 0
    assert live.id(address) == entry["id"]
    assert live.changes() == {}


def test_another_version_of_a_mapping_is_drift_when_the_flow_uses_it(live: Cli, server: Server) -> None:
    live.example("sftp-orders")
    live.ok("apply", "-y")
    mapping, flow = live.id("orders/mapping"), live.id("orders/flow")
    body = server.bodies("POST", f"{PREP}/mappingSets")[0]
    rows = [{**body["mappings"][0], "source": "theirs"}, body["mappings"][1]]
    server.call("PUT", f"{PREP}/mappingSets/{mapping}", {**body, "mappings": rows})
    assert live("drift").code == 0, "the flow is pinned to the version before"
    pin = {"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 1}}
    server.edit("flows", flow, {"op": "replace", "path": "/transformations/0", "value": pin})
    found = live("drift", "--format", "json")
    assert found.code == 2
    places = {item["address"]: item["fields"][0]["path"] for item in found.json()["drift"] if item["fields"]}
    assert places["orders/mapping"] == "/mappings/_emulator.order/source"
    live.ok("apply", "-y")
    assert server.get("flows", flow)["transformations"][0]["params"]["mappingVersion"] == 2
    assert live.changes() == {}


def test_what_was_deleted_outside_is_missing_and_made_again(live: Cli, server: Server) -> None:
    live.example("s3-loyalty")
    live.ok("apply", "-y")
    server.call("DELETE", f"{FLOW}/flows/{live.id('loyalty/flow')}")
    server.call("DELETE", f"/data/foundation/catalog/dataSets/{live.id('loyalty-data')}")
    found = live("drift", "--format", "json")
    assert found.code == 2
    missing = {item["address"] for item in found.json()["drift"] if item["status"] == "missing"}
    assert missing == {"loyalty/flow", "loyalty-data"}
    live.ok("apply", "-y")
    assert live.changes() == {}
    assert len(server.items("flows")) == len(server.storage_items("dataSets")) == 1


# -- what a report tells -----------------------------------------------------------------------------------------
def drifted(live: Cli, *args: str) -> dict[str, dict[str, Any]]:
    """Return the entries of a report by address."""
    return {item["address"]: item for item in live("drift", "--format", "json", *args).json()["drift"]}


def test_who_changed_what_where(live: Cli, server: Server) -> None:
    """Changed outside, in the manifest to the same, in the manifest to something else, no longer declared."""
    live.example("kinesis")
    live.ok("apply", "-y")
    flow, target = live.id("kinesis-summer/flow"), live.id("kinesis-summer/target")
    server.edit(
        "flows", flow,
        {"op": "replace", "path": "/name", "value": "Theirs"},
        {"op": "replace", "path": "/description", "value": "Both"},
    )  # fmt: skip
    server.edit("targetConnections", target, {"op": "replace", "path": "/description", "value": "Theirs"})
    live.edit("kinesis.yaml", "    name: Summer campaign", "    name: Ours")
    live.edit("kinesis.yaml", "    description: Summer campaign", "    description: Both")
    live.edit("kinesis.yaml", "    description: Connection to Amazon Kinesis\n", "")
    live.edit("kinesis.yaml", "      name: Connection for Amazon Kinesis", "      name: Another account")
    found = drifted(live)
    assert found["kinesis-summer/flow"]["causes"] == {"/name": "conflict", "/description": "agreed"}
    assert found["kinesis-summer/target"]["causes"] == {"/description": "undeclared"}
    assert found["kinesis-summer/flow"]["updatedBy"]
    assert found["kinesis-summer/flow"]["updatedClient"] == "somebody"
    text = live("drift").out
    assert 'name: "Summer campaign" → "Theirs"  the manifest now says "Ours"' in text
    assert '"Both"  the manifest says so, too' in text
    assert "through somebody at " in text
    waiting = "update kinesis-summer/target/connection, kinesis-summer/target, kinesis-summer/flow"
    assert waiting in text.partition("Pending: ")[2], "each wants something new"


def test_what_cannot_be_checked_is_a_bucket_of_its_own(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    account = live.id("kinesis-summer/target/connection")
    assert drifted(live)["kinesis-summer/target/connection"]["status"] == "unchecked"
    server.edit("connections", account, {"op": "replace", "path": "/name", "value": "Theirs"})
    found = drifted(live)["kinesis-summer/target/connection"]
    assert found["status"] == "changed"
    assert found["unchecked"] == ["/auth/params/accessKeyId", "/auth/params/secretKey"]
    assert "Not checked: secrets of 1 objects" in live("drift").out


def acknowledged(cli: Cli, *lines: str) -> None:
    """Write a project file that knows of drift."""
    head = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n"
    given = "  variables: {region: us-east-1, stream: clicks}\n  acknowledged:\n"
    cli.write("reconciler.yaml", head + given + "".join(f"    - {line}\n" for line in lines))


def test_known_drift_is_no_failure_until_a_day(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    acknowledged(live, "{address: kinesis-summer/flow, path: /description, reason: in talks, until: 2999-12-31}")
    server.edit("flows", flow, {"op": "replace", "path": "/description", "value": "Theirs"})
    known = live("drift")
    assert known.code == 0
    assert "Acknowledged: kinesis-summer/flow (in talks)" in known.out
    found = drifted(live)["kinesis-summer/flow"]
    assert (found["status"], found["reason"]) == ("acknowledged", "in talks")
    server.edit("flows", flow, {"op": "replace", "path": "/name", "value": "Theirs"})
    report = live("drift", "--format", "json")
    assert report.code == 2
    parts = [item for item in report.json()["drift"] if item["address"] == "kinesis-summer/flow"]
    assert [(item["status"], [field["path"] for field in item["fields"]]) for item in parts] == [
        ("changed", ["/name"]),
        ("acknowledged", ["/description"]),
    ]
    assert report.json()["summary"] == {"changed": 1, "missing": 0, "unchecked": 1, "acknowledged": 1}
    acknowledged(live, "{address: kinesis-summer, reason: all of it, until: 2999-12-31}")
    assert live("drift").code == 0
    acknowledged(live, "{address: kinesis-summer, reason: all of it, until: 2020-01-01}")
    acknowledged(live, '{address: kinesis-summer, reason: all of it, until: "20200101"}')
    assert live("drift").code == 2, "another spelling of a day long past"
    acknowledged(live, "{address: kinesis-summer, reason: all of it, until: 2020-01-01}")
    expired = live("drift")
    assert expired.code == 2
    assert "Note: kinesis-summer was acknowledged until 2020-01-01: all of it" in expired.out
    acknowledged(live, "{address: kinesis-summer/flow, reason: gone, until: 2999-12-31}")
    server.call("DELETE", f"{FLOW}/flows/{flow}")
    assert drifted(live)["kinesis-summer/flow"]["status"] == "acknowledged"


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("{address: a, reason: r}", ":7:7", "until is missing"),
        ("{address: a, until: 2026-12-31}", ":7:7", "reason is missing"),
        ("{address: a, reason: r, until: 2026-13-01}", ":7:38", "this must be a date, as in 2026-12-31"),
        ("{address: a, reason: r, until: soon}", ":7:38", "this must be a date, as in 2026-12-31"),
    ],
)
def test_an_acknowledgement_has_a_reason_and_an_end(cli: Cli, line: str, place: str, said: str) -> None:
    acknowledged(cli, line)
    found = cli("validate")
    assert found.code == 1
    assert f"reconciler.yaml{place}: error: " in found.err
    assert said in found.err


def test_what_nobody_manages(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    spec = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
    made = [
        server.call("POST", f"{FLOW}/connections", {"name": f"theirs {n}", "connectionSpec": spec})["id"]
        for n in range(3)
    ]
    assert "unmanaged" not in live.ok("drift", "--format", "json").json()
    server.clear()
    found = live.ok("drift", "--unmanaged", "--format", "json").json()["unmanaged"]
    assert [(item["kind"], item["id"], item["name"]) for item in found] == [
        ("Connection", ident, f"theirs {n}") for n, ident in enumerate(made)
    ]
    text = live.ok("drift", "--unmanaged").out
    assert "Unmanaged: 3 objects in this sandbox are bound to no address." in text
    assert f'  Connection  {made[0]}  "theirs 0"' in text
    assert [item for item in server.writes() if FLOW in item.path] == []


# -- formats -----------------------------------------------------------------------------------------------------
def test_markdown(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    assert "None: 5 objects are as they were applied." in live.ok("drift", "--format", "markdown").out
    flow = live.id("kinesis-summer/flow")
    server.edit("flows", flow, {"op": "replace", "path": "/name", "value": "a | b ` c\nd"})
    told = live("drift", "--format", "markdown", "--unmanaged")
    assert told.code == 2
    (row,) = [line for line in told.out.splitlines() if line.startswith("| `kinesis-summer/flow`")]
    assert row.replace("\\|", "").count("|") == 6, "what somebody wrote does not break the table"
    assert "### Drift in default (sandbox dev)" in told.out
    assert "<details><summary>Not checked, for the platform never shows it (1)</summary>" in told.out


def test_junit(live: Cli, server: Server) -> None:
    from xml.etree import ElementTree

    live.example("kinesis")
    live.ok("apply", "-y")
    flow, source = live.id("kinesis-summer/flow"), live.id("kinesis-summer/source")
    server.edit("flows", flow, {"op": "replace", "path": "/name", "value": '<&> "x"'})
    server.edit("sourceConnections", source, {"op": "replace", "path": "/name", "value": "y"})
    told = live("drift", "--format", "junit")
    assert told.code == 2
    suite = ElementTree.fromstring(told.out)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "2", "1")
    failures = {case.get("name"): case.findtext("failure") for case in suite if case.find("failure") is not None}
    assert set(failures) == {"kinesis-summer/flow", "kinesis-summer/source"}
    assert '<&> \\"x\\"' in str(failures["kinesis-summer/flow"])


def test_metrics_for_prometheus(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    server.edit("flows", live.id("kinesis-summer/flow"), {"op": "replace", "path": "/name", "value": "y"})
    assert live("drift", "--metrics", "drift.prom", "--unmanaged").code == 2
    text = (live.folder / "drift.prom").read_text(encoding="utf-8")
    assert 'reconciler_drift_objects{environment="default",sandbox="dev",status="changed"} 1' in text
    assert 'reconciler_drift_objects{environment="default",sandbox="dev",status="missing"} 0' in text
    assert 'reconciler_managed_objects{environment="default",sandbox="dev"} 5' in text
    assert 'reconciler_unmanaged_objects{environment="default",sandbox="dev"} 0' in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+\{(\w+="[^"]*",?)+\} \d+', line), line
    unwritable = live("drift", "--metrics", "no/such/folder/x")
    assert unwritable.code == 1
    assert "cannot be written" in unwritable.err


# -- cheap enough for cron ---------------------------------------------------------------------------------------
def test_lists_instead_of_one_read_each(live: Cli, server: Server) -> None:
    document = (ROOT / "examples" / "kinesis" / "kinesis.yaml").read_text(encoding="utf-8")
    text = document.replace("${var.region}", "us-east-1").replace("${var.stream}", "s")
    for number in range(30):
        live.write(f"k{number}.yaml", text.replace("kinesis-summer", f"k{number}"))
    live.ok("apply", "-y", "--parallelism", "20")
    server.clear()
    assert live("drift").code == 0
    reads = [item for item in server.requests if item.path.startswith(FLOW)]
    # 60 accounts and 30 of each other kind: a page each
    assert len(reads) <= 4, [item.path for item in reads]
    flow = live.id("k7/flow")
    server.edit("flows", flow, {"op": "replace", "path": "/name", "value": "Theirs"})
    server.call("DELETE", f"{FLOW}/flows/{live.id('k8/flow')}")
    server.clear()
    found = drifted(live)
    assert found["k7/flow"]["status"] == "changed"
    assert found["k8/flow"]["status"] == "missing"
    read = {item.path for item in server.requests}
    assert f"{FLOW}/flows/{flow}" in read, "what has another etag is read itself: a list may lag behind"
    assert f"{FLOW}/flows/{live.id('k9/flow')}" not in read
    assert len([item for item in server.requests if item.path.startswith(FLOW)]) <= 4 + 2
    spec = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
    for number in range(30):
        server.call("POST", f"{FLOW}/sourceConnections", {"name": f"other {number}", "connectionSpec": spec})
    assert drifted(live)["k7/flow"]["status"] == "changed", "whatever else there is"


# -- accepting ---------------------------------------------------------------------------------------------------
def test_what_the_manifests_agree_with_is_accepted(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow, target = live.id("kinesis-summer/flow"), live.id("kinesis-summer/target")
    selector = "/transformations/0/params/profileSelectors/selectors"
    path = {"type": "JSON_PATH", "value": {"operator": "EXISTS", "path": "homeAddress.city"}}
    server.edit(
        "flows", flow,
        {"op": "replace", "path": "/name", "value": "Both"},
        {"op": "replace", "path": "/description", "value": "Theirs"},
        {"op": "remove", "path": f"{selector}/0"},
        {"op": "add", "path": f"{selector}/-", "value": path},
    )  # fmt: skip
    server.edit("targetConnections", target, {"op": "replace", "path": "/description", "value": "Theirs"})
    live.edit("kinesis.yaml", "    name: Summer campaign", "    name: Both")
    live.edit("kinesis.yaml", "    - personalEmail.address\n", "    - homeAddress.city\n")
    live.edit("kinesis.yaml", "    description: Connection to Amazon Kinesis\n", "")
    server.clear()
    accepted = live("apply", "--refresh-only", "-y")
    assert accepted.code == 0, accepted.err
    assert "what is live of 2 objects" in accepted.out
    assert [item for item in server.writes() if FLOW in item.path] == []
    applied = live.state["resources"]["kinesis-summer/flow"]["applied"]
    assert (applied["name"], applied["description"]) == ("Both", "Summer campaign")
    assert "description" not in live.state["resources"]["kinesis-summer/target"]["applied"]
    left = drifted(live)
    assert [field["path"] for field in left["kinesis-summer/flow"]["fields"]] == ["/description"]
    assert left["kinesis-summer/flow"]["causes"] == {"/description": "outside"}
    assert "kinesis-summer/target" not in left, "what nobody declares is nobody's drift"
    assert live.changes() == {"kinesis-summer/flow": "update"}
    live.ok("apply", "-y")
    assert server.get("targetConnections", target)["description"] == "Theirs"
    assert "Nothing to accept." in live.ok("apply", "--refresh-only", "-y").out


def test_what_is_gone_from_everywhere_is_dropped(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    (live.folder / "kinesis.yaml").unlink()
    server.call("DELETE", f"{FLOW}/flows/{flow}")
    told = live.ok("apply", "--refresh-only", "-y")
    assert "kinesis-summer/flow  Flow  " in told.out
    assert "(gone everywhere)" in told.out
    assert "kinesis-summer/flow" not in live.state["resources"]
    assert "kinesis-summer/target" in live.state["resources"]
    server.call("DELETE", f"{FLOW}/flows/{live.id('customer-io/flow')}")
    assert "Nothing to accept." in live.ok("apply", "--refresh-only", "-y").out, "this one shall be made again"
    live.ok("plan", "--out", "p.plan")
    refused = live("apply", "p.plan", "--refresh-only", "-y")
    assert refused.code == 1
    assert "does not go with a saved plan" in refused.err


# -- the change that accepts it ----------------------------------------------------------------------------------
def test_a_patch_that_accepts_what_was_changed(live: Cli, server: Server, tmp_path: Path) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    flow, target = live.id("kinesis-summer/flow"), live.id("kinesis-summer/target")
    attributes = "/transformations/0/params/profileSelectors/selectors"
    audiences = "/transformations/0/params/segmentSelectors/selectors"
    city = {"type": "JSON_PATH", "value": {"operator": "EXISTS", "path": "homeAddress.city"}}
    women = {"type": "PLATFORM_SEGMENT", "value": {"id": "a-2", "name": "Women ${x}", "createTime": "1"}}
    server.edit(
        "flows", flow,
        {"op": "replace", "path": "/name", "value": "Theirs: a campaign"},
        {"op": "remove", "path": "/description"},
        {"op": "remove", "path": f"{attributes}/0"},
        {"op": "add", "path": f"{attributes}/-", "value": city},
        {"op": "add", "path": f"{audiences}/-", "value": women},
    )  # fmt: skip
    server.call("POST", f"{FLOW}/flows/{flow}/action?op=disable")
    server.edit("targetConnections", target, {"op": "replace", "path": "/params/stream", "value": "theirs"})
    server.edit("flows", live.id("customer-io/flow"), {"op": "replace", "path": "/description", "value": "ours now"})
    found = live("drift", "--patch")
    assert found.code == 2
    assert "kinesis-summer/target/params/stream: it is written as ${var.stream}" in found.err
    diff = tmp_path / "accept.diff"
    diff.write_text(found.out, encoding="utf-8")
    assert "-    name: Summer campaign\n" in found.out
    assert "+    name: 'Theirs: a campaign'\n" in found.out
    assert " # " not in "".join(line for line in found.out.splitlines() if line[:1] in "+-"), "comments stay"
    subprocess.run(["git", "apply", "-p1", str(diff)], cwd=live.folder, check=True)
    assert "$${x}" in (live.folder / "kinesis.yaml").read_text(encoding="utf-8")
    live.ok("apply", "--refresh-only", "-y")
    left = drifted(live)
    assert {name for name, item in left.items() if item["status"] == "changed"} == {"kinesis-summer/target"}
    assert live.changes() == {"kinesis-summer/target": "update"}, live.ok("plan").out


def test_a_patch_of_mappings_and_overlays(live: Cli, server: Server) -> None:
    live.example("sftp-orders")
    project = (
        "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n  environments: {dev: {sandbox: dev}}\n"
    )
    live.write("reconciler.yaml", project)
    overlay = "apiVersion: reconciler/v1\nkind: SourceDataflow\nmetadata: {name: orders}\n"
    live.write("overlays/dev/o.yaml", overlay + "spec:\n  flow: {description: of dev}   # here\n")
    live.ok("apply", "-y", "--env", "dev")
    state = json.loads((live.folder / "state" / "dev.json").read_text())["resources"]
    server.edit("flows", state["orders/flow"]["id"], {"op": "add", "path": "/description", "value": "theirs"})
    found = live("drift", "--patch", "--env", "dev")
    assert found.code == 2
    assert "--- a/overlays/dev/o.yaml" in found.out
    assert "+  flow: {description: theirs}   # here\n" in found.out


def test_what_no_patch_can_accept(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    server.call("DELETE", f"{FLOW}/flows/{live.id('kinesis-summer/flow')}")
    found = live("drift", "--patch")
    assert found.code == 2
    assert found.out == ""
    assert "kinesis-summer/flow: deleted outside; take it out of the manifest" in found.err
