"""The file of the emulator: whom it lets read."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from reconciler.emulator.storage import Storage, StorageError


def test_the_file_and_its_journals_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        storage = Storage(str(tmp_path / "emulator.db"))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    storage.close()
    assert "emulator.db" in modes
    assert set(modes.values()) == {0o600}


def test_an_older_file_of_the_emulator_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "emulator.db"
    Storage(str(path)).close()
    identity = Storage(str(path)).identity
    assert Storage(str(path)).identity == identity
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() != (0,)


def test_a_file_that_cannot_be_created_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be used: No such file or directory"):
        Storage(str(tmp_path / "missing" / "emulator.db"))
