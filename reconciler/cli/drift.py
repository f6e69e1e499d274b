"""`reconciler drift`: live against last applied; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import SHARD, Files, project, shard_of
from reconciler.cli.command import Command
from reconciler.cli.formats import DRIFT_FORMATS, drift_as
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.app.drift import DriftOptions
    from reconciler.cli.event_stream import Stream
    from reconciler.core.plan.drift_report import Report
    from reconciler.documents.load import Project


@click.command("drift", cls=Command)
@project
@click.option("--format", "form", type=click.Choice([*DRIFT_FORMATS, "jsonl"]), default="text", show_default=True)
@click.option("--unmanaged", is_flag=True, help="List the live objects that no address is bound to, too.")
@click.option("--metrics", type=click.Path(path_type=Path), metavar="FILE",
              help="Write counts for Prometheus' textfile collector.")  # fmt: skip
@click.option("--patch", is_flag=True, help="Print the change of the manifests that accepts it, as a unified diff.")
@click.option("--fail-on", "fail_on", multiple=True, type=click.Choice(["pending"]),
              help="Exit 2 also when changes of the manifests were not applied.")  # fmt: skip
@SHARD
@common
def command(
    files: Files,
    form: str,
    unmanaged: bool,
    metrics: Path | None,
    patch: bool,
    fail_on: tuple[str, ...],
    shard: str | None,
) -> int:
    """Compare the platform with what was last applied and change nothing.

    Exit code 0 without drift, 2 when an object was changed or deleted outside and nobody acknowledged it in the project
    file. Secrets cannot be read back: objects that hold some are listed as not checked. --patch prints a diff instead
    of the report: with it applied, and `apply --refresh-only`, the drift is accepted. Changes of the manifests that
    were not applied are pending: the report lists them with their commits where the project is a git repository with
    its history, and --fail-on pending makes them exit with 2. With --env all, or a list as dev,prod, these environments
    are compared side by side.
    """
    from reconciler.app.drift import DriftOptions
    from reconciler.cli.event_stream import stream_of

    with stream_of("drift", form) as stream:
        options = DriftOptions(unmanaged, shard_of(shard), "pending" in fail_on)
        if patch and stream is not None:
            raise click.UsageError("--patch prints a diff: it does not go with --format jsonl.")
        if names := files.everywhere():
            if form not in ("text", "json", "jsonl") or metrics is not None or patch:
                raise click.UsageError(
                    "Several environments are shown as text, json or jsonl, without --metrics and --patch."
                )
            code = _several(files, names, options, form, stream)
        else:
            code = _one(files, options, form, stream, metrics, patch=patch)
        if stream is not None:
            stream.end(code)
        return code


def _one(
    files: Files, options: DriftOptions, form: str, stream: Stream | None, metrics: Path | None, *, patch: bool
) -> int:
    """Compare one environment and show it."""
    from reconciler.app.drift import drift, places
    from reconciler.app.platform import SystemClock
    from reconciler.app.running import run
    from reconciler.render import drift as rendered
    from reconciler.yamltext.files import save

    session = files.open()
    project = session.desired()
    report = run(drift(session, options, project))
    if metrics is not None:
        save(metrics, rendered.metrics(report, SystemClock().now() // 1000))
    if stream is not None:
        stream.drift(report)
    elif patch:
        _print_patch(report, project)
    else:
        click.echo(drift_as(report, form, lambda: places(project)), nl=False)
    return 2 if report.failed else 0


def _several(files: Files, names: Sequence[str], options: DriftOptions, form: str, stream: Stream | None) -> int:
    """Compare environments and show them; one that cannot be compared does not keep the others from it."""
    from reconciler.app.drift import drift
    from reconciler.app.multi_environment import side_by_side
    from reconciler.app.running import run
    from reconciler.cli.environments import document, tell
    from reconciler.core.problems import ReconcilerError
    from reconciler.render import json as as_json

    async def one(name: str) -> Report:
        return await drift(files.open(env=name), options)

    reports = run(side_by_side(names, one))
    if form == "json":
        click.echo(as_json.text(document(reports, as_json.drift_document)), nl=False)
    for name, item in reports.items():
        if form == "text" and not isinstance(item, ReconcilerError):
            click.echo(f"{name}:")
            click.echo(drift_as(item, "text", dict), nl=False)
    tell(reports)
    codes = {
        name: 1 if isinstance(item, ReconcilerError) else 2 if item.failed else 0 for name, item in reports.items()
    }
    if stream is not None:
        for name, item in reports.items():
            stream.environment = name
            if isinstance(item, ReconcilerError):
                stream.failed(item.problems)
            else:
                stream.drift(item)
            stream.environment_ended(name, codes[name])
    return 1 if 1 in codes.values() else max(codes.values(), default=0)


def _print_patch(report: Report, project: Project) -> None:
    from reconciler.app.drift_patch import drift_patch
    from reconciler.cli.terminal import message

    patch = drift_patch(report, project)
    for note in patch.notes:
        message(note)
    for diff in patch.diffs:
        click.echo(diff, nl=False)
