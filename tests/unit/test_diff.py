"""The three-way comparison: what is proven for all inputs, and the facts that trip everyone."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.compare.diff import compare
from reconciler.core.compare.same import covers, same_scalar
from reconciler.core.rules import AssociativeList, Rules
from reconciler.core.trees import merge_patch
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret
from reconciler.kinds.flow import KIND as FLOW
from reconciler.kinds.mapping_set import KIND as MAPPING
from reconciler.kinds.selectors import AUDIENCES
from reconciler.kinds.source_connection import KIND as SOURCE

PLAIN = Rules()
KEYED = Rules(associative_lists=(AssociativeList("/list", "/id"),))

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab1/~", max_size=3)
keys = st.text("xyz/~", min_size=1, max_size=2)
trees = st.recursive(
    scalars, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=8
)
bodies = st.dictionaries(keys, trees, max_size=4)
members = st.lists(
    st.builds(
        lambda ident, rest: {**rest, "id": ident},
        st.integers(0, 5),
        st.dictionaries(st.sampled_from("abc"), scalars, max_size=2),
    ),
    max_size=5,
)


def patched(live: Any, desired: Any, applied: Any = MISSING, rules: Rules = PLAIN) -> Any:
    """Return `live` after the patch that a comparison asks for."""
    delta = compare(rules, desired, applied, live)
    return jsonpatch.apply_patch(copy.deepcopy(live), list(delta.patch)) if delta.patch else live


@given(bodies, bodies, bodies)
def test_patching_live_gives_the_target(desired: Any, applied: Any, live: Any) -> None:
    after = patched(live, desired, applied)
    assert not compare(PLAIN, desired, applied, after), "a second plan is empty"


@given(bodies, bodies)
def test_what_is_not_declared_is_not_touched(desired: Any, live: Any) -> None:
    after = patched(live, desired)
    for key in live.keys() - desired.keys():
        assert after[key] == live[key]


@given(bodies, bodies)
def test_a_field_that_is_no_longer_declared_goes(applied: Any, live: Any) -> None:
    after = patched({**live, **applied}, {}, applied)
    for key, value in applied.items():
        if value is not None and value not in ({}, []):
            assert key not in after


@given(members, members, members)
def test_keyed_sets_end_as_wanted_in_any_order(wanted: Any, applied: Any, live: Any) -> None:
    last = {item["id"]: item for item in wanted}
    after = patched({"list": live}, {"list": wanted}, {"list": applied}, KEYED)["list"]
    assert {item["id"] for item in after} == last.keys()
    assert len(after) == len(last), "doubles are removed, none are made"
    assert not compare(KEYED, {"list": wanted}, {"list": applied}, {"list": list(reversed(after))}), (
        "order is no change"
    )


@given(bodies)
def test_nothing_differs_from_itself(body: Any) -> None:
    assert not compare(PLAIN, body, body, copy.deepcopy(body))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (15, "15"),
        (True, "true"),
        (False, "False"),
        (0, "0"),
        (1.0, 1),
        (1612310466, "1612310466"),
        ("application/vnd.adobe.xed-full+json;version=1", "application/vnd.adobe.xed-full+json; version=1"),
        ("application/vnd.adobe.xed-full+json;version=1.0", "application/vnd.adobe.xed-full+json;version=1"),
    ],
)
def test_renderings_of_one_value(sent: Any, read: Any) -> None:
    assert same_scalar(sent, read)
    assert same_scalar(read, sent)


@pytest.mark.parametrize(
    ("left", "right"), [(15, "16"), (True, "yes"), ("a", "A"), ("1.0", "1"), (None, ""), (0, None)]
)
def test_what_is_not_the_same(left: Any, right: Any) -> None:
    assert not same_scalar(left, right)


def test_removals_go_from_the_end_and_additions_to_the_end() -> None:
    live = [{"type": "PLATFORM_SEGMENT", "value": {"id": ident, "createTime": "1"}} for ident in "abcde"]
    params = {"segmentSelectors": {"selectors": live}}
    body = {"transformations": [{"name": "Other"}, {"name": "GeneralTransform", "params": params}]}
    wanted = [{"type": "PLATFORM_SEGMENT", "value": {"id": ident, "name": "N"}} for ident in "fdb"]
    desired = {"transformations": [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": wanted}}}]}
    delta = compare(FLOW.rules(desired), desired, MISSING, body)
    base = "/transformations/1/params/segmentSelectors/selectors"
    assert [(step["op"], step["path"]) for step in delta.patch] == [
        ("replace", f"{base}/3"),
        ("replace", f"{base}/1"),
        ("remove", f"{base}/4"),
        ("remove", f"{base}/2"),
        ("remove", f"{base}/0"),
        ("add", f"{base}/-"),
    ]
    assert delta.patch[0]["value"]["value"] == {"id": "d", "createTime": "1", "name": "N"}, "server fields go along"


def test_shared_sets_keep_what_others_added() -> None:
    def body(*idents: str) -> Any:
        selectors = [{"value": {"id": ident}} for ident in idents]
        return {
            "transformations": [{"name": "GeneralTransform", "params": {"segmentSelectors": {"selectors": selectors}}}]
        }

    delta = compare(FLOW.rules({}), body("a"), body("a", "b"), body("x", "b", "a"), shared=(AUDIENCES.pattern,))
    assert [(step["op"], step["path"][-2:]) for step in delta.patch] == [("remove", "/1")]


def test_the_mapping_transformation_goes_whole_and_others_stay() -> None:
    live = {
        "transformations": [
            {"name": "Copy", "params": {"deltaColumn": {"name": "t"}}},
            {"name": "Mapping", "params": {"mappingId": "m", "mappingVersion": "0", "theirs": 1}},
        ]
    }
    pin = {"name": "Mapping", "params": {"mappingId": "m", "mappingVersion": Ref("x/mapping", "version")}}
    (step,) = compare(FLOW.rules({}), {"transformations": [pin]}, MISSING, live).patch
    assert step["path"] == "/transformations/1"
    assert step["value"]["params"] == {"mappingId": "m", "mappingVersion": Ref("x/mapping", "version"), "theirs": 1}
    assert not compare(
        FLOW.rules({}), {"transformations": [{"name": "Mapping", "params": {"mappingVersion": 0}}]}, MISSING, live
    )


def test_mapping_rows_in_either_vocabulary() -> None:
    sent = {"mappings": [{"sourceAttribute": "a", "destinationXdmPath": "_t.a", "identity": False, "version": 0}]}
    row = {
        "id": "1", "sourceType": "text/x.schema-path", "source": "a", "destination": "_t.a", "identity": False,
        "sourceAttribute": "a", "destinationXdmPath": "_t.a", "functionVersion": 1, "matchScore": 0.0,
    }  # fmt: skip
    live = {"mappings": [row]}
    assert not compare(MAPPING.rules(sent), MAPPING.canonical(sent), MAPPING.canonical(sent), MAPPING.canonical(live))
    live["mappings"][0] = {**row, "sourceType": "text/x.aep-xl"}
    assert compare(MAPPING.rules(sent), MAPPING.canonical(sent), MAPPING.canonical(sent), MAPPING.canonical(live))


def test_a_profile_source_shows_its_account_elsewhere() -> None:
    live = {"name": "n", "inheritedAttributes": {"baseConnection": {"id": "b"}}}
    assert not compare(SOURCE.rules({}), {"baseConnectionId": "b"}, MISSING, SOURCE.canonical(live))


@pytest.mark.parametrize(
    ("applied", "live", "changed", "patch"),
    [
        (Fingerprint("x"), "****", True, True),
        (Fingerprint("x"), "****", False, False),
        (Fingerprint("x"), "****", None, False),
        (Fingerprint("x"), MISSING, True, True),
        (MISSING, "****", True, False),  # imported: trusted
        (MISSING, MISSING, None, True),  # never sent
    ],
)
def test_secrets_compare_with_what_was_sent(applied: Any, live: Any, changed: bool | None, patch: bool) -> None:
    def tree(value: Any) -> Any:
        return {} if value is MISSING else {"key": value}

    delta = compare(PLAIN, {"key": Secret("${secret.k}")}, tree(applied), tree(live), secret_changed=lambda *_: changed)
    assert bool(delta.patch) is patch
    assert bool(delta.unchecked) is not patch or (changed is False and not delta.unchecked)


def test_a_secret_never_prints() -> None:
    secret = Secret("hush ${secret.a}", literal=False)
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", str([secret])):
        assert "hush" not in text
        assert "(sensitive)" in text


def test_merge_patch_keeps_nulls_as_must_be_absent() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}) == {"a": {"b": None, "c": 2, "d": 3}}


def test_covers_looks_at_declared_members_only() -> None:
    assert covers({"a": "1", "b": 2}, {"a": 1})
    assert not covers({"a": 1}, {"a": 1, "b": 2})
    assert covers({}, {"a": {}})
    assert not covers({"a": [1, 2]}, {"a": [1]})
