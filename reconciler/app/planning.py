"""Makes a plan: settles what an earlier run left, reads, compares, checks, and collects what objects to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
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
from reconciler.core.plan import guards, saved_plan
from reconciler.core.plan.assemble import Findings, assemble, no_policies
from reconciler.core.plan.judged import with_judged
from reconciler.core.plan.model import Action, Plan
from reconciler.core.plan.selection import narrowed
from reconciler.core.problems import ApiError, GuardError, ManifestError, SecretError
from reconciler.core.resource import Call, Resource
from reconciler.core.state.model import Record, State
from reconciler.core.trees import leaves, of_kind
from reconciler.core.values import Secret
from reconciler.documents.load import Project
from reconciler.engine.ports import Api
from reconciler.engine.preflight import preflight
from reconciler.engine.rebuild import possible_duplicates
from reconciler.engine.refresh import Lives, refresh
from reconciler.engine.settle import settle_pending
from reconciler.kinds import dataflow_kind, kinds
from reconciler.kinds.lookups import FINDERS
from reconciler.secrets.store import SecretStore
from reconciler.yamltext.files import read_file

if TYPE_CHECKING:
    from reconciler.api.client import Client


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
        data = json.loads(read_file(path, str(path)))
    except (ManifestError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("format") != saved_plan.PLAN_FORMAT:
        return None
    return saved_plan.plan_of(data, str(path), kinds())


async def prepare(session: Session, api: Client, options: PlanOptions, state: State) -> tuple[list[Record], State]:
    """Return the records that an earlier run and the project file still owe the state, and the state after them."""
    moves = session.moves(state)
    moved = in_memory(state, moves)
    settled = await settle_pending(api, kinds(), moved, SystemClock(), options.settle, set(moved.pending))
    return [*moves, *settled], in_memory(moved, settled)


async def compute_plan(
    session: Session,
    api: Api,
    project: Project,
    state: State,
    secrets: SecretStore,
    options: PlanOptions,
    *,
    finders: Finders = FINDERS,
    lists: bool = True,
    notes: tuple[str, ...] = (),
) -> tuple[Plan, Lives]:
    """Return the plan for what PATH, `--target` and `--destroy` leave in scope.

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
    warnings = (*notes, *(str(problem) for problem in project.doubts))
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
    whole = assemble(plan, notes=warnings, checks=checks, left_out=left_out, manifests=project.digests(), judge=judge)
    return whole, lives


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
        _, state = await prepare(session, api, options, state)
        plan, lives = await compute_plan(session, api, project, state, secrets, options)
        await prove_access(api, target.sandbox)
        if more is not None:
            await more(api, state, lives)
    return Prepared(plan, lives, state, secrets)
