"""A plan as policies see it: its JSON document, and what else a rule may ask for. No secret is in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reconciler.core.compare.views import mask
from reconciler.core.display import shown
from reconciler.core.plan.document import plan_document
from reconciler.core.plan.model import Action, Plan

_GONE = (Action.DELETE, Action.FORGET)


def facts(plan: Plan, now: datetime, exports: Sequence[Mapping[str, Any]], *, protected: bool) -> dict[str, Any]:
    """Return the facts of `plan`; `now` in the time zone the rules are written for.

    `resources` are all that will be there afterwards, `changes` what is about to happen, with `labels` and `document`
    besides what `plan --format json` prints.
    """
    document = plan_document(plan)
    for entry, change in zip(document["changes"], plan.effective, strict=True):
        entry |= {"document": change.document, "file": change.file, "labels": dict(change.labels)}
    return {
        **document,
        "sandbox": plan.sandbox,
        "organization": plan.organization,
        "protected": protected,
        "destroy": plan.destroy,
        "now": {
            "date": now.date().isoformat(),
            "time": now.strftime("%H:%M"),
            "hour": now.hour,
            "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[now.weekday()],
        },
        "resources": [
            {
                "address": change.address,
                "document": change.document,
                "kind": change.kind,
                "action": str(change.action),
                "file": change.file,
                "labels": dict(change.labels),
                "body": shown(mask(change.desired, change.sensitive)),
            }
            for change in plan.changes
            if change.action not in _GONE
        ],
        "exports": [dict(item) for item in exports],
    }
