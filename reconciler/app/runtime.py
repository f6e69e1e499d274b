"""Tuning of a process that runs one command and ends. A program that embeds commands is left as it is."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_own = False
_held: list[object] = []


def own_process() -> None:
    """Say that this process is the command's own."""
    global _own
    _own = True
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some costs more than a small manifest
    sys.setswitchinterval(0.0005)  # a guess in a thread must not keep answers of the platform waiting
    gc.set_threshold(50_000, 20, 20)  # a plan is made of objects that stay: the default looks for garbage all the time


def keep_until_exit(value: object) -> None:
    """Keep a large value to the end of an own process: to take it apart takes time, and `exit_process` need not."""
    if _own:
        _held.append(value)


def exit_process(code: int) -> NoReturn:
    """End the own process at once: what is written is flushed, what is in memory goes as a whole."""
    if "coverage" in sys.modules or not _held:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
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
