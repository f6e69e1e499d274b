"""`reconciler adopt`: what exists and looks as the manifests say becomes ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import LOCK_TIMEOUT, Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common
from reconciler.cli.terminal import Terminal, message

if TYPE_CHECKING:
    from reconciler.app.session import Session


@click.command("adopt", cls=Command)
@project
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask.")
@LOCK_TIMEOUT
@common
def command(files: Files, auto_approve: bool, lock_timeout: float) -> int:
    """Find unmanaged objects that match the manifests in PATH by name and content, show them, ask, and bind them.

    Nothing is written to the platform. What matches more than once, or has the name but differs, is named and left to
    `import`. Secrets are trusted until `apply --send-secrets` sends them.
    """
    return adopt_matching(files.open(dialogue=Terminal(approved=auto_approve)), "adopt", lock_timeout)


def adopt_matching(session: Session, verb: str, lock_timeout: float) -> int:
    """Bind what matches the manifests, for the command `verb`; return the exit code."""
    from reconciler.app.binding import adopt
    from reconciler.app.running import run

    bound = run(adopt(session, lock_timeout, verb=verb))
    if bound.refused:
        message("Nothing was done.")
        return 1
    click.echo(
        f"{bound.count} objects bound. Where they differ: reconciler plan" if bound.count else "Nothing to bind."
    )
    return 0
