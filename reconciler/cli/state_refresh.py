"""`apply --refresh-only`: shows what the state would take over, and the result."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconciler.app.options import PlanOptions, WriteOptions
from reconciler.app.running import run
from reconciler.app.session import Session
from reconciler.app.state_refresh import refresh_state
from reconciler.cli.terminal import message, painter
from reconciler.core.characters import counted
from reconciler.core.plan.state_refresh import RefreshedEntry
from reconciler.render import json as as_json
from reconciler.render.drift import drift_lines

if TYPE_CHECKING:
    from reconciler.cli.event_stream import Stream


def refresh_only(session: Session, options: PlanOptions, writing: WriteOptions, stream: Stream | None = None) -> int:
    """Take drift that the manifests agree with into the state; return the exit code."""

    def review(entries: Sequence[RefreshedEntry], left: int) -> None:
        if stream is None:
            _review(entries, left)
        else:
            stream.environment = session.environment
            stream.emit({"type": "drift", "drift": as_json.drift_item(item.drift)} for item in entries)

    refreshed = run(refresh_state(session, options, writing, review))
    if refreshed.refused:
        message("Nothing was done.")
        return 1
    count = len(refreshed.entries)
    if stream is not None:
        stream.count("accepted", count)
    elif not count and not refreshed.settled:
        click.echo("Nothing to accept.")
    else:
        objects = counted(count, "object")
        click.echo(f"The state holds what is live of {objects}. Nothing was changed on the platform.")
    return 0


def _review(entries: Sequence[RefreshedEntry], left: int) -> None:
    paint = painter(sys.stdout)
    for item in entries:
        if item.gone:
            click.echo(f"  {item.drift.address}  {item.drift.kind}  {item.drift.ident}  (gone everywhere)")
            continue
        for line in drift_lines(item.drift, paint):
            click.echo(line)
    if left > 0:
        message(f"{left} more objects drifted in other ways: reconciler drift")
