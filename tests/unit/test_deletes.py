"""Deletes of a run on a platform in memory: what is sent again, what is waited for, and when a delete gives up."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.plan.model import Action, Plan
from reconciler.core.problems import ApiError, ConflictError, Problem
from reconciler.core.resource import Call, Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.engine.executor import Settings
from reconciler.engine.updater import REBASES
from tests.unit.fakes import FLOWS, Bench, Fault, connection, no_answer, plan_of, refusal, state_of

LEAVING = "delete-finalizing"


def deleting(bench: Bench, **body: Any) -> tuple[Plan, State, dict[str, Live | None]]:
    """Return the plan that deletes an account, with its state and live objects."""
    item = connection("a")
    live = bench.platform.put("connections", "id-a", {**item.body, **body})
    state = state_of({"a": Entry(item.kind, live.id, live.etag, item.provenance, item.body)})
    lives: dict[str, Live | None] = {"a": live}
    made = plan_of([], state, lives)
    assert [change.action for change in made.effective] == [Action.DELETE]
    return made, state, lives


def refused(code: str) -> ApiError:
    return ApiError(Problem("api", "refused"), 400, code)


def deletes(bench: Bench) -> int:
    return bench.platform.calls.count("DELETE connections/id-a")


def waits(bench: Bench) -> list[str]:
    return [event.text for event in bench.listener.events if event.what == "waiting"]


def leave_after(bench: Bench, reads: int) -> None:
    """Let the platform finish the delete of the account at a read of it."""
    left = iter(range(reads))

    def before(call: Call) -> None:
        if call.method == "GET" and call.path == f"{FLOWS}/connections/id-a" and next(left, None) is None:
            bench.platform.objects.pop("connections/id-a", None)

    bench.platform.before = before


def test_a_delete_is_noted_before_and_after() -> None:
    bench = Bench()
    outcome = bench.apply(*deleting(bench))
    assert outcome.ok
    assert bench.platform.calls == ["DELETE connections/id-a"]
    assert bench.journal.events() == ["intent a", "gone a"]
    intent, gone = bench.journal.records
    assert intent.pending is not None
    assert (intent.pending.action, intent.pending.kind) == ("delete", "Connection")
    assert gone.ident == "id-a"
    assert [event.ident for event in bench.listener.events if event.what == "done"] == ["id-a"]
    assert bench.journal.books.entries == {}


def test_an_object_that_is_gone_already_is_fine() -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.objects.clear()
    assert bench.apply(*made).ok
    assert bench.journal.events() == ["intent a", "gone a"]
    assert waits(bench) == []


@pytest.mark.parametrize("error", [ConflictError(Problem("conflict", "stale"), 412), no_answer()])
def test_a_delete_that_met_a_conflict_or_no_answer_is_sent_again(error: ApiError) -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", error, times=2))
    assert bench.apply(*made).ok
    assert bench.platform.calls == [
        "DELETE connections/id-a", "GET connections/id-a", "DELETE connections/id-a", "GET connections/id-a",
        "DELETE connections/id-a",
    ]  # fmt: skip
    assert waits(bench) == ["it changed meanwhile: reading it again"] * 2


def test_a_delete_whose_answer_was_lost_is_not_sent_again() -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", no_answer(), after=True))
    assert bench.apply(*made).ok
    assert bench.platform.calls == ["DELETE connections/id-a", "GET connections/id-a"]
    assert bench.journal.events()[-1] == "gone a"


def test_conflicts_without_an_end_are_told() -> None:
    bench = Bench()
    made = deleting(bench)
    error = ConflictError(Problem("conflict", "stale"), 412)
    bench.platform.faults.append(Fault("DELETE", "connections", error, times=99))
    outcome = bench.apply(*made)
    assert outcome.problems == (Problem("conflict", "stale", address="a"),)
    assert deletes(bench) == REBASES
    assert "gone a" not in bench.journal.events()


@pytest.mark.parametrize("code", ["1418-400", "1447-400"])
def test_an_object_that_is_still_used_is_tried_again(code: str) -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", refused(code), times=3))
    assert bench.apply(*made).ok
    assert deletes(bench) == 4
    assert bench.platform.clock.slept == [0.2, 0.4, 0.8]
    assert waits(bench) == ["an object that uses it is not gone yet"] * 3


@pytest.mark.parametrize(("limit", "seconds"), [(5.0, 5.0), (60.0, 10.0)])
def test_an_object_that_stays_in_use_is_given_up(limit: float, seconds: float) -> None:
    bench = Bench(settings=Settings(settle=2.0, wait_timeout=limit))
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", refused("1418-400"), times=999))
    assert bench.apply(*made).problems == (Problem("api", "refused", address="a"),)
    spent = sum(bench.platform.clock.slept)
    assert seconds <= spent < 2 * seconds + 1
    assert max(bench.platform.clock.slept) <= 10


@pytest.mark.parametrize("code", ["", "1234-400"])
def test_any_other_refusal_is_told_at_once(code: str) -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", refused(code), times=9))
    assert bench.apply(*made).problems == (Problem("api", "refused", address="a"),)
    assert deletes(bench) == 1
    assert bench.platform.clock.slept == []


@pytest.mark.parametrize("code", ["1457-400", "1458-400"])
def test_an_object_that_leaves_is_waited_for(code: str) -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", refused(code), times=9))
    leave_after(bench, 2)
    assert bench.apply(*made).ok
    assert deletes(bench) == 1
    assert waits(bench) == ["deleted, not gone yet"] * 2
    assert bench.journal.events() == ["intent a", "gone a"]


def test_an_object_that_is_being_deleted_gets_no_other_delete() -> None:
    bench = Bench()
    made = deleting(bench, state=LEAVING)
    leave_after(bench, 1)
    assert bench.apply(*made).ok
    assert deletes(bench) == 0
    assert waits(bench) == ["deleted, not gone yet"]


def test_an_object_that_never_leaves_is_told() -> None:
    bench = Bench()
    outcome = bench.apply(*deleting(bench, state=LEAVING))
    assert [problem.code for problem in outcome.problems] == ["still-there"]
    assert "gone a" not in bench.journal.events()


def test_a_conflict_may_show_that_it_leaves() -> None:
    bench = Bench()
    made = deleting(bench)
    bench.platform.faults.append(Fault("DELETE", "connections", ConflictError(Problem("conflict", "stale"), 412)))
    bench.platform.objects["connections/id-a"]["state"] = LEAVING
    leave_after(bench, 2)
    assert bench.apply(*made).ok
    assert deletes(bench) == 1


def test_an_object_that_cannot_be_deleted_is_forgotten() -> None:
    bench = Bench()
    item = Resource("m", "MappingSet", {"name": "m", "mappings": []})
    state = state_of({"m": Entry(item.kind, "id-m", None, item.provenance, item.body)})
    made = plan_of([], state, {"m": Live("id-m", item.body)})
    assert [change.action for change in made.effective] == [Action.FORGET]
    assert bench.apply(made, state).ok
    assert bench.platform.calls == []
    assert bench.journal.events() == ["forgot m"]
    assert [event.ident for event in bench.listener.events if event.what == "done"] == ["id-m"]


# -- the plan ----------------------------------------------------------------------------------------------------------
def test_a_declared_object_that_is_being_deleted_stops_the_plan() -> None:
    bench = Bench()
    _, state, lives = deleting(bench, state=LEAVING)
    user = Resource("b", "SourceConnection", {"name": "b", "connectionSpec": {"id": "s"}})
    made = plan_of([connection("a"), user], state, lives)
    change = next(item for item in made.changes if item.address == "a")
    assert (change.action, change.reason, change.adopt) == (Action.NOOP, "the platform is deleting it", False)
    assert (change.ident, change.etag) == ("id-a", '"1"')
    assert made.objections == (
        Problem(
            "leaving", "the platform is deleting id-a on a request from outside",
            "plan again when it is gone: the plan will make it again", address="a",
        ),
    )  # fmt: skip


# -- namesakes ---------------------------------------------------------------------------------------------------------
def test_existing_namesakes_are_written_into_the_intents() -> None:
    bench = Bench()
    for number, name in enumerate(["a", "b", "a", "other"]):
        bench.platform.put("connections", f"old-{number}", connection(name).body)
    outcome = bench.apply(plan_of([connection("a"), connection("b"), connection("c")], state_of()))
    assert outcome.ok
    intents = {record.address: record.pending for record in bench.journal.records if record.event == "intent"}
    assert {address: pending and pending.namesakes for address, pending in intents.items()} == {
        "a": ("old-0", "old-2"), "b": ("old-1",), "c": (),
    }  # fmt: skip
    assert [call for call in bench.platform.calls if call.startswith("GET")] == ["GET connections?limit=100"]


def test_namesakes_are_searched_by_name_when_the_list_is_refused() -> None:
    bench = Bench()
    bench.platform.put("connections", "old", connection("a").body)
    bench.platform.faults.append(Fault("GET", "connections?limit=100", refusal(500)))
    assert bench.apply(plan_of([connection("a"), connection("b")], state_of())).ok
    intents = {record.address: record.pending for record in bench.journal.records if record.event == "intent"}
    assert {address: pending and pending.namesakes for address, pending in intents.items()} == {"a": ("old",), "b": ()}
    asked = [call for call in bench.platform.calls if call.startswith("GET")]
    assert [call for call in asked if "name==" in call] == [
        'GET connections?property=name=="a"&limit=100', 'GET connections?property=name=="b"&limit=100',
    ]  # fmt: skip
