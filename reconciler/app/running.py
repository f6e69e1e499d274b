"""Runs an async use case to its end from synchronous code."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from reconciler.app.runtime import keep_until_exit
from reconciler.core.problems import ReconcilerError

T = TypeVar("T")

_GRACE = 0.25
"""Seconds that what runs has to notice that it is cancelled, before it is cut off where it stands."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run an async use case to its end and return its result.

    An error inside a task group is raised as itself. SIGTERM is handled as Ctrl-C: both raise `KeyboardInterrupt`.
    """
    results: list[T] = []

    async def kept() -> None:
        # asyncio writes what its task returned into a text at the end, a whole plan too: so it returns nothing
        with _interruptible() if _in_main_thread() else nullcontext():
            try:
                results.append(await coroutine)
            except KeyboardInterrupt:
                raise asyncio.CancelledError from None
        keep_until_exit(results)

    try:
        asyncio.run(kept())
        return results[0]
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BaseExceptionGroup as group:
        found = [error for error in group.exceptions if isinstance(error, ReconcilerError)]
        if found:
            raise found[0] from None
        raise


@contextmanager
def _interruptible() -> Iterator[None]:
    """Cancel the current task at Ctrl-C or SIGTERM, and cut it off when it computes on.

    asyncio's own handler only cancels: what reads ten thousand manifests without waiting for anything would not notice.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        signal.setitimer(signal.ITIMER_REAL, _GRACE)
        loop.call_soon_threadsafe(signal.setitimer, signal.ITIMER_REAL, 0)  # nothing computes; it may clean up in peace
        task.cancel()

    def cut(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: interrupt, signal.SIGALRM: cut}
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, int)  # so that the loop wakes up, whichever thread the system gives it to
        signal.signal(number, handler)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in handlers:
            loop.remove_signal_handler(number)
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def on_interrupt(handle: Callable[[], None]) -> Iterator[None]:
    """Call `handle` at Ctrl-C and SIGTERM instead of ending the task. Only the main thread can handle signals."""
    if not _in_main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
