"""How fast: so many calls at once, fewer after a 429, one shared pause, an end to all waiting on demand."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reconciler.core.problems import Problem, StoppedError

_SPREAD = 0.1
"""Part of a pause over which those who waited start again, so that they do not all come at the same moment."""


class Pace:
    """Bounds the calls in flight to `parallelism`; after `pause` nobody starts one until it is over.

    When the platform says that it is too much (`slower`) half as many run at once, and one more for each round of
    calls that went well (`faster`): the limit it has is found, and found again when it moves.
    """

    def __init__(self, parallelism: int) -> None:
        self._most = parallelism
        self._allowed = float(parallelism)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._resume_at = 0.0
        self._stopped = asyncio.Event()

    @property
    def allowed(self) -> int:
        """How many calls may run at once right now."""
        return max(1, int(self._allowed))

    def slower(self, round_: int) -> None:
        """Halve what may run at once; `round_` is what `slot` gave to the call that was refused.

        Calls that were under way together are refused together: that counts once.
        """
        if round_ == self._round:
            self._round += 1
            self._allowed = max(1.0, min(self._allowed, self._running + 1) / 2)

    def faster(self) -> None:
        """Note a call that went well."""
        if self._allowed < self._most:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._admit()

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
    async def slot(self) -> AsyncIterator[int]:
        """Wait for a free slot and the end of any pause, hold the slot, give the round it began in.

        Raises `StoppedError` as `sleep` does.
        """
        await self._enter()
        try:
            while (left := self._resume_at - time.monotonic()) > 0:
                await self.sleep(left + random.uniform(0, min(1.0, left * _SPREAD)))
            yield self._round
        finally:
            self._running -= 1
            self._admit()

    async def _enter(self) -> None:
        if self._running < self.allowed and not self._waiting:
            self._running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and cancelled at the same moment: the slot goes on
                self._running -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._running < self.allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)
