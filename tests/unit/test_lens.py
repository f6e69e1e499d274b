"""The one object that compares bodies: each is brought into the vocabulary of its kind, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.compare.lens import Lens, normalized
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.resource import Live, Resource
from reconciler.core.rules import AssociativeList, FieldChange, Rules
from reconciler.core.state.model import Entry, State
from reconciler.core.values import MISSING, Ref, Tree
from reconciler.kinds.flow import Flow

ROOT = Path(__file__).parent.parent.parent


class Shouting(Flow):
    """A kind whose platform answers in capitals; it counts how often each tree is normalized."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.trees: list[Tree] = []  # kept, so that no two have the same id

    def canonical(self, body: Tree) -> Tree:
        self.seen[id(body)] += 1
        self.trees.append(body)
        return {key: value.lower() if isinstance(value, str) else value for key, value in body.items()}

    def rules(self, body: Tree) -> Rules:
        del body
        return Rules(associative_lists=(AssociativeList("/rows", "/id", deep=True),))


def test_every_question_is_asked_in_the_vocabulary_of_the_kind() -> None:
    lens = Lens(Shouting(), {"name": "one", "text": "Two"})
    live = {"name": "ONE", "text": "TWO", "id": "f"}
    assert lens.identical(live)
    assert lens.covers(live)
    assert not lens.compare(None, live)
    assert lens.compare({"name": "One"}, {**live, "text": "THREE"}).fields == (FieldChange(("text",), "three", "two"),)
    assert lens.project(live) == {"name": "one", "text": "two"}
    assert lens.at(live, ("name",)) == "one"
    assert lens.at(MISSING, ("name",)) is MISSING
    change = FieldChange(("name",), "zero", "one")
    assert not lens.overlaps([change], {"name": "ZERO"}, {"name": "zero"})
    assert [item.theirs for item in lens.overlaps([change], {"name": "ZERO"}, {"name": "OTHER"})] == ["other"]
    assert normalized(lens.kind, live)["name"] == "one"
    assert normalized(lens.kind, MISSING) is MISSING


def test_list_members_that_are_not_declared_can_be_left_out() -> None:
    lens = Lens(Shouting(), {"rows": [{"id": "a", "x": 1}]})
    live = {"rows": [{"id": "b"}, {"id": "a", "x": 2, "y": 3}]}
    assert lens.project(live) == {"rows": [{"id": "b"}, {"id": "a", "x": 2}]}
    assert lens.project(live, others=False) == {"rows": [{"id": "a", "x": 2}]}
    assert lens.at(live, ("rows", "a", "x")) == 2


def test_the_treatment_of_a_resource_counts() -> None:
    resource = Resource("a", "Flow", {"name": "x", "key": "k"}, ignore=("/name",), sensitive=("/key",))
    delta = Lens(Shouting(), resource.body, resource).compare(None, {"name": "y", "key": "l"})
    assert [(item.path, item.sensitive) for item in delta.fields] == [(("key",), True)]
    assert (
        Lens(Shouting(), resource.body, resource).compare(None, {"name": "y", "key": "l"}, only=[("name",)]).fields
        == ()
    )


def test_a_tree_is_normalized_once() -> None:
    kind = Shouting()
    lens = Lens(kind, {"name": "a"})
    bodies = [{"name": str(number)} for number in range(5)]
    for live in bodies:
        assert not lens.covers(live)
        assert lens.compare(None, live)
    assert set(kind.seen.values()) == {1}


def planned(kind: Flow, resource: Resource, entry: Entry, live: Live) -> Plan:
    state = State("l", "e", "p", "o", "s", resources={"a": entry, "b": Entry("Flow", "b-id", applied={"name": "b"})})
    others = {"b": Resource("b", "Flow", {"name": "b"})}
    lives = {"a": live, "b": Live("b-id", {"name": "b"})}
    return plan(PlanInput({"a": resource, **others}, state, lives, {"Flow": kind}, lambda *_: None, ("a", "b")))


@pytest.mark.parametrize("reference", [None, Ref("b")])
def test_an_unchanged_object_is_decided_with_one_look_at_each_body(reference: Ref | None) -> None:
    kind = Shouting()
    desired = {"name": "x", **({"other": reference} if reference else {})}
    applied = {"name": "x", **({"other": "b-id"} if reference else {})}
    made = planned(
        kind, Resource("a", "Flow", desired), Entry("Flow", "1", applied=applied), Live("1", {**applied, "n": 1})
    )
    assert [item.action for item in made.changes] == [Action.NOOP, Action.NOOP]
    assert not made.drift
    assert set(kind.seen.values()) == {1}
    assert len(kind.seen) == 4, "the live and the desired body of two objects, and nothing besides"


def test_a_changed_object_is_normalized_once_for_the_plan_and_once_for_its_drift() -> None:
    kind = Shouting()
    applied: dict[str, Any] = {"name": "x"}
    made = planned(
        kind, Resource("a", "Flow", {"name": "y"}), Entry("Flow", "1", applied=applied), Live("1", {"name": "Z"})
    )
    assert [item.action for item in made.changes if item.address == "a"] == [Action.UPDATE]
    assert [(item.address, item.fields[0].cause) for item in made.drift] == [("a", "conflict")]
    assert max(kind.seen.values()) <= 2


def test_equal_is_not_the_same_where_types_differ() -> None:
    made = planned(
        Shouting(), Resource("a", "Flow", {"n": True}), Entry("Flow", "1", applied={"n": 1}), Live("1", {"n": True})
    )
    assert next(item.action for item in made.changes if item.address == "a") is Action.NOOP
    assert [item.address for item in made.drift] == ["a"], "what was applied is not what is live"


def test_only_the_lens_normalizes() -> None:
    """A comparison of bodies in two vocabularies finds differences that are none, or hides some that are."""
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        name = path.relative_to(ROOT / "reconciler").as_posix()
        if not name.startswith(("kinds/", "emulator/")) and name != "core/compare/lens.py":
            assert ".canonical(" not in path.read_text(encoding="utf-8"), f"{name}: ask a core.compare.lens.Lens"
