"""Numbers of the state are kept exactly, however large, and a state of plain content is read the quick way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.state.codec import state_json
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Fingerprint, Tree
from reconciler.network.exact_json import parsed
from reconciler.stores.text import state_text

leaves = (
    st.integers() | st.integers(min_value=2**62, max_value=2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=10) | st.text("0123456789 ", max_size=30)
)  # fmt: skip
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def state(applied: Tree) -> State:
    entry = Entry("Flow", "f", applied={"value": applied, "secret": Fingerprint("scrypt:a:b")})
    return State("l", "default", "p", "o", "s", 3, {"a/flow": entry})


@given(trees)
def test_a_state_is_written_as_before_and_read_exactly(tree: Tree) -> None:
    data = b"".join(state_text(state(tree)))
    plain = state_json(state(tree))
    written = json.loads(data)
    read = parsed(data)
    assert written.pop("checksum") == read.pop("checksum")
    assert written == read == plain
    assert repr(read["resources"]["a/flow"]["applied"]["value"]) == repr(
        json.loads(data)["resources"]["a/flow"]["applied"]["value"]
    )


@pytest.mark.parametrize("number", [10**17, 2**63 - 1, 2**64, -(2**65), 10**40])
def test_large_numbers(number: int) -> None:
    assert parsed(b"".join(state_text(state(number))))["resources"]["a/flow"]["applied"]["value"] == number
