"""What plan, apply, destroy and drift share: prepare, plan, guard, run, tell how it ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from reconciler.cli.arguments import Writing
from reconciler.cli.formats import shown_as
from reconciler.cli.output import Progress, confirm, lock, say
from reconciler.cli.platform import Place, SystemClock
from reconciler.cli.policing import policed
from reconciler.cli.process import hold, keeping_all
from reconciler.cli.wiring import Session, in_memory
from reconciler.core import codec, guards
from reconciler.core.plan import Action, Plan
from reconciler.core.problems import ApiError, GuardError, ReconcilerError, SecretError
from reconciler.core.resource import Resource
from reconciler.core.selection import Selection, narrowed
from reconciler.core.state import Record, State
from reconciler.core.steps import Step, steps
from reconciler.core.values import Secret, leaves, of_kind
from reconciler.engine.apply import Outcome, Run
from reconciler.engine.questions import ask
from reconciler.engine.rebuild import twins
from reconciler.engine.refresh import Lives, refresh, refresh_saved
from reconciler.engine.settle import settle_pending
from reconciler.engine.stop import Stop
from reconciler.engine.work import Settings
from reconciler.manifests.load import Project
from reconciler.resources import kinds
from reconciler.resources._lookup import FINDERS
from reconciler.secrets.store import SecretStore

INTERRUPTED = "interrupted"
_SHOWN = 25
"""Addresses that are named one by one at the end of a run."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one run is asked to do, besides the manifests."""

    destroy: bool = False
    selection: Selection = field(default_factory=Selection)
    policies: tuple[Path, ...] = ()
    read: bool = True
    settle: float = 5.0
    staged: bool = False
    checks: bool = True
    judged: bool = True
    """Whether policies are asked: what changes nothing need not keep them."""
    send_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and everything its execution needs."""

    plan: Plan
    lives: Lives
    state: State
    secrets: SecretStore


def parse_plan(path: Path) -> Plan | None:
    """Return the saved plan in `path`, or None when it holds something else."""
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict) or data.get("format") != codec.PLAN_FORMAT:
        return None
    return codec.plan_of(data, str(path))


async def prepare(session: Session, api: Any, place: Place, want: Want, state: State) -> tuple[list[Record], State]:
    """Return what an earlier run and the project file still ask of the state, and the state after it."""
    moves = session.moves(state)
    moved = in_memory(state, moves)
    settled = await settle_pending(api, kinds(), moved, SystemClock(), want.settle, set(moved.pending))
    return [*moves, *settled], in_memory(moved, settled)


async def make_plan(
    session: Session, api: Any, project: Project, state: State, secrets: SecretStore, want: Want
) -> tuple[Plan, Lives]:
    """Return the plan for what PATH, `--target` and `--destroy` leave in scope."""
    resources, scope = session.scope(project, state)
    if want.destroy:
        resources = {}
    left_out: tuple[str, ...] = ()
    if want.selection:
        everything = {*resources, *scope}
        resources, scope = narrowed(want.selection, resources, scope, state)
        left_out = tuple(sorted(everything.difference(resources, scope)))
    warnings = tuple(str(problem) for problem in project.warnings)
    # a plan needs values only of what was sent before: to see whether it changed
    compared = [item.body for name, item in resources.items() if item.sensitive and name in state.resources]
    held = [leaf for body in compared for leaf in of_kind(body, Secret)]
    unchecked = secrets.unanswered(held)
    if unchecked:
        warnings += (f"not checked whether they changed, {unchecked}",)
    plan, lives = await refresh(
        api, kinds(), FINDERS, state, resources, scope, secrets,
        now=SystemClock().now() // 1000, destroy=want.destroy, read=want.read, staged=want.staged,
    )  # fmt: skip
    if want.checks and want.read and not plan.objections:
        plan = await ask(api, kinds(), plan)
        if not state.resources:
            warnings += tuple(await _there_already(api, resources))
    plan = replace(plan, warnings=(*warnings, *plan.warnings), left_out=left_out, manifests=project.digests())
    return policed(session, plan, want.policies) if want.judged else plan, lives


async def _there_already(api: Any, resources: Mapping[str, Resource]) -> list[str]:
    """Return warnings about dataflows that a first apply would make once more; asking is no reason to fail."""
    try:
        return await twins(api, kinds()["Flow"], resources)
    except ApiError:
        return []


def guard(session: Session, plan: Plan, state: State, *, allow_delete: bool) -> None:
    """Raise `GuardError` with every objection to `plan`."""
    limits = session.project.guardrails
    found = [
        *plan.objections,
        *guards.objections(
            plan,
            state,
            guards.Guardrails(limits.max_deletes, limits.max_delete_percent),
            protected=session.settings.protected,
            allow_delete=allow_delete,
        ),
    ]
    if found:
        raise GuardError(found)


def need_secrets(plan: Plan, secrets: SecretStore) -> None:
    """Raise `SecretError` when a secret that will be sent has no value: before anything is sent."""
    wanted = [
        leaf
        for change in plan.effective
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
        for _, leaf in leaves(change.desired)
        if isinstance(leaf, Secret) and (change.action is not Action.UPDATE or _sent(change.calls, leaf))
    ]
    missing = secrets.missing(wanted)
    if missing:
        raise SecretError(secrets.missing_problem(missing))


def _sent(calls: Collection[Any], secret: Secret) -> bool:
    return any(leaf == secret for call in calls for _, leaf in leaves(call.body))


async def planned(
    session: Session,
    want: Want,
    project: Project | None = None,
    *,
    more: Callable[[Any, State], Awaitable[None]] | None = None,
) -> Prepared:
    """Return a plan without writing anything: a left-over journal and unsettled intents are followed in memory.

    `more` is done with the platform and the state while the door is open.
    """
    project = project or session.manifests()
    async with session.platform() as (api, place, _):
        with keeping_all():  # in a thread: several environments are read at the same time
            state = session.check(await asyncio.to_thread(session.store().read, project.resources), place)
        secrets = session.secret_store(state)
        _, state = await prepare(session, api, place, want, state)
        plan, lives = await make_plan(session, api, project, state, secrets, want)
        if more is not None:
            await more(api, state)
    return Prepared(plan, lives, state, secrets)


async def applied(session: Session, want: Want, writing: Writing, *, verb: str, saved: Plan | None = None) -> int:
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
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    progress = Progress(len(steps(plan, state)))
    try:
        return await Run(plan, state, lives, kinds(), api, store, secrets, SystemClock(), progress, settings, stop).go()
    finally:
        if timer is not None:
            timer.cancel()
        progress.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


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
