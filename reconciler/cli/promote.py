"""`reconciler promote`: how two environments differ besides their variables."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common


@click.command("promote")
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
    from reconciler.core.compare.promotion import differences
    from reconciler.kinds import kinds
    from reconciler.render import promotion
    from reconciler.render.json import text

    sessions = files.open(env=source), files.open(env=target)
    one, other = (dict(session.variables) for session in sessions)
    mine, theirs = (session.manifests() for session in sessions)
    for session, own, others in zip(sessions, (one, other), (other, one), strict=True):
        session.variables = {**own, **others}  # the other's values, where it has one
    as_theirs, as_mine = (session.manifests() for session in sessions)
    found = differences(kinds(), ((mine.resources, as_mine.resources), (as_theirs.resources, theirs.resources)))
    used = mine.used_variables | theirs.used_variables
    pairs = {name: (one.get(name), other.get(name)) for name in sorted(used)}
    view = promotion.Promotion(source, target, pairs, tuple(found))
    click.echo(text(promotion.document(view)) if form == "json" else promotion.text(view), nl=False)
    return 2 if detailed_exitcode and found else 0
