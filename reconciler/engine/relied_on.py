"""Asks whether the objects exist that managed ones use: their deletion is not visible in the users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.kind import Check, Kinds
from reconciler.core.observations import DataflowKind, Relying
from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Live
from reconciler.core.state.model import State
from reconciler.engine.gather import gather
from reconciler.engine.listing import MANY
from reconciler.engine.pages import gathered
from reconciler.engine.ports import Api
from reconciler.engine.preflight import ask


async def relied_on(api: Api, kinds: Kinds, state: State, lives: Mapping[str, Live | None]) -> list[Problem]:
    """Return findings about what the objects in `lives` use: objects that are gone, audiences that are not published.

    Each object is asked about once. Objects in `lives` are not, since they were read; mapping sets are, for a plan does
    not read one again while its flow is pinned to the applied version.
    """
    known = {state.resources[address].id for address in lives if address in state.resources}
    asked: list[tuple[str, Check]] = []
    for address, live in lives.items():
        entry = state.resources.get(address)
        kind = kinds[entry.kind] if entry is not None else None
        if live is not None and isinstance(kind, Relying):
            asked += [(address, check) for ident, check in kind.relies_on(live).items() if ident not in known]
    findings, failures = await ask(api, asked)
    try:
        findings += await _gone_pins(api, kinds, state, lives)
    except ApiError as error:
        failures.append(error)
    return [*findings, *(replace(error.problems[0], severity="warning") for error in failures[:1])]


def in_words(problem: Problem) -> str:
    """Return a finding as one line of a report."""
    return f"{problem.address}: {problem.what}" if problem.address else problem.what


async def _gone_pins(api: Api, kinds: Kinds, state: State, lives: Mapping[str, Live | None]) -> list[Problem]:
    """Return a finding for each flow that is pinned to an object of the state which the platform deleted.

    The description of Data Prep has no such call (data-prep.yaml), and each takes a request: many are not asked for.
    """
    owners = {(entry.kind, entry.id): address for address, entry in state.resources.items() if entry.id}
    pinned: dict[str, dict[str, list[str]]] = {}
    for user, live in lives.items():
        entry = state.resources.get(user)
        kind = kinds[entry.kind] if entry is not None else None
        for pin in kind.pins(live.body) if live is not None and isinstance(kind, DataflowKind) else ():
            if (pin.kind, pin.ident) in owners:
                pinned.setdefault(pin.kind, {}).setdefault(pin.ident, []).append(user)
    pinned = {kind: idents for kind, idents in pinned.items() if len(idents) < MANY}
    found = await gather(*(gathered(api, kinds[kind], idents) for kind, idents in pinned.items()))
    return [
        Problem(
            "no-pin",
            f"the {kind} {ident} that the flow is pinned to is not in this sandbox",
            f"forget it, then apply makes it again: reconciler state rm '{owners[kind, ident]}'",
            address=user,
        )
        for (kind, idents), present in zip(pinned.items(), found, strict=True)
        for ident, users in idents.items()
        if ident not in present
        for user in users
    ]
