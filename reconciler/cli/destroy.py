"""`reconciler destroy`: deletes what the state holds, in reverse order."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import common, project, writer


@click.command("destroy")
@project
@click.option("--target", "targets", multiple=True, metavar="ADDRESS", help="Only this.")
@writer
@common
def command(
    path: Path,
    variables: tuple[str, ...],
    var_file: tuple[Path, ...],
    allow_literal_secrets: bool,
    targets: tuple[str, ...],
    auto_approve: bool,
    parallelism: int,
    lock_timeout: float,
    wait_timeout: float,
    settle: float,
    allow_delete: bool,
) -> int:
    """Delete what the state holds for PATH, users before what they use.

    What the platform cannot delete (mapping sets) is forgotten and stays there.
    """
    from reconciler.cli.execute import Want, applied, run
    from reconciler.cli.wiring import open_session
    from reconciler.engine.work import Settings

    session = open_session(path, variables, var_file, allow_literal_secrets=allow_literal_secrets)
    done: int = run(
        applied(
            session,
            Want(destroy=True, targets=targets, settle=settle),
            Settings(parallelism, wait_timeout, settle),
            verb="destroy",
            approve=auto_approve,
            allow_delete=allow_delete,
            lock_timeout=lock_timeout,
        )
    )
    return done
