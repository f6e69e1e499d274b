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
    from reconciler.app.apply import apply
    from reconciler.app.options import PlanOptions
    from reconciler.app.running import run
    from reconciler.cli.outcome import tell

    session = files.open(dialogue=writing.terminal())
    options = PlanOptions(destroy=True, selection=choice.selection(), settle=writing.settle)
    return tell(run(apply(session, options, writing.options(), verb="destroy")), "destroy")
