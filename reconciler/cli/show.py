"""`reconciler show`: a saved plan or a state file, readable."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.formats import PLAN_FORMATS, shown_as
from reconciler.cli.options import common


@click.command("show")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice([*PLAN_FORMATS]), default="text", show_default=True)
@common
def command(file: Path | None, form: str) -> int:
    """Show a plan saved by plan --out, or a state file; without FILE the state of the environment."""
    import json
    import sys

    from reconciler.app.planning import parse_plan
    from reconciler.app.state_edit import read_state
    from reconciler.cli.arguments import open_project
    from reconciler.cli.terminal import painter
    from reconciler.core.problems import ManifestError, Problem, StateError
    from reconciler.core.state.codec import state_json, state_of
    from reconciler.render import json as as_json
    from reconciler.render.text import state_text
    from reconciler.yamltext.files import read_file

    paint = painter(sys.stdout)
    plan = parse_plan(file) if file else None
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
