"""`reconciler apply`: plan, ask, apply; or apply a saved plan exactly as it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Choice, Files, Planning, Writing, planner, project, selecting, writer
from reconciler.cli.options import assume, common

if TYPE_CHECKING:
    from reconciler.cli.planning import PlanOptions
    from reconciler.cli.wiring import Session


@click.command("apply")
@project
@selecting
@planner
@click.option("--send-secrets", is_flag=True, help="Send secrets of imported objects, which nobody can compare.")
@click.option("--refresh-only", is_flag=True,
              help="Take drift that the manifests agree with into the state; change nothing else.")  # fmt: skip
@writer
@common
def command(
    files: Files, choice: Choice, planning: Planning, send_secrets: bool, refresh_only: bool, writing: Writing
) -> int:
    """Make the platform as the manifests in PATH say; PATH may also be a file saved by plan --out.

    A saved plan is applied exactly as it was shown, or refused when the state or a live object moved on. With
    --refresh-only drift is accepted into the state where the manifests say the same, or nothing any more. Several
    environments, as --env dev,stage,prod, are applied one after the other, until one does not end well.
    """
    from reconciler.cli.everywhere import in_turn
    from reconciler.cli.execute import applied
    from reconciler.cli.planning import PlanOptions, parse_plan
    from reconciler.cli.running import run
    from reconciler.core.problems import Problem, StaleError
    from reconciler.documents.load import changed_since

    want = PlanOptions(
        selection=choice.selection(), policies=planning.policy, settle=writing.settle, staged=planning.staged,
        checks=planning.checks, send_secrets=send_secrets,
    )  # fmt: skip
    saved = parse_plan(files.path)
    if names := files.everywhere(by_name=True):
        if saved is not None:
            raise click.UsageError("A saved plan is of one environment.")
        return in_turn(names, lambda name: _fresh(files.open(env=name), want, writing, refresh_only=refresh_only))
    if saved is not None and saved.environment != "default":
        assume("env", saved.environment)
    if saved is not None and choice.selection():
        raise click.UsageError("A saved plan is applied whole: what part of it is meant is said to plan --out.")
    session = files.open(path=Path() if saved else None)
    if saved is not None and saved.environment != session.environment:
        what = f"the plan was made for environment {saved.environment!r}, not {session.environment!r}"
        raise StaleError(Problem("stale-plan", what, f"pass --env {saved.environment}"))
    if saved is not None and (changed := changed_since(session.root, saved.manifests)):
        what = f"the plan was made from other manifests: {', '.join(changed[:5])} changed since"
        raise StaleError(Problem("stale-plan", what, "plan again, and review what it shows"))
    if saved is None:
        return _fresh(session, want, writing, refresh_only=refresh_only)
    if refresh_only:
        raise click.UsageError("--refresh-only reads the platform; it does not go with a saved plan.")
    done: int = run(applied(session, want, writing, verb="apply", saved=saved))
    return done


def _fresh(session: Session, want: PlanOptions, writing: Writing, *, refresh_only: bool) -> int:
    """Plan and apply, or take over what drifted."""
    from dataclasses import replace

    from reconciler.cli.execute import applied
    from reconciler.cli.refresh_only import refreshed
    from reconciler.cli.running import run

    if refresh_only:
        accepted: int = run(refreshed(session, replace(want, checks=False, judged=False), writing))
        return accepted
    done: int = run(applied(session, want, writing, verb="apply"))
    return done
