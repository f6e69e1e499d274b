"""`reconciler schema`: the JSON Schema of manifests, for editors; and of command output, for pipelines."""

from __future__ import annotations

import click

from reconciler.cli.command import Command
from reconciler.cli.options import common

_DOCUMENTS = ("manifest", "plan", "drift", "validate", "events")


@click.command("schema", cls=Command)
@click.argument("document", type=click.Choice(_DOCUMENTS), default="manifest", required=False)
@common
def command(document: str) -> int:
    """Print a JSON Schema: of manifests, or of what plan, drift and validate print with --format json.

    `events` is one line of what apply, destroy and drift print with --format jsonl.

    `reconciler init` writes the one of manifests where editors find it: in VS Code with the YAML extension every key
    is completed and checked as it is typed.
    """
    from reconciler.app.schemas import schema_text

    click.echo(schema_text(document), nl=False)
    return 0
