"""Reads the health of dataflows: each flow and its last runs (monitor.md)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.observations import DataflowKind
from reconciler.core.runs import Dataflow
from reconciler.core.state.model import Entry
from reconciler.engine.gather import gather
from reconciler.engine.pages import gathered
from reconciler.engine.ports import Api


async def dataflows(api: Api, kind: DataflowKind, limit: int, entries: Mapping[str, Entry]) -> dict[str, Dataflow]:
    """Return, by name, the dataflows of `entries` (by name, of `kind`), each with its last `limit` runs."""

    async def one(name: str, entry: Entry) -> Dataflow:
        live = lives.get(entry.id)
        if live is None:
            return Dataflow(name, entry.id, "missing", {}, None, None)
        return kind.dataflow(name, live, await api.send(kind.runs_call(entry.id, limit)))

    lives = await gathered(api, kind, {entry.id for entry in entries.values()})
    found = await gather(*(one(name, entry) for name, entry in entries.items()))
    return dict(zip(entries, found, strict=True))
