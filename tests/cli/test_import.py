"""`import ADDRESS ID`: what exists becomes ours without a write to the platform."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.test_every_field import EXAMPLES
from tests.conftest import FLOW, Cli, Server


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_object_of_every_example_is_imported_and_plans_to_nothing(
    live: Cli, server: Server, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_FINGERPRINT_KEY", "key")
    live.example(example)
    live.ok("apply", "-y")
    entries = live.state["resources"]
    shutil.rmtree(live.folder / "state")
    server.clear()
    for address, entry in entries.items():
        assert f"{address} is {entry['kind']} {entry['id']} now" in live.ok("import", address, entry["id"]).out
    assert server.writes() == []
    assert live.changes() == {}
    assert "unchecked" in live.ok("drift", "--format", "json").out
    live.ok("apply", "-y")
    assert live.changes() == {}, "and it stays so"
    assert server.writes() == []
    again = live.state["resources"]
    assert {name: item["id"] for name, item in again.items()} == {name: item["id"] for name, item in entries.items()}
    assert {name: item["dependencies"] for name, item in again.items()} == {
        name: item["dependencies"] for name, item in entries.items()
    }


def test_what_differs_is_in_the_next_plan(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    live.write("kinesis.yaml", (live.folder / "kinesis.yaml").read_text().replace("name: Summer campaign", "name: W"))
    entries = live.state["resources"]
    shutil.rmtree(live.folder / "state")
    for address, entry in entries.items():
        live.ok("import", address, entry["id"])
    plan = live.ok("plan", "--format", "json").json()
    [change] = plan["changes"]
    assert change["patch"] == [{"op": "replace", "path": "/name", "value": "W"}]
    assert change["reason"] == "changed in the manifest"
    live.ok("apply", "-y")
    assert server.get("flows", flow)["name"] == "W"


def test_secrets_are_sent_when_that_is_asked_for(live: Cli, server: Server) -> None:
    live.example("event-hubs")
    live.ok("apply", "-y")
    ident = live.id("event-hubs-account")
    shutil.rmtree(live.folder / "state")
    live.ok("import", "event-hubs-account", ident)
    server.clear()
    live.ok("apply", "-y", "--target", "event-hubs-account", "--send-secrets")
    [patch] = [item for item in server.writes() if item.method == "PATCH"]
    assert patch.body[0]["path"] == "/auth/params"
    assert patch.body[0]["value"]["sasKey"] == "canary-eventhubs-9d2e"
    server.clear()
    live.ok("apply", "-y", "--target", "event-hubs-account", "--send-secrets")
    assert server.writes() == [], "now it is known"


@pytest.mark.parametrize(
    ("address", "ident", "says"),
    [
        ("customer-io/flo", "x", "declares the address 'customer-io/flo' (did you mean 'customer-io/flow'?)"),
        ("customer-io/flow", "11111111-2222-4333-8444-555555555555", "there is no Flow with the id"),
    ],
)  # fmt: skip
def test_what_cannot_be_imported_is_told(live: Cli, address: str, ident: str, says: str) -> None:
    live.example("customer-io")
    found = live("import", address, ident)
    assert found.code == 1
    assert says in found.err
    assert not (live.folder / "state" / "default.json").exists() or live.state["resources"] == {}


def test_one_object_has_one_address(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    assert "is bound to" in live("import", "customer-io/flow", flow).err
    live.write(
        "more.yaml", (live.folder / "customer-io.yaml").read_text().replace("name: customer-io", "name: more", 1)
    )
    found = live("import", "more/flow", flow)
    assert found.code == 1
    assert f"{flow} is bound to customer-io/flow already" in found.err
    assert server.bodies("DELETE", f"{FLOW}/flows/{flow}") == []
