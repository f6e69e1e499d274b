"""`reconciler state`: look into the state, and put it right."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.arguments import LOCK_TIMEOUT
from reconciler.cli.command import Group
from reconciler.cli.options import common


@click.group("state", cls=Group)
@common
def command() -> None:
    """Look into the state, and put it right: what is managed, under which address and id."""


@command.command("list")
@click.argument("path", default=".", type=click.Path(path_type=Path), required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common
def list_(path: Path, form: str) -> None:
    """List the addresses in the state of the project at PATH."""
    from reconciler.app.state_edit import read_state
    from reconciler.cli.arguments import open_project
    from reconciler.render import json as as_json

    state = read_state(open_project(path))
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

    from reconciler.app.state_edit import read_entry
    from reconciler.cli.arguments import open_project
    from reconciler.render import json as as_json

    entry = read_entry(open_project(path), address)
    document = as_json.entry_document(address, entry)
    if form == "json":
        click.echo(as_json.text(document), nl=False)
        return
    for key, value in document.items():
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        click.echo(f"{key}: {text}")


_PATH = click.argument("path", default=".", type=click.Path(path_type=Path), required=False)


@command.command("mv")
@click.argument("source")
@click.argument("target")
@_PATH
@LOCK_TIMEOUT
@common
def mv(source: str, target: str, path: Path, lock_timeout: float) -> None:
    """Rename an address, or all addresses below a name. In review, `moved:` in the project file does the same."""
    from reconciler.app.running import run
    from reconciler.app.state_edit import move
    from reconciler.cli.arguments import open_project

    for name, to in run(move(open_project(path), source, target, lock_timeout)).items():
        click.echo(f"{name} → {to}")


@command.command("rm")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--project", "path", default=".", type=click.Path(path_type=Path), help="The project's folder.")
@LOCK_TIMEOUT
@common
def rm(addresses: tuple[str, ...], path: Path, lock_timeout: float) -> None:
    """Forget an address and all below it; the objects stay on the platform, unmanaged."""
    from reconciler.app.running import run
    from reconciler.app.state_edit import remove
    from reconciler.cli.arguments import open_project

    for name, item in run(remove(open_project(path), addresses, lock_timeout)).items():
        entry = item.entry
        idents = [entry.id, *(old.id for old in entry.deposed)] if entry is not None else []
        stays = f"; its object {', '.join(filter(None, idents))} stays" if entry is not None else ""
        if item.intent is not None and item.intent.action == "create":
            stays += "; an interrupted run may have created an object for it, which stays, too"
        click.echo(f"{name}: forgotten{stays}")


@command.command("pull")
@_PATH
@common
def pull(path: Path) -> None:
    """Print the state as JSON, a left-over journal folded in."""
    from reconciler.app.state_edit import pull
    from reconciler.cli.arguments import open_project

    click.echo(pull(open_project(path)), nl=False)


@command.command("push")
@click.argument("file", type=click.Path(path_type=Path))
@_PATH
@click.option("--force", is_flag=True, help="Even when it is another, an older or an edited state.")
@LOCK_TIMEOUT
@common
def push(file: Path, path: Path, force: bool, lock_timeout: float) -> None:
    """Put FILE in the place of the state; the one there is kept.

    Refused when FILE is of another lineage, environment, platform, organization or sandbox, is older, or was edited:
    its checksum tells. --force accepts it, as a state of this environment.
    """
    from reconciler.app.state_edit import push
    from reconciler.cli.arguments import open_project
    from reconciler.core.characters import counted

    session = open_project(path)
    state = push(session, file, lock_timeout, force=force)
    click.echo(f"{session.store().where} holds {counted(len(state.resources), 'resource')} now, serial {state.serial}.")


@command.command("unlock")
@_PATH
@click.option("--id", "ident", default="", metavar="ID", help="Take the lock of this id from its holder.")
@common
def unlock(path: Path, ident: str) -> None:
    """Say who holds the lock; with --id, take it from one who is gone.

    A local lock is gone with its process, and one of an object store or a database some time after; only the lock of an
    HTTP backend stays. Whoever held a lock that was taken can write no more.
    """
    from reconciler.cli.arguments import open_project

    click.echo(open_project(path).store().release(ident))


@command.command("migrate")
@_PATH
@click.option("--from", "source", default="local", show_default=True, metavar="SETTINGS",
              help="Where it is now: `state:` as it stood in the project file.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the state there, too.")
@LOCK_TIMEOUT
@common
def migrate(path: Path, source: str, keep: bool, lock_timeout: float) -> int:
    """Move the state to where the project file says it is kept.

    Both places are locked, what was written is read again and compared, and only then the state goes from the old
    place. Run once more after it was interrupted, it goes on. SETTINGS is YAML, as '{backend: s3, bucket: states}'.
    """
    from reconciler.app.session import several
    from reconciler.app.state_migrate import migrate
    from reconciler.cli.arguments import open_project, project_options
    from reconciler.cli.environments import in_turn
    from reconciler.config.state_settings import settings_in
    from reconciler.core.characters import counted

    settings = settings_in(source)
    names = several(project_options(path))

    def one(env: str | None) -> int:
        moved = migrate(open_project(path, env=env), settings, lock_timeout, keep=keep, required=not names)
        if moved.state is None:
            click.echo(f"There is no state, neither at {moved.source} nor at {moved.target}.")
        elif not moved.moved:
            held = counted(len(moved.state.resources), "resource")
            click.echo(f"There is no state at {moved.source}; {moved.target} holds {held}.")
        else:
            left = f" The old one is {moved.kept_at}." if moved.kept_at else ""
            held, serial = counted(len(moved.state.resources), "resource"), moved.state.serial
            click.echo(f"{moved.target} holds {held} now, serial {serial}.{left}")
        return 0

    return in_turn(names, one) if names else one(None)


@command.command("rebuild")
@_PATH
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask.")
@LOCK_TIMEOUT
@common
def rebuild(path: Path, auto_approve: bool, lock_timeout: float) -> int:
    """Find the objects of the manifests on the platform and bind them: for a state that was lost.

    Nothing is written to the platform. What could be several objects is told and left alone.
    """
    from reconciler.cli.adopt import adopt_matching
    from reconciler.cli.arguments import open_project
    from reconciler.cli.terminal import Terminal

    return adopt_matching(open_project(path, dialogue=Terminal(approved=auto_approve)), "state rebuild", lock_timeout)
