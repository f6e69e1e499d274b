"""What a plan asks the platform before anything is written: each question once, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.kind import Kinds, Question
from reconciler.core.plan import Action, Plan
from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Call, Reply
from reconciler.engine.ports import Api
from reconciler.engine.together import together

_REFUSED = (400, 404)


async def ask(api: Api, kinds: Kinds, plan: Plan) -> Plan:
    """Return `plan` with what the platform says of its changes: refusals as objections, doubts as warnings."""
    asked = [
        (change.address, question)
        for change in plan.changes
        if change.action in (Action.CREATE, Action.UPDATE, Action.REPLACE)
        for question in kinds[change.kind].questions(change)
    ]
    findings: list[Problem] = []
    unasked: list[ApiError] = []
    while asked:
        replies = await _replies(api, (question.call for _, question in asked))
        further = []
        for address, question in asked:
            reply = replies[_key(question.call)]
            if isinstance(reply, ApiError):
                unasked.append(reply)
                continue
            for item in question.judge(reply):
                if isinstance(item, Question):
                    further.append((address, item))
                else:
                    findings.append(replace(item, address=address))
        asked = further
    errors = tuple(item for item in findings if item.severity == "error")
    doubts = tuple(f"{item.address}: {item.what}" for item in findings if item.severity != "error")
    if unasked:  # a check that cannot be made stops nothing: whoever applies will hear it from the platform
        doubts = (*doubts, f"{len(unasked)} checks could not be made: {unasked[0].problems[0].what}")
    return replace(plan, objections=(*plan.objections, *errors), warnings=(*plan.warnings, *doubts))


async def _replies(api: Api, calls: Iterable[Call]) -> dict[str, Reply | ApiError]:
    unique = {_key(call): call for call in calls}

    async def one(call: Call) -> Reply | ApiError:
        try:
            return await api.send(call, accept=_REFUSED)
        except ApiError as error:
            return error

    return dict(zip(unique, await together(*(one(call) for call in unique.values())), strict=True))


def _key(call: Call) -> str:
    return repr(call)
