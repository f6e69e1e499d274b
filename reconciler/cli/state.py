"""`reconciler state`: look into the state, and put it right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.core.state.model import State


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
                f"there is no state at {store.where}",
                "it is made by the first apply; see --env and --state-dir",
            )
        )
    return state


@click.group("state")
@common
def command() -> None:
    """Look into the state, and put it right: what is managed, under which address and id."""


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


_LOCK = click.option("--lock-timeout", default=0.0, type=click.FloatRange(0), help="Seconds to wait for the lock.")
_PATH = click.argument("path", default=".", type=click.Path(path_type=Path), required=False)


@command.command("mv")
@click.argument("source")
@click.argument("target")
@_PATH
@_LOCK
@common
def mv(source: str, target: str, path: Path, lock_timeout: float) -> None:
    """Rename an address, or all addresses below a name. In review, `moved:` in the project file does the same."""
    from reconciler.cli.running import run
    from reconciler.cli.surgery import move

    run(move(path, source, target, lock_timeout))


@command.command("rm")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--project", "path", default=".", type=click.Path(path_type=Path), help="The project's folder.")
@_LOCK
@common
def rm(addresses: tuple[str, ...], path: Path, lock_timeout: float) -> None:
    """Forget an address and all below it; the objects stay on the platform, unmanaged."""
    from reconciler.cli.running import run
    from reconciler.cli.surgery import remove

    run(remove(path, addresses, lock_timeout))


@command.command("pull")
@_PATH
@common
def pull(path: Path) -> None:
    """Print the state as JSON, a left-over journal folded in."""
    from reconciler.core.state.codec import state_json
    from reconciler.render import json as as_json

    click.echo(as_json.text(state_json(read_state(path))), nl=False)


@command.command("push")
@click.argument("file", type=click.Path(path_type=Path))
@_PATH
@click.option("--force", is_flag=True, help="Even when it is another or an older state.")
@_LOCK
@common
def push(file: Path, path: Path, force: bool, lock_timeout: float) -> None:
    """Put FILE in the place of the state; the one there is kept.

    Refused when FILE is of another lineage, environment, platform, organization or sandbox, or older.
    """
    from reconciler.cli import surgery

    surgery.push(path, file, lock_timeout, force=force)


@command.command("unlock")
@_PATH
@click.option("--id", "ident", default="", metavar="ID", help="Take the lock of this id from its holder.")
@common
def unlock(path: Path, ident: str) -> None:
    """Say who holds the lock; with --id, take it from one who is gone.

    A local lock is gone with its process, and one of an object store or a database some time after; only the lock of an
    HTTP backend stays. Whoever held a lock that was taken can write no more.
    """
    from reconciler.cli import surgery

    surgery.unlock(path, ident)


@command.command("migrate")
@_PATH
@click.option("--from", "source", default="local", show_default=True, metavar="SETTINGS",
              help="Where it is now: `state:` as it stood in the project file.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the state there, too.")
@_LOCK
@common
def migrate(path: Path, source: str, keep: bool, lock_timeout: float) -> int:
    """Move the state to where the project file says it is kept.

    Both places are locked, what was written is read again and compared, and only then the state goes from the old
    place. Run once more after it was interrupted, it goes on. SETTINGS is YAML, as '{backend: s3, bucket: states}'.
    """
    from reconciler.cli.moving import migrate

    return migrate(path, source, lock_timeout, keep=keep)


@command.command("rebuild")
@_PATH
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask.")
@_LOCK
@common
def rebuild(path: Path, auto_approve: bool, lock_timeout: float) -> int:
    """Find the objects of the manifests on the platform and bind them: for a state that was lost.

    Nothing is written to the platform. What could be several objects is told and left alone.
    """
    from reconciler.cli.running import run
    from reconciler.cli.surgery import rebuilt
    from reconciler.cli.wiring import open_session

    session = open_session(path)
    done: int = run(rebuilt(session, lock_timeout, verb="state rebuild", auto_approve=auto_approve))
    return done
