"""Binds objects that exist to addresses of the manifests; nothing is written to the platform."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.app.session import Session
from reconciler.app.transaction import connected
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.state.model import Entry, Record
from reconciler.documents.document import nearest
from reconciler.engine.binding import bind
from reconciler.engine.rebuild import rebuild
from reconciler.kinds import kinds


@dataclass(frozen=True, slots=True)
class Bound:
    """How many objects were bound. `refused` tells that the question was answered with no."""

    count: int = 0
    refused: bool = False


async def adopt(session: Session, lock_timeout: float, *, verb: str = "adopt") -> Bound:
    """Find the objects that match the manifests, show them, ask, and bind them. `verb` names the command for the lock.

    Objects that could be several, or that only share a name, are shown as doubts and left alone.
    """
    project = session.manifests()
    async with connected(session, verb, lock_timeout=lock_timeout) as open_:
        state = open_.transaction.state
        resources = {name: item for name, item in project.resources.items() if name in project.inside}
        records, doubts = await rebuild(open_.api, kinds(), state, resources)
        entries = {record.address: record.entry for record in records if record.entry is not None}
        session.dialogue.bindings(entries, doubts)
        if not records:
            return Bound()
        if not session.dialogue.confirm(f"Bind these {len(records)} objects?"):
            return Bound(refused=True)
        await open_.transaction.record(records)
        open_.transaction.commit()
    return Bound(len(records))


async def import_object(session: Session, address: str, ident: str, lock_timeout: float) -> Entry:
    """Bind the object `ident` to `address` and return its entry.

    Raises `ManifestError` when no manifest declares the address, `StateError` when one of the two is bound already or
    the object does not exist.
    """
    resources = session.manifests().resources
    resource = resources.get(address)
    if resource is None:
        advice = nearest(address, resources) or "addresses are listed by: reconciler plan"
        raise ManifestError(Problem("unknown-address", f"no manifest declares the address {address!r}", advice))
    async with connected(session, "import", lock_timeout=lock_timeout) as open_:
        entry = await bind(open_.api, kinds(), open_.transaction.state, resource, ident)
        await open_.transaction.record([Record("bound", address, entry=entry)])
        open_.transaction.commit()
    return entry
