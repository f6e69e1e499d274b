"""Makes a plan: settles what an earlier run left, reads, compares, checks, and collects what objects to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.access import prove_access
from reconciler.app.options import PlanOptions
from reconciler.app.platform import SystemClock
from reconciler.app.policies import judge_plan
from reconciler.app.runtime import no_garbage_collection
from reconciler.app.session import Session, in_memory
from reconciler.core.kind import Finders
from reconciler.core.plan import guards
from reconciler.core.plan.assemble import Findings, assemble, no_policies
from reconciler.core.plan.basis import with_facts
from reconciler.core.plan.judged import with_judged
from reconciler.core.plan.model import Action, Basis, Plan
from reconciler.core.plan.selection import narrowed
from reconciler.core.problems import ApiError, GuardError, SecretError
from reconciler.core.resource import Call, Resource
from reconciler.core.state.model import Record, State
from reconciler.core.trees import leaves, of_kind
from reconciler.core.values import Secret, Tree
from reconciler.documents.load import Project
from reconciler.engine.ports import Api
from reconciler.engine.preflight import preflight
from reconciler.engine.rebuild import possible_duplicates
from reconciler.engine.refresh import Lives, refresh
from reconciler.engine.settle import settle_pending
from reconciler.kinds import dataflow_kind, kinds
from reconciler.kinds.lookups import FINDERS
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    from reconciler.api.client import Client


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and everything its execution needs."""

    plan: Plan
    lives: Lives
    state: State
    secrets: SecretStore


async def prepare(
    session: Session, api: Client, options: PlanOptions, state: State, saved: Plan | None = None
) -> tuple[list[Record], State]:
    """Return the records that an earlier run and the project file still owe the state, and the state after them.

    The renames of a `saved` plan are in the plan itself.
    """
    moves = session.moves(state) if saved is None else _moves(saved, state)
    moved = in_memory(state, moves)
    settled = await settle_pending(api, kinds(), moved, SystemClock(), options.settle, set(moved.pending))
    return [*moves, *settled], in_memory(moved, settled)


def _moves(saved: Plan, state: State) -> list[Record]:
    """Return the renames of a saved plan that the state has not followed yet."""
    return [
        Record("moved", old, to=new)
        for old, new in saved.basis.moved
        if old in state.resources and new not in state.resources
    ]


async def compute_plan(
    session: Session,
    api: Api,
    project: Project,
    state: State,
    secrets: SecretStore,
    options: PlanOptions,
    *,
    records: Sequence[Record] = (),
    finders: Finders = FINDERS,
    lists: bool = True,
    notes: tuple[str, ...] = (),
) -> tuple[Plan, Lives]:
    """Return the plan for what PATH, `--target` and `--destroy` leave in scope; `state` is that after `records`.

    `finders` answer look-ups; without `lists` every object is read by itself; `notes` are warnings that come first.
    """
    resources, scope = session.scope(project, state)
    if options.destroy:
        resources = {}
    left_out: tuple[str, ...] = ()
    if options.selection:
        everything = {*resources, *scope}
        resources, scope = narrowed(options.selection, resources, scope, state)
        left_out = tuple(sorted(everything.difference(resources, scope)))
    warnings = (*notes, *(problem.unmarked for problem in project.doubts))
    # a plan needs values only of what was sent before: to see whether it changed
    compared = [item.body for name, item in resources.items() if item.sensitive and name in state.resources]
    held = [leaf for body in compared for leaf in of_kind(body, Secret)]
    unchecked = secrets.unanswered(held)
    if unchecked:
        warnings += (f"not checked whether they changed, {unchecked}",)
    plan, lives = await refresh(
        api, kinds(), finders, state, resources, scope, secrets,
        now=SystemClock().now() // 1000, destroy=options.destroy, read=options.read, staged=options.staged, lists=lists,
    )  # fmt: skip
    plan = with_judged(plan, project.judged)
    checks = Findings()
    if options.checks and options.read and not plan.objections:
        checks = await preflight(api, kinds(), plan)
        if not state.resources:
            warnings += tuple(await _there_already(api, resources))
    judge = partial(judge_plan, session, files=options.policies) if options.judged else no_policies
    basis = _basis(session, project, options, records) if options.lasting else None
    whole = assemble(plan, notes=warnings, checks=checks, left_out=left_out, basis=basis, judge=judge)
    return (with_facts(whole, state) if options.lasting else whole), lives


def _basis(session: Session, project: Project, options: PlanOptions, records: Sequence[Record]) -> Basis:
    """Return what a saved plan keeps of the manifests and the choices it was made from."""
    chosen = options.selection
    return Basis(
        documents=project.digests(),
        files=project.files(),
        moved=tuple((item.address, item.to) for item in records if item.event == "moved" and item.to is not None),
        variables=_given(session, project),
        path=Path(os.path.relpath(session.path, session.root)).as_posix(),
        targets=chosen.targets,
        labels=chosen.labels,
        exclude=chosen.exclude,
        shard=str(chosen.shard or ""),
        staged=options.staged,
    )


def _given(session: Session, project: Project) -> dict[str, Tree]:
    """Return the given variables that are used, without those whose value a literal secret contains."""
    used = (project.used_variables | session.project_variables) & session.given & session.variables.keys()
    bodies = [item.body for item in project.resources.values() if item.sensitive]
    literals = [leaf.template for body in bodies for leaf in of_kind(body, Secret) if leaf.literal]
    values = {name: session.variables[name] for name in sorted(used)}
    return {name: value for name, value in values.items() if not any(str(value) in text for text in literals)}


async def _there_already(api: Api, resources: Mapping[str, Resource]) -> list[str]:
    """Return warnings about dataflows that a first apply would make once more; asking is no reason to fail."""
    try:
        return await possible_duplicates(api, dataflow_kind(), resources)
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


def _sent(calls: Collection[Call], secret: Secret) -> bool:
    return any(leaf == secret for call in calls for _, leaf in leaves(call.body))


async def make_plan(
    session: Session,
    options: PlanOptions,
    project: Project | None = None,
    *,
    more: Callable[[Client, State, Lives], Awaitable[None]] | None = None,
) -> Prepared:
    """Return a plan without writing anything: a left-over journal and unsettled intents are followed in memory.

    `more` is called with the platform, the state and the live objects while the connection is open.
    """
    project = project or session.manifests()
    async with session.platform() as (api, target, _):
        with no_garbage_collection():  # in a thread: several environments are read at the same time
            store = session.store()
            state = session.check(await asyncio.to_thread(store.read, project.resources), target)
        if store.doubt is not None:
            session.dialogue.notice(str(replace(store.doubt, severity="warning")))
        secrets = session.secret_store(state)
        records, state = await prepare(session, api, options, state)
        plan, lives = await compute_plan(session, api, project, state, secrets, options, records=records)
        await prove_access(api, target.sandbox)
        if more is not None:
            await more(api, state, lives)
    return Prepared(plan, lives, state, secrets)
