"""`reconciler preview`: the XDM records that a mapping makes of sample data."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.arguments import project_options
from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("preview", cls=Command)
@click.argument("name")
@click.option(
    "--input",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Sample data: .json, .jsonl, .csv or .parquet; - reads JSON lines from stdin.",
)
@click.option("--path", default=".", type=click.Path(path_type=Path), show_default=True, help="The project.")
@click.option("--now", metavar="TIME", help="The time of now(), as 2026-01-02T03:04:05Z; the current time by default.")
@common
def command(name: str, file: Path, path: Path, now: str | None) -> int:
    """Print the XDM record that the mapping of the dataflow NAME makes of each record of FILE, one on a line.

    Nothing is sent. Columns that an error sets to null, and records that the platform would reject, are named on
    stderr; exit code 1 when a value cannot be computed locally.
    """
    from reconciler.app.mappings import mapping_of
    from reconciler.app.samples import records_in
    from reconciler.app.session import open_session
    from reconciler.cli.eval import json_line, time_of
    from reconciler.cli.terminal import Terminal, message
    from reconciler.dataprep import Context

    session = open_session(project_options(path), Terminal())
    mapping = mapping_of(session.manifests(), name)
    compiled = mapping.compiled()
    context = Context(now=time_of(now))
    unsupported = False
    for number, record in enumerate(records_in(file, mapping.delimiter), 1):
        outcome = compiled.apply(record, context)
        for warning in outcome.warnings:
            unsupported = unsupported or warning.unsupported
            message(f"record {number}: {warning.destination} is null: {warning.message} (row {warning.row + 1})")
        if outcome.rejected:
            message(f"record {number} is rejected: it lacks the required {', '.join(outcome.missing)}")
        else:
            click.echo(json_line(outcome.record))
    return 1 if unsupported else 0
