"""`reconciler drift`: live against last applied; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common, given

if TYPE_CHECKING:
    from reconciler.core.plan import Plan
    from reconciler.core.values import Span
    from reconciler.manifests.load import Project
    from reconciler.render.drift import Report, Unmanaged

_FORMATS = ("text", "json", "markdown", "junit", "sarif")


@click.command("drift")
@project
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--unmanaged", is_flag=True, help="List the live objects that no address is bound to, too.")
@click.option("--metrics", type=click.Path(path_type=Path), metavar="FILE",
              help="Write counts for Prometheus' textfile collector.")  # fmt: skip
@click.option("--patch", is_flag=True, help="Print the change of the manifests that accepts it, as a unified diff.")
@common
def command(files: Files, form: str, unmanaged: bool, metrics: Path | None, patch: bool) -> int:
    """Compare the platform with what was last applied and change nothing.

    Exit code 0 without drift, 2 when an object was changed or deleted outside and nobody acknowledged it in the project
    file. Secrets cannot be read back: objects that hold some are listed as not checked. --patch prints a diff instead
    of the report: with it applied, and `apply --refresh-only`, the drift is accepted.
    """
    import sys

    from reconciler.cli.execute import Want, planned, run
    from reconciler.cli.output import painter
    from reconciler.cli.patching import show_patch
    from reconciler.cli.plan import save
    from reconciler.cli.platform import SystemClock
    from reconciler.render import drift as rendered
    from reconciler.render import json as as_json

    session = files.open()
    others: list[Unmanaged] = []

    async def more(api: Any, state: Any) -> None:
        if unmanaged:
            others.extend(await _others(api, state))

    now = SystemClock().now() // 1000
    project = session.manifests()
    plan = run(planned(session, Want(checks=False, judged=False), project, more=more)).plan
    report = _report(plan, session.project.acknowledged, now, tuple(others) if unmanaged else None)
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
        click.echo(rendered.text(report, painter(sys.stdout), verbose=bool(given("verbose"))), nl=False)
    else:
        click.echo({"markdown": rendered.markdown, "junit": rendered.junit}[form](report), nl=False)
    return 2 if report.drifted else 0


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

    from reconciler.core.drift import Acknowledged, acknowledge
    from reconciler.render.drift import Report

    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    entries = [Acknowledged(item.address, item.path, item.reason, item.until) for item in known]
    drift, notes = acknowledge(plan.drift, entries, today)
    moved = {item.address for item in plan.drift if item.status in ("changed", "missing")}
    pending = tuple(change.address for change in plan.effective if change.address not in moved)
    return Report(plan.environment, plan.sandbox, len(plan.scope), drift, pending, notes, unmanaged)


async def _others(api: Any, state: Any) -> list[Unmanaged]:
    from reconciler.engine.unmanaged import unmanaged
    from reconciler.render.drift import Unmanaged
    from reconciler.resources import kinds

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
