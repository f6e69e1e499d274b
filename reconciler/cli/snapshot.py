"""`reconciler snapshot`: what a plan needs to know of an environment, in a file."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("snapshot", cls=Command)
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The file to write.")
@common
def command(path: Path, out: Path) -> int:
    """Write what a plan of the project at PATH needs to know of its environment, for `plan --snapshot`.

    The file holds the live objects that the state manages, the names and ids that look-ups can ask for, and the
    state's entries. It holds no secret, no fingerprint and no user name. It lists the objects of the sandbox: keep it
    confidential.
    """
    from reconciler.app.running import run
    from reconciler.app.snapshot import snapshot_of_environment, snapshot_text
    from reconciler.cli.arguments import open_project
    from reconciler.cli.terminal import message

    snapshot = run(snapshot_of_environment(open_project(path)))
    text = snapshot_text(snapshot)
    _save(out, text)
    names = sum(len(rows) for rows in snapshot.names.values())
    objects = len(snapshot.state.resources)
    message(f"{out}: {len(text.encode()):,} bytes; managed objects: {objects}, names: {names}. It is confidential.")
    return 0


def _save(out: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    import os
    import tempfile

    from reconciler.core.problems import Problem, ReconcilerError

    try:
        handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")  # with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(out)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ReconcilerError(Problem("unwritable", f"{out} cannot be written: {error.strerror}")) from None
