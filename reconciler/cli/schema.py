"""`reconciler schema`: the JSON Schema of manifests, for editors; and of what commands print, for pipelines."""

from __future__ import annotations

import click

from reconciler.cli.options import common

_DOCUMENTS = ("manifest", "plan", "drift", "validate")


@click.command("schema")
@click.argument("document", type=click.Choice(_DOCUMENTS), default="manifest", required=False)
@common
def command(document: str) -> int:
    """Print a JSON Schema: of manifests, or of what plan, drift and validate print with --format json.

    `reconciler init` writes the one of manifests where editors find it: in VS Code with the YAML extension every key
    is completed and checked as it is typed.
    """
    click.echo(schema_text(document), nl=False)
    return 0


def schema_text(document: str) -> str:
    """Return one of the schemas as JSON."""
    import json
    from importlib.resources import files

    if document == "manifest":
        from reconciler.catalog import shipped
        from reconciler.config.editor_schema import json_schema

        return json.dumps(json_schema(shipped()), indent=1, ensure_ascii=False) + "\n"
    return files("reconciler.render").joinpath("schemas", f"{document}.json").read_text(encoding="utf-8")
