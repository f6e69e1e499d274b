"""Intents of an interrupted run under surgery: they move, are bound and are dropped with their addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.api import retry
from tests.conftest import FLOW, Cli, Server
from tests.wire.test_faults import Once

PROJECT = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n  moved:\n"
SPECS = ("8a9c3494-9708-43d7-ae3f-cda01e5030e1", "c604ff05-7f1a-43c0-8e18-33bf874cb11c")


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.001)


def account(name: str, spec: str = SPECS[0]) -> str:
    """Return the manifest of an account of the name `Same`."""
    return (
        f"apiVersion: reconciler/v1\nkind: Connection\nmetadata: {{name: {name}}}\n"
        f'spec: {{name: Same, connectionSpec: {{id: {spec}, version: "1.0"}}}}\n'
    )


def interrupted(live: Cli, server: Server, path: str = "connections") -> set[str]:
    """Apply, and lose the answer to the create of an object; return the ids that were made unseen."""
    before = {item["id"] for item in server.storage_items(path)}
    drop = Once("POST", f"{FLOW}/{path}", "drop")
    server.after.append(drop)
    server.before.append(Once("GET", f"{FLOW}/{path}", (403, [], {"message": "lists are down"}), after=drop))
    failed = live("apply", "-y", "--settle", "0.1", "--no-checks")
    assert failed.code == 1
    assert drop.left == 0, failed.err
    return {item["id"] for item in server.storage_items(path)} - before


# -- moves -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["mv", "moved", "chain", "journal"])
def test_an_intent_moves_with_its_address(live: Cli, server: Server, way: str) -> None:
    live.write("one.yaml", account("one"))
    (made,) = interrupted(live, server)
    assert set(live.state["pending"]) == {"one"}
    (live.folder / "one.yaml").unlink()
    live.write("two.yaml", account("two"))
    if way == "mv":
        assert "one → two" in live.ok("state", "mv", "one", "two").out
        assert set(live.state["pending"]) == {"two"}
    else:
        lines = {
            "moved": "    - {from: one, to: two}\n",
            "chain": "    - {from: one, to: middle}\n    - {from: middle, to: two}\n",
            "journal": "    - {from: middle, to: two}\n    - {from: one, to: middle}\n",
        }[way]
        live.write("reconciler.yaml", PROJECT + lines)
    assert live.changes() == {}
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("two") == made
    assert live.state["pending"] == {}
    assert [item["id"] for item in server.items("connections")] == [made]


def test_what_an_intent_depends_on_moves_in_it(live: Cli, server: Server) -> None:
    live.example("customer-io")
    (made,) = interrupted(live, server, "flows")
    text = (live.folder / "customer-io.yaml").read_text()
    live.write("customer-io.yaml", text.replace("name: customer-io", "name: webhook", 1))
    live.ok("state", "mv", "customer-io", "webhook")
    needs = live.state["pending"]["webhook/flow"]["dependencies"]
    assert needs
    assert all(name.startswith("webhook/") for name in needs)
    assert live.changes() == {}
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("webhook/flow") == made
    assert live.state["resources"]["webhook/flow"]["dependencies"] == needs
    live.ok("destroy", "-y")
    assert server.items("flows") == []


def test_an_address_with_an_intent_is_not_free(live: Cli, server: Server) -> None:
    live.write("other.yaml", account("other").replace("Same", "Other"))
    live.ok("apply", "-y")
    live.write("one.yaml", account("one"))
    interrupted(live, server)
    refused = live("state", "mv", "other", "one")
    assert refused.code == 1
    assert "one is in the state already" in refused.err
    live.write("reconciler.yaml", PROJECT + "    - {from: other, to: one}\n")
    assert live.changes() == {}, "a line that cannot be followed moves nothing"


def test_an_intent_that_is_forgotten_is_told(live: Cli, server: Server) -> None:
    live.write("one.yaml", account("one"))
    (made,) = interrupted(live, server)
    said = live.ok("state", "rm", "one").out
    assert said == "one: forgotten; an interrupted run may have created an object for it, which stays, too\n"
    assert live.state["pending"] == {}
    (live.folder / "one.yaml").unlink()
    live.write("two.yaml", account("two"))
    live.ok("apply", "-y", "--settle", "0.1")
    ids = {item["id"] for item in server.items("connections")}
    assert ids == {made, live.id("two")}, "it is nobody's, and nobody deletes it"


# -- import ----------------------------------------------------------------------------------------------------------
def replaced(live: Cli, server: Server) -> tuple[str, str]:
    """Interrupt a replace; return the ids of the old object and of the new one."""
    live.write("one.yaml", account("one"))
    live.ok("apply", "-y")
    live.write("one.yaml", account("one", SPECS[1]))
    (new,) = interrupted(live, server)
    return live.id("one"), new


def twin(server: Server, ident: str) -> str:
    """Make an equal object with the same credential, as another run of the same project might."""
    body = server.get("connections", ident)
    wanted = {key: body[key] for key in ("name", "connectionSpec")}
    return str(server.call("POST", f"{FLOW}/connections", wanted, **{"x-api-key": "client"})["id"])


def test_an_interrupted_replace_is_finished(live: Cli, server: Server) -> None:
    _, new = replaced(live, server)
    live.ok("apply", "-y", "--settle", "0.1")
    assert live.id("one") == new
    assert [item["id"] for item in server.items("connections")] == [new]
    assert live.changes() == {}


def test_the_new_object_of_an_interrupted_replace_is_imported(live: Cli, server: Server) -> None:
    old, new = replaced(live, server)
    theirs = twin(server, new)
    refused = live("apply", "-y", "--settle", "0.1")
    assert "may be its result" in refused.err
    assert "reconciler import 'one' ID" in refused.err
    live.ok("import", "one", new)
    entry = live.state["resources"]["one"]
    assert (entry["id"], [item["id"] for item in entry["deposed"]]) == (new, [old])
    assert live.state["pending"] == {}
    assert live.changes() == {"one": "delete"}, "the old object"
    live.ok("apply", "-y")
    assert {item["id"] for item in server.items("connections")} == {new, theirs}
    assert live.changes() == {}


def test_an_import_of_the_object_that_is_replaced_is_refused(live: Cli, server: Server) -> None:
    old, new = replaced(live, server)
    refused = live("import", "one", old)
    assert refused.code == 1
    assert f"bound to {old} already, and an interrupted run was about to replace that object" in refused.err
    assert "give the id of the new object; or run reconciler apply, which looks for it" in refused.err
    assert set(live.state["pending"]) == {"one"}
    assert live.id("one") == old
    assert new


def test_a_bound_address_without_a_replace_takes_no_other_object(live: Cli, server: Server) -> None:
    live.write("one.yaml", account("one"))
    live.ok("apply", "-y")
    bound = live.id("one")
    refused = live("import", "one", twin(server, bound))
    assert refused.code == 1
    assert f"the address is bound to {bound} already (see: reconciler state show one)" in refused.err


@pytest.mark.parametrize("way", ["import", "adopt"])
def test_the_old_object_of_a_replace_is_bound_to_no_other_address(
    live: Cli, server: Server, way: str, tmp_path: Path
) -> None:
    """The next apply deletes it: an address that was bound to it would lose its object."""
    old, new = replaced(live, server)
    live.ok("import", "one", new)
    live.write("two.yaml", account("two"))
    if way == "import":
        refused = live("import", "two", old)
        assert refused.code == 1
        assert f"{old} is the old object of a replace of one: the next apply deletes it" in refused.err
    else:
        live.ok("adopt", "-y")
    assert "two" not in live.state["resources"]
    live.ok("apply", "-y")
    assert {item["id"] for item in server.items("connections")} == {new, live.id("two")}
