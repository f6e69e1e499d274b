"""`reconciler validate`: the manifests, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common, given

if TYPE_CHECKING:
    from reconciler.cli.wiring import Session


@click.command("validate")
@project
@common
def command(files: Files) -> int:
    """Check the manifests in PATH without asking the platform: shape, references, parameters, cycles.

    Every finding is one line, file:line:column: error: … (how to fix). Exit code 1 when there is an error.
    With --env all every environment is checked.
    """
    from reconciler.cli.settings import EVERY

    if given("env") != EVERY:
        return _check(files.open())
    codes = []
    for name in files.everywhere():
        click.echo(f"{name}:", err=True)
        codes.append(_check(files.open(env=name)))
    return max(codes)


def _check(session: Session) -> int:
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
