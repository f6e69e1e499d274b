"""A project as an object: plan, apply, drift, status and outputs from a program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from reconciler.app.apply import Applied, apply
from reconciler.app.dialogue import Silent
from reconciler.app.drift import DriftOptions, drift
from reconciler.app.flows import outputs, status
from reconciler.app.options import PlanOptions, ProjectOptions, WriteOptions
from reconciler.app.planning import make_plan
from reconciler.app.running import run
from reconciler.app.session import Session, open_session
from reconciler.core.plan.model import Plan as CorePlan
from reconciler.core.plan.selection import Selection
from reconciler.core.problems import Problem, ReconcilerError
from reconciler.core.runs import Outputs
from reconciler.core.values import Tree
from reconciler.library.results import (
    AppliedStep,
    ApplyError,
    ApplyResult,
    Change,
    Drift,
    DriftEntry,
    DriftField,
    FlowStatus,
    Plan,
    Run,
)
from reconciler.render.json import drift_document, plan_document
from reconciler.render.status import document as status_document
from reconciler.secrets.redaction import redact

T = TypeVar("T")


def load(
    path: str | Path = ".",
    *,
    env: str | None = None,
    variables: Mapping[str, Tree] | None = None,
    state_dir: str | Path | None = None,
    emulator: bool = False,
) -> Project:
    """Return the project at `path`, a folder of manifests or one manifest.

    `env` names the environment, `variables` are values that win over those of the project file. `state_dir` is the
    folder of a local state; `emulator` uses the embedded emulator instead of the platform. Raises `ReconcilerError`
    when the project file cannot be used. Manifests are read at each call of a method, so that edits count.
    """
    options = ProjectOptions(
        path=Path(path),
        environment=env,
        values=dict(variables or {}),
        state_dir=None if state_dir is None else Path(state_dir),
        emulator=emulator,
    )
    project = Project(options)
    project.environment = project._session().environment
    return project


class Project:
    """A project in one environment. Methods raise `ReconcilerError`, whose `problems` hold every finding."""

    environment: str

    def __init__(self, options: ProjectOptions) -> None:
        self._options = options

    def validate(self) -> tuple[Problem, ...]:
        """Return the findings about the manifests, errors and warnings. Nothing is sent."""
        return tuple(_call(lambda: self._session().examine().problems))

    def plan(
        self,
        *,
        targets: str | Sequence[str] = (),
        select: str | Sequence[str] = (),
        exclude: str | Sequence[str] = (),
        destroy: bool = False,
        refresh: bool = True,
        checks: bool = True,
        staged: bool = False,
        allow_delete: bool = False,
        replace: str | Sequence[str] = (),
    ) -> Plan:
        """Return the plan; nothing is written. The arguments are the options of `reconciler plan`.

        `targets`, `select`, `exclude` and `replace` take one text or several.
        """
        options = PlanOptions(
            destroy=destroy,
            selection=Selection(_texts(targets), _texts(select), _texts(exclude)),
            read=refresh,
            checks=checks,
            staged=staged,
            allow_delete=allow_delete,
            replace=_texts(replace),
            lasting=True,
        )
        return _plan(_run(lambda: make_plan(self._session(), options)).plan)

    def apply(
        self,
        plan: Plan | None = None,
        *,
        parallelism: int = 10,
        lock_timeout: float = 0.0,
        wait_timeout: float = 300.0,
        time_limit: float | None = None,
        allow_delete: bool = False,
        allow_protected: bool = False,
    ) -> ApplyResult:
        """Apply `plan` exactly as it is, or a fresh plan without one. Nothing is asked.

        Raises `StaleError` when the plan no longer fits the state or the live objects and `GuardError` when it is
        refused: then nothing was sent. Raises `ApplyError` when a step failed; its `result` lists every step.
        Timeouts are in seconds.
        """
        writing = WriteOptions(parallelism, lock_timeout, wait_timeout, time_limit, allow_delete, allow_protected)
        saved = None if plan is None else plan.core
        return _result(_run(lambda: apply(self._session(), PlanOptions(), writing, saved=saved)))

    def destroy(self, *, lock_timeout: float = 0.0, allow_protected: bool = False) -> ApplyResult:
        """Delete what the state holds, users before what they use. Raises as `apply` does. Nothing is asked."""
        writing = WriteOptions(lock_timeout=lock_timeout, allow_protected=allow_protected)
        options = PlanOptions(destroy=True)
        return _result(_run(lambda: apply(self._session(), options, writing, verb="destroy")))

    def drift(self) -> Drift:
        """Return how the live objects differ from what was last applied; nothing is written."""
        report = _run(lambda: drift(self._session(), DriftOptions()))
        document = drift_document(report)
        return Drift(report.environment, _entries(document["drift"]), document["summary"], document)

    def status(self, *, runs: int = 3) -> Mapping[str, FlowStatus]:
        """Return the state and the last `runs` runs of each applied dataflow, by name."""

        async def look(session: Session) -> Any:
            async with session.platform() as (api, target, _):
                return await status(session, api, target, runs)

        return {name: _status(item) for name, item in status_document(_run(lambda: look(self._session()))).items()}

    def outputs(self) -> Mapping[str, Outputs]:
        """Return the endpoint URL and the ids of each applied dataflow, by name."""
        return _run(lambda: outputs(self._session()))

    def _session(self) -> Session:
        return open_session(self._options, Silent())


def _plan(plan: CorePlan) -> Plan:
    document = plan_document(plan)
    changes = tuple(
        Change(
            item["address"], item["kind"], item["action"], item["id"], item["reason"], item["before"], item["after"],
            tuple(item["patch"]), tuple(item["replacePaths"]), item.get("labels", {}),
        )
        for item in document["changes"]
    )  # fmt: skip
    drifted = _entries(document["drift"])
    return Plan(plan.environment, changes, drifted, plan.warnings, plan.objections, document["summary"], document, plan)


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return the values of an option; one text is one value, not its characters."""
    return (value,) if isinstance(value, str) else tuple(value)


def _entries(items: list[dict[str, Any]]) -> tuple[DriftEntry, ...]:
    return tuple(
        DriftEntry(
            item["address"], item["kind"], item["id"], item["status"],
            tuple(DriftField(**part) for part in item["fields"]), item["updatedBy"], item["updatedAt"],
        )
        for item in items
    )  # fmt: skip


def _result(applied: Applied) -> ApplyResult:
    outcome = applied.outcome
    if outcome is None:
        return ApplyResult(_plan(applied.plan))
    steps = tuple(AppliedStep(step.change.address, str(step.verb), result) for step, result in outcome.results.values())
    result = ApplyResult(_plan(applied.plan), steps)
    if not outcome.ok:
        stopped = Problem("stopped", f"the apply stopped {outcome.stopped}", "apply again: it goes on from here")
        raise ApplyError(tuple(map(_redacted, outcome.problems)) or (stopped,), result)
    return result


def _status(item: dict[str, Any]) -> FlowStatus:
    runs = tuple(
        Run(
            part["id"], part["status"], part["startedAt"], part["completedAt"], part["records"], part["bytes"],
            tuple(part["errors"]),
        )
        for part in item["runs"]
    )  # fmt: skip
    return FlowStatus(item["flowId"], item["state"], item["lastOperation"], runs, tuple(item["notes"]))


def _run(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a use case to its end; in a thread of its own where this one runs an event loop, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _call(lambda: run(start()))
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(_call(lambda: run(start())))
        except BaseException as error:  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _call(work: Callable[[], T]) -> T:
    """Return the result of `work`; secrets are taken out of the problems of an error."""
    try:
        return work()
    except ReconcilerError as error:
        error.problems = tuple(map(_redacted, error.problems))
        error.args = ("\n".join(map(str, error.problems)),)
        raise


def _redacted(problem: Problem) -> Problem:
    return replace(problem, what=redact(problem.what), next=redact(problem.next))
