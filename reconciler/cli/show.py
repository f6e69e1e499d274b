"""`reconciler show`: a saved plan or a state file, readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.command import Command
from reconciler.cli.formats import COMPARISON_FORMATS, PLAN_FORMATS, shown_as
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.core.plan.model import Plan


@click.command("show", cls=Command)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice([*PLAN_FORMATS]), default="text", show_default=True)
@click.option("--compare", "other", type=click.Path(path_type=Path), metavar="FILE",
              help="Show how the saved plan differs from another one.")  # fmt: skip
@common
def command(file: Path | None, form: str, other: Path | None) -> int:
    """Show a plan saved by plan --out, or a state file; without FILE the state of the environment."""
    import json
    import sys

    from reconciler.app.saved_plans import parse_plan
    from reconciler.app.state_edit import read_state
    from reconciler.cli.arguments import open_project
    from reconciler.cli.terminal import message, painter
    from reconciler.core.problems import ManifestError, Problem, StateError
    from reconciler.core.state.codec import state_json, state_of
    from reconciler.render import json as as_json
    from reconciler.render.text import state_text
    from reconciler.yamltext.files import read_file

    paint = painter(sys.stdout)
    notes: list[str] = []
    plan = parse_plan(file, notes) if file else None
    for note in notes:
        message(note)
    if other is not None:
        return _compare(plan, file, other, form)
    if plan is not None:
        click.echo(shown_as(plan, form), nl=False)
        return 0
    if form not in ("text", "json"):
        raise click.UsageError(f"A state is shown as text or json; {form} is for saved plans.")
    if file is not None:
        try:
            data = json.loads(read_file(file, str(file)))
        except (ManifestError, ValueError, RecursionError) as error:
            what = f"{file} is neither a saved plan nor a state: {error}"
            raise StateError(Problem("not-ours", what, "make one with: reconciler plan --out FILE")) from None
        state = state_of(data, str(file))
    else:
        state = read_state(open_project(Path()))
    click.echo(as_json.text(state_json(state)) if form == "json" else state_text(state, paint), nl=False)
    return 0


def _compare(plan: Plan | None, file: Path | None, other: Path, form: str) -> int:
    """Print how two saved plans differ; the exit code is 0 either way."""
    from reconciler.app.saved_plans import parse_plan
    from reconciler.core.plan.comparison import compared

    if form not in COMPARISON_FORMATS:
        raise click.UsageError(f"A comparison is shown as {', '.join(COMPARISON_FORMATS)}.")
    second = parse_plan(other)
    if plan is None or second is None:
        wrong = file if plan is None else other
        raise click.UsageError(f"--compare takes two saved plans; {wrong} is not one.")
    click.echo(COMPARISON_FORMATS[form](compared(plan, second)), nl=False)
    return 0
