"""Files of a local state: opened without following links, and readable by their owner only.

The folder of a state may come from a checkout, and a checkout may hold links, pipes and other files under these names.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

_MODE = 0o600
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def make_folder(folder: Path) -> None:
    """Make the folder of a state, for its owner only, unless it is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def create(path: Path) -> IO[bytes]:
    """Return a new file to write; one that a killed run left, or a link of that name, is removed. Raises `OSError`."""
    with suppress(FileNotFoundError):
        path.unlink()
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, _MODE), "wb")


def open_lock(path: Path) -> IO[str]:
    """Return the file of a lock to read and write, made where it is missing. Raises `OSError` for a link or a pipe."""
    return os.fdopen(_regular(path, os.O_RDWR | os.O_CREAT | _FLAGS), "r+", encoding="utf-8", errors="replace")


def open_existing(path: Path, *, follow: bool = False) -> IO[bytes]:
    """Return a file to read; with `follow` also behind a link. Raises `OSError`, also where it is not a file."""
    return os.fdopen(_regular(path, os.O_RDONLY | (_FLAGS & ~os.O_NOFOLLOW if follow else _FLAGS)), "rb")


def _regular(path: Path, flags: int) -> int:
    try:
        handle = os.open(path, flags, _MODE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, f"{path.name} is a symbolic link: remove it", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, f"{path.name} is not a regular file", str(path))
    return handle


def same_content(path: Path, parts: list[bytes]) -> bool:
    """Tell whether a file holds just these parts."""
    with open_existing(path) as file:
        return all(file.read(len(part)) == part for part in parts) and not file.read(1)
