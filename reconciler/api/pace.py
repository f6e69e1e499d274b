"""How fast: so many calls at once, and one shared pause for all of them when the platform says 429."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pace:
    """Bounds the calls in flight to `parallelism`; after `pause` nobody starts one until it is over."""

    def __init__(self, parallelism: int) -> None:
        self._slots = asyncio.Semaphore(parallelism)
        self._resume_at = 0.0

    def pause(self, seconds: float) -> None:
        """Let no call start for `seconds` from now."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a free slot and the end of any pause, and hold the slot."""
        async with self._slots:
            while (left := self._resume_at - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be moved meanwhile
                await asyncio.sleep(left)
            yield
