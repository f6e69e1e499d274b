"""A run over a plan, on a platform in memory: what is sent, what becomes durable, what goes wrong and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.plan.model import Action, Plan
from reconciler.core.problems import ConflictError, Problem, ReconcilerError, StateError, StoppedError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import Entry, Record, State
from reconciler.core.values import Ref, Span
from reconciler.engine import apply as engine
from reconciler.engine.apply import Outcome
from reconciler.engine.executor import Settings
from reconciler.engine.ports import Event
from tests.unit.fakes import Bench, Fault, connection, no_answer, plan_of, refusal, state_of


def source(address: str, base: str) -> Resource:
    body = {"name": address, "connectionSpec": {"id": "s"}, "baseConnectionId": Ref(base)}
    return Resource(address, "SourceConnection", body)


def applied(bench: Bench, *resources: Resource) -> tuple[State, dict[str, Live | None]]:
    """Return the state and the live objects of resources that were applied; none may refer to another."""
    entries, lives = {}, dict[str, Live | None]()
    for item in resources:
        collection = {"Connection": "connections", "Flow": "flows"}[item.kind]
        live = bench.platform.put(collection, f"id-{item.address}", item.body)
        lives[item.address] = live
        entries[item.address] = Entry(item.kind, live.id, live.etag, item.provenance, item.body, item.dependencies)
    return state_of(entries), lives


def flow(spec: str, **body: Any) -> Resource:
    return Resource("f", "Flow", {"name": "F", "flowSpec": {"id": spec}, "state": "enabled", **body})


def replacing(bench: Bench, **options: Any) -> tuple[Plan, State, dict[str, Live | None]]:
    """Return the plan that replaces a running flow."""
    state, lives = applied(bench, flow("old"))
    made = plan_of([replace(flow("new"), staging="disabled")], state, lives, **options)
    [change] = made.effective
    assert change.action is Action.REPLACE
    assert change.suspends
    return made, state, lives


def results(outcome: Outcome) -> dict[str, str]:
    return {key: result for key, (_, result) in outcome.results.items()}


# -- steps -----------------------------------------------------------------------------------------------------------
def test_what_is_made_is_noted_before_and_after() -> None:
    bench = Bench()
    outcome = bench.apply(plan_of([connection("a"), source("b", "a")], state_of()))
    assert outcome.ok
    assert outcome.problems == ()
    assert outcome.stopped == ""
    assert results(outcome) == {"create a": "done", "create b": "done"}
    assert [outcome.results[key][0].key for key in outcome.results] == ["create a", "create b"]
    assert bench.platform.calls == [
        'GET connections?property=name=="a"&limit=100', "POST connections",
        'GET sourceConnections?property=name=="b"&limit=100', "POST sourceConnections",
    ]  # fmt: skip
    assert bench.platform.objects["sourceConnections/sourceConnections-1"]["baseConnectionId"] == "connections-1"
    assert bench.journal.events() == ["intent a", "bound a", "bound a", "intent b", "bound b", "bound b"]
    assert bench.listener.events == [
        Event("start", "a", "create"),
        Event("done", "a", "create", ident="connections-1"),
        Event("start", "b", "create"),
        Event("done", "b", "create", ident="sourceConnections-1"),
    ]


def test_a_failure_skips_what_needs_it_and_nothing_else() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", refusal(400, "no such spec")))
    outcome = bench.apply(plan_of([connection("a"), source("b", "a"), source("c", "b"), connection("d")], state_of()))
    assert not outcome.ok
    assert results(outcome) == {"create a": "failed", "create b": "skipped", "create c": "skipped", "create d": "done"}
    assert outcome.problems == (Problem("api", "no such spec", address="a"),)
    assert sorted(bench.listener.words()) == sorted(
        ["start create a", "failed create a", "start create d", "done create d", "skipped create b", "skipped create c"]
    )
    [failed] = [event for event in bench.listener.events if event.what == "failed"]
    assert failed.text == "no such spec"
    assert set(bench.journal.events()) == {"intent a", "settled a", "intent d", "bound d"}


def test_a_problem_keeps_its_own_address_and_all_else_it_says() -> None:
    bench = Bench()
    own = Problem("code", "what", "next", Span("a.yaml", 1, 2), "x/y", "error")
    bare = Problem("code", "other", "next", Span("a.yaml", 3, 4), None, "error")
    bench.platform.faults.append(Fault("POST", "connections", ReconcilerError([own, bare])))
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert outcome.problems == (own, replace(bare, address="a"))
    [failed] = [event for event in bench.listener.events if event.what == "failed"]
    assert failed.text == "what"


def test_an_outcome_is_ok_only_when_all_is_done() -> None:
    bench = Bench()
    [pair] = bench.apply(plan_of([connection("a")], state_of())).results.values()
    assert Outcome({"a": pair}).ok
    assert not Outcome({"a": pair}, (Problem("code", "what"),)).ok
    assert not Outcome({"a": pair, "b": (pair[0], "skipped")}).ok
    assert not Outcome({"a": (pair[0], "failed"), "b": pair}).ok
    assert Outcome({}).ok


# -- intents of what was refused -------------------------------------------------------------------------------------
def updating(bench: Bench) -> tuple[Plan, State, dict[str, Live | None]]:
    state, lives = applied(bench, connection("a"))
    return plan_of([connection("a", description="new")], state, lives), state, lives


def test_a_refused_update_leaves_no_intent() -> None:
    bench = Bench()
    made = updating(bench)
    bench.platform.faults.append(Fault("PATCH", "connections", refusal()))
    outcome = bench.apply(*made)
    assert results(outcome) == {"update a": "failed"}
    assert bench.journal.events() == ["intent a", "settled a"]


def test_an_update_without_an_answer_may_have_happened() -> None:
    bench = Bench()
    made = updating(bench)
    bench.platform.faults.append(Fault("PATCH", "connections", no_answer()))
    bench.platform.faults.append(Fault("GET", "connections", no_answer()))
    outcome = bench.apply(*made)
    assert results(outcome) == {"update a": "failed"}
    assert bench.journal.events() == ["intent a"], "the next run looks"


def test_after_the_disk_refused_nothing_more_is_written() -> None:
    bench = Bench()
    made = updating(bench)
    bench.platform.faults.append(Fault("PATCH", "connections", StateError(Problem("disk", "full"))))
    outcome = bench.apply(*made)
    assert results(outcome) == {"update a": "failed"}
    assert bench.journal.events() == ["intent a"]


def test_a_create_says_itself_what_became_of_it() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer()))

    def refuse(call: Any) -> None:
        if call.method == "GET" and "POST connections" in bench.platform.calls:
            raise refusal(500, "the search failed")

    bench.platform.before = refuse
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert results(outcome) == {"create a": "failed"}
    assert [item.what for item in outcome.problems] == ["the search failed"]
    assert bench.journal.events() == ["intent a"], "an error of the search proves nothing"


def test_what_failed_before_its_intent_has_none_to_settle() -> None:
    bench = Bench()
    made = plan_of([source("b", "a"), connection("a")], state_of())
    without = replace(made, changes=tuple(item for item in made.changes if item.address == "b"))
    outcome = bench.apply(without)
    assert results(outcome) == {"create b": "failed"}
    assert [item.code for item in outcome.problems] == ["unknown-reference"]
    assert bench.journal.events() == []


# -- a create without an answer --------------------------------------------------------------------------------------
def test_a_create_whose_answer_was_lost_is_found() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True))
    assert bench.apply(plan_of([connection("a")], state_of())).ok
    assert list(bench.platform.objects) == ["connections/connections-1"]


@pytest.mark.parametrize("skew", [-5000, 0, 5000])
def test_an_older_twin_is_not_taken_for_a_create_that_never_happened(skew: int) -> None:
    bench = Bench()
    body = {**connection("a").body, "createdAt": bench.platform.clock.time + skew}
    bench.platform.put("connections", "twin", body)
    bench.platform.faults.append(Fault("POST", "connections", no_answer()))
    assert bench.apply(plan_of([connection("a")], state_of())).ok
    assert list(bench.platform.objects) == ["connections/twin", "connections/connections-2"]
    first, *_, last = bench.journal.records
    assert first.pending is not None
    assert first.pending.namesakes == ("twin",)
    assert last.entry is not None
    assert last.entry.id == "connections-2"


def test_where_the_platform_does_not_say_what_exists_nothing_is_taken() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("GET", "connections", refusal(500)))
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True))
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert [(item.code, item.address) for item in outcome.problems] == [("two-candidates", "a")]
    [record] = bench.journal.records
    assert record.pending is not None
    assert record.pending.namesakes is None


def test_a_create_finds_nothing_that_is_bound_elsewhere() -> None:
    bench = Bench()
    body = connection("a").body
    live = bench.platform.put("connections", "bound", body)
    state = state_of({"other": Entry("Connection", live.id, live.etag, applied=body)})
    bench.platform.faults.append(Fault("POST", "connections", no_answer()))
    made = plan_of([connection("a"), Resource("other", "Connection", body)], state, {"other": live})
    assert bench.apply(made, state, {"other": live}).ok
    assert len(bench.platform.objects) == 2, "it is made"


def test_two_twins_stop_it() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True))

    def meanwhile(call: Any) -> None:
        if call.method == "POST":
            bench.platform.put("connections", "theirs", connection("a").body)

    bench.platform.before = meanwhile
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert [(item.code, item.address) for item in outcome.problems] == [("two-candidates", "a")]
    assert bench.journal.events() == ["intent a"]


# -- stopping --------------------------------------------------------------------------------------------------------
def test_a_run_that_was_asked_to_stop_begins_nothing_more() -> None:
    bench = Bench()
    made = plan_of([connection("a"), connection("b")], state_of())
    outcome = bench.apply(made, stop=lambda stop: stop.ask("Ctrl-C"))
    assert results(outcome) == {"create a": "skipped", "create b": "skipped"}
    assert outcome.stopped == "Ctrl-C"
    assert not outcome.ok
    assert bench.platform.calls == []
    assert bench.listener.words() == ["skipped create a", "skipped create b"]


def test_a_step_that_is_stopped_while_it_waits_is_skipped() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", StoppedError(Problem("stopped", "waited"))))
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert results(outcome) == {"create a": "skipped"}
    assert outcome.problems == ()
    assert bench.listener.events == [Event("start", "a", "create"), Event("skipped", "a", "create")]
    assert bench.journal.events() == ["intent a", "settled a"]


# -- no-ops ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("group", "sizes"), [(2, [2, 2, 1]), (5, [5]), (4, [4, 1])])
def test_what_no_ops_have_to_say_is_written_in_groups(
    group: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_GROUP", group)
    bench = Bench()
    state, lives = applied(bench, *(connection(name) for name in "abcdef"))
    wanted = [replace(connection(name), provenance=Provenance("" if name == "f" else "new.yaml")) for name in "abcdef"]
    outcome = bench.apply(plan_of(wanted, state, lives), state, lives)
    assert outcome.ok
    assert outcome.results == {}
    assert [len(batch) for batch in bench.journal.batches] == sizes
    assert bench.journal.records == [
        Record("bound", name, entry=replace(state.resources[name], provenance=Provenance("new.yaml")))
        for name in "abcde"
    ]
    assert bench.platform.calls == []


# -- how much at once ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("parallelism", "most"), [(1, 1), (2, 4), (3, 6), (10, 9)])
def test_so_many_steps_at_once(parallelism: int, most: int) -> None:
    bench = Bench(settings=Settings(parallelism=parallelism))
    assert bench.apply(plan_of([connection(str(n)) for n in range(9)], state_of())).ok
    assert bench.platform.most == most


# -- a replace that fails --------------------------------------------------------------------------------------------
def enabled(bench: Bench) -> bool:
    return bool(bench.platform.objects["flows/id-f"]["state"] == "enabled")


def test_a_replace_stops_makes_and_deletes() -> None:
    bench = Bench()
    assert bench.apply(*replacing(bench)).ok
    assert list(bench.platform.objects) == ["flows/flows-2"]
    posts = [call for call in bench.platform.calls if not call.startswith("GET")]
    assert posts == ["POST flows/id-f/action?op=disable", "POST flows", "DELETE flows/id-f"]
    assert bench.journal.events() == ["intent f", "settled f", "intent f", "bound f", "bound f", "gone f"]
    assert [event for event in bench.listener.events if event.verb == "enable again"] == []


def test_each_old_flow_runs_again_and_each_failure_of_that_is_told() -> None:
    bench = Bench()
    old = [replace(flow("old"), address=name) for name in "fgh"]
    state, lives = applied(bench, *old, connection("a"))
    made = plan_of([*(replace(flow("new"), address=name) for name in "fgh"), connection("a", x=1)], state, lives)

    def refuse(call: Any) -> None:
        if call.method == "POST" and call.path.endswith("/flows"):
            raise refusal(400, "no")
        if ("op", "enable") in call.query and "id-g" not in call.path:
            raise refusal(400, f"stays off: {call.path.split('/')[-2]}")

    bench.platform.before = refuse
    outcome = bench.apply(made, state, lives)
    assert [item.what for item in outcome.problems] == ["no", "no", "no", "stays off: id-f", "stays off: id-h"]
    assert bench.platform.objects["flows/id-g"]["state"] == "enabled"
    assert results(outcome)["update a"] == "done"


def test_the_old_flow_runs_again_when_its_successor_cannot_be_made() -> None:
    bench = Bench()
    made = replacing(bench)

    def refuse(call: Any) -> None:
        if call.method == "POST" and call.path.endswith("/flows"):
            raise refusal(400, "no")

    bench.platform.before = refuse
    outcome = bench.apply(*made)
    assert results(outcome) == {"suspend f": "done", "create f": "failed", "delete f id-f": "skipped"}
    assert enabled(bench)
    assert [item.what for item in outcome.problems] == ["no"]
    assert bench.listener.events[-1] == Event("done", "f", "enable again", ident="id-f")


def test_a_flow_that_cannot_be_enabled_again_is_told() -> None:
    bench = Bench()
    made = replacing(bench)

    def refuse(call: Any) -> None:
        if call.method == "POST" and (call.path.endswith("/flows") or ("op", "enable") in call.query):
            raise refusal(400, f"no {call.path.rpartition('/')[2]}")

    bench.platform.before = refuse
    outcome = bench.apply(*made)
    assert [item.what for item in outcome.problems] == ["no flows", "no action"]
    assert not enabled(bench)
    assert [event for event in bench.listener.events if event.verb == "enable again"] == []


def test_a_flow_that_is_being_enabled_while_the_run_stops_is_no_problem() -> None:
    bench = Bench()
    made = replacing(bench)

    def refuse(call: Any) -> None:
        if call.method == "POST" and call.path.endswith("/flows"):
            raise refusal(400, "no")
        if ("op", "enable") in call.query:
            raise StoppedError(Problem("stopped", "waited"))

    bench.platform.before = refuse
    assert [item.what for item in bench.apply(*made).problems] == ["no"]


def test_a_flow_that_was_disabled_before_stays_so() -> None:
    bench = Bench()
    made, state, lives = replacing(bench)
    assert lives["f"] is not None
    lives = {"f": replace(lives["f"], body={**lives["f"].body, "state": "disabled"})}  # since the plan was made

    def refuse(call: Any) -> None:
        if call.method == "POST" and call.path.endswith("/flows"):
            raise refusal(400, "no")

    bench.platform.before = refuse
    outcome = bench.apply(made, state, lives)
    assert results(outcome)["suspend f"] == "done"
    assert [call for call in bench.platform.calls if "action" in call] == []


def test_a_flow_whose_stop_failed_is_not_enabled() -> None:
    bench = Bench()
    made = replacing(bench)
    bench.platform.faults.append(Fault("POST", "op=disable", refusal(400, "1422")))
    outcome = bench.apply(*made)
    assert results(outcome) == {"suspend f": "failed", "create f": "skipped", "delete f id-f": "skipped"}
    assert [call for call in bench.platform.calls if "enable" in call] == []


def test_the_old_flow_runs_again_when_its_successor_cannot_go_live() -> None:
    bench = Bench()
    made = replacing(bench, staged=True)

    def refuse(call: Any) -> None:
        if ("op", "enable") in call.query and "flows-2" in call.path:
            raise refusal(400, "not live")

    bench.platform.before = refuse
    outcome = bench.apply(*made)
    assert results(outcome) == {
        "suspend f": "done", "create f": "done", "finish f": "failed", "delete f id-f": "skipped",
    }  # fmt: skip
    assert enabled(bench)


def test_the_old_flow_stays_off_when_all_went_well() -> None:
    bench = Bench()
    assert bench.apply(*replacing(bench, staged=True)).ok
    assert [call for call in bench.platform.calls if "id-f" in call and "enable" in call] == []


def test_somebody_elses_edit_at_the_same_place_is_not_overwritten() -> None:
    bench = Bench()
    made = updating(bench)
    bench.platform.objects["connections/id-a"] |= {"description": "theirs", "etag": '"7"', "updatedBy": "x@y"}
    outcome = bench.apply(*made)
    [found] = outcome.problems
    assert found.code == "conflict"
    assert found.what == "x@y changed /description to 'theirs' while it was about to become 'new'"
    assert bench.platform.objects["connections/id-a"]["description"] == "theirs"
    assert bench.journal.events() == ["intent a", "settled a"]


def test_somebody_elses_edit_elsewhere_stays() -> None:
    bench = Bench()
    made = updating(bench)
    bench.platform.objects["connections/id-a"] |= {"note": "theirs", "etag": '"7"'}
    assert bench.apply(*made).ok
    found = bench.platform.objects["connections/id-a"]
    assert (found["note"], found["description"]) == ("theirs", "new")


def test_a_conflict_that_never_ends_is_told() -> None:
    bench = Bench()
    made = updating(bench)
    stale = ConflictError(Problem("conflict", "stale"), 412)
    bench.platform.faults.append(Fault("PATCH", "connections", stale, times=99))
    outcome = bench.apply(*made)
    [found] = outcome.problems
    assert found.code == "restless"
    assert "after 5 tries /description is still not as wanted" in found.what


def test_the_old_object_of_a_document_that_changed_its_kind_is_deleted_as_what_it_was() -> None:
    bench = Bench()
    old = flow("old")
    state, lives = applied(bench, old)
    made = plan_of([connection("f")], state, lives)
    assert bench.apply(made, state, lives).ok
    assert list(bench.platform.objects) == ["connections/connections-1"]
    posts = [call for call in bench.platform.calls if not call.startswith("GET")]
    assert posts == ["POST flows/id-f/action?op=disable", "POST connections", "DELETE flows/id-f"]


def test_the_old_flow_of_a_document_that_changed_its_kind_runs_again_when_that_fails() -> None:
    bench = Bench()
    state, lives = applied(bench, flow("old"))
    bench.platform.faults.append(Fault("POST", "connections", refusal(400, "no")))
    outcome = bench.apply(plan_of([connection("f")], state, lives), state, lives)
    assert not outcome.ok
    assert enabled(bench)
