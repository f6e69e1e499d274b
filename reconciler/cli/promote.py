"""`reconciler promote`: how two environments differ besides their variables."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common


@click.command("promote", cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@project
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when they differ by more than variables.")
@common
def command(source: str, target: str, files: Files, form: str, detailed_exitcode: bool) -> int:
    """Show how the desired objects of the environments FROM and TO differ once their variables are taken out.

    What differs then comes from overlays. Neither the platform nor a state is asked.
    """
    from reconciler.app.promotion import promotion
    from reconciler.render import promotion as rendered
    from reconciler.render.json import text

    view = promotion(files.open(env=source), files.open(env=target))
    click.echo(text(rendered.document(view)) if form == "json" else rendered.text(view), nl=False)
    return 2 if detailed_exitcode and view.differences else 0
