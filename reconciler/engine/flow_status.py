"""Reads the health of dataflows: each flow, its last runs (monitor.md), and whether the objects it uses exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core import graph
from reconciler.core.kind import Kinds
from reconciler.core.observations import DataflowKind, Relying
from reconciler.core.plan.repinned import note_of, repinned
from reconciler.core.problems import Problem
from reconciler.core.resource import Live
from reconciler.core.runs import Dataflow
from reconciler.core.state.model import State
from reconciler.engine.gather import gather
from reconciler.engine.pages import gathered
from reconciler.engine.ports import Api
from reconciler.engine.relied_on import relied_on


async def dataflows(
    api: Api, kinds: Kinds, kind: DataflowKind, limit: int, state: State, addresses: Sequence[str]
) -> tuple[list[Dataflow], list[Problem]]:
    """Return the dataflows at `addresses` (of `kind`), each with its last `limit` runs; and what could not be asked."""
    entries = state.resources
    read = await gathered(api, kind, {entries[address].id for address in addresses})
    lives = {address: read.get(entries[address].id) for address in addresses}

    async def one(address: str) -> Dataflow:
        name, ident, live = address.partition("/")[0], entries[address].id, lives[address]
        if live is None:
            return Dataflow(name, ident, "missing", {}, None, None)
        return kind.dataflow(name, live, await api.send(kind.runs_call(ident, limit)))

    found = await gather(*(one(address) for address in addresses))
    notes, unasked = await _used(api, kinds, state, lives)
    noted = [replace(flow, notes=tuple(notes[address])) for address, flow in zip(addresses, found, strict=True)]
    return noted, unasked


async def _used(
    api: Api, kinds: Kinds, state: State, flows: Mapping[str, Live | None]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Return, by the address of a flow, words about what it uses and others replaced or deleted.

    Connections are taken from the state and not read again.
    """
    notes: dict[str, list[str]] = {address: [] for address in flows}
    needs = {address: entry.dependencies for address, entry in state.resources.items()}
    needed = {address: graph.with_needs([address], needs) for address, live in flows.items() if live is not None}
    parts = {name for names in needed.values() for name in names if name in state.resources and name not in flows}
    connections = {
        name: Live(entry.id, entry.applied)
        for name in sorted(parts)
        if (entry := state.resources[name]).id and isinstance(kinds[entry.kind], Relying)
    }
    for item in repinned(kinds, state, flows):
        notes[item.user].append(note_of(item, state.resources[item.address].id))
    problems = await relied_on(api, kinds, state, {**flows, **connections})
    for problem in problems:
        for address, names in needed.items():
            if problem.address in names:
                notes[address].append(problem.what)
    return notes, [problem for problem in problems if not problem.address]
