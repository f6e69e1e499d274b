"""What a plan asks the platform before anything is written: each question once, all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.kind import Check, Kinds
from reconciler.core.plan.model import Action, Plan
from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call
from reconciler.engine.gather import gather
from reconciler.engine.ports import Api

_REFUSED = (400, 404)


async def preflight(api: Api, kinds: Kinds, plan: Plan) -> Plan:
    """Return `plan` with what the platform says of its changes: refusals as objections, doubts as warnings."""
    asked = [
        (change.address, question)
        for change in plan.changes
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
        for question in kinds[change.kind].checks(change)
    ]
    findings: list[Problem] = []
    unasked: list[ApiError] = []
    while asked:
        by_call: dict[bytes, list[tuple[str, Check]]] = {}
        for address, question in asked:
            by_call.setdefault(_key(question.call), []).append((address, question))
        asked = []
        for told in await gather(*(_told(api, askers) for askers in by_call.values())):
            if isinstance(told, ApiError):
                unasked.append(told)
                continue
            for address, item in told:
                if isinstance(item, Check):
                    asked.append((address, item))
                else:
                    findings.append(replace(item, address=address))
    errors = tuple(item for item in findings if item.severity == "error")
    doubts = tuple(f"{item.address}: {item.what}" for item in findings if item.severity != "error")
    if unasked:  # a check that cannot be made stops nothing: whoever applies will hear it from the platform
        doubts = (*doubts, f"{len(unasked)} checks could not be made: {unasked[0].problems[0].what}")
    return replace(plan, objections=(*plan.objections, *errors), warnings=(*plan.warnings, *doubts))


async def _told(api: Api, askers: Sequence[tuple[str, Check]]) -> list[tuple[str, Problem | Check]] | ApiError:
    """Ask once what several ask in the same words; return what each makes of the answer, with its address."""
    try:
        reply = await api.send(askers[0][1].call, accept=_REFUSED)
    except ApiError as error:
        return error
    return [(address, item) for address, question in askers for item in question.evaluate(reply)]


def _key(call: Call) -> bytes:
    """Return what is the same for calls of the same words, and small: a call may hold a whole mapping."""
    return hashlib.blake2b(repr(call).encode(errors="surrogatepass"), digest_size=16).digest()
