"""Reads how dataflows fare: each flow, and its last runs (api-facts 9)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.abilities import operation_failure
from reconciler.core.kind import Kind
from reconciler.core.resource import Call
from reconciler.core.runs import Dataflow, order, run_of
from reconciler.core.state.model import Entry
from reconciler.engine.gather import gather
from reconciler.engine.pages import gathered
from reconciler.engine.ports import Api


async def dataflows(
    api: Api, kind: Kind, runs_of: Mapping[str, Call], entries: Mapping[str, Entry]
) -> dict[str, Dataflow]:
    """Return, by name, the dataflows of `entries` (by name, of `kind`); `runs_of` lists the runs of each."""

    async def one(name: str, entry: Entry) -> Dataflow:
        live = lives.get(entry.id)
        if live is None:
            return Dataflow(name, entry.id, "missing", {}, None, None)
        reply = await api.send(runs_of[name])
        items = reply.body.get("items") or () if isinstance(reply.body, dict) else ()
        return Dataflow(
            name=name,
            id=entry.id,
            state=str(live.body.get("state", "unknown")),
            operation=live.body.get("lastOperation") or {},
            failure=operation_failure(kind, live),
            created=live.body.get("createdAt"),
            runs=order([run_of(item) for item in items]),
        )

    lives = await gathered(api, kind, {entry.id for entry in entries.values()})
    found = await gather(*(one(name, entry) for name, entry in entries.items()))
    return dict(zip(entries, found, strict=True))
