"""Status and outputs of the dataflows in a state."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from reconciler.app.pending import not_applied
from reconciler.app.session import Session, in_memory
from reconciler.core.observations import Reachable
from reconciler.core.plan.drift_report import PendingChange
from reconciler.core.resource import Live
from reconciler.core.runs import Dataflow, Outputs
from reconciler.core.state.model import Entry, State
from reconciler.engine.flow_status import dataflows
from reconciler.engine.gather import gather
from reconciler.engine.pages import gathered
from reconciler.kinds import dataflow_kind, kinds

if TYPE_CHECKING:
    from reconciler.api.client import Client
    from reconciler.app.platform import Target


async def pending(session: Session, api: Client, target: Target) -> tuple[tuple[PendingChange, ...], str]:
    """Return the changes of the manifests that were not applied, and why they are not known, or an empty text."""
    return await not_applied(session, api, _state(session, target))


async def status(session: Session, api: Client, target: Target, runs: int) -> list[Dataflow]:
    """Return the dataflows in the scope of the session with their last `runs` runs, by name."""
    kind, state = dataflow_kind(), _state(session, target)
    addresses = [address for address, entry in _entries(session, state).items() if entry.kind == kind.name]
    found, unasked = await dataflows(api, kinds(), kind, runs, state, addresses)
    for problem in unasked:
        session.dialogue.notice(str(problem))
    return found


async def outputs(session: Session) -> dict[str, Outputs]:
    """Return the outputs of each document that has a flow in the state, by name."""
    kind = dataflow_kind()
    async with session.platform() as (api, target, _):
        entries = _entries(session, _state(session, target))
        flows = {address: entry for address, entry in entries.items() if entry.kind == kind.name}
        accounts = [_account(address) for address in flows if _account(address) in entries]
        lives = await _lives(api, entries, [*flows, *accounts])
    ids: dict[str, dict[str, str]] = {}
    for address, entry in entries.items():
        ids.setdefault(address.partition("/")[0], {})[address] = entry.id
    result = {}
    for address, entry in flows.items():
        live = lives.get(address)
        # the endpoint is in the flow (webhooks) or in the account of its source (HTTP API)
        urls = (_endpoint(entries, lives, holder) for holder in (address, _account(address)))
        inlet = next(filter(None, urls), None)
        name = address.partition("/")[0]
        result[name] = Outputs(entry.id, "missing" if live is None else kind.state_of(live), inlet, ids[name])
    return result


def _account(flow: str) -> str:
    """Return the address of the account that the source of a flow has of its own."""
    return f"{flow.partition('/')[0]}/source/connection"


async def _lives(api: Client, entries: Mapping[str, Entry], addresses: Collection[str]) -> dict[str, Live]:
    """Return the live objects at `addresses`, read kind by kind; those that are gone are left out."""
    groups: dict[str, list[str]] = {}
    for address in addresses:
        groups.setdefault(entries[address].kind, []).append(address)
    table = kinds()
    read = (gathered(api, table[name], {entries[item].id for item in group}) for name, group in groups.items())
    found = await gather(*read)
    return {
        address: lives[entries[address].id]
        for group, lives in zip(groups.values(), found, strict=True)
        for address in group
        if entries[address].id in lives
    }


def _endpoint(entries: Mapping[str, Entry], lives: Mapping[str, Live], address: str) -> str | None:
    live = lives.get(address)
    kind = kinds()[entries[address].kind] if live is not None else None
    return kind.endpoint(live) if live is not None and isinstance(kind, Reachable) else None


def _state(session: Session, target: Target) -> State:
    """Return the state, with the renames of the project file."""
    state = session.check(session.store().read(), target)
    return in_memory(state, session.moves(state))


def _entries(session: Session, state: State) -> dict[str, Entry]:
    """Return the bound entries in the scope of the session, by address."""
    return {address: entry for address, entry in sorted(state.resources.items()) if entry.id and session.holds(entry)}
