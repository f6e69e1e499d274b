"""The state file: its checksum, its entries, its place; and the files beside it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.interning import Interner
from reconciler.core.problems import StateError
from reconciler.core.provenance import Provenance
from reconciler.core.state.model import Entry, Record, State
from reconciler.stores.local import local_store
from reconciler.stores.text import checked_state, line_of, parts_of, state_text
from tests.conftest import Cli

Edit = Callable[[dict[str, Any]], object]


def entries(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(data["resources"].values())


def applied(cli: Cli) -> Path:
    """Return the state file of an applied example."""
    cli.example("customer-io")
    cli.ok("apply", "--emulator", "-y")
    return cli.folder / "state" / "default.json"


def edit(path: Path, change: Edit) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data, indent=2, sort_keys=True), encoding="utf-8")


# -- the checksum -------------------------------------------------------------------------------------------------
def test_an_edited_state_stops_writers_and_not_readers(cli: Cli) -> None:
    path = applied(cli)
    edit(path, lambda data: data["resources"]["customer-io/flow"]["applied"].update(description="edited"))
    before = path.read_bytes()
    for command in (("plan",), ("drift",), ("state", "list"), ("state", "show", "customer-io/flow")):
        assert cli(*command, "--emulator").code in (0, 2), command
    assert "warning: the checksum of" in cli("plan", "--emulator").err
    for command in (
        ("apply", "-y"),
        ("destroy", "-y"),
        ("state", "mv", "customer-io", "x"),
        ("state", "rm", "customer-io"),
    ):
        result = cli(*command, "--emulator")
        assert result.code == 1, command
        assert "was edited by hand, or written in part" in result.err
    assert path.read_bytes() == before
    assert cli("state", "push", path, "--emulator").code == 1
    cli.ok("state", "push", path, "--force", "--emulator")
    cli.ok("apply", "--emulator", "-y")


def test_the_layout_does_not_count(cli: Cli) -> None:
    path = applied(cli)
    path.write_text(json.dumps(json.loads(path.read_bytes())), encoding="utf-8")
    cli.ok("state", "mv", "customer-io", "x", "--emulator")
    pulled = cli.write("pulled.json", cli.ok("state", "pull", "--emulator").out.replace("\n", "\r\n"))
    cli.ok("state", "push", pulled, "--emulator")
    assert "x/flow" in json.loads(path.read_bytes())["resources"]


def test_a_state_of_version_1_goes_on(cli: Cli) -> None:
    path = applied(cli)
    edit(path, lambda data: (data.pop("checksum"), data.update(version=1)))
    assert cli.changes("--emulator") == {}
    cli.ok("state", "mv", "customer-io", "x", "--emulator")
    written = json.loads(path.read_bytes())
    assert written["version"] == 2
    assert written["checksum"].startswith("sha256:")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.update(version=3), "newer reconciler"),
        (lambda data: data.update(sandbox="other"), "belongs to sandbox 'other'"),
        (lambda data: data.update(environment="prod"), "belongs to environment 'prod'"),
        (lambda data: entries(data)[0].update(kind="Nothing"), "is of the unknown kind 'Nothing'"),
        (lambda data: entries(data)[0].update(kind=entries(data)[1]["kind"], id=entries(data)[1]["id"]), "both bound"),
        *((lambda data, ident=ident: entries(data)[0].update(id=ident), "invalid id")
          for ident in ("a?b", "a#b", "//evil", "../connections/ID", "", "a\n", "a b", "..", 7,
                        None, "https://x/../y", "a%2f")),
        (lambda data: entries(data)[0].pop("id"), "id is missing"),
        (lambda data: entries(data)[0].update(dependencies="x"), "invalid dependencies"),
        (lambda data: entries(data)[0].update(applied={"x": {"$reconciler/fingerprint": "zz"}}), "invalid fingerprint"),
        (lambda data: entries(data)[0].update(applied={"x": {"$reconciler/ref": 5}}), "invalid reference"),
        (lambda data: data["resources"].update({"a\nb": entries(data)[0]}), "invalid address"),
        (lambda data: data.update(resources=[]), "not a usable state file"),
        (lambda data: data.update(pending={"a": {"action": "drop", "kind": "Flow", "at": 1}}), "invalid action"),
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_used_is_told(cli: Cli, change: Edit, says: str) -> None:
    path = applied(cli)
    edit(path, change)
    before = path.read_bytes()
    for command in ("plan", "apply"):
        result = cli(command, "--emulator", *(["-y"] if command == "apply" else []))
        assert result.code == 1
        assert says in result.err
        assert "internal error" not in result.err
    assert path.read_bytes() == before


def test_a_wrong_entry_can_be_taken_out(cli: Cli) -> None:
    state = State("l", "default", "p", "o", "s", 1, {"a": Entry("Flow", "1"), "b": Entry("Flow", "1")})
    (cli.folder / "state").mkdir()
    (cli.folder / "state" / "default.json").write_bytes(b"".join(state_text(state)))
    cli.ok("state", "rm", "b")
    assert cli.ok("state", "list").out == "a\n"


def test_a_state_of_another_environment_is_pushed_by_force_alone(cli: Cli) -> None:
    path = applied(cli)
    refused = cli("state", "push", path, "--env", "prod", "--emulator")
    assert "is of environment 'default', not 'prod'" in refused.err
    cli.ok("state", "push", path, "--env", "prod", "--emulator", "--force")
    assert cli.ok("plan", "--env", "prod", "--emulator", "--format", "json").json()["changes"] == []


# -- nothing unreadable is written --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "entry",
    [
        Entry("Flow", "a b"),
        Entry("Flow", "1", applied={"name": "\ud800"}),
        Entry("Flow", "1", provenance=Provenance("\udcff")),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, entry: Entry) -> None:
    store = local_store(tmp_path, "default")
    store.lock("test")
    store.begin(State("l", "default", "p", "o", "s"))
    before = (tmp_path / "default.json").read_bytes()
    with pytest.raises(StateError):
        asyncio.run(store.append([Record("bound", "a", entry=entry)]))
    with pytest.raises(StateError):
        store.replace(State("l", "default", "p", "o", "s", 0, {"a": entry}), None)
    asyncio.run(store.append([Record("bound", "b", entry=Entry("Flow", "2"))]))
    store.commit()
    store.unlock()
    assert json.loads((tmp_path / "default.json.backup").read_bytes()) == json.loads(before)
    read = local_store(tmp_path, "default").read()
    assert read is not None
    assert set(read.resources) == {"b"}
    with pytest.raises(StateError):
        line_of(Record("bound", "a", entry=entry))


def test_every_change_of_one_character_is_seen() -> None:
    entry = Entry("Flow", "i1", applied={"name": "n", "count": 10})
    text = b"".join(state_text(State("l", "default", "p", "o", "s", 4, {"a": entry, "b": Entry("Flow", "i2")})))
    state, doubt = checked_state(parts_of(text), "x", Interner())
    assert doubt is None
    for place in range(len(text)):
        if not chr(text[place]).isalnum():
            continue
        changed = text[:place] + (b"7" if text[place : place + 1] != b"7" else b"6") + text[place + 1 :]
        try:
            other, doubt = checked_state(parts_of(changed), "x", Interner())
        except StateError:
            continue
        assert doubt is not None or other == state, changed[max(0, place - 20) : place + 20]


# -- files --------------------------------------------------------------------------------------------------------
def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    store = local_store(folder, "default")
    store.lock("test")
    store.begin(State("l", "default", "p", "o", "s"))
    asyncio.run(store.append([Record("bound", "a", entry=Entry("Flow", "1"))]))
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(("default.json", "default.journal", "default.lock"), 0o600)
    store.commit()
    store.unlock()
    assert (folder / "default.json.backup").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


SIDE_FILES = ("lock", "json.probe", "json.tmp", "json.backup.tmp", "json.backup", "journal")


@pytest.mark.parametrize("name", SIDE_FILES)
def test_no_file_beside_the_state_follows_a_link(cli: Cli, tmp_path: Path, name: str) -> None:
    path = applied(cli)
    target = tmp_path / "precious"
    target.write_text("precious")
    link = path.with_name(f"default.{name}")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    result = cli("state", "mv", "customer-io", "x", "--emulator")
    assert target.read_text() == "precious"
    assert result.code == (1 if name in ("lock", "journal") else 0), result.err
    if result.code:
        assert f"default.{name} is a symbolic link: remove it" in result.err


@pytest.mark.parametrize("name", ["json", "lock", "journal"])
def test_a_pipe_in_the_place_of_a_file_is_told(cli: Cli, name: str) -> None:
    path = applied(cli).with_name(f"default.{name}")
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    result = cli("apply", "--emulator", "-y")
    assert result.code == 1
    assert f"default.{name} is not a regular file" in result.err
