"""Request bodies of the platform's documents, pasted, and live objects that only those documents describe."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.conftest import FLOW, PREP, Cli, Server

SCHEMA = "https://ns.adobe.com/tenant/schemas/995d"
XED = "application/vnd.adobe.xed-full+json;version=1"
LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
BLOB = {"id": "4c10e202-c428-4796-9208-5f1f5732b1cf", "version": "1.0"}
PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
S3_LEGACY = {"id": "4890fc95-5a1f-4983-94bb-e060c08e3f81", "version": "1.0"}
S3 = {"id": "4fce964d-3f37-408f-9778-e597338a21ee", "version": "1.0"}
ROWS = [
    {"destinationXdmPath": "_id", "sourceAttribute": "Id", "identity": False, "identityGroup": None, "version": 0},
    {"destinationXdmPath": "map", "sourceExpression": "upper(Id)", "sourceType": "EXPRESSION", "version": 0},
    {"destination": "name", "destinationXdmPath": "name", "source": "N", "sourceAttribute": "N",
     "sourceType": "text/x.schema-path", "matchScore": 0.0, "functionVersion": 0, "id": "32hex"},
]  # fmt: skip
MAPPING = {"version": 0, "xdmSchema": SCHEMA, "xdmVersion": "1.0", "id": None, "mappings": ROWS}


def manifest(kind: str, **spec: Any) -> str:
    document = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": "pasted"}, "spec": spec}
    return yaml.safe_dump(document, sort_keys=False)


def without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: without_nulls(value) for key, value in tree.items() if value is not None}
    return [without_nulls(item) for item in tree] if isinstance(tree, list) else tree


def account(server: Server, spec: dict[str, str], **auth: Any) -> str:
    body = {"name": "Account", "connectionSpec": spec, **({"auth": auth} if auth else {})}
    return str(server.call("POST", f"{FLOW}/connections", body)["id"])


def test_a_source_dataflow_goes_out_as_printed(live: Cli, server: Server) -> None:
    base = account(server, BLOB, specName="ConnectionString", params={"connectionString": "s3cr3t"})
    source = {
        "name": "Cloud storage source", "description": "Delimited", "baseConnectionId": base,
        "data": {"format": "delimited", "columnDelimiter": "\t"}, "params": {"path": "/leads/*.tsv"},
        "connectionSpec": BLOB,
    }  # fmt: skip
    target = {
        "name": "Target", "data": {"schema": {"id": SCHEMA, "version": XED}}, "params": {"dataSetId": "5f3c"},
        "connectionSpec": LAKE,
    }  # fmt: skip
    flow = {
        "name": "Flow", "flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0"},
        "sourceConnectionIds": ["26b53912"], "targetConnectionIds": ["dbc5c132"],
        "transformations": [{"name": "Mapping", "params": {"mappingId": "bf5286a9", "mappingVersion": 0}}],
        "scheduleParams": {"startTime": "4102444800", "frequency": "minute", "interval": "30"},
    }  # fmt: skip
    live.write("pasted.yaml", manifest("SourceDataflow", source=source, target=target, mapping=MAPPING, flow=flow))
    warnings = [line for line in live.ok("validate").out.splitlines() if "not used" in line]
    assert len(warnings) == 1 + 2, "ids of earlier answers whose objects are written out"
    server.clear()
    live.ok("apply", "-y")
    assert server.bodies("POST", f"{FLOW}/connections") == []
    assert server.bodies("POST", f"{FLOW}/sourceConnections") == [source]
    assert server.bodies("POST", f"{FLOW}/targetConnections") == [target]
    shown = ("id", "matchScore")
    rows = [{key: value for key, value in row.items() if key not in shown} for row in ROWS]
    assert server.bodies("POST", f"{PREP}/mappingSets") == [without_nulls({**MAPPING, "mappings": rows})]
    [sent] = server.bodies("POST", f"{FLOW}/flows")
    pin = {"mappingId": live.id("pasted/mapping"), "mappingVersion": 0}
    assert sent == {
        **flow, "sourceConnectionIds": [live.id("pasted/source")], "targetConnectionIds": [live.id("pasted/target")],
        "transformations": [{"name": "Mapping", "params": pin}],
    }  # fmt: skip
    assert live.changes() == {}


def test_a_flow_alone_uses_the_ids_of_earlier_answers(live: Cli, server: Server) -> None:
    ends = {}
    for end, body in (
        ("source", {"name": "S", "connectionSpec": {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}}),
        ("target", {"name": "T", "connectionSpec": LAKE, "params": {"dataSetId": "5f3c"}}),
    ):
        ends[f"{end}ConnectionIds"] = [str(server.call("POST", f"{FLOW}/{end}Connections", body)["id"])]
    flow = {"name": "F", "flowSpec": {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"}, **ends}
    live.write("pasted.yaml", manifest("SourceDataflow", flow=flow))
    live.ok("apply", "-y")
    assert server.bodies("POST", f"{FLOW}/flows") == [flow]
    assert live.changes() == {}


def test_an_activation_in_files_has_no_account_of_the_profile_store(live: Cli, server: Server) -> None:
    source = {"name": "Connect to Profile Store", "description": "Optional", "connectionSpec": PROFILE}
    connection = {
        "name": "Landing zone", "description": "", "auth": {},
        "connectionSpec": {"id": "10440537-2a7b-4583-ac39-ed38d4b848e8", "version": "1.0"},
    }  # fmt: skip
    target = {
        "name": "Files", "connectionSpec": connection["connectionSpec"],
        "params": {"mode": "Server-to-server", "path": "p", "compression": "NONE", "fileType": "CSV",
                   "type": "USER_DROP_ZONE"},
    }  # fmt: skip
    empty = {"mandatoryFields": [], "primaryFields": [], "profileMapping": {}, "segmentSelectors": {"selectors": []}}
    flow = {
        "name": "Activate", "flowSpec": {"id": "7e635b9f-e59b-4546-8ba8-fce6496693c8", "version": "1.0"},
        "transformations": [{"name": "GeneralTransform", "params": empty}],
    }  # fmt: skip
    live.write(
        "pasted.yaml",
        manifest("DestinationDataflow", source=source, target={**target, "connection": connection}, flow=flow),
    )
    live.ok("apply", "-y")
    assert server.bodies("POST", f"{FLOW}/connections") == [connection]
    assert server.bodies("POST", f"{FLOW}/sourceConnections") == [source]
    [sent] = server.bodies("POST", f"{FLOW}/targetConnections")
    assert sent == {**target, "baseConnectionId": live.id("pasted/target/connection")}
    [sent] = server.bodies("POST", f"{FLOW}/flows")
    assert sent["transformations"] == flow["transformations"]
    assert live.changes() == {}


SELECTORS = [
    {"id": "extaud9001", "systemSegmentId": "979558ae", "namespace": "aamSegments", "name": "External",
     "filenameTemplate": "%SEGMENT_ID%", "exportMode": "DAILY_FULL_EXPORT",
     "schedule": {"startDate": "2030-07-22", "frequency": "ONCE", "startTime": "23:00"},
     "enrichmentInfo": {"enabled": True, "sourceType": "AUDIENCE_DATASET", "mappingSet": {"id": "1", "version": 0}}},
    {"id": "chained", "name": "Chained", "exportMode": "DAILY_FULL_EXPORT", "createTime": "1", "updateTime": "2",
     "schedule": {"startDate": "2030-07-22", "frequency": "CHAINED", "startTime": "23:00"}},
]  # fmt: skip
ATTRIBUTES = [
    {"path": "person.name.firstName", "operator": "EXISTS",
     "mapping": {"sourceType": "text/x.schema-path", "source": "segmentMembership.status", "functionVersion": 0}},
    {"path": "person.name.lastName"},
]  # fmt: skip


def legacy_params() -> dict[str, Any]:
    """Return the lists of a flow as the platform shows them."""
    return {
        "segmentSelectors": {"selectors": [{"type": "PLATFORM_SEGMENT", "value": item} for item in SELECTORS]},
        "profileSelectors": {
            "selectors": [{"type": "JSON_PATH", "value": item} for item in ATTRIBUTES],
            "mandatoryFields": ["person.name.lastName"],
        },
    }


def seeded(server: Server) -> None:
    """Fill a sandbox with a dataflow as documents show it, some of whose values no author may write."""
    base = account(server, PROFILE)
    login = account(server, S3_LEGACY, specName="Access Key", params={"s3AccessKey": "a", "s3SecretKey": "s3cr3t"})
    params = {"mode": "S3", "bucketName": "b", "path": "p", "format": "CSV"}
    ends = {
        "source": {"name": "P", "connectionSpec": PROFILE, "baseConnectionId": base,
                   "data": {"format": "CSV", "schema": None}, "params": {}},
        "target": {"name": "T", "connectionSpec": S3_LEGACY, "baseConnectionId": login, "params": params,
                   "data": {"format": "json", "schema": {"id": "1.0", "version": "1.0"}}},
    }  # fmt: skip
    ids = {
        f"{end}ConnectionIds": [server.call("POST", f"{FLOW}/{end}Connections", body)["id"]]
        for end, body in ends.items()
    }
    flow = {
        "name": "Letters", **ids, "flowSpec": {"id": "71471eba-b620-49e4-90fd-23f1fa0174d8", "version": "1.0"},
        "transformations": [{"name": "GeneralTransform", "params": legacy_params()}],
    }  # fmt: skip
    server.call("POST", f"{FLOW}/flows", flow)


def test_a_live_value_that_no_author_may_write_is_exported_and_accepted(live: Cli, server: Server) -> None:
    seeded(server)
    done = live.ok("export", "--out", "found", "--adopt")
    assert "Not exported" not in done.err
    assert "Not written" not in done.err
    spec = yaml.safe_load((live.folder / "found" / "letters.yaml").read_text(encoding="utf-8"))["spec"]
    kept = [{key: value for key, value in item.items() if not key.endswith("Time")} for item in SELECTORS]
    assert spec["audiences"] == kept
    assert spec["attributes"] == ATTRIBUTES
    assert spec["mandatoryFields"] == ["person.name.lastName"]
    live.ok("validate", "found")
    assert live.changes("found") == {}
    path = live.folder / "found" / "letters.yaml"
    spec["audiences"][1]["name"] = "Renamed"
    document = yaml.safe_load(path.read_text(encoding="utf-8")) | {"spec": spec}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    live.ok("plan", "found")
    spec["audiences"][1]["schedule"]["startTime"] = "22:00"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    refused = live("apply", "-y", "found")
    assert refused.code == 1
    assert "frequency must be one of" in refused.err


def test_a_member_that_no_manifest_can_say_is_listed(live: Cli, server: Server) -> None:
    seeded(server)
    [found] = server.storage_items("flows")
    text = json.dumps(found).replace('"createTime": "1"', '"noted": "x"')
    with server.storage.transaction():
        server.storage.put("ORG@AdobeOrg\x1fdev", "flows", {**json.loads(text), "state": "enabled"})
    done = live.ok("export", "--out", "found")
    assert "'Letters': audience.noted" in done.err


def test_a_masked_parameter_is_no_drift(live: Cli, server: Server) -> None:
    params = {"connectionString": "s3cr3t", "container": "files"}
    block = {"connectionSpec": BLOB, "auth": {"specName": "ConnectionString", "params": params}}
    live.write("pasted.yaml", manifest("Connection", **block))
    live.ok("apply", "-y", "--allow-literal-secrets")
    server.edit("connections", live.id("pasted"), {"op": "replace", "path": "/auth/params/container", "value": "****"})
    assert live("drift", "--allow-literal-secrets").code == 0
    server.edit("connections", live.id("pasted"), {"op": "remove", "path": "/auth/params/container"})
    assert live("drift", "--allow-literal-secrets").code == 0
    assert live.changes("--allow-literal-secrets") == {}


def test_a_dataset_that_exists_tells_the_schema_of_the_mapping(live: Cli, server: Server) -> None:
    schema = {"id": SCHEMA, "contentType": XED}
    [made] = server.call("POST", "/data/foundation/catalog/dataSets", {"name": "D", "schemaRef": schema})
    source = {"name": "S", "connectionSpec": {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}}
    target = {"name": "T", "params": {"dataSetId": made.rpartition("/")[2]}}
    rows = [{"source": "a", "destination": "_t.a"}]
    live.write("pasted.yaml", manifest("SourceDataflow", source=source, target=target, mapping=rows))
    live.ok("apply", "-y")
    [sent] = server.bodies("POST", f"{PREP}/mappingSets")
    assert sent["outputSchema"] == {"schemaRef": schema}
    [sent] = server.bodies("POST", f"{FLOW}/targetConnections")
    assert "data" not in sent
    assert live.changes() == {}
