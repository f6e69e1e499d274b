"""How a command that talks to the platform is run to its end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import click

from reconciler.cli.process import hold
from reconciler.core.problems import ReconcilerError

_GRACE = 0.25
"""Seconds that what runs has to notice that it is cancelled, before it is cut off where it stands."""


def run(coroutine: Any) -> Any:
    """Run an async command to its end; an error inside a task group is raised as itself. SIGTERM is as Ctrl-C."""
    results: list[Any] = []
    in_main = threading.current_thread() is threading.main_thread()

    async def kept() -> None:
        # asyncio writes what its task returned into a text at the end, a whole plan too: so it returns nothing
        with _interruptible() if in_main else nullcontext():
            try:
                results.append(await coroutine)
            except KeyboardInterrupt:
                raise asyncio.CancelledError from None
        hold(results)

    try:
        asyncio.run(kept())
        return results[0]
    except asyncio.CancelledError:
        raise click.Abort from None
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
