"""Findings about single values that count only where a plan writes the value: a value that is live is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.problems import Problem
from reconciler.core.values import Path


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule for authors that a value breaks: the value at `path` (by keys) of the body of `address`."""

    address: str
    path: Path
    problem: Problem

    @property
    def doubt(self) -> Problem:
        """The finding where it is unknown whether the value is live."""
        advice = f"{self.problem.next}; " if self.problem.next else ""
        return replace(self.problem, severity="warning", next=f"{advice}a plan that writes this value is refused")


def with_judged(plan: Plan, judged: Iterable[Judged]) -> Plan:
    """Return `plan` with an objection for each of `judged` whose value it creates or changes."""
    changes = {change.address: change for change in plan.changes}
    found = [item.problem for item in judged if _is_written(changes.get(item.address), item.path)]
    return replace(plan, objections=(*plan.objections, *found)) if found else plan


def _is_written(change: Change | None, path: Path) -> bool:
    if change is None or change.action not in (Action.CREATE, Action.REPLACE, Action.UPDATE):
        return False
    if change.action is not Action.UPDATE:
        return True
    return any(all(one == other for one, other in zip(item.path, path, strict=False)) for item in change.fields)
