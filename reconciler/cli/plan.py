"""`reconciler plan`: refresh, diff, show."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.arguments import ALLOW_DELETE, Choice, Files, Planning, planner, project, selecting
from reconciler.cli.command import Command
from reconciler.cli.formats import PLAN_FORMATS, shown_as
from reconciler.cli.options import common


@click.command("plan", cls=Command)
@project
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan for apply.")
@click.option("--format", "form", type=click.Choice([*PLAN_FORMATS]), default="text", show_default=True)
@click.option("--compact", is_flag=True, help="A line for each change.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@selecting
@planner
@click.option("--refresh/--no-refresh", default=True, help="Read live objects, or take the state for live.")
@click.option("--destroy", is_flag=True, help="Plan the deletion of everything in scope.")
@ALLOW_DELETE
@click.option(
    "--snapshot", type=click.Path(path_type=Path), metavar="FILE", help="Plan from a snapshot, without credentials."
)
@common
def command(
    files: Files,
    out: Path | None,
    form: str,
    compact: bool,
    detailed_exitcode: bool,
    choice: Choice,
    planning: Planning,
    refresh: bool,
    destroy: bool,
    allow_delete: bool,
    snapshot: Path | None,
) -> int:
    """Show what apply would do to make the platform as the manifests in PATH say.

    Nothing is written, neither to the platform nor to the state. Exit code 0, or with --detailed-exitcode 2
    when there are changes. With --env all, or a list as dev,prod, these environments are planned side by side and
    shown together, in every format. With --snapshot the plan is made from a file that `reconciler snapshot` wrote:
    nothing is sent, no secret is needed, and the platform is not asked to check anything. Such a plan is never applied
    itself: --out saves it, and apply --replan-if-stale applies a plan that makes the same changes. --allow-delete is
    recorded in a saved plan.
    """
    from reconciler.app.options import PlanOptions
    from reconciler.app.planning import make_plan
    from reconciler.app.running import run
    from reconciler.app.saved_plans import serialized
    from reconciler.cli.environments import show_plans
    from reconciler.core.problems import GuardError
    from reconciler.yamltext.files import save

    options = PlanOptions(
        destroy, choice.selection(), planning.policy, refresh, staged=planning.staged, checks=planning.checks,
        allow_delete=allow_delete, replace=planning.replace,
        lasting=out is not None,
    )  # fmt: skip
    if names := files.everywhere():
        if out is not None:
            raise click.UsageError("A saved plan is of one environment: --out does not go with several.")
        if snapshot is not None:
            raise click.UsageError("A snapshot is of one environment: --snapshot does not go with several.")
        return show_plans(files, names, options, form, detailed_exitcode=detailed_exitcode)
    if snapshot is not None:
        from reconciler.app.snapshot import plan_from_snapshot

        plan = run(plan_from_snapshot(files.open(), options, snapshot))
    else:
        plan = run(make_plan(files.open(), options)).plan
    text = ""
    if out is not None and not plan.objections:
        text, plan = serialized(plan)
    click.echo(shown_as(plan, form, compact=compact), nl=False)
    if plan.objections:
        raise GuardError(plan.objections)
    if out is not None:
        save(out, text, private=True)
        again = " --replan-if-stale, which plans again and compares" if plan.snapshot else ""
        does = "Apply what is equal to it" if plan.snapshot else "Apply exactly this"
        click.echo(f"Saved. {does} with: reconciler apply {out}{again}", err=True)
    return 2 if detailed_exitcode and (plan.effective or plan.imports) else 0
