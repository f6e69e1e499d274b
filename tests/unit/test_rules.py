"""Rules of fields: what each reason means, for every kind."""

from __future__ import annotations

import pytest

from reconciler.core.plan.planner import _cannot_change
from reconciler.core.rules import AssociativeList, FieldChange, FieldRule, MemberLine, Reason, Rules
from reconciler.core.values import MISSING
from reconciler.kinds import kinds

RULES = Rules(
    (
        FieldRule("/a", Reason.IMMUTABLE, exceptions=("/a/free",)),
        FieldRule("/b", Reason.IMMUTABLE),
        FieldRule("/unit", Reason.ATOMIC),
        FieldRule("/merged/*", Reason.ATOMIC, merge=True),
        FieldRule("/hidden", Reason.WRITE_ONLY),
        FieldRule("/login", Reason.PROBED),
    ),
    (
        AssociativeList("/steps", "/name", deep=True),
        AssociativeList("/steps/*/inner/list", "/id", listed=True, removal_counts=True),
    ),
    unlabelled=("/steps", "/steps/*/inner", "/steps/*/inner/list"),
)
MEMBER = ("steps", "one", "inner", "list", "m")


def test_what_forces_a_replace() -> None:
    assert RULES.forces_replace(("a", "x"))
    assert not RULES.forces_replace(("a", "free", "x"))
    assert not RULES.forces_replace(("unit",))
    assert RULES.replace_reason(("b",)) is Reason.IMMUTABLE
    assert RULES.replace_reason(("unit",)) is Reason.INCOMPATIBLE


def test_units_and_hidden_fields() -> None:
    assert (RULES.unit(("unit",)), RULES.unit(("unit", "x"))) == ("declared", None)
    assert RULES.unit(("merged", "x")) == "merge"
    assert RULES.is_write_only(("hidden", "x"))
    assert not RULES.is_write_only(("a",))
    assert RULES.is_probed(("login", "key"))
    assert not RULES.is_probed(("a",))


def test_a_removal_counts_only_of_a_whole_member_of_such_a_list() -> None:
    assert RULES.removal_counts(FieldChange(MEMBER, {"id": "m"}, MISSING))
    assert not RULES.removal_counts(FieldChange(MEMBER, MISSING, {"id": "m"}))
    assert not RULES.removal_counts(FieldChange((*MEMBER, "x"), 1, MISSING))
    assert not RULES.removal_counts(FieldChange(("steps", "one"), {}, MISSING))


def test_labels_leave_out_what_says_nothing() -> None:
    assert RULES.labelled((*MEMBER, "x")) == ("one", "m", "x")
    assert Rules().labelled(MEMBER) == MEMBER
    assert (RULES.list_depth(MEMBER), RULES.list_depth(MEMBER[:4]), RULES.list_depth(("a",))) == (4, 0, 0)


def test_each_list_says_how_a_member_reads() -> None:
    row = {"sourceType": "EXPRESSION", "source": "a", "destination": "b", "identity": True}
    assert kinds()["MappingSet"].rules({}).line(row) == MemberLine(("a", "b"), marks=("expression", "identity"))
    audience = {"type": "T", "value": {"id": "i", "name": "n", "exportMode": "m"}}
    assert kinds()["Flow"].rules({}).line(audience) == MemberLine(("i",), "n", rest={"exportMode": "m"})
    assert kinds()["Flow"].rules({}).line({"name": "n"}) is None


def test_a_replace_names_each_field_with_its_code() -> None:
    assert _cannot_change(RULES, ("/a",)) == "/a cannot change in place (immutable)"
    assert _cannot_change(RULES, ("/a", "/b", "/c")) == (
        "/a, /b cannot change in place (immutable); /c cannot change in place (incompatible)"
    )


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_rule_names_the_document_it_comes_from(name: str) -> None:
    for body in ({}, {"scheduleParams": {"timeUnit": "day"}}):
        for field in kinds()[name].rules(body).fields:
            assert field.doc, field
            assert field.reason is not Reason.INCOMPATIBLE, "the kind decides that (incompatible_changes)"


def test_what_the_platform_writes_is_left_out_of_an_export() -> None:
    for name, kind in kinds().items():
        owned = [item.pattern for item in kind.rules({}).of(Reason.SERVER_OWNED) if item.pattern.count("/") == 1]
        body = {"id": "i", **{pattern[1:]: "x" for pattern in owned}}
        assert kind.declarable(body).keys() - {"mappings"} == {"id"}, name
