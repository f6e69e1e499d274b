"""`reconciler outputs`: endpoint URLs and ids, per dataflow."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.arguments import Files, project
from reconciler.cli.options import common

if TYPE_CHECKING:
    from reconciler.cli.wiring import Session


@click.command("outputs")
@project
@click.option("--format", "form", type=click.Choice(["text", "json", "env"]), default="text", show_default=True)
@common
def command(files: Files, form: str) -> None:
    """Print what others need to know: streaming endpoint URLs (inletUrl) and the ids of every object."""
    from reconciler.cli.running import run
    from reconciler.render import json as as_json

    session = files.open()
    found = run(_collect(session))
    if form == "json":
        click.echo(as_json.text(found), nl=False)
        return
    if form == "env":
        for name, item in found.items():
            for key, value in _variables(name, item):
                click.echo(f"{key}={shlex.quote(value)}")
        return
    for name, item in found.items():
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


async def _collect(session: Session) -> dict[str, Any]:
    """Return, for each document with a flow in the state, its flow's id, state, inlet and all ids."""
    from reconciler.cli.wiring import in_memory
    from reconciler.engine.gather import gather
    from reconciler.engine.pages import gathered
    from reconciler.kinds import kinds

    table = kinds()
    async with session.platform() as (api, place, _):
        state = session.check(session.store().read(), place)
        state = in_memory(state, session.moves(state))
        entries = {
            address: entry for address, entry in sorted(state.resources.items()) if entry.id and session.holds(entry)
        }
        flows = {address: entry for address, entry in entries.items() if entry.kind == "Flow"}
        # an inlet stands on the flow (webhooks) or on the base connection (HTTP API): api-facts 2.9
        bases = {address: entry for address, entry in entries.items() if entry.kind == "Connection"}
        lives = await gather(
            gathered(api, table["Flow"], {entry.id for entry in flows.values()}),
            gathered(api, table["Connection"], {entry.id for entry in bases.values()}),
        )
        bodies = {
            address: there[entry.id].body
            for ours, there in zip((flows, bases), lives, strict=True)
            for address, entry in ours.items()
            if entry.id in there
        }
    ids: dict[str, dict[str, str]] = {}
    for address, entry in entries.items():
        ids.setdefault(address.partition("/")[0], {})[address] = entry.id
    found: dict[str, Any] = {}
    for address in flows:
        name = address.partition("/")[0]
        body = bodies.get(address, {})
        item: dict[str, Any] = {"flowId": flows[address].id, "state": body.get("state", "missing")}
        inlet = (body.get("options") or {}).get("inletUrl") or _inlet(bodies.get(f"{name}/source/connection"))
        if inlet:
            item["inletUrl"] = inlet
        item["ids"] = ids[name]
        found[name] = item
    return found


def _inlet(body: dict[str, Any] | None) -> str | None:
    params = ((body or {}).get("auth") or {}).get("params") or {}
    return params.get("inletUrl")
