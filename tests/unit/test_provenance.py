"""The metadata of a document on its way to the state: one value, and the same JSON as ever."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from reconciler.core.plan.model import EVERYTHING, Action, Change, Plan
from reconciler.core.plan.saved_plan import plan_json, plan_of
from reconciler.core.problems import StateError
from reconciler.core.provenance import HasProvenance, Provenance
from reconciler.core.resource import Resource
from reconciler.core.state import codec
from reconciler.core.state.model import Entry, Pending
from reconciler.core.values import Ref, Secret
from reconciler.documents.document import Document
from reconciler.documents.expand import Expansion, ProjectContext
from reconciler.kinds import kinds
from reconciler.yamltext.text import Text

FULL = Provenance("m/a.yaml", protect=True, allow_data_loss=True, labels={"team": "crm"})


def test_an_entry_is_written_as_ever() -> None:
    entry = Entry("Flow", "f1", '"e"', FULL, {"name": "n"}, ("a/source",))
    written = {
        "kind": "Flow",
        "id": "f1",
        "etag": '"e"',
        "file": "m/a.yaml",
        "applied": {"name": "n"},
        "dependencies": ["a/source"],
        "protect": True,
        "allowDataLoss": True,
        "labels": {"team": "crm"},
    }
    assert list(codec.entry_json(entry).items()) == list(written.items())
    assert codec.entry_of(written) == entry
    bare = {"kind": "Flow", "id": "f1", "etag": None, "file": "", "applied": None, "dependencies": []}
    assert codec.entry_json(Entry("Flow", "f1")) == bare
    assert codec.entry_of(bare) == Entry("Flow", "f1")


@pytest.mark.parametrize("part", [{"labels": 5}, {"protect": "yes"}, {"file": 1}, {"kind": None}, {"id": 5}])
def test_a_member_of_another_type_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        codec.entry_of({"kind": "Flow", "id": "f", "applied": {}, **part})


def test_an_intent_is_written_as_ever() -> None:
    intent = Pending(
        "create", "Flow", 5, name="n", body={"name": "n"}, provenance=FULL, dependencies=("a",), client="c"
    )
    written = {
        "action": "create",
        "kind": "Flow",
        "at": 5,
        "name": "n",
        "body": {"name": "n"},
        "file": "m/a.yaml",
        "dependencies": ["a"],
        "protect": True,
        "allow_data_loss": True,
        "client": "c",
        "labels": {"team": "crm"},
    }
    assert codec.pending_json(intent) == written
    assert codec.pending_of(written) == intent
    with pytest.raises(TypeError):
        codec.pending_of({**written, "later": 1})


def test_a_saved_change_is_written_as_ever() -> None:
    secret = {"state": "draft", "key": Secret("${secret.key}"), "source": Ref("a/source")}
    change = Change(
        "a/flow", "Flow", Action.REPLACE, "new", provenance=FULL, initial=secret, waits_for=EVERYTHING, suspends=True
    )
    plan = Plan("prod", "p", "o", "s", "l", 3, (change,))
    saved: dict[str, Any] = json.loads(json.dumps(plan_json(plan)))
    assert saved["changes"] == [
        {
            "address": "a/flow",
            "kind": "Flow",
            "action": "replace",
            "reason": "new",
            "file": "m/a.yaml",
            "protect": True,
            "allow_data_loss": True,
            "labels": {"team": "crm"},
            "initial": {
                "state": "draft",
                "key": {"$reconciler/secret": "${secret.key}"},
                "source": {"$reconciler/ref": ["a/source", "id"]},
            },
            "waits_for": ["*"],
            "suspends": True,
        }
    ]
    with pytest.raises(StateError, match="the plan file was changed"):
        plan_of(saved, "x", kinds())  # it shows no body and no request


@pytest.mark.parametrize("holder", [Resource, Change, Pending, Entry])
def test_every_value_on_the_way_holds_all_of_it(holder: type) -> None:
    names = {item.name for item in dataclasses.fields(Provenance)}
    own = {item.name for item in dataclasses.fields(holder)}
    assert issubclass(holder, HasProvenance)
    assert "provenance" in own
    assert not names & own, "a member of the provenance is not copied beside it"


def test_a_document_says_it_once() -> None:
    text = Text("a.yaml", "spec: {}\n")
    marks = {"reconciler/prevent-destroy": "true", "reconciler/allow-data-loss": "true"}
    document = Document("Connection", "a", {}, "a.yaml", text, 0, {"team": "crm"}, marks)
    made = Expansion(document, {}, ProjectContext({}, {}))  # type: ignore[arg-type]
    made.add("a", "Connection", {}, ())
    assert made.resources[0].provenance == dataclasses.replace(FULL, file="a.yaml")
