"""What a plan asks the platform before anything is written: each question once, all at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.abilities import Checked
from reconciler.core.kind import Check, Kinds
from reconciler.core.plan.assemble import Findings
from reconciler.core.plan.model import Action, Plan
from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call
from reconciler.engine.gather import gather
from reconciler.engine.ports import Api

_REFUSED = (400, 404)


async def preflight(api: Api, kinds: Kinds, plan: Plan) -> Findings:
    """Ask the platform about the changes of `plan`; refusals are objections, doubts are warnings."""
    asked = [
        (change.address, question)
        for change in plan.changes
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
        and isinstance(kind := kinds[change.kind], Checked)
        for question in kind.checks(change)
    ]
    findings, unasked = await ask(api, asked)
    found = Findings.of(findings, lambda item: f"{item.address}: {item.what}")
    if unasked:  # a check that cannot be made stops nothing: the platform will refuse the change where it is wrong
        failed = f"{len(unasked)} checks could not be made: {unasked[0].problems[0].what}"
        found = replace(found, warnings=(*found.warnings, failed))
    return found


async def ask(api: Api, asked: Sequence[tuple[str, Check]]) -> tuple[list[Problem], list[ApiError]]:
    """Ask questions, each with the address it is about, the same words once; return findings and failures."""
    findings: list[Problem] = []
    unasked: list[ApiError] = []
    while asked:
        by_call: dict[bytes, list[tuple[str, Check]]] = {}
        for address, question in asked:
            by_call.setdefault(_key(question.call), []).append((address, question))
        further: list[tuple[str, Check]] = []
        for told in await gather(*(_told(api, askers) for askers in by_call.values())):
            if isinstance(told, ApiError):
                unasked.append(told)
                continue
            for address, item in told:
                if isinstance(item, Check):
                    further.append((address, item))
                else:
                    findings.append(replace(item, address=address))
        asked = further
    return findings, unasked


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
