"""`state mv|rm|pull|push|unlock|rebuild`: the state alone is written, under the lock, with a backup."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from reconciler.stores.local import local_store
from reconciler.stores.text import _sum_of
from tests.cli.test_every_field import EXAMPLES
from tests.conftest import FLOW, PREP, Cli, Server


def ids(cli: Cli) -> dict[str, str]:
    """Return what is bound: address -> id."""
    return {name: item["id"] for name, item in cli.state["resources"].items()}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_lost_state_ends_in_adoption(
    live: Cli, server: Server, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_FINGERPRINT_KEY", "key")
    live.example(example)
    live.ok("apply", "-y")
    before = ids(live)
    shutil.rmtree(live.folder / "state")
    server.clear()
    said = live.ok("state", "rebuild", "-y")
    assert f"{len(before)} objects bound" in said.out, said.err
    assert server.writes() == []
    assert ids(live) == before
    assert live.changes() == {}
    live.ok("apply", "-y")
    assert server.writes() == []


def test_what_is_not_there_or_is_there_twice_is_told_and_left(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    before = ids(live)
    flow = server.get("flows", before["kinesis-summer/flow"])
    twin = {key: flow[key] for key in ("name", "description", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    made = server.call("POST", f"{FLOW}/flows", {**twin, "transformations": flow["transformations"]})["id"]
    shutil.rmtree(live.folder / "state")
    live.example("customer-io")
    found = live.ok("state", "rebuild", "-y")
    assert "kinesis-summer/flow: warning: 2 objects could be it" in found.err
    assert made in found.err
    assert "reconciler import 'kinesis-summer/flow' ID" in found.err
    assert "customer-io/flow: warning: nothing of its name shows what is declared" in found.err
    assert "kinesis-summer/flow" not in live.state["resources"]
    assert ids(live)["kinesis-summer/target"] == before["kinesis-summer/target"]


def test_a_partial_state_is_completed(live: Cli, server: Server) -> None:
    live.example("s3-loyalty")
    live.ok("apply", "-y")
    before = ids(live)
    live.ok("state", "rm", "loyalty", "loyalty-data")
    assert set(ids(live)) == {"loyalty-bucket", "loyalty-fields", "loyalty-schema"}
    live.ok("state", "rebuild", "-y")
    assert ids(live) == before
    assert live.changes() == {}
    assert "Nothing to bind" in live.ok("state", "rebuild", "-y").out


def test_without_a_terminal_it_asks_for_approval(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    shutil.rmtree(live.folder / "state")
    assert live("state", "rebuild").code == 1
    assert not (live.folder / "state" / "default.json").exists()


def test_an_address_is_renamed_with_all_below_it(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    before = ids(live)
    said = live.ok("state", "mv", "customer-io", "webhook")
    assert "customer-io/flow → webhook/flow" in said.out
    live.write(
        "customer-io.yaml",
        (live.folder / "customer-io.yaml").read_text().replace("name: customer-io", "name: webhook", 1),
    )
    assert {name.partition("/")[2]: ident for name, ident in ids(live).items()} == {
        name.partition("/")[2]: ident for name, ident in before.items()
    }
    assert live.changes() == {}
    assert (live.folder / "state" / "default.json.backup").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("mv", "customer", "x"), "the state has no entry 'customer'"),
        (("mv", "customer-io/flow", "customer-io/source"), "customer-io/source is in the state already"),
        (("rm", "nothing/here"), "the state has no entry 'nothing/here'"),
        (("push", "none.json"), "none.json cannot be read as a state"),
        (("push", "customer-io.yaml"), "cannot be read as a state"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_changes(live: Cli, args: tuple[str, ...], says: str) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    before = live.state
    found = live("state", *args)
    assert found.code == 1
    assert says in found.err
    assert live.state == before


def test_what_is_removed_stays_on_the_platform(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    assert f"its object {flow} stays" in live.ok("state", "rm", "customer-io/flow").out
    assert server.get("flows", flow)
    assert "customer-io/flow" not in live.state["resources"]


def edited(**changes: Any) -> Any:
    """Return what changes a state."""
    return lambda state: {**state, **changes}


def sound(state: dict[str, Any]) -> dict[str, Any]:
    """Return a state with the checksum of its content."""
    return {**state, "checksum": _sum_of(state)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edited(lineage="another"), "has lineage 'another'"),
        (edited(sandbox="prod"), "has sandbox 'prod'"),
        (edited(serial=0), "it is older"),
        (edited(version=99), "upgrade reconciler"),
    ],
)
def test_another_or_older_state_is_not_pushed(live: Cli, change: Any, says: str) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    before = live.state
    live.write("new.json", json.dumps(change(before)))
    found = live("state", "push", "new.json")
    assert found.code == 1
    assert says in found.err
    assert live.state == before


def test_pull_and_push_are_the_way_there_and_back(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    pulled = live.ok("state", "pull")
    assert pulled.json() == live.state
    live.ok("state", "rm", "customer-io/flow")
    live.write("old.json", pulled.out)
    assert "older" in live("state", "push", "old.json").err
    serial = live.state["serial"]
    live.ok("state", "push", "old.json", "--force")
    assert set(live.state["resources"]) == set(pulled.json()["resources"])
    assert live.state["serial"] > serial, "whoever holds a plan of the state before is told"
    assert live.changes() == {}


def test_the_lock_is_heeded_and_named(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    holder = local_store(live.folder / "state", "default")
    holder.lock("a long apply")
    try:
        for args in (("mv", "customer-io", "x"), ("rm", "customer-io"), ("rebuild", "-y"), ("unlock",)):
            found = live("state", *args)
            assert found.code == 1
            assert "locked by a long apply" in found.err
    finally:
        holder.unlock()
    assert "not locked" in live.ok("state", "unlock").out


def test_without_a_state_there_is_nothing_to_put_right(live: Cli) -> None:
    live.example("customer-io")
    for args in (("mv", "a", "b"), ("rm", "a"), ("pull",)):
        assert "there is no state at" in live("state", *args).err


def test_a_first_apply_warns_of_what_is_there_already(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.example("customer-io")
    assert "exists already" not in live.ok("plan").out
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    live.edit("customer-io.yaml", "description: Streaming Dataflow", "description: Another Dataflow")
    said = live.ok("plan", "--state-dir", "lost")
    words = " ".join(said.out.split())
    assert f"kinesis-summer/flow: {flow} exists already with the same content" in words
    assert "reconciler adopt" in words
    assert "reconciler state rebuild if the state was lost" in words
    assert "customer-io/flow: " not in said.out.partition("arning")[2], "that one is of another content"
    assert "exists already" not in live.ok("plan", "--state-dir", "lost", "--no-checks").out
    server.before.append(lambda request: (403, [], {}) if request.path == f"{FLOW}/flows" else None)
    live.ok("plan", "--state-dir", "lost")


def test_a_broken_state_is_mended_by_a_push_that_is_forced(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    good = live.ok("state", "pull").out
    live.write("good.json", good)
    live.write("state/default.json", good[:100])
    assert "not valid JSON" in live("state", "push", "good.json").err
    live.ok("state", "push", "good.json", "--force")
    assert live.changes() == {}


def test_a_push_does_not_lose_what_a_killed_run_was_about_to_do(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    state = live.state
    live.write("old.json", json.dumps({**state, "serial": 99}))
    intent = {"action": "create", "kind": "Flow", "at": 1, "name": "x", "body": {"name": "x"}, "dependencies": []}
    live.write("state/default.json", json.dumps(sound({**state, "pending": {"more/flow": intent}})))
    refused = live("state", "push", "old.json")
    assert refused.code == 1
    assert "an interrupted run left an intent for more/flow" in refused.err
    assert "more/flow" in live.state["pending"]


def test_an_import_keeps_the_old_object_of_a_replace(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    state = live.state
    entry = state["resources"]["kinesis-summer/flow"]
    ident, old = entry["id"], {"id": "old-one", "kind": "Flow", "dependencies": []}
    state["resources"]["kinesis-summer/flow"] = {**entry, "id": "", "etag": None, "applied": None, "deposed": [old]}
    live.write("state/default.json", json.dumps(sound(state)))
    live.ok("import", "kinesis-summer/flow", ident)
    assert live.state["resources"]["kinesis-summer/flow"]["deposed"] == [old]


@pytest.mark.parametrize("way", ["rebuild", "import"])
def test_a_mapping_is_bound_in_the_version_its_flow_is_pinned_to(live: Cli, server: Server, way: str) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    before = live.state["resources"]
    ident = before["customer-io/mapping"]["id"]
    body = server.call("GET", f"{PREP}/mappingSets/{ident}")
    rows = [{key: row[key] for key in ("sourceType", "source", "destination")} for row in body["mappings"]]
    server.call("PUT", f"{PREP}/mappingSets/{ident}", {"outputSchema": body["outputSchema"], "mappings": rows[:1]})
    shutil.rmtree(live.folder / "state")
    for address in ("source", "target", "flow", "mapping") if way == "import" else ():
        live.ok("import", f"customer-io/{address}", before[f"customer-io/{address}"]["id"])
    if way == "rebuild":
        live.ok("state", "rebuild", "-y")
    found = live.state["resources"]["customer-io/mapping"]
    assert found["outputs"] == before["customer-io/mapping"]["outputs"]
    assert len(found["applied"]["mappings"]) == len(rows) > 1
    assert live.changes() == {}
    assert live("drift").code == 0, "nobody uses the newer version"


def test_what_is_bound_is_nobody_elses(live: Cli, server: Server) -> None:
    text = (
        "apiVersion: reconciler/v1\nkind: Connection\nmetadata: {{name: {0}}}\n"
        'spec: {{name: Same, connectionSpec: {{id: 8a9c3494-9708-43d7-ae3f-cda01e5030e1, version: "1.0"}}}}\n'
    )
    live.write("one.yaml", text.format("one"))
    live.ok("apply", "-y")
    bound = live.id("one")
    live.write("two.yaml", text.format("two"))
    said = live.ok("state", "rebuild", "-y")
    assert "two: warning: nothing of its name shows what is declared" in said.err
    assert ids(live) == {"one": bound}
    live.ok("apply", "-y")
    shutil.rmtree(live.folder / "state")
    said = live.ok("state", "rebuild", "-y")
    assert said.err.count("2 objects could be it") == 2, "who is who cannot be told"
