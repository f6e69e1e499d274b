"""Which step may be done next: what comes first in the plan, of those whose needs are over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from reconciler.core.plan.steps import Step

Result = Literal["done", "failed", "skipped"]


class Scheduler:
    """The steps of one run, handed out in the order of the plan, each when all that it needs is over.

    So dataflows are finished one by one, as far as they can, and a run that is stopped leaves few of them half-made.
    """

    def __init__(self, todo: Mapping[str, Step]) -> None:
        self.results: dict[str, Result] = {}
        self._todo = todo
        self._number = {key: number for number, key in enumerate(todo)}
        self._open = {key: sum(1 for need in step.needs if need in todo) for key, step in todo.items()}
        self._users: dict[str, list[str]] = {}
        for key, step in todo.items():
            for need in step.needs:
                if need in todo:
                    self._users.setdefault(need, []).append(key)
        self._making = sum(1 for step in todo.values() if step.makes)
        self._all_made = True
        self._ready: asyncio.PriorityQueue[tuple[float, Step | None]] = asyncio.PriorityQueue()
        for key in todo:
            self._offer(key)

    async def next(self) -> Step | None:
        """Return the next step as soon as one is ready; None when all are over."""
        _, step = await self._ready.get()
        if step is None:
            self._ready.put_nowait((float("inf"), None))  # for the next who asks
        return step

    def possible(self, step: Step) -> bool:
        """Tell whether all that a step needs was done."""
        needs = all(self.results[key] == "done" for key in step.needs if key in self._todo)
        return needs and (not step.is_final or self._all_made)

    def over(self, step: Step, result: Result) -> None:
        """Note how a step ended, and offer those that only waited for it."""
        self.results[step.key] = result
        for user in self._users.get(step.key, ()):
            self._open[user] -= 1
            self._offer(user)
        if step.makes:
            self._making -= 1
            self._all_made = self._all_made and result == "done"
            if not self._making:
                for key, other in self._todo.items():
                    if other.is_final:
                        self._offer(key)
        if len(self.results) == len(self._todo):
            self._ready.put_nowait((float("inf"), None))

    def _offer(self, key: str) -> None:
        step = self._todo[key]
        if not self._open[key] and not (step.is_final and self._making):
            self._ready.put_nowait((self._number[key], step))
