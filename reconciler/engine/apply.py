"""Walks the steps of a plan: each waits for what it needs, a failure skips only what needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.kind import Kinds
from reconciler.core.plan.model import Action, Plan
from reconciler.core.plan.steps import Step, Verb, steps
from reconciler.core.problems import AmbiguousError, Problem, ReconcilerError, StateError, StoppedError
from reconciler.core.resource import Live
from reconciler.core.state.model import Record, State
from reconciler.engine.executor import Executor, Settings
from reconciler.engine.namesakes import Namesakes
from reconciler.engine.ports import Api, Clock, Event, Journal, Listener, Secrets
from reconciler.engine.scheduler import Result, Scheduler
from reconciler.engine.stop import Stop, Stoppable

_GROUP = 5000
"""Records that are written at once: those of every object, as when all files moved, would be text by the hundred MB."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: each step with its result, and the problems of those that failed."""

    results: Mapping[str, tuple[Step, Result]]
    problems: tuple[Problem, ...] = ()
    stopped: str = ""
    """Why the run stopped before its end, if it did."""

    @property
    def ok(self) -> bool:
        """Whether everything was done."""
        return not self.problems and all(result == "done" for _, result in self.results.values())


@dataclass(slots=True)
class Run:
    """One run over one plan."""

    plan: Plan
    state: State
    lives: Mapping[str, Live | None]
    kinds: Kinds
    api: Api
    journal: Journal
    secrets: Secrets
    clock: Clock
    listener: Listener
    settings: Settings
    stop: Stop = field(default_factory=Stop)

    async def go(self) -> Outcome:
        """Carry out the plan. Raises only what makes going on impossible (the disk refuses the journal)."""
        todo = steps(self.plan, self.state)
        clock = Stoppable(self.clock, self.stop)
        executor = Executor.begin(
            self.kinds,
            self.api,
            self.journal,
            self.secrets,
            clock,
            self.listener,
            self.settings,
            self.lives,
            Namesakes.of_plan(self.api, self.kinds, self.plan),
        )
        await self._adopt(executor)
        # the client bounds requests; a step also waits for the disk, and others may use the line meanwhile
        most = self.settings.parallelism
        scheduler = Scheduler(todo)
        problems: list[Problem] = []

        async def carry_out() -> None:
            while (step := await scheduler.next()) is not None:
                result: Result = "skipped"
                if scheduler.possible(step) and not self.stop.asked:
                    result = await self._do(executor, step, problems)
                else:
                    self.listener.tell(Event("skipped", step.change.address, step.verb))
                scheduler.over(step, result)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(2 * most if most > 1 else 1, len(todo))):
                group.create_task(carry_out())
        results = {key: (step, scheduler.results[key]) for key, step in todo.items()}
        problems += await self._resume(executor, results)
        return Outcome(results, tuple(problems), self.stop.why)

    async def _do(self, executor: Executor, step: Step, problems: list[Problem]) -> Result:
        address, verb = step.change.address, step.verb
        self.listener.tell(Event("start", address, verb))
        try:
            ident = await getattr(executor, verb.value)(step)
        except StoppedError:
            self.listener.tell(Event("skipped", address, verb))
            return "skipped"
        except ReconcilerError as error:
            found = [
                item if item.address else Problem(item.code, item.what, item.next, item.span, address)
                for item in error.problems
            ]
            problems += found
            self.listener.tell(Event("failed", address, verb, found[0].what))
            intent = executor.ledger.pending.get(address)
            if intent and intent.action != "create" and not isinstance(error, AmbiguousError | StateError):
                # refused, and known to be; a create says that itself: an error of the search after it proves nothing
                await executor.ledger.note(Record("settled", address))
            return "failed"
        self.listener.tell(Event("done", address, verb, ident=ident or ""))
        return "done"

    async def _adopt(self, executor: Executor) -> None:
        """Write what no-ops still have to say to the state: a moved file, a new protection."""
        records = [
            Record(
                "bound", change.address, entry=executor.ledger.entry_for(change, executor.ledger.lives[change.address])
            )
            for change in self.plan.changes
            if change.action is Action.NOOP and change.adopt
        ]
        for start in range(0, len(records), _GROUP):
            await executor.ledger.note(*records[start : start + _GROUP])

    async def _resume(self, executor: Executor, results: Mapping[str, tuple[Step, Result]]) -> list[Problem]:
        """Enable the old flow of a replace again when its successor could not be made."""
        problems: list[Problem] = []
        for step, result in list(results.values()):
            if step.verb is not Verb.SUSPEND or result != "done" or step.key not in executor.suspended:
                continue
            successors = [results.get(f"{verb} {step.change.address}") for verb in (Verb.CREATE, Verb.FINISH)]
            if any(successor is not None and successor[1] != "done" for successor in successors):
                try:
                    await executor.resume(step)
                    self.listener.tell(Event("done", step.change.address, "enable again", ident=step.ident or ""))
                except StoppedError:
                    pass  # it was asked for and is under way
                except ReconcilerError as error:
                    problems += error.problems
        return problems
