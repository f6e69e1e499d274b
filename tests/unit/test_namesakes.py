"""Before a create its namesakes are known, and creates that could be taken for one another have their turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reconciler.core.abilities import Searchable
from reconciler.core.problems import ConflictError, Problem, StoppedError
from reconciler.core.resource import Reply, Resource
from reconciler.core.state.model import Deposed, Entry
from reconciler.core.values import Tree
from reconciler.engine.namesakes import Namesakes, name_of
from reconciler.kinds import kinds
from tests.unit.fakes import START, Bench, Fault, Platform, connection, no_answer, plan_of, refusal, state_of


def named(address: str, name: str, **body: Any) -> Resource:
    return Resource(address, "Connection", {"name": name, "connectionSpec": {"id": "s", "version": "1.0"}, **body})


# -- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [
        ("Connection", {"name": "A"}, "A"),
        ("Connection", {"title": "A"}, ""),
        ("Schema", {"title": "A"}, "A"),
        ("Schema", {"name": "A"}, ""),
        ("FieldGroup", {"title": "A", "name": "b"}, "A"),
        ("Dataset", {"name": "A"}, "A"),
        ("Connection", {"name": None}, ""),
        ("Connection", {"name": 7}, "7"),
        ("Connection", [], ""),
        ("Connection", None, ""),
        ("MappingSet", {"mappings": []}, ""),
    ],
)
def test_the_name_is_in_the_field_that_a_search_goes_by(kind: str, body: Tree, name: str) -> None:
    searchable = kinds()[kind]
    assert isinstance(searchable, Searchable)
    assert name_of(searchable, body) == name


# -- requests --------------------------------------------------------------------------------------------------------
def asked(platform: Platform, wanted: dict[str, set[str]], *names: str) -> list[tuple[str, ...] | None]:
    """Return the namesakes of connections of some names, asked for at the same time."""
    namesakes = Namesakes(platform, wanted)
    kind = kinds()["Connection"]

    async def main() -> list[tuple[str, ...] | None]:
        return list(await asyncio.gather(*(namesakes.of(kind, {"name": name}) for name in names)))

    return asyncio.run(main())


def platform_with(**names: str) -> Platform:
    platform = Platform()
    for ident, name in names.items():
        platform.put("connections", ident, {"name": name})
    return platform


def test_one_name_is_searched_for_and_several_are_listed_once() -> None:
    platform = platform_with(a1="A", a2="A", b1="B", x="X")
    assert asked(platform, {"Connection": {"A"}}, "A") == [("a1", "a2")]
    assert platform.calls == ['GET connections?property=name=="A"&limit=100']
    platform.calls.clear()
    assert asked(platform, {"Connection": {"A", "B", "C"}}, "A", "B", "C", "A") == [
        ("a1", "a2"), ("b1",), (), ("a1", "a2"),
    ]  # fmt: skip
    assert platform.calls == ["GET connections?limit=100"]


def test_a_name_that_nobody_announced_is_searched_for() -> None:
    """The list keeps announced names alone: it says nothing of others."""
    assert asked(platform_with(x="X"), {"Connection": {"A", "B"}}, "X") == [("x",)]


def test_where_the_list_is_refused_each_name_is_searched_for() -> None:
    platform = platform_with(a1="A")
    platform.faults.append(Fault("GET", "connections?limit", refusal(403), times=9))
    assert asked(platform, {"Connection": {"A", "B"}}, "A", "B") == [("a1",), ()]


def test_where_nothing_is_answered_it_is_not_known() -> None:
    platform = platform_with(a1="A")
    platform.faults.append(Fault("GET", "connections", refusal(403), times=9))
    assert asked(platform, {"Connection": {"A", "B"}}, "A") == [None]


# -- turns -----------------------------------------------------------------------------------------------------------
def order(bench: Bench) -> list[str]:
    """Return the intents, posts and results of connections in their order."""
    return [event for event in bench.journal.events() if event.startswith(("intent", "bound"))]


def test_equal_creates_take_turns() -> None:
    """The answers of both are lost. At the same time each would find two objects, and could take that of the other."""
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True, times=2))
    made = plan_of([named("a", "Same"), named("b", "Same")], state_of())
    outcome = bench.apply(made)
    assert outcome.ok, outcome.problems
    assert len(bench.platform.objects) == 2
    entries = bench.journal.books.entries
    assert sorted(entry.id for entry in entries.values()) == ["connections-1", "connections-2"]
    first, second = order(bench)[0][-1], order(bench)[-1][-1]
    assert {first, second} == {"a", "b"}
    assert order(bench).index(f"bound {first}") < order(bench).index(f"intent {second}")


def test_a_turn_ends_with_a_failure() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", refusal(400)))
    outcome = bench.apply(plan_of([named("a", "Same"), named("b", "Same")], state_of()))
    assert sorted(result for _, result in outcome.results.values()) == ["done", "failed"]
    assert len(bench.platform.objects) == 1
    assert bench.journal.books.pending == {}


def test_creates_of_other_names_and_kinds_do_not_wait() -> None:
    bench = Bench()
    source = Resource("c", "SourceConnection", {"name": "A", "connectionSpec": {"id": "s"}})
    assert bench.apply(plan_of([named("a", "A"), named("b", "B"), source], state_of())).ok
    assert [event.split()[0] for event in order(bench)[:3]] == ["intent", "intent", "intent"]
    assert bench.platform.most == 3


def test_nameless_creates_of_equal_content_take_turns() -> None:
    bench = Bench()
    body = {"connectionSpec": {"id": "s", "version": "1.0"}}
    assert bench.apply(plan_of([Resource(name, "Connection", body) for name in "ab"], state_of())).ok
    assert [event.split()[0] for event in order(bench)[:2]] == ["intent", "bound"]


def test_nameless_creates_of_other_content_do_not_wait() -> None:
    bench = Bench()
    bodies = ({"connectionSpec": {"id": "s", "version": "1.0"}, "description": text} for text in "ab")
    made = plan_of([Resource(body["description"], "Connection", body) for body in bodies], state_of())
    assert bench.apply(made).ok
    assert [event.split()[0] for event in order(bench)[:2]] == ["intent", "intent"]


def test_no_two_searches_take_one_object() -> None:
    """Two nameless creates that differ in nothing that counts run at once; both answers are lost."""
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True, times=2))
    spec = {"id": "s", "version": "1.0"}
    one, other = {"connectionSpec": spec, "description": ""}, {"description": "", "connectionSpec": spec}
    made = plan_of([Resource("a", "Connection", one), Resource("b", "Connection", other)], state_of())
    assert bench.apply(made).ok
    entries = bench.journal.books.entries
    assert sorted(entry.id for entry in entries.values()) == ["connections-1", "connections-2"]


def test_the_old_object_of_a_replace_is_not_the_result_of_a_create(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.platform.put("connections", "old", named("other", "Other", description="old").body)
    state = state_of({"other": Entry("Connection", "", deposed=(Deposed("old", "Connection"),))})
    create = Platform._create
    ids = iter(["old"])

    def answer(self: Platform, collection: str, call: Any) -> Reply:
        reply = create(self, collection, call)
        ident = next(ids, None)
        return reply if ident is None else Reply(201, {"id": ident})

    monkeypatch.setattr(Platform, "_create", answer)
    made = plan_of([named("a", "Same"), named("other", "Other")], state)
    outcome = bench.apply(made, state)
    assert outcome.ok, outcome.problems
    assert bench.journal.books.entries["a"].id == "connections-2", "it was looked for, and found"


# -- refusals after a lost answer ------------------------------------------------------------------------------------
def no_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists lag behind: a new object is in none of them."""
    monkeypatch.setattr(Platform, "_list", lambda self, collection, call: Reply(200, {"items": []}))


@pytest.mark.parametrize(
    "later", [refusal(400, "the name is taken"), refusal(403), ConflictError(Problem("c", "x"), 409)]
)
def test_a_refusal_after_a_lost_answer_says_nothing_about_it(later: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt may have been carried out and be missing in the lists still: the next run must look for it."""
    no_lists(monkeypatch)
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True))
    bench.platform.faults.append(Fault("POST", "connections", later))
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert [result for _, result in outcome.results.values()] == ["failed"]
    assert list(bench.journal.books.pending) == ["a"]
    assert bench.journal.events() == ["intent a"]


def test_a_stop_after_a_lost_answer_keeps_the_intent(monkeypatch: pytest.MonkeyPatch) -> None:
    no_lists(monkeypatch)
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", no_answer(), after=True))
    bench.platform.faults.append(Fault("POST", "connections", StoppedError(Problem("stopped", "asked"))))
    outcome = bench.apply(plan_of([connection("a")], state_of()))
    assert [result for _, result in outcome.results.values()] == ["skipped"]
    assert bench.journal.events() == ["intent a"]
    assert bench.journal.books.pending["a"].at == START


def test_a_refusal_of_the_first_attempt_settles_the_intent() -> None:
    bench = Bench()
    bench.platform.faults.append(Fault("POST", "connections", refusal(400)))
    bench.apply(plan_of([connection("a")], state_of()))
    assert bench.journal.events() == ["intent a", "settled a"]
