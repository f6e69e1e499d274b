"""JSON by orjson gives what the standard library gives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.network.exact_json import DEPTH, encoded, parsed, received

TREES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(TREES)
def test_a_body_is_read_back_exactly(tree: Any) -> None:
    text = encoded(tree)
    assert json.loads(text) == tree
    assert parsed(text) == tree
    assert repr(received(text)) == repr(json.loads(text)), "integers stay integers, and floats floats"


@pytest.mark.parametrize(
    "number", [2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.1, 1e16, 1e22, 5e-324, 1.7976931348623157e308, -0.0]
)
def test_numbers_stay_as_they_are(number: float) -> None:
    assert repr(json.loads(encoded({"a": [number]}))) == repr({"a": [number]})
    assert repr(received(json.dumps({"a": [number]}).encode())) == repr({"a": [number]})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_not_written_as_null(number: float) -> None:
    for tree in (number, [None, number], {"a": {"b": (1, number)}}):
        with pytest.raises(ValueError, match="JSON"):
            encoded(tree)
    assert encoded({"a": None}) == b'{"a":null}'


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"[-Infinity, 1000000000000000000000]", b'"\xff"', b"{", b""])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        received(text)


@pytest.mark.parametrize("number", [b"1", b"1000000000000000000000"], ids=["short", "long"])
def test_depth_is_limited(number: bytes) -> None:
    def nested(levels: int) -> bytes:
        return b"[" * levels + number + b"]" * levels

    assert received(nested(DEPTH))
    for levels in (DEPTH + 1, 900, 100_000):
        with pytest.raises(ValueError, match=r"."):
            received(nested(levels))
    assert received(b"[" + b"[]," * 10_000 + number + b"]"), "wide is not deep"


@pytest.mark.parametrize("value", ['"\\ud800"', "1e999", "NaN"])
@pytest.mark.parametrize("beside", ["1", "1234567890123456789012"], ids=["orjson", "standard library"])
def test_text_that_nothing_can_write_again_is_refused(value: str, beside: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  either parser words it in its own way
        received(f"[{value}, {beside}]".encode())
