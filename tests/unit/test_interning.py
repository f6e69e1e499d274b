"""Equal parts of many values are held once, and stay equal."""

from __future__ import annotations

import json

from reconciler.core.interning import Interner, like
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry
from reconciler.core.values import Ref


def test_equal_texts_and_mappings_of_texts_are_one_object() -> None:
    interner = Interner()
    text = json.dumps({"spec": {"id": "1", "name": "a b"}, "rows": [{"a": "b"}, {"a": "b"}], "n": {"a": 1}})
    one, other = interner.tree(json.loads(text)), interner.tree(json.loads(text))
    assert one == other == json.loads(text)
    assert one["spec"] is other["spec"]
    assert one["rows"][0] is one["rows"][1] is other["rows"][1]
    assert one["n"] is not other["n"], "numbers may be changed to another type of the same value"


def test_outputs_are_one_object() -> None:
    interner = Interner()
    assert interner.outputs({}) is interner.outputs({})
    assert interner.outputs({"version": 3}) is interner.outputs({"version": 3})
    assert interner.outputs({"version": True}) == {"version": True}
    url = {"inletUrl": "https://x"}
    assert interner.outputs(url) is url


def test_an_entry_is_held_in_the_words_of_its_resource() -> None:
    origin = Provenance("a.yaml", labels={"team": "crm"})
    resource = Resource("a", "Flow", {"spec": {"id": "x"}, "n": 1, "other": Ref("b")}, origin)
    read = Entry(
        "Flow", "f", None, Provenance("a.yaml", labels={"team": "crm"}), {"spec": {"id": "x"}, "n": 1.0}, ("b",)
    )
    held = Interner({"a": resource}).entry("a", read)
    assert held == read
    assert held.provenance is origin
    assert held.dependencies is resource.dependencies
    assert held.applied["spec"] is resource.body["spec"]
    assert type(held.applied["n"]) is float, "equal is not the same"


def test_entries_without_a_resource_share_their_provenance() -> None:
    interner = Interner()
    one, other = (interner.entry(name, Entry("Flow", name, None, Provenance("a.yaml", protect=True))) for name in "ab")
    assert one.provenance is other.provenance
    assert interner.entry("c", Entry("Flow", "c", None, Provenance("a.yaml"))).provenance == Provenance("a.yaml")


def test_a_value_like_no_model_stays_as_it_is() -> None:
    value = {"a": [1, {"b": "c"}]}
    assert like(value, None) == value
    assert like(value, {"a": [True, {"b": "c"}]}) == value
