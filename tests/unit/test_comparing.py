"""The three-way comparison, case by case: the instructions, the reported fields and their causes."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.compare.diff import at_path, compare, members_by_key
from reconciler.core.rules import AssociativeList, FieldChange, FieldRule, Reason, Rules
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret

PLAIN = Rules()
SET = AssociativeList("/list", "/value/id")
KEYED = Rules(associative_lists=(SET,))
DEEP = Rules(associative_lists=(AssociativeList("/list", "/id", deep=True, exclusive=False),))
MERGED = Rules((FieldRule("/unit", Reason.ATOMIC, merge=True),))
SEEN, KEY = Fingerprint("sent::"), Secret("${secret.key}")


def ops(delta: Any) -> list[tuple[Any, ...]]:
    return [tuple(step.values()) for step in delta.patch]


def causes(delta: Any) -> dict[str, str]:
    return {"/".join(item.path): item.cause for item in delta.fields}


# -- why ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("want", "applied", "live", "cause"),
    [
        ("new", "old", "old", "manifest"),
        ("new", "old", "theirs", "both"),
        ("new", "old", MISSING, "both"),
        ("same", "same", "theirs", "outside"),
        ("same", "same", MISSING, "outside"),
        (MISSING, "old", "old", "manifest"),
        (MISSING, "old", "theirs", "both"),
        ("new", MISSING, "theirs", "manifest"),
        ("new", MISSING, MISSING, "manifest"),
        ("new", SEEN, "theirs", "manifest"),
        (None, MISSING, "theirs", "outside"),
        (None, "old", "old", "manifest"),
        (None, "old", "theirs", "both"),
        (None, SEEN, "theirs", "outside"),
        (Ref("a"), "old", "old", "dependency"),
        ([Ref("a")], ["old"], ["old"], "dependency"),
        ([{"x": Ref("a")}], MISSING, MISSING, "dependency"),
        (15, "15", "16", "outside"),
        (16, 15, "15", "manifest"),
    ],
)
def test_why_a_field_changes(want: Any, applied: Any, live: Any, cause: str) -> None:
    def body(value: Any) -> Any:
        return {} if value is MISSING else {"f": value}

    delta = compare(PLAIN, body(want), body(applied), body(live))
    assert causes(delta) == {"f": cause}


def test_a_reference_that_happens_to_be_what_is_live_is_still_unknown() -> None:
    delta = compare(PLAIN, {"f": Ref("a")}, {"f": Ref("a")}, {"f": Ref("a")})
    assert ops(delta) == [("replace", "/f", Ref("a"))]


# -- fields no longer declared ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("applied", "live", "patch"),
    [
        (MISSING, 1, []),
        (None, 1, []),
        (1, MISSING, []),
        (1, None, []),
        (1, {}, []),
        (1, [], []),
        (0, 0, [("remove", "/f")]),
        ("", "", [("remove", "/f")]),
        (1, 2, [("remove", "/f")]),
        ({"a": 1}, {"a": 1}, [("remove", "/f")]),
        ({"a": 1, "b": 2}, {"a": 1}, [("remove", "/f")]),
        ({"a": 1}, {"a": 1, "b": 2}, [("remove", "/f/a")]),
        ({"a": 1}, {"b": 2}, []),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}, "b": 1}, [("remove", "/f/a/x")]),
        ({}, {"b": 2}, []),
        ({"a": 1}, "text", [("remove", "/f")]),
        ("text", {"a": 1}, [("remove", "/f")]),
    ],
)
def test_what_we_wrote_goes_and_nothing_else(applied: Any, live: Any, patch: list[Any]) -> None:
    def body(value: Any) -> Any:
        return {} if value is MISSING else {"f": value}

    assert ops(compare(PLAIN, {}, body(applied), body(live))) == patch


def test_an_explicit_null_means_absent() -> None:
    assert ops(compare(PLAIN, {"f": None}, MISSING, {"f": {}})) == [("remove", "/f")]
    for live in ({}, {"f": None}):
        assert not compare(PLAIN, {"f": None}, {"f": 1}, live)


# -- empty values -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("live", [{}, {"f": None}, {"f": []}, {"f": {}}])
@pytest.mark.parametrize("want", [[], {}])
def test_empty_is_as_good_as_gone(want: Any, live: Any) -> None:
    assert not compare(PLAIN, {"f": want}, MISSING, live)


@pytest.mark.parametrize(("want", "live"), [([], [1]), ([], 1), ({}, [1]), ([], "x"), ([], False), ([], 0)])
def test_empty_is_not_something(want: Any, live: Any) -> None:
    assert ops(compare(PLAIN, {"f": want}, MISSING, {"f": live})) == [("replace", "/f", want)]


def test_null_is_no_scalar() -> None:
    assert ops(compare(PLAIN, {"f": [{"a": 1, "b": None}]}, MISSING, {"f": [{"a": 1}]})) == []
    assert ops(compare(PLAIN, {"f": 1}, MISSING, {"f": [1]})) == [("replace", "/f", 1)]
    assert ops(compare(PLAIN, {"f": 1}, MISSING, {"f": None})) == [("replace", "/f", 1)]


def test_what_is_sent_holds_no_nulls() -> None:
    assert ops(compare(PLAIN, {"f": {"a": 1, "b": None}}, MISSING, {})) == [("add", "/f", {"a": 1})]


# -- units ---------------------------------------------------------------------------------------------------------
def test_a_unit_goes_with_what_others_put_there_and_without_what_we_no_longer_declare() -> None:
    want = {"unit": {"a": 2, "deep": {"x": 1}, "gone": None}}
    applied = {"unit": {"a": 1, "b": 1, "deep": {"x": 1, "y": 1}}}
    live = {"unit": {"a": 1, "b": 1, "theirs": 1, "deep": {"x": 1, "y": 1, "z": 1}, "gone": 1}}
    delta = compare(MERGED, want, applied, live)
    assert ops(delta) == [("replace", "/unit", {"a": 2, "theirs": 1, "deep": {"x": 1, "z": 1}})]
    assert set(causes(delta)) == {"unit/a", "unit/b", "unit/deep/y", "unit/gone"}


def test_a_unit_without_a_state_keeps_what_is_there() -> None:
    live = {"unit": {"a": 1, "theirs": 1, "deep": "text"}}
    delta = compare(MERGED, {"unit": {"a": 2, "deep": {"x": 1}}}, MISSING, live)
    assert ops(delta) == [("replace", "/unit", {"a": 2, "theirs": 1, "deep": {"x": 1}})]
    delta = compare(MERGED, {"unit": {"deep": {"x": 1}, "new": {"y": 1}}}, {"unit": {"deep": "text"}}, live)
    assert ops(delta) == [("replace", "/unit", {"a": 1, "theirs": 1, "deep": {"x": 1}, "new": {"y": 1}})]


def test_a_declared_unit_goes_as_it_is_declared() -> None:
    rules = Rules((FieldRule("/unit", Reason.ATOMIC),))
    delta = compare(rules, {"unit": {"a": 2}, "b": 2}, MISSING, {"unit": {"a": 1, "theirs": 1}, "b": 1})
    assert ops(delta) == [("replace", "/unit", {"a": 2}), ("replace", "/b", 2)]


def test_a_unit_that_is_not_there_is_added() -> None:
    assert ops(compare(MERGED, {"unit": {"a": 1}}, MISSING, {})) == [("add", "/unit", {"a": 1})]


def test_a_unit_that_is_no_longer_declared_is_removed_as_any_field() -> None:
    delta = compare(MERGED, {}, {"unit": {"a": 1}}, {"unit": {"a": 1, "theirs": 1}})
    assert ops(delta) == [("remove", "/unit/a")]
    assert ops(compare(MERGED, {"unit": None}, MISSING, {"unit": {"a": 1}})) == [("remove", "/unit")]


def test_a_unit_that_is_the_same_is_not_sent() -> None:
    assert not compare(MERGED, {"unit": {"a": 1}}, {"unit": {"a": 1}}, {"unit": {"a": "1", "theirs": 1}})


# -- sets ----------------------------------------------------------------------------------------------------------
def member(ident: str, **more: Any) -> dict[str, Any]:
    return {"value": {"id": ident, **more}}


def test_a_member_is_replaced_with_what_others_put_there_and_without_what_we_no_longer_declare() -> None:
    want = {"list": [member("a", x=2)]}
    applied = {"list": [member("a", x=1, gone=1)]}
    live = {"list": [member("z"), member("a", x=1, gone=1, theirs=1)]}
    delta = compare(KEYED, want, applied, live)
    assert ops(delta) == [("replace", "/list/1", member("a", x=2, theirs=1)), ("remove", "/list/0")]
    assert causes(delta) == {"list/a/value/x": "manifest", "list/a/value/gone": "manifest", "list/z": "outside"}


def test_a_member_that_is_new_to_the_state_keeps_what_is_there() -> None:
    live = {"list": [member("a", x=1, theirs=1)]}
    for applied in (MISSING, {}, {"list": "text"}, {"list": [member("b", theirs=1)]}):
        delta = compare(KEYED, {"list": [member("a", x=2)]}, applied, live)
        assert ops(delta) == [("replace", "/list/0", member("a", x=2, theirs=1))]
        assert causes(delta) == {"list/a/value/x": "manifest"}


def test_a_member_that_is_replaced_is_a_replace_and_what_it_was_is_told() -> None:
    delta = compare(KEYED, {"list": [{"value": {"id": "a"}, "more": 1}]}, MISSING, {"list": [member("a")]})
    assert ops(delta) == [("replace", "/list/0", {"value": {"id": "a"}, "more": 1})]
    assert delta.fields == (FieldChange(("list", "a", "more"), MISSING, 1),)


def test_members_without_a_key_are_told_apart_by_their_text() -> None:
    members = [member("a"), {"value": "text"}, {"value": {"other": 1}}, "plain", 5]
    assert [key for key, _ in members_by_key(SET, members)] == [
        "a", "{'value': 'text'}", "{'value': {'other': 1}}", "plain", "5",
    ]  # fmt: skip
    assert [key for key, _ in members_by_key(SET, [{"value": {"id": None}}])] == ["None"]
    assert not compare(KEYED, {"list": members}, MISSING, {"list": list(reversed(members))})


def test_others_members_stay_in_a_shared_set() -> None:
    live = {"list": [member("a"), member("theirs"), member("gone"), member("theirs")]}
    applied = {"list": [member("a"), member("gone")]}
    delta = compare(KEYED, {"list": [member("a")]}, applied, live, shared=["/list"])
    assert ops(delta) == [("remove", "/list/2")]
    delta = compare(KEYED, {"list": [member("a")]}, applied, live, shared=["/other"])
    assert ops(delta) == [("remove", "/list/3"), ("remove", "/list/2"), ("remove", "/list/1")]


def test_a_member_inside_a_deep_set_is_patched_at_its_index() -> None:
    want = {"list": [{"id": "b", "x": 2, "y": {"z": 1}}]}
    applied = {"list": [{"id": "b", "x": 1, "gone": 1}]}
    live = {"list": [{"id": "a"}, {"id": "b", "x": 1, "gone": 1, "theirs": 1}]}
    delta = compare(DEEP, want, applied, live)
    assert ops(delta) == [("replace", "/list/1/x", 2), ("add", "/list/1/y", {"z": 1}), ("remove", "/list/1/gone")]


def test_a_list_that_is_no_list_on_one_side_is_replaced() -> None:
    assert ops(compare(KEYED, {"list": [member("a")]}, MISSING, {"list": "x"})) == [("replace", "/list", [member("a")])]
    assert ops(compare(KEYED, {"list": "x"}, MISSING, {"list": [member("a")]})) == [("replace", "/list", "x")]


def test_added_members_come_last_at_the_end() -> None:
    delta = compare(KEYED, {"list": [member("b"), member("a", x=1)]}, MISSING, {"list": [member("a")]})
    assert ops(delta) == [("replace", "/list/0", member("a", x=1)), ("add", "/list/-", member("b"))]
    assert delta.fields[1] == FieldChange(("list", "b"), MISSING, member("b"))


# -- secrets and what cannot be read back ------------------------------------------------------------------------
def test_a_secret_is_compared_with_what_was_sent() -> None:
    asked: list[Any] = []

    def changed(secret: Secret, seen: Fingerprint | None) -> bool | None:
        asked.append((secret, seen))
        return seen == Fingerprint("old::")

    for applied, differs in ((SEEN, False), (Fingerprint("old::"), True)):
        delta = compare(PLAIN, {"f": KEY}, {"f": applied}, {}, secret_changed=changed)
        assert bool(delta) is differs
        assert delta.unchecked == ()
    assert asked == [(KEY, SEEN), (KEY, Fingerprint("old::"))]


def test_a_changed_secret_replaces_the_one_that_shows() -> None:
    delta = compare(PLAIN, {"f": KEY}, {"f": SEEN}, {"f": "****"}, secret_changed=lambda *_: True)
    assert delta.fields == (FieldChange(("f",), SEEN, KEY, "manifest", True),)
    assert ops(delta) == [("replace", "/f", KEY)]
    delta = compare(PLAIN, {"f": KEY}, {"f": SEEN}, {}, secret_changed=lambda *_: True)
    assert delta.fields == (FieldChange(("f",), MISSING, KEY, "manifest", True),)
    assert ops(delta) == [("add", "/f", KEY)]


def test_a_secret_that_was_never_sent() -> None:
    never: Any = lambda *_: pytest.fail("there is nothing to compare with")  # noqa: E731
    delta = compare(PLAIN, {"f": KEY}, MISSING, {}, secret_changed=never)
    assert ops(delta) == [("add", "/f", KEY)]
    delta = compare(PLAIN, {"f": KEY}, {"f": "text"}, {"f": "****"}, secret_changed=never)
    assert (ops(delta), delta.unchecked) == ([], (("f",),))


def test_a_secret_without_an_answer_is_unchecked() -> None:
    assert compare(PLAIN, {"f": KEY}, {"f": SEEN}, {}).unchecked == (("f",),)
    assert compare(PLAIN, {"f": SEEN}, {"f": SEEN}, {"f": "x"}).unchecked == (("f",),)


def test_what_is_never_returned_is_compared_with_what_was_sent() -> None:
    rules = Rules((FieldRule("/f", Reason.WRITE_ONLY),))
    delta = compare(rules, {"f": 2}, {"f": 1}, {})
    assert delta.fields == (FieldChange(("f",), 1, 2, "manifest"),)
    assert ops(delta) == [("replace", "/f", 2)]
    for applied in ({"f": "2"}, {}):
        delta = compare(rules, {"f": 2}, applied, {"f": 3})
        assert (ops(delta), delta.unchecked) == ([], (("f",),))


# -- ignored places ----------------------------------------------------------------------------------------------
def test_ignored_places_are_left_alone() -> None:
    want, live = {"f": 1, "g": {"h": 1, "i": 1}}, {"f": 2, "g": {"h": 2, "i": 2}}
    assert [op[1] for op in ops(compare(PLAIN, want, MISSING, live, ignore=["/f", "/g/h"]))] == ["/g/i"]
    assert [op[1] for op in ops(compare(PLAIN, want, MISSING, live, ignore=["/g"]))] == ["/f"]
    assert ops(compare(PLAIN, {}, {"f": 1}, {"f": 1}, ignore=["/*"])) == []


def test_only_some_places_are_looked_at() -> None:
    want, live = {"f": 1, "g": {"h": 1, "i": 1}}, {"f": 2, "g": {"h": 2, "i": 2}}

    def touched(*places: tuple[str, ...], **state: Any) -> list[Any]:
        return [op[1] for op in ops(compare(PLAIN, want, MISSING, state or live, only=places))]

    assert touched(("f",)) == ["/f"]
    assert touched(("g",)) == ["/g/h", "/g/i"]
    assert touched(("g", "h")) == ["/g/h"]
    assert touched(("g", "h"), f=2) == ["/g"], "a place that lies in what is added whole"
    assert touched(("x",)) == []
    assert touched() == []
    assert touched(("g", "x")) == []


def test_sensitive_places_are_marked() -> None:
    delta = compare(PLAIN, {"f": 1, "g": {"h": 1}, "i": 1}, MISSING, {}, sensitive=["/f", "/g"])
    assert {"/".join(item.path): item.sensitive for item in delta.fields} == {"f": True, "g": True, "i": False}
    assert compare(PLAIN, {}, {"f": 1}, {"f": 1}, sensitive=["/f"]).fields[0].sensitive
    delta = compare(PLAIN, {"f": KEY}, MISSING, {})
    assert delta.fields[0].sensitive, "a secret is sensitive wherever it stands"


# -- at_path -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), {"a": {"b": 1}, "list": [{"value": {"id": "x"}, "n": 5}]}),
        (("a",), {"b": 1}),
        (("a", "b"), 1),
        (("a", "c"), MISSING),
        (("a", "b", "c"), MISSING),
        (("list", "x", "n"), 5),
        (("list", "y"), MISSING),
        (("list", "0"), MISSING),
        (("other",), MISSING),
    ],
)
def test_a_value_at_a_path_by_keys(path: tuple[str, ...], value: Any) -> None:
    assert at_path(KEYED, {"a": {"b": 1}, "list": [{"value": {"id": "x"}, "n": 5}]}, path) == value


def test_a_plain_list_is_not_stepped_into() -> None:
    assert at_path(PLAIN, {"list": [{"id": "x"}]}, ("list", "x")) is MISSING
