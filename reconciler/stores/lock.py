"""One writer at a time: a lock of the operating system on a file, with the holder's name in it."""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import IO

from reconciler.core.problems import Problem, StateError
from reconciler.stores.files import make_folder, open_lock
from reconciler.stores.lease import Holder, locked, wait_for


class FileLock:
    """The lock of one state; the system releases it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._file is not None

    def take(self, command: str, timeout: float) -> None:
        """Take the lock for `command`, waiting up to `timeout` seconds.

        Raises `StateError` naming the holder when somebody else has it, `OSError` when there can be no such file.
        """
        make_folder(self._path.parent)
        handle = open_lock(self._path)
        try:
            wait_for(lambda: self._try(handle), timeout, every=0.1)
        except BaseException:
            handle.close()
            raise
        self._file = handle
        handle.seek(0)
        handle.truncate()
        handle.write(f"{Holder.here(command)}\n")
        handle.flush()

    def _try(self, handle: IO[str]) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise locked(handle.read().strip() or "an unknown process") from None
        except OSError as error:
            what = f"the file system of {self._path.parent} gives no locks: {error.strerror or error}"
            advice = "keep the state on a local disk, or a share that supports flock: choose another with --state-dir"
            raise StateError(Problem("no-locks", what, advice)) from None

    def release(self) -> None:
        """Release it; harmless when it is not held."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.seek(0)
                self._file.truncate()
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
