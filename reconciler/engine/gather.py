"""Several awaitables at once, none left behind: when one fails, the others end before the error goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

_AT_ONCE = 500
"""Far more than the client sends at once; ten thousand that wait for a turn take more memory than the plan."""


async def gather(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Return the results in order. Raises the first error, once the rest has been cancelled and has ended.

    `asyncio.gather` alone would go on sending through a client that is being closed.
    """
    if len(coroutines) <= _AT_ONCE:
        return await _all(coroutines)
    results: dict[int, T] = {}
    left = iter(enumerate(coroutines))

    async def some() -> None:
        for number, coroutine in left:
            results[number] = await coroutine

    try:
        await _all([some() for _ in range(_AT_ONCE)])
    finally:
        for _, coroutine in left:
            coroutine.close()
    return [results[number] for number in range(len(coroutines))]


async def gather_three(
    first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B], third: Coroutine[Any, Any, C]
) -> tuple[A, B, C]:
    """Return the results of three coroutines of different types; errors are treated as `gather` does."""
    firsts: list[A] = []
    seconds: list[B] = []
    thirds: list[C] = []

    async def into(results: list[T], coroutine: Coroutine[Any, Any, T]) -> None:
        results.append(await coroutine)

    await _all([into(firsts, first), into(seconds, second), into(thirds, third)])
    return firsts[0], seconds[0], thirds[0]


async def _all(coroutines: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    tasks = [asyncio.ensure_future(item) for item in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
