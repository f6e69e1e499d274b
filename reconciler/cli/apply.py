"""`reconciler apply`: plan, ask, apply; or apply a saved plan exactly as it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.arguments import Choice, Files, Planning, Writing, planner, project, selecting, writer
from reconciler.cli.command import Command
from reconciler.cli.options import common, default_option

if TYPE_CHECKING:
    from reconciler.app.options import PlanOptions
    from reconciler.app.session import Session
    from reconciler.cli.event_stream import Stream
    from reconciler.core.plan.model import Plan


@click.command("apply", cls=Command)
@project
@selecting
@planner
@click.option("--send-secrets", is_flag=True, help="Send secrets of imported objects, which nobody can compare.")
@click.option("--refresh-only", is_flag=True,
              help="Take drift that the manifests agree with into the state; change nothing else.")  # fmt: skip
@click.option("--replan-if-stale", is_flag=True,
              help="Plan a stale saved plan again, and apply it if it makes the same changes.")  # fmt: skip
@writer
@common
def command(
    files: Files, choice: Choice, planning: Planning, send_secrets: bool, refresh_only: bool, replan_if_stale: bool,
    writing: Writing,
) -> int:  # fmt: skip
    """Make the platform as the manifests in PATH say; PATH may also be a file saved by plan --out.

    A saved plan is applied exactly as it was shown, or refused when its documents, its state entries or its live
    objects moved on. With --replan-if-stale it is then planned again, and applied if the changes are the same;
    otherwise the new plan is saved as FILE.new. With RECONCILER_PLAN_KEY set, a plan must carry a valid signature;
    with --replan-if-stale an unsigned plan is planned again as well. With --refresh-only drift is accepted into the
    state where the manifests say the same, or nothing any more. Several environments, as --env dev,stage,prod, are
    applied one after the other, until one does not end well.
    """
    from reconciler.cli.event_stream import stream_of

    with stream_of("apply", writing.form) as stream:
        code = _command(
            files, choice, planning, writing, stream,
            send_secrets=send_secrets, refresh_only=refresh_only, replan_if_stale=replan_if_stale,
        )  # fmt: skip
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
    replan_if_stale: bool,
) -> int:
    from reconciler.app.options import PlanOptions
    from reconciler.app.saved_plans import parse_plan
    from reconciler.cli.terminal import message

    options = PlanOptions(
        selection=choice.selection(), policies=planning.policy, settle=writing.settle, staged=planning.staged,
        checks=planning.checks, send_secrets=send_secrets, allow_delete=writing.allow_delete,
        replace=planning.replace,
    )  # fmt: skip
    notes: list[str] = []
    saved = parse_plan(files.path, notes, signed_only=not replan_if_stale)
    for note in notes:
        message(note)
    if names := files.everywhere(by_name=True):
        if saved is not None:
            raise click.UsageError("A saved plan is of one environment.")
        from reconciler.cli.environments import in_turn

        def work(name: str) -> int:
            return _fresh(files, name, options, writing, stream, refresh_only=refresh_only)

        return in_turn(names, work, stream)
    if saved is None:
        if replan_if_stale:
            raise click.UsageError("--replan-if-stale goes with a saved plan.")
        return _fresh(files, None, options, writing, stream, refresh_only=refresh_only)
    if choice.selection():
        raise click.UsageError("A saved plan is applied whole: what part of it is meant is said to plan --out.")
    if planning.replace:
        raise click.UsageError("A saved plan is applied as it is: pass --replace to plan --out.")
    if refresh_only:
        raise click.UsageError("--refresh-only reads the platform; it does not go with a saved plan.")
    if saved.environment != "default":
        default_option("env", saved.environment)
    session = files.open(path=Path(), dialogue=writing.dialogue(stream), saved=saved.basis.variables)
    if replan_if_stale:
        return _replan(session, options, writing, saved, files.path, stream)
    return _apply(session, options, writing, stream, saved)


def _replan(
    session: Session, options: PlanOptions, writing: Writing, saved: Plan, file: Path, stream: Stream | None
) -> int:
    """Apply a saved plan; when it is stale, apply a new one that makes the same changes, or save the new one.

    Raises `StaleError` where the new one makes other changes, `GuardError` where it cannot be applied.
    """
    from reconciler.app.running import run
    from reconciler.app.saved_plans import planned_again, refuse_unsigned, serialized
    from reconciler.cli.terminal import message
    from reconciler.core.problems import GuardError, Problem, StaleError
    from reconciler.render.comparison import comparison_text
    from reconciler.yamltext.files import save

    try:
        refuse_unsigned(file)
        return _apply(session, options, writing, stream, saved)
    except StaleError as stale:
        found = run(planned_again(session, saved, options, stale))
        message("\n".join(map(str, stale.problems)))
        same = found.equal or found.remaining
        if not same:
            click.echo(comparison_text(found), nl=False, err=stream is not None)
        if found.second.objections:
            raise GuardError(found.second.objections) from None
        if same:
            told = (
                "the changes are the same" if found.equal else "a part is done, and the rest of the changes is the same"
            )
            message(f"Planned again: {told}.")
            return _apply(session, options, writing, stream, found.second)
        beside = file.with_name(file.name + ".new")
        text, again = serialized(found.second)
        save(beside, text, private=True)
        what = f"the plan is stale, and planned again it makes other changes ({again.digest})"
        raise StaleError(Problem("stale-plan", what, f"review {beside} and apply it")) from None


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
