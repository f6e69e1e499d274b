"""`reconciler drift`: live against last applied; changes nothing."""

from __future__ import annotations

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common, given


@click.command("drift")
@project
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def command(files: Files, form: str) -> int:
    """Compare the platform with what was last applied and change nothing.

    Exit code 0 without drift, 2 when an object was changed or deleted outside. Secrets cannot be read back:
    objects that hold some are listed as not checked.
    """
    import sys

    from reconciler.cli.execute import Want, planned, run
    from reconciler.cli.output import painter
    from reconciler.render import json as as_json
    from reconciler.render.text import drift_text

    session = files.open()
    plan = run(planned(session, Want())).plan
    if form == "json":
        click.echo(as_json.text(as_json.drift_document(plan.environment, plan.drift)), nl=False)
    else:
        click.echo(drift_text(plan.drift, painter(sys.stdout), verbose=bool(given("verbose"))), nl=False)
    return 2 if any(item.status in ("changed", "missing") for item in plan.drift) else 0
