"""`reconciler apply`: plan, ask, apply; or apply a saved plan exactly as it was shown."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import common, project, writer


@click.command("apply")
@project
@click.option("--target", "targets", multiple=True, metavar="ADDRESS", help="Only this, and what it needs.")
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
    """Make the platform as the manifests in PATH say; PATH may also be a file saved by plan --out.

    A saved plan is applied exactly as it was shown, or refused when the state or a live object moved on.
    """
    from reconciler.cli.execute import Want, applied, parse_plan, run
    from reconciler.cli.wiring import open_session
    from reconciler.core.problems import Problem, StaleError
    from reconciler.engine.work import Settings

    saved = parse_plan(path)
    session = open_session(Path() if saved else path, variables, var_file, allow_literal_secrets=allow_literal_secrets)
    if saved is not None and saved.environment != session.environment:
        what = f"the plan was made for environment {saved.environment!r}, not {session.environment!r}"
        raise StaleError(Problem("stale-plan", what, f"pass --env {saved.environment}"))
    done: int = run(
        applied(
            session,
            Want(targets=targets, settle=settle),
            Settings(parallelism, wait_timeout, settle),
            verb="apply",
            approve=auto_approve,
            allow_delete=allow_delete,
            lock_timeout=lock_timeout,
            saved=saved,
        )
    )
    return done
