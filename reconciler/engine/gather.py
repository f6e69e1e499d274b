"""Several awaitables at once, none left behind: when one fails, the others end before the error goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

_AT_ONCE = 500
"""Far more than the client sends at once; ten thousand that wait for a turn take more memory than the plan."""


async def gather(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return the results in order. Raises the first error, once the rest has been cancelled and has ended.

    `asyncio.gather` alone would go on sending through a client that is being closed.
    """
    if len(coroutines) <= _AT_ONCE:
        return await _all(coroutines)
    results: list[Any] = [None] * len(coroutines)
    left = iter(enumerate(coroutines))

    async def some() -> None:
        for number, coroutine in left:
            results[number] = await coroutine

    try:
        await _all([some() for _ in range(_AT_ONCE)])
    finally:
        for _, coroutine in left:
            coroutine.close()
    return results


async def _all(coroutines: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    tasks = [asyncio.ensure_future(item) for item in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
