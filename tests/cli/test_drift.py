"""An edit from outside, kind by kind: told as drift, put right by the next apply."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import FLOW, PREP, Cli, Server

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
