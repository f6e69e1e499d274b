"""State in a local folder: one JSON file an environment, a journal beside it, an OS lock.

<environment>.json      the state, replaced atomically      <environment>.json.backup   the one before
<environment>.journal   what happened since, one line each  <environment>.lock          who writes now
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from reconciler.core.codec import leaf_json, record_json, record_of, state_json, state_of, too_new
from reconciler.core.migrations import migrate_record
from reconciler.core.problems import Problem, StateError
from reconciler.core.state import VERSION, Entry, Pending, Record, State, fold, fold_into
from reconciler.stores.lock import FileLock

_ROOM = 64 * 1024
"""Bytes that must be free before anything is sent: the first intents of a run."""


class LocalStore:
    """The state of one environment in `folder`. Reading takes no lock; writing wants `lock` first."""

    def __init__(self, folder: Path, environment: str) -> None:
        named = folder / f"{environment}.json"
        # a state that is a link to another place is written there: a rename would only replace the link
        self.path = named.resolve() if named.is_symlink() else named
        self._folder = self.path.parent
        self._journal = self.path.with_suffix(".journal")
        self._lock = FileLock(self.path.with_suffix(".lock"))
        self._base: State | None = None
        self._handle: Any = None
        self._now: tuple[dict[str, Entry], dict[str, Pending]] = ({}, {})
        self._waiting: list[tuple[Sequence[Record], asyncio.Future[None]]] = []
        self._flushing = False

    # -- reading ---------------------------------------------------------------------------------------------
    def read(self) -> State | None:
        """Return the state with a left-over journal folded in, or None where there is none yet. Writes nothing.

        Raises `StateError` when the file or its journal is broken, of a newer version, or belongs elsewhere.
        """
        state = self._read_file()
        return state if state is None else fold(state, self._leftover(state))

    def _read_file(self) -> State | None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            if self._journal.exists() and self._journal.stat().st_size:
                raise StateError(
                    Problem(
                        "state-missing",
                        f"{self.path} is gone, but its journal {self._journal.name} is still there",
                        f"restore {self.path.name} from {self.path.name}.backup or from git",
                    )
                ) from None
            return None
        except OSError as error:
            raise StateError(Problem("state-unreadable", f"{self.path} cannot be read: {error}")) from None
        try:
            data = _parsed(content)
        except ValueError as error:
            raise StateError(
                Problem(
                    "state-broken",
                    f"{self.path} is not valid JSON: {error}",
                    f"restore it from {self.path}.backup or from git; nothing was changed",
                )
            ) from None
        del content  # a state may be large, and is here a second time
        return state_of(data, str(self.path))

    def _leftover(self, state: State) -> list[Record]:
        try:
            lines = self._journal.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        # what follows the last newline was cut off while being written: its request was never sent
        whole = [line for line in lines[:-1] if line]
        if not whole:
            return []
        try:
            header, *rest = (json.loads(line) for line in whole)
            lineage, serial, version = str(header["lineage"]), int(header["serial"]), int(header.get("version", 1))
            if version > VERSION:
                raise too_new(str(self._journal), version)
            records = [record_of(migrate_record(item, version)) for item in rest]
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(
                Problem(
                    "journal-broken",
                    f"{self._journal} is damaged: {type(error).__name__}: {error}",
                    "keep a copy of it; it tells what the last run did. Remove it once the objects it names are known",
                )
            ) from None
        if lineage == state.lineage and serial < state.serial:
            return []  # folded already; the process died before it could remove the journal
        if lineage != state.lineage or serial != state.serial:
            raise StateError(
                Problem(
                    "journal-foreign",
                    f"{self._journal} belongs to another state (lineage {lineage}, serial {serial})",
                    f"restore the {self.path.name} it was written beside, or move the journal away",
                )
            )
        return records

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float = 0) -> None:
        """Take the lock, waiting up to `timeout` seconds, and see that the state can be written at all.

        Raises `StateError` naming the holder when somebody else has it, or saying why the folder cannot be written:
        before anything is sent.
        """
        try:
            self._lock.take(command, timeout)
            self._probe()
        except OSError as error:
            self._lock.release()
            advice = "fix its permissions, or choose another with --state-dir"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                advice = "free some space, or choose another with --state-dir"
            what = f"the state folder {self._folder} cannot be written: {error.strerror or error}"
            raise StateError(Problem("state-not-writable", what, advice)) from None
        except StateError:
            self._lock.release()
            raise

    def _probe(self) -> None:
        """Write, flush and rename as a run will, with room for the state twice over and a journal of its size."""
        for path in (self.path, self._journal):
            if path.is_mount():
                what = f"{path} is a mount of its own and cannot be replaced in one step"
                raise StateError(Problem("state-is-mount", what, f"mount its folder {self._folder} instead"))
            if path.exists() and not os.access(path, os.R_OK | os.W_OK):
                raise OSError(errno.EACCES, f"{path.name} may not be written")
        size = self.path.stat().st_size if self.path.exists() else 0
        spare = self.path.with_name(self.path.name + ".probe")
        try:
            with spare.open("wb") as handle:
                handle.write(b"\0" * _ROOM)
                handle.flush()
                os.fsync(handle.fileno())
            spare.replace(spare.with_name(self.path.name + ".tmp"))
        finally:
            spare.unlink(missing_ok=True)
            spare.with_name(self.path.name + ".tmp").unlink(missing_ok=True)
        disk = os.statvfs(self._folder)
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < 3 * size + _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def unlock(self) -> None:
        """Release the lock; harmless when it is not held."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.close()  # what it holds is durable; the next command folds it
            self._handle = None
        self._lock.release()

    # -- writing ---------------------------------------------------------------------------------------------
    def begin(self, fresh: State) -> State:
        """Return the state a writer starts from: the one there, its journal folded into the file, else `fresh`.

        Raises `StateError`, also when the folder cannot be written: before anything is sent.
        """
        assert self._lock.held
        try:
            state = self._read_file()
            if state is None:
                state = fresh
                self._write(state)
            else:
                folded = fold(state, self._leftover(state))
                if folded is not state:
                    self._write(folded)
                    state = folded
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        self._take(state)
        return state

    def _take(self, state: State) -> None:
        """Begin from `state`: what follows is folded into copies of its books as it becomes durable."""
        self._base = state
        self._now = (dict(state.resources), dict(state.pending))

    async def append(self, records: Sequence[Record]) -> None:
        """Make `records` durable; many callers at once share one write and one fsync.

        Raises `StateError` when the disk refuses: then nothing may be sent any more.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        if not self._flushing:
            self._flushing = True
            try:
                while self._waiting:
                    batch, self._waiting = self._waiting, []
                    await self._flush(batch)
            finally:
                self._flushing = False
        await done

    async def _flush(self, batch: list[tuple[Sequence[Record], asyncio.Future[None]]]) -> None:
        lines = b"".join(_line_of(record) for records, _ in batch for record in records)
        writing = asyncio.ensure_future(asyncio.to_thread(self._append_now, lines))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # a thread goes on by itself: the journal is not let go before it is done
            raise
        except OSError as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(self._unwritable(error))
        else:
            self._fold(batch)
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    def _fold(self, batch: list[tuple[Sequence[Record], asyncio.Future[None]]]) -> None:
        for records, _ in batch:
            for record in records:
                fold_into(*self._now, record)

    def _append_now(self, lines: bytes) -> None:
        assert self._base is not None
        if self._handle is None:
            self._handle = self._journal.open("wb")
            header = {"version": VERSION, "lineage": self._base.lineage, "serial": self._base.serial}
            lines = orjson.dumps(header) + b"\n" + lines
        self._handle.write(lines)
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def commit(self) -> State:
        """Write the state after all that was appended, and return it; a run that wrote nothing changes nothing.

        It is the fold of the journal, which need not be read again: every line of it was folded when it was durable.
        """
        assert self._base is not None
        if self._handle is None:
            return self._base
        self._handle.close()
        self._handle = None
        try:
            entries, pending = self._now
            base = self._base
            state = dataclasses.replace(base, serial=base.serial + 1, resources=entries, pending=pending)
            self._write(state)
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        self._take(state)
        return state

    def replace(self, wanted: State, after: State | None) -> State:
        """Put `wanted` in the place of the state `after`, under the lock; its serial becomes one that follows."""
        assert self._lock.held
        serial = max(wanted.serial, after.serial + 1 if after else 0)
        state = dataclasses.replace(wanted, serial=serial)
        try:
            self._write(state)
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        return state

    def _write(self, state: State) -> None:
        """Replace the file: temporary file, fsync, rename; the previous one stays as `.backup`."""
        data = _bytes_of(state)
        temporary = self.path.with_name(self.path.name + ".tmp")
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        if self.path.exists():
            backup = self.path.with_name(self.path.name + ".backup")
            spare = backup.with_name(backup.name + ".tmp")
            shutil.copyfile(self.path, spare)
            spare.replace(backup)
        temporary.replace(self.path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unwritable(self, error: OSError) -> StateError:
        return StateError(
            Problem(
                "state-not-writable",
                f"the state in {self._folder} cannot be written: {error.strerror or error}",
                "free or fix the disk; what was done so far is in the journal and the next run goes on from it",
            )
        )


_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = tuple(before + b"0" * 18 for before in (b" ", b":", b",", b"[", b"-"))
"""How a number that orjson could round begins, every digit a nought; a text may look so, too, which does no harm."""
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS


def _bytes_of(state: State) -> bytes:
    """Return the file's content; the library for JSON of the language would hold it in millions of pieces."""
    try:
        return orjson.dumps(state_json(state, lambda tree: tree), default=leaf_json, option=_FORM)
    except TypeError:  # numbers beyond 64 bits, texts that are no Unicode
        return (json.dumps(state_json(state), indent=2, sort_keys=True) + "\n").encode()


def _line_of(record: Record) -> bytes:
    try:
        return orjson.dumps(record_json(record, lambda tree: tree), default=leaf_json, option=_LINE)
    except TypeError:
        return (json.dumps(record_json(record), separators=(",", ":")) + "\n").encode()


def _parsed(data: bytes) -> Any:
    """Return the content of a file; numbers that orjson would round are read exactly. Raises ValueError."""
    alike = data.translate(_DIGITS_ALIKE)
    return json.loads(data) if any(long in alike for long in _LONG) else orjson.loads(data)
