"""What holds for a process that runs one command and ends, and not where commands run inside another program."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

_own = False


def claim() -> None:
    """Say that this process is the command's own."""
    global _own
    _own = True
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some costs more than a small manifest
    gc.set_threshold(50_000, 20, 20)  # a plan is made of objects that stay: the default looks for garbage all the time


@contextmanager
def keeping_all() -> Iterator[None]:
    """Look for no garbage meanwhile, and in an own process never in what was made: ten thousand manifests are millions
    of objects, and all of them stay."""
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
        if _own:
            gc.freeze()
    finally:
        if looking:
            gc.enable()
