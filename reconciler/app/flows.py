"""Status and outputs of the dataflows in a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.session import Session, in_memory
from reconciler.core.runs import Dataflow, Outputs
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Tree
from reconciler.engine.flow_status import dataflows
from reconciler.engine.gather import gather
from reconciler.engine.pages import gathered
from reconciler.kinds import kinds
from reconciler.kinds.flow import runs_call

if TYPE_CHECKING:
    from reconciler.api.client import Client
    from reconciler.app.platform import Target


async def status(session: Session, api: Client, target: Target, runs: int) -> list[Dataflow]:
    """Return the dataflows in the scope of the session with their last `runs` runs, by name."""
    entries = {
        address.partition("/")[0]: entry for address, entry in _entries(session, target).items() if entry.kind == "Flow"
    }
    calls = {name: runs_call(entry.id, runs) for name, entry in entries.items()}
    return list((await dataflows(api, kinds()["Flow"], calls, entries)).values())


async def outputs(session: Session) -> dict[str, Outputs]:
    """Return the outputs of each document that has a flow in the state, by name."""
    table = kinds()
    async with session.platform() as (api, target, _):
        entries = _entries(session, target)
        flows = {address: entry for address, entry in entries.items() if entry.kind == "Flow"}
        # an inlet stands on the flow (webhooks) or on the base connection (HTTP API): api-facts 2.9
        bases = {address: entry for address, entry in entries.items() if entry.kind == "Connection"}
        lives = await gather(
            gathered(api, table["Flow"], {entry.id for entry in flows.values()}),
            gathered(api, table["Connection"], {entry.id for entry in bases.values()}),
        )
    bodies: dict[str, Tree] = {
        address: live[entry.id].body
        for group, live in zip((flows, bases), lives, strict=True)
        for address, entry in group.items()
        if entry.id in live
    }
    ids: dict[str, dict[str, str]] = {}
    for address, entry in entries.items():
        ids.setdefault(address.partition("/")[0], {})[address] = entry.id
    result = {}
    for address, entry in flows.items():
        name = address.partition("/")[0]
        body = bodies.get(address, {})
        inlet = (body.get("options") or {}).get("inletUrl") or _inlet(bodies.get(f"{name}/source/connection"))
        result[name] = Outputs(entry.id, str(body.get("state", "missing")), inlet or None, ids[name])
    return result


def _entries(session: Session, target: Target) -> dict[str, Entry]:
    """Return the bound entries in the scope of the session, renames of the project file followed, by address."""
    state: State = session.check(session.store().read(), target)
    state = in_memory(state, session.moves(state))
    return {address: entry for address, entry in sorted(state.resources.items()) if entry.id and session.holds(entry)}


def _inlet(body: Tree) -> str | None:
    params = ((body or {}).get("auth") or {}).get("params") or {}
    url = params.get("inletUrl")
    return None if url is None else str(url)
