"""`reconciler destroy`: deletes what the state holds, in reverse order."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Choice, Files, Writing, project, selecting, writer
from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("destroy", cls=Command)
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
    from reconciler.cli.event_stream import stream_of
    from reconciler.cli.outcome import tell

    with stream_of("destroy", writing.form) as stream:
        session = files.open(dialogue=writing.dialogue(stream))
        options = PlanOptions(destroy=True, selection=choice.selection(), settle=writing.settle)
        code = tell(run(apply(session, options, writing.options(), verb="destroy")), "destroy", stream)
        if stream is not None:
            stream.end(code)
        return code
