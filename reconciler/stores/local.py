"""State in a local folder: one JSON file an environment, a journal beside it, an OS lock.

<environment>.json      the state, replaced atomically      <environment>.json.backup   the one before
<environment>.journal   what happened since, one line each  <environment>.lock          who writes now
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import State
from reconciler.stores.files import create, open_existing, same_content
from reconciler.stores.lock import FileLock
from reconciler.stores.store import Store
from reconciler.stores.text import Blocks, header_of, state_text

_ROOM = 64 * 1024
"""Bytes that must be free before anything is sent: the first intents of a run."""
_BLOCK = 1 << 20


def local_store(folder: Path, environment: str) -> Store:
    """Return the store of one environment in `folder`."""
    return Store(Folder(folder, environment))


class Folder:
    """A folder as a `Medium`."""

    def __init__(self, folder: Path, environment: str) -> None:
        named = folder / f"{environment}.json"
        # a state that is a link to another place is written there: a rename would only replace the link
        self.path = named.resolve() if named.is_symlink() else named
        self.where = str(self.path)
        self._folder = self.path.parent
        self._journal = self.path.with_suffix(".journal")
        self._lock = FileLock(self.path.with_suffix(".lock"))
        self._handle: IO[bytes] | None = None
        self._header = b""
        self._read: tuple[int, int, int] | None = None

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._lock.held

    @property
    def taken_over(self) -> bool:
        """The system takes the lock from nobody who lives."""
        return False

    def prepared(self) -> bool:
        """Tell whether the folder is there."""
        return self._folder.exists()

    # -- reading ---------------------------------------------------------------------------------------------
    def exists(self) -> bool:
        """Tell whether there is a state; the journal of one that is gone is told by `text`."""
        return self.path.exists() or self.text() is not None

    def current(self) -> bool:
        """Tell whether the file is still the one that was read last."""
        return self._mark() == self._read

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def text(self) -> Blocks | None:
        """Return the text of the file, or None where there is none yet."""
        self._read = self._mark()
        try:
            handle = open_existing(self.path, follow=True)
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
            raise self._unreadable(error) from None
        handle.close()
        return self._blocks

    def _blocks(self) -> Iterator[bytes]:
        try:
            with open_existing(self.path, follow=True) as handle:
                while block := handle.read(_BLOCK):
                    yield block
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> StateError:
        why = error.strerror or str(error)
        return StateError(Problem("state-unreadable", f"{self.path} cannot be read: {why}", "correct that first"))

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the journal, if there is one."""
        del state
        try:
            with open_existing(self._journal) as handle:
                lines = handle.read().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreadable(error) from None
        # what follows the last newline was cut off while being written: its request was never sent
        yield str(self._journal), [line for line in lines[:-1] if line]

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float) -> None:
        """Take the lock; see that the folder can be written, with room for the first intents."""
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
            with create(spare) as handle:
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

    def release(self, ident: str) -> str:
        """Say who holds the lock: the system takes it from a process that dies, and nobody else can."""
        del ident
        self.lock("reconciler state unlock", 0)
        self.unlock()
        return "The state is not locked: the system released the lock when its holder ended."

    # -- writing ---------------------------------------------------------------------------------------------
    def start(self, state: State) -> None:
        """Begin a journal that follows `state`; it is made when there is something to write."""
        try:
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        self._header = header_of(state)

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        """Append to the journal, and wait until the disk has it."""
        del after
        assert self.held
        try:
            if self._handle is None:
                self._handle = create(self._journal)
                lines = self._header + lines
            self._handle.write(lines)
            self._handle.flush()
            os.fsync(self._handle.fileno())
        except OSError as error:
            raise self._unwritable(error) from None

    def save(self, state: State) -> State:
        """Replace the file: temporary file, fsync, rename; the previous one stays as `.backup`."""
        try:
            if self._handle is not None:
                self._handle.close()
                self._handle = None
            self._write(state)
            self._journal.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        return state

    def retire(self) -> str:
        """Rename the file: no run looks for `.moved`."""
        moved = self.path.with_name(self.path.name + ".moved")
        try:
            self.path.replace(moved)
        except OSError as error:
            raise self._unwritable(error) from None
        return str(moved)

    def _write(self, state: State) -> None:
        temporary = self.path.with_name(self.path.name + ".tmp")
        text = state_text(state)
        with create(temporary) as handle:
            handle.writelines(text)
            handle.flush()
            os.fsync(handle.fileno())
        if not same_content(temporary, text):
            raise OSError(errno.EIO, f"{temporary.name} does not hold what was written")
        if self.path.exists():
            backup = self.path.with_name(self.path.name + ".backup")
            spare = backup.with_name(backup.name + ".tmp")
            with open_existing(self.path) as old, create(spare) as copy:
                shutil.copyfileobj(old, copy, _BLOCK)
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
