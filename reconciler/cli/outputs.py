"""`reconciler outputs`: endpoint URLs and ids, per dataflow."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common


@click.command("outputs")
@project
@click.option("--format", "form", type=click.Choice(["text", "json", "env"]), default="text", show_default=True)
@common
def command(files: Files, form: str) -> None:
    """Print what others need to know: streaming endpoint URLs (inletUrl) and the ids of every object."""
    from reconciler.app.flows import outputs
    from reconciler.app.running import run
    from reconciler.render import json as as_json
    from reconciler.render.status import outputs_document

    documents = outputs_document(run(outputs(files.open())))
    if form == "json":
        click.echo(as_json.text(documents), nl=False)
        return
    if form == "env":
        for name, item in documents.items():
            for key, value in _variables(name, item):
                click.echo(f"{key}={shlex.quote(value)}")
        return
    for name, item in documents.items():
        click.echo(name)
        for key in ("flowId", "state", "inletUrl"):
            if item.get(key):
                click.echo(f"  {key:<10}{item[key]}")
        for address, ident in item["ids"].items():
            click.echo(f"  {address}  {ident}")


def _variables(name: str, item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a shell can read: NAME_FLOW_ID, NAME_STATE, NAME_INLET_URL, and NAME_…_ID for each object."""

    def word(text: str) -> str:
        return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text).upper()

    yield f"{word(name)}_FLOW_ID", str(item["flowId"])
    yield f"{word(name)}_STATE", str(item["state"])
    if "inletUrl" in item:
        yield f"{word(name)}_INLET_URL", str(item["inletUrl"])
    for address, ident in item["ids"].items():
        if not address.endswith("/flow"):
            yield f"{word(address)}_ID", str(ident)
