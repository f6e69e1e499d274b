"""Gives the changes and the drift of a plan the rules of their kinds: guardrails and renderers ask them."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.kind import Kinds
from reconciler.core.plan.model import Action, Plan


def with_rules(plan: Plan, kinds: Kinds) -> Plan:
    """Return `plan` with the rules of each object; no-ops, which are neither guarded nor shown, go without."""
    bodies = {item.address: item.before if item.desired is None else item.desired for item in plan.changes}
    return replace(
        plan,
        changes=tuple(
            item
            if item.action is Action.NOOP
            else replace(item, rules=kinds[item.kind].rules(item.before if item.desired is None else item.desired))
            for item in plan.changes
        ),
        drift=tuple(replace(item, rules=kinds[item.kind].rules(bodies.get(item.address))) for item in plan.drift),
    )
