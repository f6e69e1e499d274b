"""Objections to a whole plan: protections, too many deletes. Pure; nothing is sent when there is one."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.problems import Problem
from reconciler.core.state.model import State


@dataclass(frozen=True, slots=True)
class Guardrails:
    """Limits of one run of `apply`; None means no limit."""

    max_deletes: int | None = None
    max_delete_percent: float | None = None


def objections(
    plan: Plan, state: State, guardrails: Guardrails, *, protected: bool, allow_delete: bool
) -> list[Problem]:
    """Return why `plan` may not be carried out, one problem per reason; empty when it may.

    `protected` is the environment's own mark, lifted by `allow_delete`; `reconciler/prevent-destroy` is
    remembered in the state and lifted only by an applied edit of the manifest.
    """
    losing = [
        change for change in plan.effective if change.action in (Action.DELETE, Action.REPLACE) and not change.deposed
    ]
    found = [_kept(change) for change in losing if _is_kept(change, state)]
    if protected and not allow_delete and losing:
        names = ", ".join(change.address for change in losing[:5]) + ("…" if len(losing) > 5 else "")
        found.append(
            Problem(
                "protected-environment",
                f"environment {plan.environment!r} is protected and the plan deletes or replaces {names}",
                "pass --allow-delete to allow it for this run",
            )
        )
    if not plan.destroy:
        found += _too_many(plan, state, guardrails, losing)
    return found


def _is_kept(change: Change, state: State) -> bool:
    entry = state.resources.get(change.address)
    return bool(entry and entry.protect)


def _kept(change: Change) -> Problem:
    return Problem(
        "prevent-destroy",
        f"the plan would {change.action} it, but reconciler/prevent-destroy forbids that",
        "remove the annotation from the manifest and apply that first",
        address=change.address,
    )


def _too_many(plan: Plan, state: State, limits: Guardrails, losing: list[Change]) -> list[Problem]:
    members = sum(
        1
        for change in plan.effective
        if change.action is Action.UPDATE
        for item in change.fields
        if change.rules.removal_counts(item)
    )
    count = len(losing) + members
    total = sum(1 for address in plan.scope if address in state.resources)
    found = []
    if limits.max_deletes is not None and count > limits.max_deletes:
        found.append(
            Problem(
                "max-deletes",
                f"the plan deletes, replaces or deactivates {count} objects, more than guardrails.maxDeletes "
                f"({limits.max_deletes})",
                "apply in smaller parts, or raise the limit in reconciler.yaml",
            )
        )
    percent = 100 * count / total if total else 0.0
    if limits.max_delete_percent is not None and percent > limits.max_delete_percent:
        found.append(
            Problem(
                "max-delete-percent",
                f"the plan deletes, replaces or deactivates {percent:.0f} % of the {total} objects in scope, "
                f"more than guardrails.maxDeletePercent ({limits.max_delete_percent:g})",
                "apply in smaller parts, or raise the limit in reconciler.yaml",
            )
        )
    return found
