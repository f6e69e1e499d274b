"""`reconciler state`: look into the state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.core.state import State


def read_state(path: Path) -> State:
    """Return the state of the chosen environment. Raises `StateError` where there is none."""
    from reconciler.cli.wiring import open_session
    from reconciler.core.problems import Problem, StateError

    session = open_session(path)
    store = session.store()
    state = store.read()
    if state is None:
        raise StateError(
            Problem(
                "no-state",
                f"there is no state at {store.path}",
                "it is made by the first apply; see --env and --state-dir",
            )
        )
    return state


@click.group("state")
@common
def command() -> None:
    """Look into the state: what is managed, under which address and id."""


@command.command("list")
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def list_(path: Path, form: str) -> None:
    """List the addresses in the state of the project at PATH."""
    from reconciler.render import json as as_json

    state = read_state(path)
    if form == "json":
        rows = [
            {"address": address, "kind": entry.kind, "id": entry.id}
            for address, entry in sorted(state.resources.items())
        ]
        click.echo(as_json.text(rows), nl=False)
        return
    for address in sorted(state.resources):
        click.echo(address)


@command.command("show")
@click.argument("address")
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def show(address: str, path: Path, form: str) -> None:
    """Show one entry of the state."""
    import json
    from difflib import get_close_matches

    from reconciler.core.problems import Problem, StateError
    from reconciler.render import json as as_json

    state = read_state(path)
    entry = state.resources.get(address)
    if entry is None:
        close = get_close_matches(address, state.resources, 1)
        advice = f"did you mean {close[0]!r}?" if close else "see: reconciler state list"
        raise StateError(Problem("no-entry", f"the state has no entry {address!r}", advice))
    document = as_json.entry_document(address, entry)
    if form == "json":
        click.echo(as_json.text(document), nl=False)
        return
    for key, value in document.items():
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        click.echo(f"{key}: {text}")
