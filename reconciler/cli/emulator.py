"""`reconciler emulator`: the platform in small, served over HTTP; whole sandboxes in and out of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.command import Group
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.emulator.seeds import Seeds
    from reconciler.emulator.storage import Storage

_CONTROL = "/_emulator"
_DATA = click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="The file; default: the embedded emulator's own."
)
_URL = click.option("--url", metavar="URL", help="An emulator that is being served, instead of a file.")


@click.group("emulator", cls=Group, invoke_without_command=True)
@click.option("--port", default=8080, type=click.IntRange(0, 65535), show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Answer also for this host name.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Keep the objects here; else in memory.")
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="Append a JSON line for each request.")
@click.option("--fault", "faults", multiple=True, metavar="RULE", help="Arm a fault: do=drop,path=/flows,nth=2 …")
@click.option("--seed", default=0, show_default=True, help="Makes the chances of faults repeatable.")
@click.option("--settle-delay", default=0.0, type=click.FloatRange(0), help="Seconds a flow stays in transition.")
@click.option("--list-lag", default=0.0, type=click.FloatRange(0), help="Seconds a new object is missing from lists.")
@click.option("--clock-skew", default=0.0, help="Seconds the clock that stamps objects is ahead of the Date header.")
@click.option("--date-header/--no-date-header", default=True, help="Send a Date header with every answer.")
@click.option("--token-lifetime", default=86399.0, type=click.FloatRange(0), help="Seconds a token is good for.")
@click.option("--strict-references", is_flag=True, help="Refuse ids of schemas, datasets, audiences it does not hold.")
@click.option("--strict-sandboxes", is_flag=True, help="Refuse sandboxes it does not hold.")
@click.option("--stringify", is_flag=True, help="Numbers come back as strings and selectors gain fields.")
@click.option("--noise", is_flag=True, help="Reads come back reordered, with members nobody declared.")
@click.option("--patch-without-body", is_flag=True, help="PATCH /flows answers 202 without a body.")
@click.option("--deletes-accepted", is_flag=True, help="DELETE answers 202 instead of 204.")
@click.option("--mapping-sets-deletable", is_flag=True, help="DELETE /mappingSets/{id} answers 200, not 405.")
@click.option("--tutorial-forms", is_flag=True, help="Answer as the tutorials print where descriptions differ.")
@click.option("--bare-etags", is_flag=True, help="Take If-Match without its double quotes too.")
@click.option("--inlet-url", default="", metavar="URL", help="Where inlet addresses point; default: to itself.")
@common
def command(
    port: int,
    host: str,
    hosts: tuple[str, ...],
    data: Path | None,
    log: Path | None,
    faults: tuple[str, ...],
    seed: int,
    **switches: Any,
) -> None:
    """Serve the platform emulator over HTTP for any client; it accepts any bearer token.

    Point the tool at it with AEP_PLATFORM_URL=http://127.0.0.1:8080, AEP_IMS_URL the same, and any AEP_ACCESS_TOKEN,
    AEP_API_KEY and AEP_ORG_ID. Faults, edits from outside and whole sandboxes: see docs/emulator.md.
    """
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        return
    from reconciler.emulator import server
    from reconciler.emulator.app import create_app
    from reconciler.emulator.faults import FaultError, parse
    from reconciler.emulator.options import Options

    try:
        armed = [parse(text) for text in faults]
    except FaultError as error:
        raise click.UsageError(f"--fault: {error}", ctx) from None
    storage = _storage(data)
    try:
        file = log.open("a", encoding="utf-8") if log else None
    except OSError as error:
        raise _unusable(f"cannot write the log {log}: {error.strerror}", "name another with --log") from None
    try:
        listener = server.listen(host, port)
    except OSError as error:
        advice = "pass another --port, 0 for a free one"
        raise _unusable(f"cannot listen on {host}:{port}: {error.strerror}", advice) from None
    app = create_app(storage, Options(**switches), faults=armed, seed=seed, log=file, hosts=(host, *hosts))
    click.echo(f"The emulator listens on http://{host}:{listener.getsockname()[1]}; Ctrl-C stops it.", err=True)
    try:
        server.run(app, listener, date_header=switches["date_header"])
    finally:
        storage.close()


@command.command("seed")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@_DATA
@_URL
@common
def seed_(file: Path, data: Path | None, url: str | None) -> None:
    """Load the objects in FILE, YAML or JSON as `emulator dump` writes it (- reads stdin).

    Seeds are checked for their shape only, so that a test can begin with what no API would make.
    """
    from reconciler.emulator.seeds import SeedError, read

    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8", errors="replace")
    try:
        document = read(text)
    except SeedError as error:
        raise _unusable(f"{file}: {error}", "write what `emulator dump` writes") from None
    loaded = _ask(url, "POST", "/seed", document)["loaded"] if url else _seeded(data, document)
    click.echo(", ".join(f"{count} {kind}" for kind, count in loaded.items()) or "nothing", err=True)


@command.command("dump")
@_DATA
@_URL
@common
def dump(data: Path | None, url: str | None) -> None:
    """Write every object as one JSON document, secrets masked; `emulator seed` loads it again."""
    if url:
        document = _ask(url, "GET", "/dump")
    else:
        storage, seeds = _open(data)
        document = seeds.dump()
        storage.close()
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _seeded(data: Path | None, document: Any) -> dict[str, int]:
    from reconciler.emulator.seeds import SeedError

    storage, seeds = _open(data)
    try:
        loaded: dict[str, int] = seeds.load(document)
    except SeedError as error:
        raise _unusable(
            f"the seed cannot be loaded: {error}", "nothing was loaded; docs/emulator.md has an example"
        ) from None
    finally:
        storage.close()
    return loaded


def _open(data: Path | None) -> tuple[Storage, Seeds]:
    from reconciler.emulator.app import specs_folder
    from reconciler.emulator.seeds import Seeds
    from reconciler.emulator.specs import Specs

    file = data or _embedded()
    storage = _storage(file)
    return storage, Seeds(storage, Specs(specs_folder()))


def _embedded() -> Path:
    """Return the file that `--emulator` keeps in the project's state folder."""
    from reconciler.cli.arguments import open_project

    folder = open_project(Path()).state_dir
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "emulator.db"


def _storage(file: Path | None) -> Storage:
    from reconciler.emulator.storage import Storage, StorageError

    try:
        return Storage(str(file) if file else ":memory:")
    except StorageError as error:
        raise _unusable(str(error), "name another file with --data") from None


def _ask(url: str, method: str, path: str, body: Any = None) -> Any:
    import httpx2

    try:
        with httpx2.Client(trust_env=False, timeout=60) as http:  # an emulator is never reached through a proxy
            answer = http.request(method, url.rstrip("/") + _CONTROL + path, json=body)
        found = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _unusable(f"no emulator answers at {url}: {error}", "start one: reconciler emulator") from None
    if answer.is_error:
        raise _unusable(f"the emulator at {url} refused: {found.get('message')}", "nothing was changed")
    return found


def _unusable(what: str, next_step: str) -> Exception:
    from reconciler.core.problems import ManifestError, Problem

    return ManifestError(Problem("emulator", what, next_step))
