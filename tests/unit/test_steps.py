"""The steps of a plan, and what each waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from reconciler.core.plan.model import EVERYTHING, Action, Change, Plan
from reconciler.core.plan.steps import Step, Verb, steps
from reconciler.core.resource import Call
from reconciler.core.state.model import Entry
from tests.unit.fakes import state_of

CALL = (Call("POST", "/x"),)


def change(address: str, action: Action, *needs: str, **more: Any) -> Change:
    ident = None if action is Action.CREATE else f"id-{address}"
    return Change(address, "Flow", action, "why", **{"ident": ident, "calls": CALL, "dependencies": needs, **more})


def create(address: str, *needs: str, **more: Any) -> Change:
    return change(address, Action.CREATE, *needs, **more)


def update(address: str, *needs: str, **more: Any) -> Change:
    return change(address, Action.UPDATE, *needs, **more)


def replaced(address: str, *needs: str, **more: Any) -> Change:
    return change(address, Action.REPLACE, *needs, **more)


def delete(address: str, *needs: str, **more: Any) -> Change:
    return change(address, Action.DELETE, *needs, **more)


def made(changes: Sequence[Change], used: Mapping[str, Sequence[str]] | None = None) -> dict[str, Step]:
    """Return the steps of some changes; `used` tells, by address, what an entry of the state refers to."""
    entries = {name: Entry("Flow", f"id-{name}", dependencies=tuple(needs)) for name, needs in (used or {}).items()}
    return steps(Plan("default", "p", "o", "s", "l", 1, tuple(changes)), state_of(entries))


def needs(changes: Sequence[Change], used: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[str]]:
    """Return what each step waits for, in any order."""
    return {key: sorted(step.needs) for key, step in made(changes, used).items()}


def test_a_create() -> None:
    item = create("a")
    assert made([item]) == {"create a": Step("create a", Verb.CREATE, item, (), None, False, False)}


def test_an_update() -> None:
    item = update("a", "b")
    assert made([item]) == {"update a": Step("update a", Verb.UPDATE, item, (), "id-a", False, False)}


def test_a_delete() -> None:
    item = delete("a")
    assert made([item]) == {"delete a id-a": Step("delete a id-a", Verb.DELETE, item, (), "id-a", False, False)}


def test_a_forget_is_a_step_of_its_own_kind() -> None:
    item = change("a", Action.FORGET, calls=())
    [step] = made([item]).values()
    assert (step.verb, step.change, step.ident) == (Verb.FORGET, item, "id-a")


def test_a_replace_stops_makes_and_deletes() -> None:
    item = replaced("a", suspends=True)
    assert made([item]) == {
        "suspend a": Step("suspend a", Verb.SUSPEND, item, (), "id-a"),
        "create a": Step("create a", Verb.CREATE, item, ("suspend a",), "id-a", True),
        "delete a id-a": Step("delete a id-a", Verb.DELETE, item, ("create a",), "id-a"),
    }


def test_a_replace_of_what_does_not_run_stops_nothing() -> None:
    assert needs([replaced("a")]) == {"create a": [], "delete a id-a": ["create a"]}


def test_no_ops_have_no_steps() -> None:
    assert made([change("a", Action.NOOP)]) == {}


@pytest.mark.parametrize(("verb", "makes"), [(verb, verb in (Verb.CREATE, Verb.UPDATE)) for verb in Verb])
def test_what_makes_something_for_others(verb: Verb, makes: bool) -> None:
    assert Step("x", verb, create("a")).makes is makes


# -- needs of creates and updates ----------------------------------------------------------------------------------
def test_creates_and_updates_wait_for_what_they_refer_to() -> None:
    assert needs([create("a"), update("b", "a"), create("c", "a", "b", "elsewhere")]) == {
        "create a": [],
        "update b": ["create a"],
        "create c": ["create a", "update b"],
    }


def test_a_replace_waits_until_it_and_its_users_are_stopped() -> None:
    found = needs([replaced("a", suspends=True), replaced("b", "a", suspends=True), create("c")], {"b": ["a"]})
    assert found["create a"] == ["suspend a", "suspend b"]
    assert found["create b"] == ["create a", "suspend b"]
    assert found["create c"] == []


def test_only_the_users_that_are_replaced_are_stopped() -> None:
    found = needs([replaced("a"), update("b", "a"), replaced("c", "a", suspends=True)], {"b": ["a"], "c": ["a"]})
    assert found["create a"] == ["suspend c"]
    assert found["update b"] == ["create a"], "an update stops nothing"


# -- deletes -------------------------------------------------------------------------------------------------------
def test_a_delete_waits_for_its_users_of_the_state() -> None:
    found = needs([delete("b"), delete("a")], {"a": [], "b": ["a"]})
    assert found == {"delete b id-b": [], "delete a id-a": ["delete b id-b"]}


def test_a_delete_waits_for_its_users_of_the_plan() -> None:
    """A saved plan may know a user that the state does not name any more."""
    found = needs([delete("b", "a"), delete("a")])
    assert found["delete a id-a"] == ["delete b id-b"]


def test_a_user_is_waited_for_once() -> None:
    found = made([delete("b", "a"), delete("a")], {"b": ["a"]})
    assert found["delete a id-a"].needs == ("delete b id-b",)


def test_an_old_user_that_is_deposed_counts_only_for_old_ones() -> None:
    found = needs([delete("b", "a", deposed=True, ident="old"), delete("a")])
    assert found["delete a id-a"] == []


def test_only_deletes_of_the_plan_are_users() -> None:
    assert needs([update("b", "a"), delete("a")])["delete a id-a"] == []


@pytest.mark.parametrize(
    ("user", "key"),
    [
        (update("b"), "update b"),
        (replaced("b"), "delete b id-b"),
        (delete("b"), "delete b id-b"),
        (change("b", Action.FORGET, calls=()), "delete b id-b"),
        (update("b", initial={"x": 1}, waits_for=("c",)), "finish b"),
    ],
)
def test_a_delete_waits_until_its_user_moved_on(user: Change, key: str) -> None:
    assert needs([user, delete("a")], {"b": ["a"]})["delete a id-a"] == [key]


def test_a_user_that_does_nothing_is_not_waited_for() -> None:
    assert needs([change("b", Action.NOOP), delete("a")], {"b": ["a"]})["delete a id-a"] == []


def test_the_old_object_of_a_replace_goes_after_its_users() -> None:
    found = needs([replaced("a"), replaced("b", "a")], {"b": ["a"]})
    assert found["delete a id-a"] == ["create a", "delete b id-b"]
    assert found["delete b id-b"] == ["create b"]


# -- deposed -------------------------------------------------------------------------------------------------------
def test_old_objects_wait_for_each_other() -> None:
    changes = [
        delete("a", deposed=True, ident="old-a"),
        delete("b", "a", deposed=True, ident="old-b"),
        delete("c", "a", deposed=True, ident="old-c"),
    ]
    assert needs(changes) == {
        "delete a old-a": ["delete b old-b", "delete c old-c"],
        "delete b old-b": [],
        "delete c old-c": [],
    }


def test_an_old_object_waits_for_its_successor() -> None:
    found = made([update("a"), delete("a", deposed=True, ident="old")])
    step = found["delete a old"]
    assert step.needs == ("update a",)
    assert (step.verb, step.ident, step.change.deposed) == (Verb.DELETE, "old", True)


def test_an_old_object_waits_for_users_that_move_on() -> None:
    found = needs([update("b"), delete("a", deposed=True, ident="old")], {"b": ["a"]})
    assert found["delete a old"] == ["update b"]


def test_several_old_objects_of_one_address() -> None:
    found = made([delete("a", deposed=True, ident="one"), delete("a", deposed=True, ident="two")])
    assert list(found) == ["delete a one", "delete a two"]


# -- two phases ----------------------------------------------------------------------------------------------------
def test_a_change_in_two_phases_waits_for_its_parts() -> None:
    schema = create("a", initial={"x": 1}, waits_for=("a/d",))
    found = made([schema, create("a/d", "a"), create("c", "a")])
    assert {key: step.needs for key, step in found.items()} == {
        "create a": (),
        "finish a": ("create a", "create a/d"),
        "create a/d": ("create a",),  # not for the finish, which waits for it
        "create c": ("finish a",),  # others wait until it is whole
    }
    assert found["finish a"] == Step("finish a", Verb.FINISH, schema, ("create a", "create a/d"), None, False, False)


def test_an_update_without_a_first_phase_is_only_finished() -> None:
    schema = update("a", calls=(), initial={"x": 1}, waits_for=("d",))
    assert needs([schema, create("d")]) == {"finish a": ["create d"], "create d": []}


def test_the_second_phase_waits_for_what_it_refers_to_to_be_whole() -> None:
    group = create("g", initial={"x": 1}, waits_for=("p",))
    schema = create("a", "g", initial={"x": 1}, waits_for=("d",))
    found = needs([group, create("p", "g"), schema, create("d", "a")])
    assert found["create a"] == ["create g"], "the first phase needs no more than the object"
    assert found["finish a"] == ["create a", "create d", "finish g"]


def test_staged_changes_are_finished_last() -> None:
    source = create("s", initial={"state": "draft"}, waits_for=EVERYTHING)
    flow = create("f", "s", initial={"state": "draft"}, waits_for=EVERYTHING)
    found = made([source, flow, create("c", "s")])
    assert {key: (step.needs, step.is_final) for key, step in found.items()} == {
        "create s": ((), False),
        "finish s": (("create s",), True),
        "create f": (("create s",), False),
        "finish f": (("create f", "finish s"), True),
        "create c": (("create s",), False),  # it is among all that the finish waits for
    }


def test_the_old_object_goes_when_its_successor_is_whole() -> None:
    found = needs([replaced("a", initial={"state": "draft"}, waits_for=EVERYTHING)])
    assert found["delete a id-a"] == ["finish a"]


def test_steps_come_in_the_order_of_the_plan_the_old_ones_last() -> None:
    changes = [delete("z", deposed=True, ident="old"), replaced("b", suspends=True), update("a"), delete("c")]
    assert list(made(changes)) == [
        "suspend b", "create b", "delete b id-b", "update a", "delete c id-c", "delete z old",
    ]  # fmt: skip
