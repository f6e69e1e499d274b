"""A plan is put together in one place: what the planner made, the checks, the policies, and how it was selected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from reconciler.core.plan.assemble import Findings, assemble
from reconciler.core.plan.document import plan_document
from reconciler.core.plan.facts import facts
from reconciler.core.plan.model import Basis, Plan
from reconciler.core.problems import Problem
from tests.unit.plans import everything

REFUSED, DENIED = Problem("refused", "the platform says no"), Problem("policy", "too many")
PLANNED = Plan("e", "p", "o", "s", "l", 1, objections=(Problem("data-loss", "x"),), warnings=("planned",))


def test_everything_that_is_found_out_comes_in_order() -> None:
    seen: list[Plan] = []

    def judge(plan: Plan) -> Findings:
        seen.append(plan)
        return Findings((DENIED,), ("judged", "noted"))

    plan = assemble(
        PLANNED,
        notes=("noted",),
        checks=Findings((REFUSED,), ("doubt",)),
        left_out=["b"],
        basis=Basis(documents={"a": "1"}),
        judge=judge,
    )
    assert plan.objections == (*PLANNED.objections, REFUSED, DENIED)
    assert plan.warnings == ("noted", "planned", "doubt", "judged")
    assert (plan.left_out, plan.basis.documents) == (("b",), {"a": "1"})
    assert [(item.warnings, item.left_out) for item in seen] == [(("noted", "planned", "doubt"), ("b",))]


def test_a_saved_plan_judged_again_says_nothing_twice() -> None:
    saved = replace(PLANNED, left_out=("b",), basis=Basis(documents={"a": "1"}))
    once = assemble(saved, judge=lambda _: Findings(warnings=("judged",)))
    assert assemble(once, judge=lambda _: Findings(warnings=("judged",))) == once
    assert once == replace(saved, warnings=("planned", "judged"))
    assert assemble(saved) == saved


def test_findings_are_told_apart_by_their_severity() -> None:
    doubt = Problem("doubt", "perhaps", severity="warning")
    assert Findings.of([REFUSED, doubt], lambda item: item.what) == Findings((REFUSED,), ("perhaps",))


def test_policies_see_what_the_plan_prints_and_more() -> None:
    plan = everything()
    seen = facts(plan, datetime(2030, 1, 1, 9, tzinfo=UTC), [], protected=True)
    printed = plan_document(plan)
    assert {name: value for name, value in seen.items() if name in printed and name != "changes"} == {
        name: value for name, value in printed.items() if name != "changes"
    }
    for fact, change in zip(seen["changes"], printed["changes"], strict=True):
        assert fact.items() >= change.items()
        assert fact.keys() >= {"document", "file", "labels"}
    assert (seen["protected"], seen["now"]["weekday"], seen["now"]["hour"]) == (True, "Tuesday", 9)
