"""The checks of `doctor`: each ends in a finding, none keeps another from being made."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

from reconciler.app.access import SANDBOXES, sandbox_problem, sandboxes
from reconciler.app.session import Session
from reconciler.catalog import shipped
from reconciler.core.plan.repinned import note_of, repinned
from reconciler.core.problems import ApiError, ReconcilerError
from reconciler.core.resource import Call
from reconciler.engine.gather import gather
from reconciler.engine.observe import observe
from reconciler.engine.relied_on import in_words, relied_on
from reconciler.kinds import kinds
from reconciler.network.transport import Network

if TYPE_CHECKING:
    from reconciler.api.client import Client
    from reconciler.app.platform import Target
    from reconciler.stores.store import Store

_SKEW = 60_000
"""Milliseconds by which the clocks may differ before people should care; the tool itself tolerates any difference."""

_OLD = 180
"""Days after which the catalog may well have missed something."""

_ONE = (("limit", "1"),)
_XED = (("Accept", "application/vnd.adobe.xed-id+json"),)
SERVICES = {
    "Flow Service": Call("GET", "/data/foundation/flowservice/flows", query=_ONE),
    "Data Prep": Call("GET", "/data/foundation/conversion/mappingSets", query=(*_ONE, ("start", "0"))),
    "Catalog": Call("GET", "/data/foundation/catalog/dataSets", query=_ONE),
    "Schema Registry": Call("GET", "/data/foundation/schemaregistry/tenant/schemas", query=_ONE, headers=_XED),
    "Audiences": Call("GET", "/data/core/ups/audiences", query=_ONE),
}
"""One harmless page of each service that manifests may need."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    check: str
    status: Literal["ok", "warning", "wrong"]
    what: str
    next: str = ""


async def diagnose(session: Session) -> list[Finding]:
    """Return what every check found, in the order in which one depends on another."""
    found = [_manifests(session)]
    try:
        async with session.platform() as (api, target, _):
            found.append(Finding("platform", "ok", f"{target.url}, organization {target.organization}"))
            if not session.emulated:
                found.append(Finding("network", "ok", Network(os.environ).describe(target.url)))
            found += await _online(api, target.sandbox)
            found += _state(session, target)
            found += await _used(session, api, target)
    except ReconcilerError as error:
        found += [Finding("platform", "wrong", item.what, item.next) for item in error.problems]
    return [*found, _catalog()]


def _manifests(session: Session) -> Finding:
    found = session.examine()
    if found.errors:
        first = str(found.errors[0])
        return Finding("manifests", "wrong", f"{len(found.errors)} errors, the first: {first}", "reconciler validate")
    return Finding("manifests", "ok", f"{len(found.documents)} documents, {len(found.resources)} resources")


async def _online(api: Client, sandbox: str) -> list[Finding]:
    try:
        await api.login()
    except ReconcilerError as error:
        return [Finding("token", "wrong", item.what, item.next) for item in error.problems]
    found = [Finding("token", "ok", "the identity service gives one")]
    rest = await gather(_sandbox(api, sandbox), *(_service(api, name, call) for name, call in SERVICES.items()))
    if api.lost is not None:  # no service can be asked, and each would tell the same
        return [*found, Finding("connection", "wrong", api.lost.what, api.lost.next)]
    return [*found, *rest, _clock(api.offset)]


async def _service(api: Client, name: str, call: Call) -> Finding:
    try:
        await api.send(call)
    except ApiError as error:
        problem = error.problems[0]
        return Finding(name, "wrong", problem.what, problem.next)
    return Finding(name, "ok", "may be read")


async def _sandbox(api: Client, name: str) -> Finding:
    check = "sandbox"
    try:
        reply = await api.send(SANDBOXES)
    except ApiError as error:
        what = f"the list of sandboxes cannot be read: {error.problems[0].what}"
        return Finding(check, "warning", what, "the services below tell whether it can be used")
    problem = sandbox_problem(reply.body, name)
    if problem is not None:
        return Finding(check, "wrong", problem.what, problem.next)
    sort = (sandboxes(reply.body) or {})[name].get("type", "unknown")
    return Finding(check, "ok", f"{name} is active, type {sort}")


async def _used(session: Session, api: Client, target: Target) -> list[Finding]:
    """Ask whether the datasets and audiences exist that the objects of the state use."""
    check = "used objects"
    try:
        state = session.check(session.store().read(), target)
        lives, _ = await observe(api, kinds(), state, state.resources)
        problems = await relied_on(api, kinds(), state, lives)
    except ReconcilerError:  # the checks above name the cause
        return []
    found = [Finding(check, "warning", in_words(item), item.next) for item in problems]
    for item in repinned(kinds(), state, lives):
        what = f"{item.user}: {note_of(item, state.resources[item.address].id)}"
        found.append(Finding(check, "warning", what, "reconciler drift shows the rows that differ"))
    return found or [Finding(check, "ok", "the datasets, audiences and mapping sets that the dataflows use exist")]


def _clock(offset: int | None) -> Finding:
    if offset is None:
        return Finding("clock", "warning", "the platform did not say its time")
    if abs(offset) > _SKEW:
        what = f"this machine's clock is {abs(offset) / 1000:.0f} s {'behind' if offset > 0 else 'ahead'}"
        return Finding("clock", "warning", what, "set it by NTP; schedules are checked against it")
    return Finding("clock", "ok", f"{abs(offset) / 1000:.0f} s from the platform's")


def _state(session: Session, target: Target) -> list[Finding]:
    """The state as a writer would find it: readable, of this sandbox, unlocked, and with room to write."""
    store = session.store()
    try:
        state = store.read()
        session.check(state, target)
    except ReconcilerError as error:
        return [Finding("state", "wrong", item.what, item.next) for item in error.problems]
    if state is None:
        found = [Finding("state", "ok", f"none yet at {store.where}")]
    else:
        found = [Finding("state", "ok", f"{len(state.resources)} resources, serial {state.serial}, {store.where}")]
        left = [address for address, entry in state.resources.items() if entry.deposed]
        if state.pending:
            what = f"an interrupted run left intents for {', '.join(sorted(state.pending))}"
            found.append(Finding("state", "warning", what, "reconciler apply finds out what became of them"))
        if left:
            what = f"old objects of replaces are still there: {', '.join(sorted(left))}"
            found.append(Finding("state", "warning", what, "reconciler apply deletes them"))
        unknown = sorted({entry.kind for entry in state.resources.values()} - set(kinds()))
        if unknown:
            what = f"it holds kinds this version does not know: {', '.join(unknown)}"
            found.append(Finding("state", "wrong", what, "upgrade reconciler"))
    return [*found, _lock(store)]


def _lock(store: Store) -> Finding:
    """Taking the lock proves that nobody holds it and that the state can be written; it is let go at once."""
    if not store.medium.prepared():
        return Finding("lock", "ok", "there is nothing to lock yet")
    try:
        store.lock("reconciler doctor")
    except ReconcilerError as error:
        problem = error.problems[0]
        return Finding("lock", "warning" if problem.code == "locked" else "wrong", problem.what, problem.next)
    store.unlock()
    return Finding("lock", "ok", "free, and the state can be written")


def _catalog() -> Finding:
    made = date.fromisoformat(str(shipped().platform["asOf"]))
    days = (datetime.fromtimestamp(time.time(), UTC).date() - made).days
    count = len(shipped().keys("source")) + len(shipped().keys("destination"))
    what = f"{count} connectors, as of {made.isoformat()}"
    if days > _OLD:
        return Finding("catalog", "warning", f"{what}: {days} days old", "upgrade; see: reconciler connectors refresh")
    return Finding("catalog", "ok", what)
