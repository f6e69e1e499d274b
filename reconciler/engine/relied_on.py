"""Asks whether the objects exist that managed ones use: their deletion is not visible in the users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.kind import Check, Kinds
from reconciler.core.observations import Relying
from reconciler.core.problems import Problem
from reconciler.core.resource import Live
from reconciler.core.state.model import State
from reconciler.engine.ports import Api
from reconciler.engine.preflight import ask


async def relied_on(api: Api, kinds: Kinds, state: State, lives: Mapping[str, Live | None]) -> list[Problem]:
    """Return findings about what the objects in `lives` use: datasets that are gone, audiences that are not published.

    Each object is asked about once; objects of the state are not, since they are read anyway.
    """
    ours = {entry.id for entry in state.resources.values()}
    asked: list[tuple[str, Check]] = []
    for address, live in lives.items():
        entry = state.resources.get(address)
        kind = kinds[entry.kind] if entry is not None else None
        if live is not None and isinstance(kind, Relying):
            asked += [(address, check) for ident, check in kind.relies_on(live).items() if ident not in ours]
    findings, failures = await ask(api, asked)
    unasked = [replace(error.problems[0], severity="warning") for error in failures[:1]]
    return [*findings, *unasked]
