"""How fast: so many calls at once, one shared pause when the platform says 429, an end to all waiting on demand."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reconciler.core.problems import Problem, StoppedError

_SPREAD = 0.1
"""Part of a pause over which those who waited start again, so that they do not all come at the same moment."""


class Pace:
    """Bounds the calls in flight to `parallelism`; after `pause` nobody starts one until it is over."""

    def __init__(self, parallelism: int) -> None:
        self._slots = asyncio.Semaphore(parallelism)
        self._resume_at = 0.0
        self._stopped = asyncio.Event()

    def pause(self, seconds: float) -> bool:
        """Let no call start for `seconds` from now; tell whether that is news to those who wait already."""
        until = time.monotonic() + seconds
        news = until > self._resume_at + 1 or time.monotonic() >= self._resume_at
        self._resume_at = max(self._resume_at, until)
        return news

    def stop(self) -> None:
        """End every wait with a `StoppedError`; calls that need no wait still go."""
        self._stopped.set()

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises `StoppedError` when it is cut short by `stop`."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
        raise StoppedError(Problem("stopped", "stopped while it waited", "run it again: it goes on from here"))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free slot and the end of any pause, and hold the slot. Raises `StoppedError` as `sleep` does."""
        async with self._slots:
            while (left := self._resume_at - time.monotonic()) > 0:
                await self.sleep(left + random.uniform(0, min(1.0, left * _SPREAD)))
            yield
