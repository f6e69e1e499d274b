"""Run something again whenever a file below a path changes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from reconciler.config.project import find_root
from reconciler.core.problems import ReconcilerError

SECONDS = 0.5
"""Seconds between two looks at the files."""


def fingerprint(root: Path) -> dict[str, tuple[int, int]]:
    """Return the time and size of each file below `root`; hidden folders and `state` are passed over."""
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "_")) and name != "state"]
        for name in names:
            file = Path(folder, name)
            try:
                status = file.stat()
            except OSError:
                continue
            found[str(file)] = (status.st_mtime_ns, status.st_size)
    return found


def watch(
    path: Path, run: Callable[[], int], report: Callable[[str], None], wait: Callable[[], None] | None = None
) -> int:
    """Run now and after each change, until Ctrl-C; return the last exit code.

    `report` shows an error that ends a run. `wait` returns when it is time to look at the files again; a
    KeyboardInterrupt from it ends the watch.
    """
    pause = wait or (lambda: time.sleep(SECONDS))
    root = find_root(path.absolute())
    code = 0
    seen: dict[str, tuple[int, int]] | None = None
    try:
        while True:
            current = fingerprint(root)
            if current != seen:
                seen = current
                try:
                    code = run()
                except ReconcilerError as error:
                    report(str(error))
                    code = 1
            pause()
    except KeyboardInterrupt:
        return code
