"""Apply and destroy: plan, guard, confirm, run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.app.access import prove_access
from reconciler.app.dialogue import Dialogue
from reconciler.app.options import PlanOptions, WriteOptions
from reconciler.app.planning import compute_plan, guard, judged, need_secrets, prepare
from reconciler.app.platform import SystemClock
from reconciler.app.project_lines import released
from reconciler.app.running import on_interrupt
from reconciler.app.saved_plans import refuse_stale
from reconciler.app.session import Session
from reconciler.app.transaction import connected
from reconciler.core.plan.assemble import assemble
from reconciler.core.plan.model import Plan
from reconciler.core.plan.steps import steps
from reconciler.core.state.model import State
from reconciler.engine.apply import Outcome, Run
from reconciler.engine.executor import Settings
from reconciler.engine.refresh import Lives, refresh_saved
from reconciler.engine.stop import Stop
from reconciler.kinds import kinds
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    from reconciler.api.client import Client
    from reconciler.stores.store import Store

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Applied:
    """How an apply ended: its plan, and the outcome of the run, which is None where nothing was run.

    `refused` tells that the question was answered with no.
    """

    plan: Plan
    outcome: Outcome | None = None
    refused: bool = False

    @property
    def ok(self) -> bool:
        """Whether the platform is as the plan says."""
        return not self.refused and (self.outcome is None or self.outcome.ok)


async def apply(
    session: Session, options: PlanOptions, writing: WriteOptions, *, verb: str = "apply", saved: Plan | None = None
) -> Applied:
    """Plan (or take the plan that was `saved`), show it, guard it, ask, and carry it out.

    The lock is held from before the plan to the end. Raises `ReconcilerError` where the plan may not be carried out:
    then nothing was sent. The outcome of a run that failed in part is returned, not raised.
    """
    declared = refuse_stale(session, saved) if saved is not None else {}
    project = None if saved is not None else session.desired(destroy=options.destroy)
    options = replace(options, allow_delete=options.allow_delete or writing.allow_delete)
    async with connected(
        session, verb, lock_timeout=writing.lock_timeout, parallelism=writing.parallelism,
        like=project.resources if project else None,
    ) as open_:  # fmt: skip
        api, transaction = open_.api, open_.transaction
        if options.destroy and transaction.fresh:
            where = transaction.store.where
            session.dialogue.notice(f"There is no state at {where}: --env and --state-dir choose another.")
        if not transaction.fresh:
            transaction.begin()
        elif saved is not None and saved.serial == 0:
            transaction.take_lineage(saved.lineage)
        secrets = session.secret_store(transaction.state)
        secrets.send_trusted = options.send_secrets
        owed = await prepare(session, api, options, transaction.state, project, saved)
        records, settled = owed.records, owed.state
        if saved is not None:
            saved = replace(saved, removed=tuple(sorted({*saved.removed, *released(session)})))
            still, lives = await refresh_saved(api, kinds(), settled, saved, secrets.changed, declared)
            plan = assemble(still, judge=partial(judged, session, state=settled, options=options))
        else:
            assert project is not None
            plan, lives = await compute_plan(session, api, project, settled, secrets, options, owed=owed)
        await prove_access(api, open_.target.sandbox)
        session.dialogue.review(plan)
        guard(session, plan, settled, allow_protected=writing.allow_protected)
        need_secrets(plan, secrets)
        if (plan.effective or owed.imports) and not session.dialogue.confirm(f"{verb.capitalize()} these changes?"):
            return Applied(plan, refused=True)
        if not plan.effective and not records and not any(change.adopt for change in plan.changes):
            return Applied(plan)
        await transaction.record(records)
        settings = Settings(writing.parallelism, writing.wait_timeout, options.settle)
        outcome = await _run(
            plan, settled, lives, api, transaction.store, secrets, settings, writing.time_limit, session.dialogue
        )
        transaction.commit()
    return Applied(plan, outcome)


async def _run(
    plan: Plan,
    state: State,
    lives: Lives,
    api: Client,
    store: Store,
    secrets: SecretStore,
    settings: Settings,
    time_limit: float | None,
    dialogue: Dialogue,
) -> Outcome:
    """Carry out a plan.

    The first interrupt, or the time limit, lets the steps under way finish; the second interrupt ends the run at once.
    """
    stop = Stop()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def ask(why: str) -> None:
        stop.ask(why)
        api.stop()
        dialogue.notice("Stopping: what is under way is finished and written; once more stops at once.")

    def interrupted() -> None:
        if not stop.asked:
            ask(INTERRUPTED)
        elif task.cancel():
            dialogue.notice("Stopped at once. Run it again: it finds out what became of the calls that were under way.")

    timer = loop.call_later(time_limit, ask, f"after {time_limit:g} s") if time_limit is not None else None
    try:
        with on_interrupt(interrupted), dialogue.progress(len(steps(plan, state))) as listener:
            run = Run(plan, state, lives, kinds(), api, store, secrets, SystemClock(), listener, settings, stop)
            return await run.go()
    finally:
        if timer is not None:
            timer.cancel()
