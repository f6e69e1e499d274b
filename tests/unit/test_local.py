"""A state in a folder: in which order it becomes durable, what is refused before anything is sent, what is read."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import Entry, Record, State
from reconciler.stores import local
from reconciler.stores.local import Folder, local_store
from reconciler.stores.store import Store

EMPTY = State("lineage", "dev", "https://p", "org", "sandbox")
BOUND = Record("bound", "a", entry=Entry("Flow", "1"))


_OPEN: list[Folder | Store] = []


def place(path: Path, environment: str) -> Folder:
    """Return a folder that is let go after the test."""
    made = Folder(path, environment)
    _OPEN.append(made)
    return made


def store(path: Path) -> Store:
    """Return a store that is let go after the test."""
    made = local_store(path, "dev")
    _OPEN.append(made)
    return made


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    """Release what a test locked."""
    yield
    while _OPEN:
        _OPEN.pop().unlock()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A locked folder of the environment `dev`."""
    made = place(tmp_path, "dev")
    made.lock("reconciler test", 0)
    return made


def problem(call: Callable[[], object]) -> Problem:
    with pytest.raises(StateError) as error:
        call()
    [found] = error.value.problems
    return found


def add(made: Folder, text: bytes) -> None:
    made.add(text, lambda: EMPTY)


class Disk:
    """Watches what is asked of the disk, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

        def on_fsync(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            self.done.append(f"fsync {path.name} {'' if path.is_dir() else path.stat().st_size}".strip())
            fsync(handle)

        def on_replace(path: Path, target: Path) -> Path:
            self.done.append(f"rename {path.name} {target.name}")
            return replace(path, target)

        def on_unlink(path: Path, missing_ok: bool = False) -> None:
            if path.exists():
                self.done.append(f"remove {path.name}")
            unlink(path, missing_ok)

        monkeypatch.setattr(os, "fsync", on_fsync)
        monkeypatch.setattr(Path, "replace", on_replace)
        monkeypatch.setattr(Path, "unlink", on_unlink)


@pytest.fixture
def disk(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk, watched from when the lock is held."""
    return Disk(monkeypatch)


# -- the order in which it becomes durable ------------------------------------------------------------------------
def test_a_state_is_on_the_disk_before_it_takes_the_place_of_the_one_before(folder: Folder, disk: Disk) -> None:
    folder.save(EMPTY)
    size = folder.path.stat().st_size
    assert size > 100
    assert disk.done == [
        f"fsync dev.json.tmp {size}",
        "rename dev.json.tmp dev.json",
        f"fsync {folder.path.parent.name}",
    ]


def test_the_state_before_is_kept_and_the_journal_goes_last(folder: Folder, disk: Disk, tmp_path: Path) -> None:
    folder.save(EMPTY)
    before = folder.path.read_bytes()
    folder.start(EMPTY)
    add(folder, b"{}\n")
    disk.done.clear()
    folder.save(State("lineage", "dev", "https://p", "org", "sandbox", 1))
    size = folder.path.stat().st_size
    assert disk.done == [
        f"fsync dev.json.tmp {size}",
        "rename dev.json.backup.tmp dev.json.backup",
        "rename dev.json.tmp dev.json",
        f"fsync {tmp_path.name}",
        "remove dev.journal",
    ]
    assert (tmp_path / "dev.json.backup").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.json", "dev.json.backup", "dev.lock"]


def test_a_line_of_the_journal_is_on_the_disk_when_it_is_told(folder: Folder, disk: Disk, tmp_path: Path) -> None:
    folder.start(EMPTY)
    add(folder, b'{"one":1}\n')
    journal = tmp_path / "dev.journal"
    first = journal.stat().st_size
    assert disk.done == [f"fsync dev.journal {first}"]
    add(folder, b'{"two":2}\n')
    assert disk.done[1:] == [f"fsync dev.journal {first + 10}"]
    header, *lines = journal.read_bytes().splitlines()
    assert b'"lineage":"lineage"' in header
    assert b'"serial":0' in header
    assert lines == [b'{"one":1}', b'{"two":2}']


def test_a_journal_begins_when_there_is_something_to_write(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "dev.journal").write_text("of a run before")
    folder.start(EMPTY)
    assert not (tmp_path / "dev.journal").exists()
    folder.start(EMPTY)
    assert not (tmp_path / "dev.journal").exists()


def test_after_a_fold_a_new_journal_begins(folder: Folder, tmp_path: Path) -> None:
    folder.start(EMPTY)
    add(folder, b"{}\n")
    after = folder.save(State("lineage", "dev", "https://p", "org", "sandbox", 1))
    assert after.serial == 1
    assert not (tmp_path / "dev.journal").exists()
    folder.start(after)
    add(folder, b"{}\n")
    header, line = (tmp_path / "dev.journal").read_bytes().splitlines()
    assert b'"serial":1' in header
    assert line == b"{}"


def test_nothing_is_added_without_the_lock(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        add(place(tmp_path, "dev"), b"{}\n")


def test_the_lock_is_tried_like_a_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    place(tmp_path, "dev").lock("reconciler test", 0)
    assert disk.done == [
        "fsync dev.json.probe 65536", "rename dev.json.probe dev.json.tmp", "remove dev.json.tmp",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["dev.lock"]


# -- refusals ------------------------------------------------------------------------------------------------------
def room(blocks: int, *, free: int, size: int = 4096) -> Callable[[Path], Any]:
    return lambda _: SimpleNamespace(f_blocks=blocks, f_bavail=free, f_frsize=size)


@pytest.mark.parametrize(
    ("spare", "fits"), [(64 * 1024 + 3000, True), (64 * 1024 + 2999, False), (64 * 1024, False), (0, False)]
)
def test_there_is_room_for_three_times_the_state(
    spare: int, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dev.json").write_bytes(b" " * 1000)
    monkeypatch.setattr(os, "statvfs", room(1, free=spare, size=1))
    made = place(tmp_path, "dev")
    if fits:
        made.lock("reconciler test", 0)
        assert made.held
        return
    found = problem(lambda: made.lock("reconciler test", 0))
    assert found.code == "state-not-writable"
    assert found.what == f"the state folder {tmp_path} cannot be written: No space left on device"
    assert found.next == "free some space, or choose another with --state-dir"
    assert not made.held


def test_blocks_of_any_size_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", room(1, free=16, size=4096))
    place(tmp_path, "dev").lock("reconciler test", 0)
    monkeypatch.setattr(os, "statvfs", room(1, free=15, size=4096))
    assert "No space" in problem(lambda: place(tmp_path, "prod").lock("reconciler test", 0)).what


def test_a_file_system_that_counts_no_blocks_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", room(0, free=0))
    made = place(tmp_path, "dev")
    made.lock("reconciler test", 0)
    assert made.held


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_is_told_before_anything_is_sent(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    made = place(tmp_path, "dev")
    found = problem(lambda: made.lock("reconciler test", 0))
    advice = "fix its permissions" if code == errno.EROFS else "free some space"
    assert found.next == f"{advice}, or choose another with --state-dir"
    assert found.what == f"the state folder {tmp_path} cannot be written: {os.strerror(code)}"
    assert not made.held
    assert [path.name for path in tmp_path.iterdir()] == ["dev.lock"], "nothing is left behind"


def test_an_error_without_words_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("odd")

    monkeypatch.setattr(os, "fsync", refuse)
    assert problem(lambda: place(tmp_path, "dev").lock("x", 0)).what.endswith("cannot be written: odd")


@pytest.mark.parametrize("name", ["dev.json", "dev.journal"])
def test_a_file_that_may_not_be_written_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text("")
    asked: list[tuple[str, int]] = []

    def access(path: Path, mode: int) -> bool:
        asked.append((path.name, mode))
        return False

    monkeypatch.setattr(os, "access", access)
    made = place(tmp_path, "dev")
    found = problem(lambda: made.lock("reconciler test", 0))
    assert found.code == "state-not-writable"
    assert found.what == f"the state folder {tmp_path} cannot be written: {name} may not be written"
    assert found.next == "fix its permissions, or choose another with --state-dir"
    assert asked == [(name, os.R_OK | os.W_OK)]
    assert not made.held


def test_files_that_are_not_there_need_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    made = place(tmp_path, "dev")
    made.lock("reconciler test", 0)
    assert made.held


@pytest.mark.parametrize("name", ["dev.json", "dev.journal"])
def test_a_file_mounted_by_itself_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == name)
    made = place(tmp_path, "dev")
    found = problem(lambda: made.lock("reconciler test", 0))
    assert found.code == "state-is-mount"
    assert found.what == f"{tmp_path / name} is a mount of its own and cannot be replaced in one step"
    assert found.next == f"mount its folder {tmp_path} instead"
    assert not made.held


def test_two_writers_are_one_too_many(folder: Folder, tmp_path: Path) -> None:
    other = place(tmp_path, "dev")
    found = problem(lambda: other.lock("reconciler apply", 0))
    assert found.code == "locked"
    assert "reconciler test" in found.what + found.next
    assert (folder.held, other.held) == (True, False)
    folder.unlock()
    other.lock("reconciler apply", 0)
    assert (folder.held, other.held) == (False, True)


def test_a_lock_is_waited_for_as_long_as_asked(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []
    other = place(tmp_path, "dev")
    monkeypatch.setattr(other._lock, "take", lambda command, timeout: asked.append((command, timeout)))
    other.lock("reconciler apply", 12.5)
    assert asked == [("reconciler apply", 12.5)]


def refusing(monkeypatch: pytest.MonkeyPatch, what: str, code: int = errno.ENOSPC) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os if what == "fsync" else Path, what, refuse)


@pytest.mark.parametrize("step", ["save", "add", "start", "retire"])
def test_a_disk_that_refuses_later_loses_nothing(
    step: str, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save(EMPTY)
    folder.start(EMPTY)
    refusing(monkeypatch, {"start": "unlink", "retire": "replace"}.get(step, "fsync"))
    calls: dict[str, Callable[[], object]] = {
        "save": lambda: folder.save(EMPTY),
        "add": lambda: add(folder, b"{}\n"),
        "start": lambda: folder.start(EMPTY),
        "retire": folder.retire,
    }
    found = problem(calls[step])
    assert found.code == "state-not-writable"
    assert found.what == f"the state in {tmp_path} cannot be written: No space left on device"
    assert found.next.startswith("free or fix the disk; what was done so far is in the journal")


def test_a_state_that_cannot_be_removed_after_a_save_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("odd")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert problem(lambda: folder.save(EMPTY)).what.endswith("cannot be written: odd")


# -- reading --------------------------------------------------------------------------------------------------------
def text(made: Folder) -> bytes | None:
    blocks = made.text()
    return None if blocks is None else b"".join(blocks())


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    made = place(tmp_path / "state", "dev")
    assert made.current(), "nothing was read, and nothing is there"
    assert text(made) is None
    assert not made.exists()
    assert not made.prepared()
    assert made.current()
    assert list(made.journals(EMPTY)) == []
    assert place(tmp_path, "dev").prepared()


def test_a_state_is_read_in_blocks(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_BLOCK", 10)
    folder.path.write_bytes(b"0123456789abcdefghijKL")
    blocks = folder.text()
    assert blocks is not None
    assert list(blocks()) == [b"0123456789", b"abcdefghij", b"KL"]
    assert list(blocks()) == [b"0123456789", b"abcdefghij", b"KL"], "as often as it is asked for"


def test_where_it_is(tmp_path: Path) -> None:
    made = place(tmp_path, "dev")
    assert made.where == str(tmp_path / "dev.json")
    assert made.path == tmp_path / "dev.json"
    assert made.taken_over is False
    assert isinstance(store(tmp_path), Store)
    assert store(tmp_path).where == made.where


def test_a_folder_stays_where_people_said_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert place(tmp_path / "link", "dev").where == str(tmp_path / "link" / "dev.json")


def test_a_link_is_followed(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "other.json").write_text("x")
    (tmp_path / "dev.json").symlink_to(there / "other.json")
    made = place(tmp_path, "dev")
    assert made.path == (there / "other.json").resolve()
    made.lock("reconciler test", 0)
    made.save(EMPTY)
    assert (tmp_path / "dev.json").is_symlink()
    assert sorted(path.name for path in there.iterdir()) == ["other.json", "other.json.backup", "other.lock"]


def test_a_file_that_was_replaced_since_is_not_current(folder: Folder, tmp_path: Path) -> None:
    folder.save(EMPTY)
    text(folder)
    assert folder.current()
    other = tmp_path / "other"
    other.write_bytes(folder.path.read_bytes())
    other.replace(folder.path)
    assert not folder.current()
    text(folder)
    assert folder.current()


@pytest.mark.parametrize("change", ["size", "time", "gone", "came"])
def test_a_file_that_changed_since_is_not_current(change: str, folder: Folder) -> None:
    if change != "came":
        folder.path.write_text("one")
    text(folder)
    assert folder.current()
    times = folder.path.stat() if change != "came" else None
    if change == "gone":
        folder.path.unlink()
    else:
        folder.path.write_text("longer" if change == "size" else "two")
    if times is not None and change != "gone":
        moved = times.st_mtime_ns + (1 if change == "time" else 0)
        os.utime(folder.path, ns=(times.st_atime_ns, moved))
    assert not folder.current()


def test_a_state_that_is_gone_while_its_journal_is_there_is_told(folder: Folder, tmp_path: Path) -> None:
    journal = tmp_path / "dev.journal"
    journal.write_bytes(b"")
    assert text(folder) is None, "an empty journal tells nothing"
    assert not folder.exists()
    journal.write_bytes(b"{}\n")
    for call in (folder.text, folder.exists):
        found = problem(call)
        assert found.code == "state-missing"
        assert found.what == f"{folder.path} is gone, but its journal dev.journal is still there"
        assert found.next == "restore dev.json from dev.json.backup or from git"


def test_a_state_that_cannot_be_read_is_told(folder: Folder) -> None:
    folder.path.mkdir()
    found = problem(folder.text)
    assert found.code == "state-unreadable"
    assert found.what == f"{folder.path} cannot be read: {folder.path.name} is not a regular file"


def test_a_state_that_is_gone_while_it_is_read_is_told(folder: Folder) -> None:
    folder.save(EMPTY)
    blocks = folder.text()
    assert blocks is not None
    folder.path.unlink()
    found = problem(lambda: list(blocks()))
    assert found.code == "state-unreadable"
    assert "No such file" in found.what


def test_a_journal_gives_its_whole_lines(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "dev.journal").write_bytes(b"header\none\n\ntwo\ncut off")
    assert list(folder.journals(EMPTY)) == [(str(tmp_path / "dev.journal"), [b"header", b"one", b"two"])]


def test_a_state_is_there_once_it_is_saved(folder: Folder) -> None:
    assert not folder.exists()
    folder.save(EMPTY)
    assert folder.exists()


# -- letting go -----------------------------------------------------------------------------------------------------
def test_a_lock_is_let_go_with_the_journal_open(folder: Folder, tmp_path: Path) -> None:
    folder.start(EMPTY)
    add(folder, b"{}\n")
    handle = folder._handle
    folder.unlock()
    assert handle.closed
    assert not folder.held
    assert (tmp_path / "dev.journal").exists(), "the next command folds it"
    folder.unlock()  # harmless
    folder.lock("reconciler test", 0)
    folder.start(EMPTY)
    add(folder, b"[]\n")
    assert (tmp_path / "dev.journal").read_bytes().endswith(b"}\n[]\n"), "a new journal was begun"


def test_a_journal_that_cannot_be_closed_does_not_keep_the_lock(folder: Folder) -> None:
    def refuse() -> None:
        raise OSError(errno.EIO, "odd")

    folder._handle = SimpleNamespace(close=refuse)
    folder.unlock()
    assert not folder.held


def test_a_lock_needs_nobody_to_release_it(tmp_path: Path) -> None:
    made = place(tmp_path, "dev")
    assert made.release("some id") == ("The state is not locked: the system released the lock when its holder ended.")
    assert not made.held
    made.lock("reconciler test", 0)
    with pytest.raises(StateError, match="reconciler test"):
        place(tmp_path, "dev").release("some id")


def test_a_release_takes_the_lock_in_its_own_name_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float]] = []
    made = place(tmp_path, "dev")
    monkeypatch.setattr(made._lock, "take", lambda command, timeout: asked.append((command, timeout)))
    made.release("some id")
    assert asked == [("reconciler state unlock", 0)]


def test_a_state_that_moved_elsewhere_is_put_away(folder: Folder, tmp_path: Path) -> None:
    folder.save(EMPTY)
    assert folder.retire() == str(tmp_path / "dev.json.moved")
    assert not folder.exists()
    assert (tmp_path / "dev.json.moved").exists()


# -- as a store -----------------------------------------------------------------------------------------------------
def test_what_a_killed_run_wrote_is_folded(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.lock("reconciler test")
    made.begin(EMPTY)
    asyncio.run(made.append([BOUND]))
    made.unlock()
    again = store(tmp_path)
    again.lock("reconciler test")
    state = again.begin(EMPTY)
    assert state.serial == 1
    assert state.resources == {"a": Entry("Flow", "1")}
    assert not (tmp_path / "dev.journal").exists()
    again.unlock()


def test_a_run_that_writes_nothing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = store(tmp_path)
    made.lock("reconciler test")
    made.begin(EMPTY)
    disk = Disk(monkeypatch)
    assert made.commit() == EMPTY
    assert disk.done == []
