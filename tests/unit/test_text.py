"""A state's text, written and read a part at a time: the same whatever the parts, and however it is laid out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.interning import Interner
from reconciler.core.problems import StateError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.codec import encode, state_json, state_of
from reconciler.core.state.model import Deposed, Entry, Pending, State
from reconciler.core.values import Fingerprint, Ref, Tree
from reconciler.stores.text import Blocks, checked_state, state_in, state_text

texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["}", "    },\n", '"resources": {}', '\n  "resources": {\n', "\n    }\n  }", "\\", '"']
)
trees: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts | st.just(Fingerprint("scrypt:a:b")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
addresses = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8)
entries = st.builds(
    Entry,
    kind=st.just("Flow"),
    id=st.text("aZ09-._", min_size=1, max_size=8).map("i".__add__),
    etag=st.none() | texts,
    provenance=st.builds(
        Provenance,
        file=texts,
        protect=st.booleans(),
        allow_data_loss=st.booleans(),
        labels=st.dictionaries(texts, texts, max_size=2),
    ),
    applied=trees,
    dependencies=st.lists(texts, max_size=2).map(tuple),
    outputs=st.just({}) | st.just({"version": 1}) | st.just({"inletUrl": "https://x"}),
    deposed=st.just(()) | st.just((Deposed("old", "Flow"),)),
)
states = st.builds(
    State,
    lineage=texts,
    environment=texts,
    platform=texts,
    organization=texts,
    sandbox=texts,
    serial=st.integers(0, 9),
    resources=st.dictionaries(addresses, entries, max_size=4),
    pending=st.dictionaries(
        addresses,
        st.builds(Pending, action=st.just("create"), kind=st.just("Flow"), at=st.just(1), body=trees),
        max_size=2,
    ),
)


def in_parts(data: bytes, size: int) -> Blocks:
    def blocks() -> Iterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return blocks


@given(states, st.integers(1, 400))
def test_what_was_written_is_read_in_parts_of_any_size(state: State, size: int) -> None:
    data = b"".join(state_text(state))
    written = json.loads(data)
    assert written.pop("checksum").startswith("sha256:")
    assert written == state_json(state)
    assert checked_state(in_parts(data, size), "x", Interner()) == (state, None)
    assert state == state_of(json.loads(data), "x")


@given(states, st.sampled_from([None, 1, 4]))
def test_a_text_that_is_laid_out_otherwise_is_read_as_a_whole(state: State, indent: int | None) -> None:
    data = json.dumps(json.loads(b"".join(state_text(state))), indent=indent).encode()
    assert checked_state(in_parts(data, 50), "x", Interner()) == (state, None), "the layout does not count"


@given(trees, trees)
def test_what_the_manifests_say_too_is_held_once_and_exactly(applied: Tree, body: Tree) -> None:
    state = State("l", "e", "p", "o", "s", resources={"a": Entry("Flow", "1", applied={"x": applied, "y": [applied]})})
    like = {"a": Resource("a", "Flow", {"x": body, "y": [body], "z": Ref("b")})}
    read = state_in(in_parts(b"".join(state_text(state)), 100), "x", Interner(like))
    assert exactly(read.resources["a"].applied) == exactly(state.resources["a"].applied)


def exactly(tree: Tree) -> str:
    """The text of a value, which tells 1 from true and from 1.0."""
    return json.dumps(encode(tree), sort_keys=True)


def test_equal_words_are_the_same_object() -> None:
    body: Tree = {"spec": {"id": "1", "many": [1, True]}, "refers": Ref("b")}
    entry = Entry(
        "Flow",
        "1",
        applied={"spec": {"id": "1", "many": [1, True]}, "refers": "b-id"},
        provenance=Provenance(labels={"k": "v"}),
    )
    like = {"a": Resource("a", "Flow", body, Provenance(labels={"k": "v"}))}
    data = b"".join(state_text(State("l", "e", "p", "o", "s", resources={"a": entry})))
    read = state_in(in_parts(data, 1000), "x", Interner(like)).resources["a"]
    assert read == entry
    assert read.applied["spec"] is body["spec"]
    assert read.provenance is like["a"].provenance


@pytest.mark.parametrize("cut", [2, 10, 40, 200, 300])
def test_a_text_that_was_cut_off_is_told(cut: int) -> None:
    entry = Entry("Flow", "1", applied={"name": "n"})
    data = b"".join(state_text(State("l", "e", "p", "o", "s", resources={"a": entry, "b": entry})))
    with pytest.raises(StateError, match="x is not valid JSON"):
        state_in(in_parts(data[:-cut], 64), "x", Interner())


def test_a_newer_version_is_told_however_it_is_read() -> None:
    entry = Entry("Flow", "1", applied={"name": "n"})
    data = b"".join(state_text(State("l", "e", "p", "o", "s", resources={"a": entry})))
    with pytest.raises(StateError, match="newer reconciler"):
        state_in(in_parts(data.replace(b'"version": 2', b'"version": 3'), 64), "x", Interner())
