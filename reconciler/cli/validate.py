"""`reconciler validate`: the manifests, offline."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common


@click.command("validate")
@project
@common
def command(files: Files) -> int:
    """Check the manifests in PATH without asking the platform: shape, references, parameters, cycles.

    Every finding is one line, file:line:column: error: … (how to fix). Exit code 1 when there is an error.
    """

    session = files.open()
    found = session.examine()
    for problem in sorted(found.problems, key=lambda item: (item.span.file, item.span.line) if item.span else ("", 0)):
        click.echo(str(problem))
    errors, warnings = len(found.errors), len(found.warnings)
    if errors:
        click.echo(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}.", err=True)
        return 1
    documents, resources = len(found.documents), len(found.resources)
    many = f"{documents} document{'s' if documents != 1 else ''}"
    click.echo(f"{many} with {resources} resource{'s' if resources != 1 else ''}: all valid.", err=True)
    return 0
