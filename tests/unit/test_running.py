"""A command that talks to the platform ends at Ctrl-C, whatever it is doing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import nullcontext

import pytest

from reconciler.app.running import run
from reconciler.core.problems import Problem, ReconcilerError

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def compute() -> None:
    """Compute for so long that nobody would wait for it."""
    for _ in range(10**9):
        pass
    raise AssertionError("it went on")


@pytest.mark.parametrize("number", SIGNALS)
def test_what_computes_is_cut_off_and_cleans_up(number: int) -> None:
    told = []

    async def command() -> None:
        other = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        try:
            os.kill(os.getpid(), number)
            compute()
        finally:
            told.append(other.done())

    with pytest.raises(KeyboardInterrupt):
        run(command())
    assert told == [False]


@pytest.mark.parametrize("number", SIGNALS)
def test_what_waits_is_cancelled_and_may_take_its_time_to_clean_up(number: int) -> None:
    told = []

    async def command() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(3600)
        finally:
            assert signal.getitimer(signal.ITIMER_REAL) == (0, 0), "or it would be cut off where it waits for nothing"
            await asyncio.sleep(0)
            told.append("clean")

    with pytest.raises(KeyboardInterrupt):
        run(command())
    assert told == ["clean"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_another_thread_takes_is_noticed(number: int) -> None:
    def take() -> None:
        threading.Event().wait(0.1)  # most likely the other waits by then
        signal.pthread_kill(threading.get_ident(), number)

    late: list[None] = []

    async def command() -> None:
        threading.Thread(target=take).start()
        asyncio.get_running_loop().call_later(20, late.append, None)
        await asyncio.sleep(3600)

    with pytest.raises(KeyboardInterrupt):
        run(command())
    assert not late, "it was only seen when something else woke the loop"


def test_twice_does_not_wait_for_the_cleaning() -> None:
    async def command() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(3600)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            compute()

    with pytest.raises(KeyboardInterrupt):
        run(command())


@pytest.mark.parametrize("fails", [False, True])
def test_the_handlers_are_those_from_before(fails: bool) -> None:
    async def command() -> int:
        if fails:
            raise ReconcilerError(Problem("x", "y"))
        return 7

    numbers = [*SIGNALS, signal.SIGALRM]
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ReconcilerError) if fails else nullcontext():
        assert run(command()) == 7
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
