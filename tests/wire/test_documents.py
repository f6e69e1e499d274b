"""The requests on the wire equal the bodies the documents print."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import FLOW, PREP, SECRETS, SHARED, Cli, Server

SEEDS = SHARED / "seeds"
needs_seeds = pytest.mark.skipif(not SEEDS.is_dir(), reason="the seed documents lie beside the project, not in it")


def printed_bodies(name: str) -> list[Any]:
    """Return the JSON bodies of the requests a document prints, in order."""
    text = (SEEDS / name).read_text(encoding="utf-8")
    text = re.sub(r" ?// use these[^\n]*", "", text)
    bodies = []
    for start in re.finditer(r"(?:-d|--data-raw) '", text):
        body, _ = json.JSONDecoder().raw_decode(text, start.end())
        bodies.append(body)
    return bodies


@needs_seeds
def test_customer_io_sends_the_four_documented_bodies(live: Cli, server: Server) -> None:
    source, target, mapping, flow = printed_bodies("customer-io-source.txt")
    schema = mapping["outputSchema"]["schemaRef"]
    schema["id"] = schema["id"].replace("{TENANT_ID}", "extconndev")
    live.example("customer-io")
    live.ok("apply", "-y")

    assert server.bodies("POST", f"{FLOW}/sourceConnections") == [source]
    assert server.bodies("POST", f"{FLOW}/targetConnections") == [target]
    assert server.bodies("POST", f"{PREP}/mappingSets") == [mapping]
    flow["sourceConnectionIds"] = [live.id("customer-io/source")]
    flow["targetConnectionIds"] = [live.id("customer-io/target")]
    flow["transformations"][0]["params"]["mappingId"] = live.id("customer-io/mapping")
    assert server.bodies("POST", f"{FLOW}/flows") == [flow]
    assert [item.method for item in server.writes()] == ["POST"] * 4


@needs_seeds
def test_kinesis_sends_the_documented_bodies(live: Cli, server: Server) -> None:
    profile, source, account, target, flow, patch = printed_bodies("streaming-destinations.txt")
    profile_spec = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
    kinesis_spec = {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"}
    live.example("kinesis")
    live.ok("apply", "-y")

    accounts = server.bodies("POST", f"{FLOW}/connections")
    assert {**profile, "connectionSpec": profile_spec} in accounts
    params = {
        "accessKeyId": SECRETS["RECONCILER_SECRET_KINESIS_ID"],
        "secretKey": SECRETS["RECONCILER_SECRET_KINESIS_KEY"],
        "region": "us-east-1",
    }
    auth = {"specName": "Aws Kinesis authentication credentials", "params": params}
    assert {
        **account,
        "name": "Connection for Amazon Kinesis",
        "connectionSpec": kinesis_spec,
        "auth": auth,
    } in accounts
    assert len(accounts) == 2
    base = live.id("kinesis-summer/source/connection")
    assert server.bodies("POST", f"{FLOW}/sourceConnections") == [
        {**source, "connectionSpec": profile_spec, "baseConnectionId": base}
    ]
    names = {"name": "Amazon Kinesis target connection", "description": "Connection to Amazon Kinesis"}
    place = {"stream": "clicks", "region": "us-east-1"}
    base = live.id("kinesis-summer/target/connection")
    assert server.bodies("POST", f"{FLOW}/targetConnections") == [
        {**target, **names, "connectionSpec": kinesis_spec, "baseConnectionId": base, "params": place}
    ]
    summer = {"name": "Summer campaign", "description": "Summer campaign"}
    flow_spec = {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"}
    ends = {
        "sourceConnectionIds": [live.id("kinesis-summer/source")],
        "targetConnectionIds": [live.id("kinesis-summer/target")],
    }
    assert server.bodies("POST", f"{FLOW}/flows") == [{**flow, **summer, "flowSpec": flow_spec, **ends}]
    patch[0]["value"]["value"] = {
        "id": "72ddd79b-6b0a-4e97-a8d2-112ccd81bd02",
        "name": "Men over 50",
        "description": "",
    }
    attributes = [
        {**patch[1], "value": {"type": "JSON_PATH", "value": {"operator": "EXISTS", "path": path}}}
        for path in ("personalEmail.address", "person.lastName")
    ]
    flow_path = f"{FLOW}/flows/{live.id('kinesis-summer/flow')}"
    assert server.bodies("PATCH", flow_path) == [[patch[0], *attributes]]


def test_the_order_of_a_destination(live: Cli, server: Server) -> None:
    """Two base connections, source, target, flow, a GET for the settled etag, one PATCH with it, the validating GET."""
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = f"{FLOW}/flows/{live.id('kinesis-summer/flow')}"
    calls = [(item.method, item.path) for item in server.requests if item.path.startswith(FLOW)]
    made = [path for method, path in calls if method == "POST"]
    assert sorted(made[:2]) == [f"{FLOW}/connections"] * 2
    assert sorted(made[2:4]) == [f"{FLOW}/sourceConnections", f"{FLOW}/targetConnections"]
    assert calls[-4:] == [("POST", f"{FLOW}/flows"), ("GET", flow), ("PATCH", flow), ("GET", flow)]
    created, settled, patched, _ = server.requests[-4:]
    assert patched.headers["if-match"] == settled.answer["items"][0]["etag"]
    assert patched.headers["if-match"] != created.answer["etag"], "the etag of a create goes stale"
    assert patched.headers["if-match"].startswith('"')
    assert live.ok("plan", "--detailed-exitcode").code == 0


def test_event_hubs_through_a_shared_account(live: Cli, server: Server) -> None:
    live.example("event-hubs")
    live.ok("apply", "-y")
    account = next(body for body in server.bodies("POST", f"{FLOW}/connections") if "auth" in body)
    assert account["auth"] == {
        "specName": "Azure EventHub authentication credentials",
        "params": {
            "sasKeyName": "RootManageSharedAccessKey",
            "sasKey": SECRETS["RECONCILER_SECRET_EVENT_HUBS_KEY"],
            "namespace": "marketing",
        },
    }
    (target,) = server.bodies("POST", f"{FLOW}/targetConnections")
    assert target["baseConnectionId"] == live.id("event-hubs-account")
    assert live("plan", "--detailed-exitcode").code == 0


def test_every_call_carries_the_documented_headers(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    requests = [item for item in server.requests if item.path.startswith("/data")]
    for item in requests:
        assert item.headers["authorization"].startswith("Bearer emulator-")
        assert item.headers["x-api-key"] == "client"
        assert item.headers["x-gw-ims-org-id"] == "ORG@AdobeOrg"
        assert item.headers["x-sandbox-name"] == "dev"
        if item.body is not None:
            assert item.headers["content-type"] == "application/json"
    assert len({item.headers["x-request-id"] for item in requests}) == len(requests)
    assert len([item for item in server.requests if item.path == "/ims/token/v3"]) == 1


def test_outputs_gives_the_inlet_url(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    found = live.ok("outputs", "--format", "json").json()["customer-io"]
    flow = server.get("flows", live.id("customer-io/flow"))
    assert found["inletUrl"] == flow["options"]["inletUrl"]
    assert found["flowId"] == flow["id"]
    assert found["ids"]["customer-io/mapping"] == live.id("customer-io/mapping")
    assert flow["options"]["inletUrl"] in live.ok("outputs").out


def test_one_mapping_line_is_a_put_and_a_patch(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    server.clear()
    live.edit("customer-io.yaml", "sourceAttribute: metric,", "sourceAttribute: data.metric,")
    plan = live.ok("plan", "--format", "json").json()
    assert {item["address"]: item["action"] for item in plan["changes"]} == {
        "customer-io/mapping": "update",
        "customer-io/flow": "update",
    }
    assert plan["changes"][0]["patch"] == [{"call": f"PUT /mappingSets/{live.id('customer-io/mapping')}"}]
    pin = {"$ref": "customer-io/mapping#version"}
    assert plan["changes"][1]["patch"][0]["value"]["params"]["mappingVersion"] == pin
    live.ok("apply", "-y")
    mapping, flow = live.id("customer-io/mapping"), live.id("customer-io/flow")
    put, patch = (item for item in server.writes() if item.path.startswith("/data"))
    assert (put.method, put.path) == ("PUT", f"{PREP}/mappingSets/{mapping}")
    assert put.body["mappings"][3]["sourceAttribute"] == "data.metric"
    assert (patch.method, patch.path) == ("PATCH", f"{FLOW}/flows/{flow}")
    pin = {"name": "Mapping", "params": {"mappingId": mapping, "mappingVersion": 1}}
    assert patch.body == [{"op": "replace", "path": "/transformations/0", "value": pin}]
    assert live("plan", "--detailed-exitcode").code == 0


def test_audiences_change_by_live_index(live: Cli, server: Server) -> None:
    live.example("event-hubs")
    extra = "".join(f"    - {{id: a{number}, name: A{number}}}\n" for number in range(4))
    live.edit("event-hubs.yaml", "  attributes:\n", extra + "  attributes:\n")
    live.ok("apply", "-y")
    server.clear()
    live.edit("event-hubs.yaml", "    - {id: a0, name: A0}\n", "")
    live.edit("event-hubs.yaml", "    - {id: a2, name: A2}\n", "")
    live.edit("event-hubs.yaml", "name: A3", "name: Third")
    live.edit("event-hubs.yaml", "  attributes:\n", "    - {id: a9}\n  attributes:\n")
    live.ok("apply", "-y")
    (patch,) = (item.body for item in server.writes() if item.method == "PATCH")
    base = "/transformations/0/params/segmentSelectors/selectors"
    assert [(step["op"], step["path"]) for step in patch] == [
        ("replace", f"{base}/5"),
        ("remove", f"{base}/4"),
        ("remove", f"{base}/2"),
        ("add", f"{base}/-"),
    ]
    flow = server.get("flows", live.id("event-hubs/flow"))
    selectors = flow["transformations"][0]["params"]["segmentSelectors"]["selectors"]
    assert [item["value"]["id"] for item in selectors][2:] == ["a1", "a3", "a9"]
    assert live("plan", "--detailed-exitcode").code == 0
