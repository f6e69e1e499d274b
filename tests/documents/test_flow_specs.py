"""The HTTP API has a flow spec for mapped data and one for XDM data, which is not mapped (http.md)."""

from __future__ import annotations

import pytest
import yaml

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
