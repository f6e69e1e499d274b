"""Where an edit made elsewhere meanwhile is in the way, and where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.compare.diff import compare
from reconciler.core.compare.overlap import overlaps
from reconciler.core.rules import AssociativeList, FieldRule, Reason, Rules
from reconciler.core.values import MISSING, Tree

RULES = Rules(
    (FieldRule("/merged", Reason.ATOMIC, merge=True), FieldRule("/replaced", Reason.ATOMIC)),
    associative_lists=(AssociativeList("/members", "/id"), AssociativeList("/deep", "/name", deep=True)),
)


def found(desired: Tree, was: Tree, now: Tree) -> list[tuple[str, Tree, Tree]]:
    fields = compare(RULES, desired, MISSING, was).fields
    return [("/".join(item.path), item.theirs, item.ours) for item in overlaps(RULES, fields, desired, was, now)]


@pytest.mark.parametrize(
    ("desired", "was", "now", "expected"),
    [
        ({"a": 1}, {"a": 0}, {"a": 0, "b": 9}, []),
        ({"a": 1}, {"a": 0}, {"a": 1}, []),
        ({"a": 1}, {"a": 0}, {"a": 2}, [("a", 2, 1)]),
        ({"a": None}, {"a": 0}, {}, []),
        ({"a": None}, {"a": 0}, {"a": 5}, [("a", 5, MISSING)]),
        # a declared field that the plan leaves as it is may be edited
        ({"a": 1, "b": 1}, {"a": 0, "b": 1}, {"a": 0, "b": 2}, []),
        # unless it goes along in a unit
        (
            {"merged": {"a": 1, "b": 1}},
            {"merged": {"a": 0, "b": 1}},
            {"merged": {"a": 0, "b": 2}},
            [("merged/b", 2, 1)],
        ),
        ({"merged": {"a": 1}}, {"merged": {"a": 0}}, {"merged": {"a": 0, "theirs": 2}}, []),
        (
            {"replaced": {"a": 1}},
            {"replaced": {"a": 0, "known": 1}},
            {"replaced": {"a": 0, "known": 1, "theirs": 2}},
            [("replaced/theirs", 2, MISSING)],
        ),
        # members of a set: others may come and go, the one that is replaced may gain what is not declared
        ({"members": [{"id": 1, "x": 1}]}, {"members": []}, {"members": [{"id": 2}]}, []),
        (
            {"members": [{"id": 1, "x": 1, "y": 1}]},
            {"members": [{"id": 1, "x": 0, "y": 1}]},
            {"members": [{"id": 1, "x": 0, "y": 1, "theirs": 1}]},
            [],
        ),
        (
            {"members": [{"id": 1, "x": 1, "y": 1}]},
            {"members": [{"id": 1, "x": 0, "y": 1}]},
            {"members": [{"id": 1, "x": 0, "y": 7}]},
            [("members/1/y", 7, 1)],
        ),
        ({"deep": [{"name": "m", "a": 1, "b": 1}]}, {"deep": [{"name": "m", "a": 0, "b": 1}]},
         {"deep": [{"name": "m", "a": 0, "b": 2}]}, []),
    ],
)  # fmt: skip
def test_overlaps(desired: Tree, was: Tree, now: Tree, expected: list[tuple[str, Tree, Tree]]) -> None:
    assert found(desired, was, now) == expected


small = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)


@given(small, small, small)
def test_what_does_not_overlap_survives(desired: dict[str, int], was: dict[str, int], now: dict[str, int]) -> None:
    """A rebased patch changes nothing of what somebody else changed, whatever they changed."""
    import jsonpatch

    fields = compare(RULES, desired, MISSING, was).fields
    only = {item.path for item in fields}
    if overlaps(RULES, fields, desired, was, now):
        return
    rebased = compare(RULES, desired, MISSING, now, only=only)
    after = jsonpatch.apply_patch(now, list(rebased.patch))
    edited = {key for key in was.keys() | now.keys() if was.get(key, MISSING) != now.get(key, MISSING)}
    for key in edited:
        assert after.get(key, MISSING) == now.get(key, MISSING)
