"""The HTTP API has a flow spec for mapped data and one for XDM data, which is not mapped (http.md)."""

from __future__ import annotations

import json

import pytest
import yaml

from reconciler.catalog import shipped
from reconciler.convert.conversion import Input, convert
from reconciler.kinds.selectors import SELECTORS
from tests.conftest import FLOW, Cli, Server

MAPPED = "c1a19761-d2c7-4702-b9fa-fe91f0613e81"
PLAIN = "d8a6f005-7eaf-4153-983e-e8574508b877"


@pytest.mark.parametrize("mapped", [True, False])
def test_the_flow_spec_follows_the_mapping(live: Cli, server: Server, mapped: bool) -> None:
    live.example("http-api")
    (path,) = live.folder.rglob("http-api.yaml")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not mapped:
        del document["spec"]["mapping"]
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
    live.ok("apply", "-y")
    assert [body["flowSpec"]["id"] for body in server.bodies("POST", f"{FLOW}/flows")] == [MAPPED if mapped else PLAIN]
    assert live("plan", "--detailed-exitcode").code == 0

    live.afresh()
    live.ok("export", "--out", "found", "--adopt")
    (found,) = (live.folder / "found").rglob("web-events.yaml")
    assert "flowSpec" not in found.read_text(encoding="utf-8")
    assert live.ok("plan", "found", "--format", "json").json()["changes"] == []


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("ident", [MAPPED, PLAIN])
def test_a_converted_flow_keeps_its_flow_spec(mapped: bool, ident: str) -> None:
    """It is written in the manifest unless the manifest has it anyway."""
    http, lake = "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
    mapping = [{"name": "Mapping", "params": {"mappingId": "{MAPPING_ID}", "mappingVersion": 0}}]
    bodies = {
        "sourceConnections": {"name": "S", "connectionSpec": {"id": http, "version": "1.0"}, "baseConnectionId": "{B}"},
        "targetConnections": {
            "name": "T",
            "connectionSpec": {"id": lake, "version": "1.0"},
            "params": {"dataSetId": "{DATASET_ID}"},
        },
        "flows": {
            "name": "web events",
            "flowSpec": {"id": ident, "version": "1.0"},
            "sourceConnectionIds": ["{SOURCE}"],
            "targetConnectionIds": ["{TARGET}"],
            **({"transformations": mapping} if mapped else {}),
        },
    }
    calls = "\n".join(
        f"curl -X POST https://platform.adobe.io/data/foundation/flowservice/{kind} -d '{json.dumps(body)}'"
        for kind, body in bodies.items()
    )
    made = convert([Input("calls", calls, str)], [], shipped(), SELECTORS)
    (document,) = made.documents.values()
    spec = yaml.safe_load(document.text)["spec"]["flow"].get("flowSpec")
    assert spec == (None if ident == (MAPPED if mapped else PLAIN) else {"id": ident, "version": "1.0"})
