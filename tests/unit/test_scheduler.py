"""Steps are handed out in the order of the plan, each once, and none before what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plan.model import Action, Change
from reconciler.core.plan.steps import Step, Verb
from reconciler.engine.gather import gather
from reconciler.engine.scheduler import Result, Scheduler


def step(key: str, *needs: str, last: bool = False) -> Step:
    verb = Verb.FINISH if last else Verb.CREATE
    return Step(key, verb, Change(key, "Flow", Action.CREATE, "new"), needs, is_final=last)


def walk(todo: dict[str, Step], failing: frozenset[str] = frozenset(), workers: int = 3) -> tuple[list[str], Scheduler]:
    begun: list[str] = []

    async def go() -> Scheduler:
        scheduler = Scheduler(todo)

        async def work() -> None:
            while (item := await scheduler.next()) is not None:
                assert all(need in scheduler.results for need in item.needs if need in todo)
                possible = scheduler.possible(item)
                begun.append(item.key)
                await asyncio.sleep(0)
                result: Result = "skipped" if not possible else "failed" if item.key in failing else "done"
                scheduler.over(item, result)

        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(todo))):
                group.create_task(work())
        return scheduler

    return begun, asyncio.run(go())


def test_dataflows_are_finished_one_by_one() -> None:
    todo = {}
    for n in range(3):
        todo |= {f"{n}/a": step(f"{n}/a"), f"{n}/b": step(f"{n}/b"), f"{n}/c": step(f"{n}/c", f"{n}/a", f"{n}/b")}
    begun, _ = walk(todo, workers=1)
    assert begun == list(todo)


@given(st.lists(st.tuples(st.sets(st.integers(0, 9), max_size=4), st.booleans(), st.booleans()), max_size=10))
def test_every_step_is_handed_out_once_and_failures_go_on(plan: list[tuple[set[int], bool, bool]]) -> None:
    todo = {
        str(n): step(str(n), *(str(need) for need in sorted(needs) if need < n), last=last)
        for n, (needs, last, _) in enumerate(plan)
        # what makes something never waits for what comes last
    }
    lasts = {key for key, item in todo.items() if item.is_final}
    todo = {key: item if item.is_final else step(key, *(set(item.needs) - lasts)) for key, item in todo.items()}
    failing = frozenset(str(n) for n, (_, _, fails) in enumerate(plan) if fails)
    begun, scheduler = walk(todo, failing)
    assert sorted(begun) == sorted(todo)
    made = all(scheduler.results[key] == "done" for key, item in todo.items() if item.makes)
    for key, item in todo.items():
        possible = all(scheduler.results[need] == "done" for need in item.needs) and (made or not item.is_final)
        assert scheduler.results[key] == ("skipped" if not possible else "failed" if key in failing else "done")


def test_thousands_together_are_not_all_begun_at_once() -> None:
    begun = ended = most = 0

    async def one(number: int) -> int:
        nonlocal begun, ended, most
        begun += 1
        most = max(most, begun - ended)
        await asyncio.sleep(0)
        ended += 1
        return number

    assert asyncio.run(gather(*(one(n) for n in range(2000)))) == list(range(2000))
    assert most <= 500


def test_a_failure_among_thousands_ends_the_rest() -> None:
    ended = 0

    def make() -> Callable[[int], Awaitable[None]]:
        async def one(number: int) -> None:
            nonlocal ended
            if number == 700:
                raise ValueError("no")
            await asyncio.sleep(0)
            ended += 1

        return one

    one = make()
    with pytest.raises(ValueError, match="no"):
        asyncio.run(gather(*(one(n) for n in range(2000))))  # type: ignore[arg-type]
    assert ended < 2000
