"""`reconciler status`: does data flow, and if not, why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.app.session import Session
    from reconciler.core.plan.drift_report import PendingChange
    from reconciler.core.runs import Dataflow

_SPAN = re.compile(r"(\d+)(s|m|h|d)")
_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class FailOn(click.ParamType[Any, Any]):
    """`error`, or `stale=SPAN` with a span like 90m, 24h or 7d."""

    name = "error|stale=SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return 0 for `error`, the span in ms for `stale`."""
        if value == "error":
            return 0
        word, _, span = str(value).partition("=")
        found = _SPAN.fullmatch(span)
        if word != "stale" or not found or not int(found.group(1)):
            self.fail(f"{value!r} is neither error nor stale=SPAN, as in stale=24h (s, m, h or d).", param, ctx)
        return int(found.group(1)) * _MS[found.group(2)]


@click.command("status", cls=Command)
@project
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--runs", default=3, type=click.IntRange(1, 100), show_default=True, help="So many last runs of each.")
@click.option("--fail-on", multiple=True, type=FailOn(),
              help="Exit 2 when a dataflow fails, or is enabled and silent for so long. Repeatable.")  # fmt: skip
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option("--interval", default=10.0, type=click.FloatRange(0, min_open=True), show_default=True,
              help="Seconds between two looks of --watch.")  # fmt: skip
@common
def command(files: Files, form: str, runs: int, fail_on: tuple[int, ...], watch: bool, interval: float) -> int:
    """Show how the dataflows of PATH fare: state, last operation, last runs with records and bytes, failures.

    Changes of the manifests that were not applied are listed as pending: reconciler drift tells since when.

    Exit code 0, 1 when the platform cannot be asked, or with --fail-on 2 when a dataflow is as it should not be.
    """
    import sys

    from reconciler.app.platform import SystemClock
    from reconciler.app.running import run
    from reconciler.cli.terminal import painter
    from reconciler.render import json as as_json
    from reconciler.render import status

    clock = SystemClock()

    def show(dataflows: list[Dataflow], pending: Sequence[PendingChange]) -> None:
        if watch and sys.stdout.isatty():
            click.clear()
        paint = painter(sys.stdout)
        text = (
            as_json.text(status.document(dataflows, pending))
            if form == "json"
            else status.text(dataflows, clock.now(), paint, pending)
        )
        click.echo(text, nl=False)
        sys.stdout.flush()

    dataflows = run(_look(files.open(), runs, show, interval if watch else None))
    now = clock.now()
    bad = {
        flow.name for flow in dataflows for limit in fail_on if (flow.stale(now, limit) if limit else flow.failing())
    }
    if bad:
        click.echo(f"Not as it should be: {', '.join(sorted(bad))}", err=True)
    return 2 if bad else 0


async def _look(
    session: Session, runs: int, show: Callable[[list[Dataflow], Sequence[PendingChange]], None], interval: float | None
) -> list[Dataflow]:
    """Read and show the dataflows, once or every `interval` seconds."""
    import asyncio

    from reconciler.app.flows import pending, status
    from reconciler.cli.terminal import message

    async with session.platform() as (api, target, _):
        changes, unknown = await pending(session, api, target)
        if unknown:
            message(f"Pending changes are not known: {unknown}")
        while True:
            dataflows = await status(session, api, target, runs)
            show(dataflows, changes)
            if interval is None:
                return dataflows
            await asyncio.sleep(interval)
