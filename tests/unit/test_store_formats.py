"""Older and newer formats of a state are told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.problems import StateError
from reconciler.core.state import migrations
from reconciler.core.state.migrations import migrate, migrate_record
from reconciler.stores.local import local_store
from reconciler.stores.text import _sum_of
from tests.unit.test_state import EMPTY, store


def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    store(tmp_path, 1).unlock()
    journal = tmp_path / "default.journal"
    journal.write_text(journal.read_text().replace('{"version":2', '{"version":99', 1))
    with pytest.raises(StateError, match=r"newer reconciler \(state version 99"):
        local_store(tmp_path, "default").read()


def with_checksum(data: dict[str, Any]) -> bytes:
    """Return a state as its own version would have written it."""
    return json.dumps({**data, "checksum": _sum_of(data)}).encode()


# -- migrations ---------------------------------------------------------------------------------------------------
def renamed(data: dict[str, Any]) -> dict[str, Any]:
    """Take a format in which an entry's `kind` was called `type` to the next."""
    entries = {
        address: {"kind" if key == "type" else key: value for key, value in entry.items()}
        for address, entry in data["resources"].items()
    }
    return {**data, "resources": entries}


STEPS = {0: renamed, 1: lambda data: {**data, "more": True}}


def test_versions_are_taken_one_by_one() -> None:
    old = {"version": 0, "resources": {"a": {"type": "Flow", "id": "1"}}, "pending": {}}
    new = migrate(old, 0, to=2, steps=STEPS)
    assert new == {"version": 2, "resources": {"a": {"kind": "Flow", "id": "1"}}, "pending": {}, "more": True}
    assert migrate(old, 1, to=1, steps=STEPS) is old
    assert old["resources"]["a"] == {"type": "Flow", "id": "1"}, "what was read is not changed"
    with pytest.raises(ValueError, match="no known state version"):
        migrate(old, 0, to=3, steps=STEPS)


def test_a_line_of_a_journal_goes_the_same_way() -> None:
    line = {"event": "bound", "address": "a", "entry": {"type": "Flow", "id": "1"}}
    assert migrate_record(line, 0, to=1, steps=STEPS) == {**line, "entry": {"kind": "Flow", "id": "1"}}
    gone = {"event": "gone", "address": "a", "id": "1"}
    assert migrate_record(gone, 0, to=1, steps=STEPS) == gone


def test_an_old_state_and_its_journal_are_read_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the next version called `kind` what this one called `type`."""
    store(tmp_path, 2).unlock()
    for name in ("default.json", "default.journal"):
        path = tmp_path / name
        path.write_text(path.read_text().replace('"kind"', '"type"'))
    path = tmp_path / "default.json"
    path.write_bytes(with_checksum(json.loads(path.read_bytes())))
    monkeypatch.setattr(migrations, "STEPS", {2: renamed})
    for module in ("reconciler.core.state.codec", "reconciler.stores.text"):
        monkeypatch.setattr(f"{module}.VERSION", 3)
    monkeypatch.setattr("reconciler.core.state.codec.migrate", lambda data, version: migrate(data, version, to=3))
    monkeypatch.setattr(
        "reconciler.stores.text.migrate_record", lambda data, version: migrate_record(data, version, to=3)
    )
    writer = local_store(tmp_path, "default")
    writer.lock("test")
    state = writer.begin(EMPTY)
    writer.unlock()
    assert {name: entry.kind for name, entry in state.resources.items()} == {"a0": "Flow", "a1": "Flow"}
    written = json.loads((tmp_path / "default.json").read_text())
    assert written["version"] == 3
    assert json.loads((tmp_path / "default.json.backup").read_text())["version"] == 2
