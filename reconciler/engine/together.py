"""Several awaitables at once, none left behind: when one fails, the others end before the error goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return the results in order. Raises the first error, once the rest has been cancelled and has ended.

    `asyncio.gather` alone would go on sending through a client that is being closed.
    """
    tasks = [asyncio.ensure_future(item) for item in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
