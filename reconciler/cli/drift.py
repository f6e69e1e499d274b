"""`reconciler drift`: live against last applied; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.arguments import SHARD, Files, project, shard_of
from reconciler.cli.options import common, given

if TYPE_CHECKING:
    from reconciler.cli.wiring import Session
    from reconciler.core.plan.model import Plan
    from reconciler.core.plan.sharding import Shard
    from reconciler.core.values import Span
    from reconciler.documents.load import Project
    from reconciler.render.drift import Report, Unmanaged

_FORMATS = ("text", "json", "markdown", "junit", "sarif")


@click.command("drift")
@project
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--unmanaged", is_flag=True, help="List the live objects that no address is bound to, too.")
@click.option("--metrics", type=click.Path(path_type=Path), metavar="FILE",
              help="Write counts for Prometheus' textfile collector.")  # fmt: skip
@click.option("--patch", is_flag=True, help="Print the change of the manifests that accepts it, as a unified diff.")
@SHARD
@common
def command(files: Files, form: str, unmanaged: bool, metrics: Path | None, patch: bool, shard: str | None) -> int:
    """Compare the platform with what was last applied and change nothing.

    Exit code 0 without drift, 2 when an object was changed or deleted outside and nobody acknowledged it in the project
    file. Secrets cannot be read back: objects that hold some are listed as not checked. --patch prints a diff instead
    of the report: with it applied, and `apply --refresh-only`, the drift is accepted. With --env all, or a list as
    dev,prod, these environments are compared side by side.
    """
    from reconciler.cli.patching import show_patch
    from reconciler.cli.plan import save
    from reconciler.cli.platform import SystemClock
    from reconciler.cli.running import run
    from reconciler.render import drift as rendered
    from reconciler.render import json as as_json

    now = SystemClock().now() // 1000
    look = Look(now, unmanaged, shard_of(shard))
    if names := files.everywhere():
        if form not in ("text", "json") or metrics is not None or patch:
            raise click.UsageError("Several environments are shown as text or json, without --metrics and --patch.")
        return _several(files, names, look, form)
    session = files.open()
    project = session.manifests()
    report = run(_compared(session, project, look))
    if metrics is not None:
        save(metrics, rendered.metrics(report, now))
    if patch:
        show_patch(report, project)
    elif form == "json":
        click.echo(as_json.text(as_json.drift_document(report)), nl=False)
    elif form == "sarif":
        from reconciler.render.findings import drift_sarif

        click.echo(drift_sarif(report, _places(project)), nl=False)
    elif form == "text":
        _print(report)
    else:
        click.echo({"markdown": rendered.markdown, "junit": rendered.junit}[form](report), nl=False)
    return 2 if report.drifted else 0


@dataclass(frozen=True, slots=True)
class Look:
    """When, at which part, and whether also at what nobody manages."""

    now: int
    unmanaged: bool
    shard: Shard | None


async def _compared(session: Session, project: Project, look: Look) -> Report:
    """Return the report about one environment."""
    from reconciler.cli.planning import PlanOptions, planned
    from reconciler.core.plan.selection import Selection

    others: list[Unmanaged] = []

    async def more(api: Any, state: Any) -> None:
        if look.unmanaged:
            others.extend(await _others(api, state))

    want = PlanOptions(selection=Selection(shard=look.shard), checks=False, judged=False)
    plan = (await planned(session, want, project, more=more)).plan
    return _report(plan, session.project.acknowledged, look.now, tuple(others) if look.unmanaged else None)


def _several(files: Files, names: Sequence[str], look: Look, form: str) -> int:
    """Compare environments and show them; one that cannot be compared does not keep the others from it."""
    from reconciler.cli.everywhere import document, side_by_side, tell
    from reconciler.cli.running import run
    from reconciler.core.problems import ReconcilerError
    from reconciler.render import json as as_json

    async def one(name: str) -> Report:
        session = files.open(env=name)
        return await _compared(session, session.manifests(), look)

    found: dict[str, Report | ReconcilerError] = run(side_by_side(names, one))
    if form == "json":
        click.echo(as_json.text(document(found, as_json.drift_document)), nl=False)
    for name, item in found.items():
        if form == "text" and not isinstance(item, ReconcilerError):
            click.echo(f"{name}:")
            _print(item)
    tell(found)
    if any(isinstance(item, ReconcilerError) for item in found.values()):
        return 1
    return 2 if any(not isinstance(item, ReconcilerError) and item.drifted for item in found.values()) else 0


def _print(report: Report) -> None:
    import sys

    from reconciler.cli.output import painter
    from reconciler.render import drift as rendered

    click.echo(rendered.text(report, painter(sys.stdout), verbose=bool(given("verbose"))), nl=False)


def _places(project: Project) -> dict[str, Span]:
    """Return where the block of each resource stands."""
    from reconciler.core.values import parse_pointer

    return {
        name: project.documents[item.document].span(parse_pointer(item.where))
        for name, item in project.resources.items()
    }


def _report(plan: Plan, known: Any, now: int, unmanaged: tuple[Unmanaged, ...] | None) -> Report:
    """Return the report of a plan: what drifted, what is known, and what differs in the manifests alone."""
    from datetime import UTC, datetime

    from reconciler.core.plan.drift import Acknowledged, acknowledge
    from reconciler.render.drift import Report

    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    entries = [Acknowledged(item.address, item.path, item.reason, item.until) for item in known]
    drift, notes = acknowledge(plan.drift, entries, today)
    moved = {item.address for item in plan.drift if item.status in ("changed", "missing")}
    pending = tuple(change.address for change in plan.effective if change.address not in moved)
    return Report(plan.environment, plan.sandbox, len(plan.scope), drift, pending, notes, unmanaged)


async def _others(api: Any, state: Any) -> list[Unmanaged]:
    from reconciler.engine.unmanaged import unmanaged
    from reconciler.kinds import kinds
    from reconciler.render.drift import Unmanaged

    return [
        Unmanaged(
            kind.name,
            live.id,
            str(live.body.get("name", "")),
            live.body.get("updatedBy"),
            live.body.get("updatedAt"),
        )
        for kind, live in await unmanaged(api, kinds(), state)
    ]
