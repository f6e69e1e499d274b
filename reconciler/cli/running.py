"""How a command that talks to the platform is run to its end."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

import click

from reconciler.cli.process import hold
from reconciler.core.problems import ReconcilerError


def run(coroutine: Any) -> Any:
    """Run an async command to its end; an error inside a task group is raised as itself. SIGTERM is as Ctrl-C."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)) if in_main else None
    results: list[Any] = []

    async def kept() -> None:
        # asyncio writes what its task returned into a text at the end, a whole plan too: so it returns nothing
        results.append(await coroutine)
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
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)
