"""Compares what is live with what was last applied; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.app.options import PlanOptions
from reconciler.app.pending import with_history
from reconciler.app.planning import make_plan
from reconciler.app.platform import SystemClock
from reconciler.app.session import Session
from reconciler.core.compare.diff import never
from reconciler.core.observations import last_edit
from reconciler.core.plan.drift import Acknowledged, acknowledge
from reconciler.core.plan.drift_report import Report, Unmanaged, pending_changes
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Drift, Plan
from reconciler.core.plan.repinned import repinned, rows_that_differ
from reconciler.core.plan.selection import Selection
from reconciler.core.plan.sharding import Shard
from reconciler.core.plan.with_rules import with_rules
from reconciler.core.pointers import parse_pointer
from reconciler.core.resource import Live
from reconciler.core.state.model import State
from reconciler.core.values import Span
from reconciler.documents.load import Project
from reconciler.engine.observe import read
from reconciler.engine.refresh import Lives
from reconciler.engine.relied_on import in_words, relied_on
from reconciler.engine.unmanaged import unmanaged
from reconciler.kinds import kinds

if TYPE_CHECKING:
    from reconciler.api.client import Client


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """Which part of the project to compare, and whether to list the objects that no address is bound to.

    With `fail_on_pending` changes that were not applied count as a failure.
    """

    unmanaged: bool = False
    shard: Shard | None = None
    fail_on_pending: bool = False


async def drift(session: Session, options: DriftOptions, project: Project | None = None) -> Report:
    """Return the drift report of one environment; `project` are its manifests where they were read already."""
    others: list[Unmanaged] = []
    rows: list[Drift] = []
    used: list[str] = []
    project = project or session.desired()

    async def look(api: Client, state: State, lives: Lives) -> None:
        rows.extend(await _moved_away(api, state, lives, project))
        used.extend(in_words(item) for item in await relied_on(api, kinds(), state, lives))
        if options.unmanaged:
            others.extend(await _unmanaged(api, state))

    choice = PlanOptions(selection=Selection(shard=options.shard), checks=False, judged=False)
    made = await make_plan(session, choice, project, more=look)
    plan = made.plan
    known = {item.address for item in rows}
    plan = replace(plan, drift=(*(item for item in plan.drift if item.address not in known), *rows))
    report = _report(session, with_rules(plan, kinds()), tuple(others) if options.unmanaged else None, used)
    pending, notes = await asyncio.to_thread(with_history, session, project, made.state, report.pending)
    return replace(report, pending=pending, notes=(*report.notes, *notes), fails_on_pending=options.fail_on_pending)


async def _moved_away(api: Client, state: State, lives: Lives, project: Project) -> list[Drift]:
    """Return how the mapping sets that flows were pinned to outside differ from the ones we applied."""
    found = []
    world = PlanInput(project.resources, state, lives, kinds(), never, ())
    for item in repinned(kinds(), state, lives):
        live = await read(api, kinds()[item.pin.kind], Live(item.pin.ident), item.pin.version)
        found.append(rows_that_differ(world, item, live))
    return found


def _report(session: Session, plan: Plan, others: tuple[Unmanaged, ...] | None, used: Sequence[str]) -> Report:
    """Return the report of a plan: drift, acknowledged drift, and changes that are in the manifests alone."""
    today = datetime.fromtimestamp(SystemClock().now() / 1000, UTC).date().isoformat()
    known = session.project.acknowledged
    entries = [Acknowledged(item.address, item.path, item.reason, item.until) for item in known]
    drift, notes = acknowledge(plan.drift, entries, today)
    return Report(
        plan.environment, plan.sandbox, len(plan.scope), drift, pending_changes(plan), (*notes, *used), others,
        platform=plan.platform, organization=plan.organization,
    )  # fmt: skip


async def _unmanaged(api: Client, state: State) -> list[Unmanaged]:
    return [
        Unmanaged(
            kind.name,
            live.id,
            str(live.body.get("name", "")),
            edit.by,
            edit.at,
        )
        for kind, live in await unmanaged(api, kinds(), state)
        for edit in (last_edit(kind, live),)
    ]


def places(project: Project) -> dict[str, Span]:
    """Return the place of the block of each resource, by address."""
    return {
        name: project.documents[item.document].span(parse_pointer(item.where))
        for name, item in project.resources.items()
    }
