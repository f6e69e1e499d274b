"""`reconciler outputs`: endpoint URLs and ids, per dataflow."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.command import Command
from reconciler.cli.options import common
from reconciler.core.problems import Problem, StateError

_KEYS = ("flowId", "state", "inletUrl", "ids")


@click.command("outputs", cls=Command)
@click.argument("value", metavar="[NAME.KEY]", required=False)
@project
@click.option("--format", "form", type=click.Choice(["text", "json", "env"]), default="text", show_default=True)
@common
def command(value: str | None, files: Files, form: str) -> None:
    """Print endpoint URLs (inletUrl) and the ids of every object.

    NAME.KEY prints one raw value on a line of its own, for scripts. KEY is flowId, state, inletUrl or ids.ADDRESS. A
    value that does not exist is an error.
    """
    from reconciler.app.flows import outputs
    from reconciler.app.running import run
    from reconciler.render import json as as_json
    from reconciler.render.status import outputs_document

    if value is not None and not _names_a_value(value):
        files, value = _at(files, value), None
    if value is not None and form != "text":
        raise click.UsageError(f"One value is printed raw: {value} does not go with --format {form}.")
    documents = outputs_document(run(outputs(files.open())))
    if value is not None:
        click.echo(_value(documents, value))
        return
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


def _names_a_value(text: str) -> bool:
    """Tell whether the first argument is NAME.KEY; else it is PATH. Raises a usage error for a misspelt KEY."""
    from difflib import get_close_matches

    name, dot, rest = text.partition(".")
    key = rest.partition(".")[0]
    if not name or not dot or "/" in name or not key:
        return False
    if key in _KEYS:
        return True
    close = get_close_matches(key, _KEYS, 1)
    if not close or Path(text).exists():
        return False
    raise click.UsageError(f"No output {key!r}: did you mean {name}.{close[0]}?")


def _at(files: Files, path: str) -> Files:
    if files.path != Path():
        raise click.UsageError(f"{path!r} is not NAME.KEY: expected NAME and one of {', '.join(_KEYS)}.")
    return replace(files, path=Path(path))


def _value(documents: Mapping[str, Any], wanted: str) -> str:
    """Return the value that NAME.KEY names. Raises `StateError` where there is none."""
    from reconciler.documents.document import nearest

    name, _, rest = wanted.partition(".")
    key, _, address = rest.partition(".")
    if name not in documents:
        what = f"no dataflow {name!r} has been applied"
        raise _no_output(what, nearest(name, documents) or "apply it first")
    found = documents[name].get(key)
    if key == "ids":
        if address not in found:
            raise _no_output(f"{name} has no object {address!r}", nearest(address, found))
        return str(found[address])
    if address:
        raise _no_output(f"{wanted!r} is not an output", f"write {name}.{key}")
    if found is None:
        raise _no_output(f"{name} has no {key}", "only streaming dataflows that data is sent to have an endpoint")
    return str(found)


def _no_output(what: str, advice: str) -> StateError:
    return StateError(Problem("no-output", what, advice))


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
