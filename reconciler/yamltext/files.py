"""Text files on disk: read with limits, and written whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.core.characters import legible
from reconciler.core.problems import ManifestError, Problem

MAX_BYTES: Final = 64 << 20
"""Size of the largest file that is read: 64 MiB."""


def read_file(path: Path, shown: str) -> str:
    """Return the text of a file, a byte order mark left out and line ends as they are.

    `shown` is the name in messages. Raises `ManifestError` for a file that is missing, is not a regular file (a named
    pipe or a device would block or never end), is larger than `MAX_BYTES`, or is not UTF-8.
    """
    name = legible(shown)
    try:
        return decoded(_bytes_of(path), name)
    except OSError as error:
        why = error.strerror or str(error)
        raise ManifestError(Problem("unreadable", f"{name} cannot be read: {why}")) from None
    except ValueError as error:  # a NUL in the name
        raise ManifestError(Problem("unreadable", f"{name} cannot be read: {error}")) from None


def decoded(content: bytes, name: str) -> str:
    """Return the text in UTF-8 bytes. Raises `ManifestError` that calls them `name` and tells the place."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        why = f"byte {error.start + 1}, in line {line}, is not valid UTF-8"
        raise ManifestError(Problem("unreadable", f"{name} cannot be read: {why}", "save it as UTF-8 text")) from None


def _bytes_of(path: Path) -> bytes:
    _require_regular(path.stat().st_mode)  # to open a device may have an effect already
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        _require_regular(os.fstat(handle).st_mode)
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(f"it is larger than {MAX_BYTES >> 20} MiB")
    return content


_SORTS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISREG, ""),
)


def _require_regular(mode: int) -> None:
    why = next((why for is_sort, why in _SORTS if is_sort(mode)), "it is a device, not a file")
    if why:
        raise OSError(why)


def write_file(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file whole or not at all; a pipe or a device that exists is written to.

    A `private` file is readable by its owner only; else the mode of a file that is replaced stays. Raises `OSError`,
    and leaves nothing behind.
    """
    content = text.encode()
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as file:
            file.write(content)
        return
    target = path.resolve()  # a link stays one
    temporary = target.with_name(f"{target.name}.tmp")
    with suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            if mode is not None and not private:
                os.fchmod(handle, stat.S_IMODE(mode))
            file.write(content)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def save(path: Path, text: str, *, private: bool = False) -> None:
    """Write a result to a file as `write_file` does. Raises `ManifestError` where that fails."""
    name = legible(str(path))
    try:
        write_file(path, text, private=private)
    except OSError as error:
        why = error.strerror or str(error)
        raise ManifestError(Problem("unwritable", f"{name} cannot be written: {why}", "choose another file")) from None
    except UnicodeEncodeError:
        what = f"{name} cannot be written: its content is not valid Unicode"
        raise ManifestError(Problem("not-unicode", what)) from None


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their ends; a line ends at `\n` alone, as it does for git."""
    parts = text.split("\n")
    return [f"{line}\n" for line in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def unified_diff(before: str, after: str, file: str) -> str:
    """Return the change of one file as a unified diff that `git apply` takes; empty where there is none."""
    import difflib

    diff = difflib.unified_diff(lines_of(before), lines_of(after), f"a/{file}", f"b/{file}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff)
