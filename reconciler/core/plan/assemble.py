"""Puts a plan together from what the planner made and what others find out about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.core.plan.model import Basis, Plan
from reconciler.core.problems import Problem


@dataclass(frozen=True, slots=True)
class Findings:
    """Results of the checks of a plan: with `objections` it cannot be applied, `warnings` stop nothing."""

    objections: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, problems: Iterable[Problem], worded: Callable[[Problem], str]) -> Findings:
        """Return problems as findings, and those below the severity `error` as warnings, worded by `worded`."""
        found = list(problems)
        return cls(
            tuple(item for item in found if item.severity == "error"),
            tuple(worded(item) for item in found if item.severity != "error"),
        )


def no_policies(plan: Plan) -> Findings:
    """Judge nothing."""
    del plan
    return Findings()


def assemble(
    planned: Plan,
    *,
    notes: Sequence[str] = (),
    checks: Findings = Findings(),
    left_out: Sequence[str] | None = None,
    basis: Basis | None = None,
    judge: Callable[[Plan], Findings] = no_policies,
) -> Plan:
    """Return the plan that is shown, saved and applied: `planned`, with everything found out about it since.

    `notes` are warnings about the manifests and come first, `checks` are the answers of the platform. `left_out` and
    `basis` are those of a saved plan where they are None. `judge` sees the whole plan, all warnings included; a
    warning that the plan already has is not added again, as when a saved plan is judged once more.
    """
    plan = replace(
        planned,
        objections=(*planned.objections, *checks.objections),
        warnings=(*notes, *planned.warnings, *checks.warnings),
        left_out=planned.left_out if left_out is None else tuple(left_out),
        basis=planned.basis if basis is None else basis,
    )
    verdict = judge(plan)
    if verdict == Findings():
        return plan
    return replace(
        plan,
        objections=(*plan.objections, *verdict.objections),
        warnings=tuple(dict.fromkeys([*plan.warnings, *verdict.warnings])),
    )
