"""Every environment of a project: side by side, or one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from reconciler.core.problems import ReconcilerError

T = TypeVar("T")


async def side_by_side(names: Sequence[str], work: Callable[[str], Awaitable[T]]) -> dict[str, T | ReconcilerError]:
    """Return what comes of `work` in each environment, or the error that it ends with, all at the same time."""

    async def one(name: str) -> T | ReconcilerError:
        try:
            return await work(name)
        except ReconcilerError as error:
            return error

    return dict(zip(names, await asyncio.gather(*(one(name) for name in names)), strict=True))
