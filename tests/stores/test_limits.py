"""Where a state cannot be kept is said before anything is sent."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import Cli, Server


def test_a_full_disk(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(f_blocks=1000, f_bavail=3, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    live.example("customer-io")
    refused = live("apply", "-y")
    assert refused.code == 1
    assert "No space left on device (free some space, or choose another with --state-dir)" in refused.err
    assert server.requests == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_file_system_that_cannot_do_it(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os if step == "fsync" else Path, step, refuse)
    live.example("customer-io")
    refused = live("apply", "-y")
    assert "Read-only file system (fix its permissions, or choose another with --state-dir)" in refused.err
    assert server.requests == []


def test_a_file_system_without_locks(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    live.example("customer-io")
    refused = live("apply", "-y")
    assert "gives no locks: No locks available" in refused.err
    assert server.requests == []


def test_a_state_mounted_by_itself(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "default.json")
    live.example("customer-io")
    refused = live("apply", "-y")
    assert "default.json is a mount of its own" in refused.err
    assert "mount its folder" in refused.err
    assert server.requests == []


def test_a_state_that_is_a_link_is_written_where_it_points(live: Cli, tmp_path: Path) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    there = tmp_path / "elsewhere" / "shared.json"
    there.parent.mkdir()
    link = live.folder / "state" / "default.json"
    link.rename(there)
    link.symlink_to(there)
    live.edit("customer-io.yaml", "Streaming Dataflow for", "Another Dataflow for")
    live.ok("apply", "-y")
    assert link.is_symlink()
    assert json.loads(there.read_text())["serial"] == 2
    assert live("plan", "--detailed-exitcode").code == 0
