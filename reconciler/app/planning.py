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
from reconciler.app.project_lines import imported, line_notes, released, still_importable
from reconciler.app.runtime import no_garbage_collection
from reconciler.app.session import Session, in_memory
from reconciler.core.abilities import undeletable_reason
from reconciler.core.kind import Finders
from reconciler.core.plan import guards
from reconciler.core.plan.assemble import Findings, assemble
from reconciler.core.plan.basis import with_facts
from reconciler.core.plan.judged import with_judged
from reconciler.core.plan.model import Action, Basis, Plan
from reconciler.core.plan.selection import narrowed
from reconciler.core.problems import ApiError, GuardError, ManifestError, Problem, SecretError
from reconciler.core.resource import Call, Resource
from reconciler.core.state.model import Entry, Record, State
from reconciler.core.trees import leaves, of_kind
from reconciler.core.values import Secret, Tree
from reconciler.documents.document import nearest
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


@dataclass(frozen=True, slots=True)
class Owed:
    """The records that an earlier run and the project file still owe the state, and the state after them.

    `imports` are the entries among them that `imports` lines bind, by address.
    """

    records: list[Record]
    state: State
    imports: Mapping[str, Entry]


async def prepare(
    session: Session,
    api: Client,
    options: PlanOptions,
    state: State,
    project: Project | None,
    saved: Plan | None = None,
) -> Owed:
    """Return what is owed to the state before a plan; the renames and imports of a `saved` plan are in the plan."""
    moves = session.moves(state) if saved is None else _moves(saved, state)
    moved = in_memory(state, moves)
    settled = await settle_pending(api, kinds(), moved, SystemClock(), options.settle, set(moved.pending))
    state = in_memory(moved, settled)
    if saved is not None:
        imports = await still_importable(api, state, saved.imports)
    else:
        assert project is not None
        imports = await imported(session, api, project, state, options)
    bound = [Record("bound", address, entry=entry) for address, entry in imports.items()]
    return Owed([*moves, *settled, *bound], in_memory(state, bound), imports)


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
    owed: Owed | None = None,
    finders: Finders = FINDERS,
    lists: bool = True,
    notes: tuple[str, ...] = (),
) -> tuple[Plan, Lives]:
    """Return the plan for what PATH, `--target` and `--destroy` leave in scope; `state` includes what is `owed`.

    `finders` answer look-ups; without `lists` every object is read by itself; `notes` are warnings that come first.
    """
    resources, scope = session.scope(project, state)
    if options.destroy:
        resources = {}
    elif not (resources or scope):
        session.require_something(project, state)
    left_out: tuple[str, ...] = ()
    if options.selection:
        everything = {*resources, *scope}
        resources, scope = narrowed(options.selection, resources, scope, state)
        left_out = tuple(sorted(everything.difference(resources, scope)))
    _check_replace(options.replace, resources, state)
    warnings = (*notes, *(problem.unmarked for problem in project.doubts), *line_notes(session, state))
    # a plan needs values only of what was sent before: to see whether it changed
    compared = [item.body for name, item in resources.items() if item.sensitive and name in state.resources]
    held = [leaf for body in compared for leaf in of_kind(body, Secret)]
    unchecked = secrets.unanswered(held)
    if unchecked:
        warnings += (f"not checked whether they changed, {unchecked}",)
    plan, lives = await refresh(
        api, kinds(), finders, state, resources, scope, secrets,
        now=SystemClock().now() // 1000, destroy=options.destroy, read=options.read, staged=options.staged, lists=lists,
        removed=released(session), replace_too=options.replace,
    )  # fmt: skip
    plan = with_judged(plan, project.judged)
    checks = Findings()
    if options.checks and options.read and not plan.objections:
        checks = await preflight(api, kinds(), plan)
        if not state.resources:
            warnings += tuple(await _there_already(api, resources))
    imports = {} if owed is None else owed.imports
    plan = replace(plan, allow_delete=options.allow_delete, imports=imports, removed=released(session))
    judge = partial(judged, session, state=state, options=options)
    basis = _basis(session, project, options, owed.records if owed else ()) if options.lasting else None
    whole = assemble(plan, notes=warnings, checks=checks, left_out=left_out, basis=basis, judge=judge)
    return (with_facts(whole, state) if options.lasting else whole), lives


def _check_replace(addresses: Collection[str], resources: Mapping[str, Resource], state: State) -> None:
    """Raise `ManifestError` for an address of `--replace` that cannot be replaced, or is none of an applied object."""
    problems = []
    for address in addresses:
        entry = state.resources.get(address)
        if address not in resources or entry is None or not entry.id:
            what = f"--replace: no applied object in scope has the address {address!r}"
            known = [name for name in resources if name in state.resources]
            problems.append(Problem("unknown-target", what, nearest(address, known) or "see: reconciler state list"))
        elif why := undeletable_reason(kinds()[entry.kind], entry.applied):
            problems.append(Problem("cannot-replace", f"--replace {address}: {why}", "replace the object that uses it"))
    if problems:
        raise ManifestError(problems)


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
        replace=options.replace,
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


def judged(session: Session, plan: Plan, state: State, options: PlanOptions) -> Findings:
    """Return what the policies and the guardrails of the project find in `plan`, a permission in the plan included."""
    if not options.judged:
        return Findings()
    found = judge_plan(session, plan, options.policies)
    if plan.allow_delete or options.allow_delete:
        return found
    own = session.project.guardrails
    limits = guards.Guardrails(own.max_deletes, own.max_delete_percent)
    return replace(found, objections=(*found.objections, *guards.exceeded(plan, state, limits, kinds())))


def guard(session: Session, plan: Plan, state: State, *, allow_protected: bool) -> None:
    """Raise `GuardError` with every objection to `plan`, its protected objects included."""
    protected = session.settings.protected and not allow_protected
    found = [*plan.objections, *guards.protections(plan, state, protected=protected)]
    if found:
        raise GuardError(found)


def _protected(session: Session, plan: Plan, state: State) -> list[str]:
    """Return warnings about what an apply of `plan` will refuse because it is protected."""
    found = guards.protections(plan, state, protected=session.settings.protected)
    return [
        f"apply will refuse this: {replace(item, severity='warning')}".replace("warning: ", "", 1) for item in found
    ]


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
    project = project or session.desired(destroy=options.destroy)
    async with session.platform() as (api, target, _):
        with no_garbage_collection():  # in a thread: several environments are read at the same time
            store = session.store()
            state = session.check(await asyncio.to_thread(store.read, project.resources), target)
        if store.doubt is not None:
            session.dialogue.notice(str(replace(store.doubt, severity="warning")))
        secrets = session.secret_store(state)
        owed = await prepare(session, api, options, state, project)
        state = owed.state
        plan, lives = await compute_plan(session, api, project, state, secrets, options, owed=owed)
        if options.judged:
            plan = replace(plan, warnings=(*plan.warnings, *_protected(session, plan, state)))
        await prove_access(api, target.sandbox)
        if more is not None:
            await more(api, state, lives)
    return Prepared(plan, lives, state, secrets)
