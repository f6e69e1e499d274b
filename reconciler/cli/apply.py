"""`reconciler apply`: plan, ask, apply; or apply a saved plan exactly as it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Choice, Files, Planning, Writing, planner, project, selecting, writer
from reconciler.cli.options import common, default_option

if TYPE_CHECKING:
    from reconciler.app.options import PlanOptions
    from reconciler.app.session import Session
    from reconciler.cli.event_stream import Stream
    from reconciler.core.plan.model import Plan


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
    from reconciler.cli.event_stream import stream_of

    with stream_of("apply", writing.form) as stream:
        code = _command(files, choice, planning, writing, stream, send_secrets=send_secrets, refresh_only=refresh_only)
        if stream is not None:
            stream.end(code)
        return code


def _command(
    files: Files,
    choice: Choice,
    planning: Planning,
    writing: Writing,
    stream: Stream | None,
    *,
    send_secrets: bool,
    refresh_only: bool,
) -> int:
    from reconciler.app.options import PlanOptions
    from reconciler.app.planning import parse_plan

    options = PlanOptions(
        selection=choice.selection(), policies=planning.policy, settle=writing.settle, staged=planning.staged,
        checks=planning.checks, send_secrets=send_secrets,
    )  # fmt: skip
    saved = parse_plan(files.path)
    if names := files.everywhere(by_name=True):
        if saved is not None:
            raise click.UsageError("A saved plan is of one environment.")
        from reconciler.cli.environments import in_turn

        def work(name: str) -> int:
            return _fresh(files, name, options, writing, stream, refresh_only=refresh_only)

        return in_turn(names, work, stream)
    if saved is None:
        return _fresh(files, None, options, writing, stream, refresh_only=refresh_only)
    if choice.selection():
        raise click.UsageError("A saved plan is applied whole: what part of it is meant is said to plan --out.")
    if refresh_only:
        raise click.UsageError("--refresh-only reads the platform; it does not go with a saved plan.")
    if saved.environment != "default":
        default_option("env", saved.environment)
    session = files.open(path=Path(), dialogue=writing.dialogue(stream))
    return _apply(session, options, writing, stream, saved)


def _fresh(
    files: Files, env: str | None, options: PlanOptions, writing: Writing, stream: Stream | None, *, refresh_only: bool
) -> int:
    """Plan and apply in one environment, or take over what drifted there."""
    session = files.open(env=env, dialogue=writing.dialogue(stream))
    if not refresh_only:
        return _apply(session, options, writing, stream)
    from reconciler.cli.state_refresh import refresh_only as take_over

    return take_over(session, options, writing.options(), stream)


def _apply(
    session: Session, options: PlanOptions, writing: Writing, stream: Stream | None, saved: Plan | None = None
) -> int:
    from reconciler.app.apply import apply
    from reconciler.app.running import run
    from reconciler.cli.outcome import tell

    return tell(run(apply(session, options, writing.options(), saved=saved)), "apply", stream)
