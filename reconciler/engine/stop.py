"""Asking a run to stop: nothing more is started, and no wait is sat out to its end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from reconciler.core.problems import Problem, StoppedError
from reconciler.engine.ports import Clock


@dataclass(slots=True)
class Stop:
    """What is in flight is finished and written; `why` says who asked."""

    why: str = ""
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> bool:
        """Whether the run is to stop."""
        return self._event.is_set()

    def ask(self, why: str) -> None:
        """Ask; the first reason counts."""
        self.why = self.why or why
        self._event.set()

    async def wait(self) -> None:
        """Return once it is asked."""
        await self._event.wait()


@dataclass(slots=True)
class Stoppable:
    """A clock whose sleep ends with a `StoppedError` when the run is asked to stop."""

    clock: Clock
    stop: Stop

    def now(self) -> int:
        """Return ms since the epoch."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises `StoppedError` as soon as the run is asked to stop."""
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        asked = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait((sleeping, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, asked):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(sleeping, asked, return_exceptions=True)
        if self.stop.asked:
            raise StoppedError(Problem("stopped", "stopped while it waited", "run it again: it goes on from here"))
