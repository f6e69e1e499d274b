"""What apply and destroy share: plan, guard, ask, run, tell how it ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import click

from reconciler.cli.arguments import Writing
from reconciler.cli.formats import shown_as
from reconciler.cli.output import Progress, confirm, lock, say
from reconciler.cli.planning import PlanOptions, guard, make_plan, need_secrets, prepare
from reconciler.cli.platform import SystemClock
from reconciler.cli.policing import policed
from reconciler.cli.process import keeping_all
from reconciler.cli.wiring import Session
from reconciler.core.plan.model import Plan
from reconciler.core.plan.steps import Step, steps
from reconciler.core.state.model import State
from reconciler.engine.apply import Outcome, Run
from reconciler.engine.executor import Settings
from reconciler.engine.refresh import Lives, refresh_saved
from reconciler.engine.stop import Stop
from reconciler.kinds import kinds
from reconciler.secrets.store import SecretStore

INTERRUPTED = "interrupted"
_SHOWN = 25
"""Addresses that are named one by one at the end of a run."""


async def applied(
    session: Session, want: PlanOptions, writing: Writing, *, verb: str, saved: Plan | None = None
) -> int:
    """Plan (or take a saved plan), ask, run, and return the exit code. The lock is held from before the plan."""
    project = None if saved is not None else session.manifests()
    if not writing.auto_approve and not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: pass --auto-approve to go on without asking.")
    store = session.store()
    async with session.platform(writing.parallelism) as (api, place, _):
        lock(store, f"reconciler {verb}", writing.lock_timeout)
        try:
            with keeping_all():
                there = store.read(project.resources if project else None)
            state = session.check(there, place)
            fresh = there is None
            if not fresh:
                store.begin(state)
            if fresh and saved is not None and saved.serial == 0:
                state = replace(state, lineage=saved.lineage)  # a first plan, saved before there was any state
            secrets = session.secret_store(state)
            secrets.send_trusted = want.send_secrets
            records, settled = await prepare(session, api, place, want, state)
            if saved is not None:
                lives = await refresh_saved(api, kinds(), settled, saved)
                plan = policed(session, saved, want.policies)
            else:
                assert project is not None
                plan, lives = await make_plan(session, api, project, settled, secrets, want)
            click.echo(shown_as(plan, "text"), nl=False)
            guard(session, plan, settled, allow_delete=writing.allow_delete)
            need_secrets(plan, secrets)
            todo = bool(records) or any(change.adopt for change in plan.changes)
            if plan.effective and not confirm(f"{verb.capitalize()} these changes?", writing.auto_approve):
                say("Nothing was done.")
                return 1
            if not plan.effective and not todo:
                return 0
            if fresh:
                store.begin(state)
            if records:
                await store.append(records)
            settings = Settings(writing.parallelism, writing.wait_timeout, writing.settle)
            outcome = await _run(plan, settled, lives, api, store, secrets, settings, writing.time_limit)
            store.commit()
        finally:
            store.unlock()
    return _tell(outcome, verb)


async def _run(
    plan: Plan,
    state: State,
    lives: Lives,
    api: Any,
    store: Any,
    secrets: SecretStore,
    settings: Settings,
    time_limit: float | None,
) -> Outcome:
    stop = Stop()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def ask(why: str) -> None:
        stop.ask(why)
        api.stop()
        say("Stopping: what is under way is finished and written; once more stops at once.")

    def interrupted() -> None:
        if not stop.asked:
            ask(INTERRUPTED)
        elif task.cancel():
            say("Stopped at once. Run it again: it finds out what became of the calls that were under way.")

    timer = loop.call_later(time_limit, ask, f"after {time_limit:g} s") if time_limit is not None else None
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, interrupted)
    progress = Progress(len(steps(plan, state)))
    try:
        return await Run(plan, state, lives, kinds(), api, store, secrets, SystemClock(), progress, settings, stop).go()
    finally:
        if timer is not None:
            timer.cancel()
        progress.close()
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _tell(outcome: Outcome, verb: str) -> int:
    """Print what was done, what was not and what to do next; return the exit code."""
    done: dict[str, int] = {}
    left = [step for step, result in outcome.results.values() if result == "skipped"]
    for step, result in outcome.results.values():
        if result == "done":
            done[step.verb] = done.get(step.verb, 0) + 1
    words = {"create": "created", "finish": "finished", "update": "updated", "delete": "deleted", "forget": "forgotten"}
    parts = [f"{count} {words[name]}" for name, count in done.items() if name in words] or ["nothing to do"]
    click.echo(f"{verb.capitalize()}: {', '.join(parts)}.")
    if outcome.problems:
        click.echo("")
        for problem in outcome.problems:
            say(str(problem))
        failed = sum(1 for _, result in outcome.results.values() if result == "failed")
        skipped = f" Not done because of it: {_names(left)}." if left else ""
        say(f"{failed} of {len(outcome.results)} steps failed.{skipped}")
        say(f"Everything that was done is in the state. Correct the cause and run {verb} again: it goes on from here.")
    elif left:
        when = "" if outcome.stopped == INTERRUPTED else f" {outcome.stopped}"
        say(f"Stopped{when} before: {_names(left)}. Run {verb} again to go on from here.")
    if outcome.stopped == INTERRUPTED:
        return 130
    return 0 if outcome.ok else 1


def _names(left: Collection[Step]) -> str:
    names = sorted({step.change.address for step in left})
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
