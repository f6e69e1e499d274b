"""`reconciler graph`: what depends on what, for people and for tools that draw."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Choice, Files, project, selecting
from reconciler.cli.command import Command
from reconciler.cli.options import common

_FORMATS = ("dot", "mermaid", "svg")


@click.command("graph", cls=Command)
@project
@click.option("--format", "form", type=click.Choice(_FORMATS), default="dot", show_default=True)
@click.option("--plan", "with_plan", is_flag=True, help="Plan first, and colour by what would happen.")
@click.option("--documents", is_flag=True, help="One node for each document instead of each resource.")
@selecting
@common
def command(files: Files, form: str, with_plan: bool, documents: bool, choice: Choice) -> int:
    """Print the dependency graph of the manifests in PATH, or of a plan saved by plan --out.

    Without --plan nothing is asked of the platform. Arrows lead from what is needed to who needs it.
    """
    from reconciler.app.options import PlanOptions
    from reconciler.app.planning import make_plan
    from reconciler.app.running import run
    from reconciler.app.saved_plans import parse_plan
    from reconciler.core.plan.selection import narrowed
    from reconciler.core.state.model import State
    from reconciler.render.graph import dot, graph_of, graph_of_plan, mermaid
    from reconciler.render.svg import svg

    saved = parse_plan(files.path)
    if saved is not None:
        if choice.selection():
            raise click.UsageError("A saved plan is drawn whole: --target, --select, --exclude belong to plan --out.")
        graph = graph_of_plan(saved)
    elif with_plan:
        options = PlanOptions(selection=choice.selection(), checks=False, judged=False)
        graph = graph_of_plan(run(make_plan(files.open(), options)).plan)
    else:
        session = files.open()
        found = session.manifests()
        resources = {name: item for name, item in found.resources.items() if name in found.inside}
        graph = graph_of(narrowed(choice.selection(), resources, (), State("", session.environment, "", "", ""))[0])
    graph = graph.by_document() if documents else graph
    click.echo({"dot": dot, "mermaid": mermaid, "svg": svg}[form](graph), nl=False)
    return 0
