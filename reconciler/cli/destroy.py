"""`reconciler destroy`: deletes what the state holds, in reverse order."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Choice, Files, Writing, project, selecting, writer
from reconciler.cli.options import common


@click.command("destroy")
@project
@selecting
@writer
@common
def command(files: Files, choice: Choice, writing: Writing) -> int:
    """Delete what the state holds for PATH, users before what they use.

    What the platform cannot delete (mapping sets) is forgotten and stays there.
    """
    from reconciler.cli.execute import applied
    from reconciler.cli.planning import PlanOptions
    from reconciler.cli.running import run

    session = files.open()
    want = PlanOptions(destroy=True, selection=choice.selection(), settle=writing.settle)
    done: int = run(applied(session, want, writing, verb="destroy"))
    return done
