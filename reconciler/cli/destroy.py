"""`reconciler destroy`: deletes what the state holds, in reverse order."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, Writing, project, writer
from reconciler.cli.options import common


@click.command("destroy")
@project
@click.option("--target", "targets", multiple=True, metavar="ADDRESS", help="Only this.")
@writer
@common
def command(files: Files, targets: tuple[str, ...], writing: Writing) -> int:
    """Delete what the state holds for PATH, users before what they use.

    What the platform cannot delete (mapping sets) is forgotten and stays there.
    """
    from reconciler.cli.execute import Want, applied, run

    session = files.open()
    want = Want(destroy=True, targets=targets, settle=writing.settle)
    done: int = run(applied(session, want, writing, verb="destroy"))
    return done
