"""The object that an unanswered create made is found again: it, nothing else, and never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.fingerprint import UNPROVEN
from reconciler.core.problems import ApiError, Problem, ReconcilerError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.state.model import Deposed, Entry, Pending, Record, State
from reconciler.core.values import Fingerprint
from reconciler.engine.settle import bound, find, old_ones, settle_pending
from reconciler.kinds import kinds
from reconciler.kinds._flow_service import DATA_LAKE
from tests.unit.fakes import START, FakeClock, state_of

BODY = {"name": "A", "connectionSpec": {"id": "s"}, "auth": {"params": {"key": Fingerprint("sent::"), "user": "u"}}}
SHOWN = {"name": "A", "connectionSpec": {"id": "s"}, "auth": {"params": {"user": "u"}}}
ORIGIN = Provenance("a.yaml", True, True, {"team": "crm"})
INTENT = Pending(
    "create", "Connection", START, (), name="A", body=BODY, provenance=ORIGIN, dependencies=("b",), client="client"
)


class Lists:
    """An Api that answers each list with the next of some pages, the last one repeatedly; or raises it."""

    client = "client"
    offset: int | None = None

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)
        self.calls: list[Call] = []

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        self.calls.append(call)
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, Exception):
            raise page
        return Reply(200, page if isinstance(page, dict) else {"items": page})


def item(ident: str, created: int = START, **more: Any) -> dict[str, Any]:
    return {"id": ident, "createdAt": created, "etag": f'"{ident}"', **SHOWN, **more}


def search(
    api: Lists,
    pending: Pending = INTENT,
    taken: Collection[str] = (),
    settle: float = 2.0,
    clock: FakeClock | None = None,
) -> Live | None:
    kind = kinds()[pending.kind]
    return asyncio.run(find(api, kind, pending, "the/address", taken, clock or FakeClock(), settle))


def problem(error: pytest.ExceptionInfo[ReconcilerError]) -> Problem:
    [found] = error.value.problems
    return found


# -- find -----------------------------------------------------------------------------------------------------------
def test_what_was_made_is_found_at_once() -> None:
    clock, api = FakeClock(), Lists([item("new")])
    live = search(api, clock=clock)
    assert live == Live("new", item("new"), '"new"')
    assert clock.slept == []
    assert [call.query[0] for call in api.calls] == [("property", 'name=="A"')]


@pytest.mark.parametrize("created", [0, START - 5000, START, START + 5000, 2 * START])
@pytest.mark.parametrize(
    ("namesakes", "is_it"), [(("twin",), False), (("x", "twin"), False), (("x",), True), ((), True)]
)
def test_a_twin_that_existed_before_is_somebody_elses(created: int, namesakes: tuple[str, ...], is_it: bool) -> None:
    """The clocks of the platform and of this machine may be wrong by any amount."""
    live = search(Lists([item("twin", created)]), replace(INTENT, namesakes=namesakes))
    assert (live is not None) is is_it


def test_an_older_twin_does_not_hide_what_was_made() -> None:
    live = search(Lists([item("twin"), item("new")]), replace(INTENT, namesakes=("twin",)))
    assert live is not None
    assert live.id == "new"


def test_where_it_is_not_known_what_existed_before_nothing_is_taken() -> None:
    pending = replace(INTENT, namesakes=None)
    with pytest.raises(ReconcilerError) as error:
        search(Lists([item("new")]), pending)
    assert problem(error).code == "two-candidates"
    assert problem(error).what == "a create was interrupted, and new may be its result"
    assert search(Lists([]), pending) is None


@pytest.mark.parametrize(
    ("sent_with", "made_with", "is_it"),
    [("client", "client", True), ("client", "other", False), ("", "other", True), ("client", None, True)],
)
def test_what_another_credential_made_is_not_taken(sent_with: str, made_with: str | None, is_it: bool) -> None:
    shown = item("new") if made_with is None else {**item("new"), "createdClient": made_with}
    assert (search(Lists([shown]), replace(INTENT, client=sent_with)) is not None) is is_it


def test_what_is_bound_elsewhere_is_not_taken() -> None:
    assert search(Lists([item("bound")]), taken={"bound"}) is None
    live = search(Lists([item("bound"), item("new")]), taken={"bound"})
    assert live is not None
    assert live.id == "new"


def test_two_twins_are_never_guessed_between() -> None:
    clock = FakeClock()
    with pytest.raises(ReconcilerError) as error:
        search(Lists([item("one"), item("two")]), clock=clock)
    assert problem(error).code == "two-candidates"
    assert problem(error).address == "the/address"
    assert problem(error).what == "a create was interrupted, and one and two may be its result"
    advice = "bind the right one: reconciler import 'the/address' ID; or delete what is too many, then run this again"
    assert problem(error).next == advice
    assert clock.slept == []


@pytest.mark.parametrize(
    "shown", [{"connectionSpec": {"id": "other"}}, {"auth": {"params": {"user": "x"}}}, {"auth": {}}]
)
def test_other_content_is_another_object(shown: dict[str, Any]) -> None:
    assert search(Lists([item("new", **shown)])) is None


def test_what_the_platform_adds_does_not_count() -> None:
    assert search(Lists([item("new", state="enabled", auth={"params": {"user": "u", "more": 1}})])) is not None


@pytest.mark.parametrize(("first", "second", "newest"), [(START, START + 1, "two"), (START + 1, START, "one")])
def test_of_nameless_ones_the_newest_is_taken(first: int, second: int, newest: str) -> None:
    body = {"mappings": [{"source": "a", "destination": "b"}]}
    pending = Pending("create", "MappingSet", START, (), body=body)
    times = {"one": first, "two": second}
    page = {"data": [{"id": ident, "createdDate": created, **body} for ident, created in times.items()]}
    live = search(Lists(page), pending)
    assert live is not None
    assert live.id == newest


def test_what_no_list_shows_is_not_looked_for() -> None:
    api = Lists([item("new")])
    assert search(api, Pending("create", "AdHocSchema", START, body={"name": "A"})) is None
    assert api.calls == []


def test_a_lagging_list_is_waited_for() -> None:
    clock = FakeClock()
    live = search(Lists([], [], [item("new")]), clock=clock)
    assert live is not None
    assert clock.slept == [1.0, 1.0]


def test_the_wait_is_over_after_the_time_to_settle() -> None:
    clock, api = FakeClock(), Lists([])
    assert search(api, settle=2.5, clock=clock) is None
    assert clock.slept == [1.0, 1.0, 0.5]
    assert len(api.calls) == 4, "it looks once more at the end"


@pytest.mark.parametrize(("late", "looks"), [(-5000, 3), (0, 3), (1999, 2), (2000, 1), (2001, 1)])
def test_an_intent_of_long_ago_is_looked_for_once(late: int, looks: int) -> None:
    """One from the future, as after this machine's clock was set back, is waited for as one of right now."""
    api = Lists([])
    nameless = replace(INTENT, client="")  # for which there is no second look
    assert settled(api, {"a": nameless}, settle=2.0, clock=FakeClock(START + late)) == [Record("settled", "a")]
    assert len(api.calls) == looks


def test_a_singleton_is_read_not_searched() -> None:
    """There is one at most, so no name and no list is needed."""
    api = Lists({"labels": ["C1"]})
    pending = Pending("create", "DatasetLabels", START, (), body={"dataset": "d", "labels": ["C1"]})
    live = search(api, pending, taken={"d"})
    assert live == Live("d", {"dataset": "d", "labels": ["C1"]})
    assert [str(call) for call in api.calls] == ["GET /data/foundation/dataset/datasets/d/labels"]
    assert search(Lists({"labels": [], "optionalLabels": []}), pending) is None, "an empty one does not exist"


def test_where_there_is_no_filter_every_page_is_read() -> None:
    following = {"items": [item("x", name="B")], "_links": {"next": {"href": "/connections?continuationToken=t"}}}
    api = Lists(ApiError(Problem("api", "1449"), 400), following, [item("new")])
    with pytest.raises(ReconcilerError, match="one and new"):
        search(Lists(*api.pages[:1], {**following, "items": [item("one")]}, [item("new")]))
    live = search(api)
    assert live is not None
    assert live.id == "new"
    assert [dict(call.query).get("continuationToken") for call in api.calls] == [None, None, "t"]
    assert "property" not in dict(api.calls[1].query)


@pytest.mark.parametrize(
    ("kind", "status"), [("Connection", 500), ("Connection", 404), ("MappingSet", 400), ("Connection", 0)]
)
def test_a_search_that_fails_is_no_answer(kind: str, status: int) -> None:
    api = Lists(ApiError(Problem("api", "down"), status))
    with pytest.raises(ApiError, match="down"):
        search(api, replace(INTENT, kind=kind, body={"name": "A"}))
    assert len(api.calls) == 1


# -- settle ---------------------------------------------------------------------------------------------------------
def settled(
    api: Lists,
    pending: Mapping[str, Pending],
    entries: Mapping[str, Entry] | None = None,
    scope: Sequence[str] = ("a", "b", "c"),
    settle: float = 1.0,
    clock: FakeClock | None = None,
) -> list[Record]:
    state = State("l", "default", "p", "o", "s", 1, entries or {}, pending)
    return asyncio.run(settle_pending(api, kinds(), state, clock or FakeClock(), settle, scope))


def test_what_was_made_is_bound_with_all_that_the_intent_knew() -> None:
    [record] = settled(Lists([item("new")]), {"a": INTENT})
    applied = {**SHOWN, "auth": {"params": {"key": UNPROVEN, "user": "u"}}}
    assert record == Record(
        "bound",
        "a",
        entry=Entry("Connection", "new", '"new"', ORIGIN, applied, ("b",)),
    )


def test_an_intent_without_effect_is_over() -> None:
    assert settled(Lists([]), {"a": INTENT}) == [Record("settled", "a")]


@pytest.mark.parametrize("action", ["update", "delete"])
def test_an_update_or_delete_needs_no_look(action: Any) -> None:
    api = Lists([item("new")])
    assert settled(api, {"a": replace(INTENT, action=action)}) == [Record("settled", "a")]
    assert api.calls == []


def test_what_is_out_of_scope_waits() -> None:
    api = Lists([item("new")])
    assert [record.address for record in settled(api, {"x": INTENT, "a": INTENT, "y": INTENT}, scope=["a"])] == ["a"]
    assert settled(api, {"x": INTENT}, scope=["a"]) == []


def test_one_object_is_never_bound_twice() -> None:
    first, second = settled(Lists([item("new")]), {"a": INTENT, "b": INTENT})
    assert (first.event, first.address) == ("bound", "a")
    assert second == Record("settled", "b")


def test_objects_of_the_state_are_taken_the_old_ones_too() -> None:
    entries = {
        "b": Entry("Connection", "bound"),
        "c": Entry("Connection", "c1", deposed=(Deposed("old", "Connection"), Deposed("older", "Connection"))),
    }
    page = [item("bound"), item("old"), item("older")]
    assert settled(Lists(page), {"a": INTENT}, entries) == [Record("settled", "a")]
    [record] = settled(Lists([*page, item("new")]), {"a": INTENT}, entries)
    assert record.entry is not None
    assert record.entry.id == "new"


def test_the_object_that_it_replaces_becomes_an_old_one() -> None:
    before = Entry("Connection", "old", dependencies=("x",), deposed=(Deposed("older", "Flow"),))
    [record] = settled(Lists([item("new")]), {"a": INTENT}, {"a": before})
    assert record.entry is not None
    assert record.entry.deposed == (Deposed("older", "Flow"), Deposed("old", "Connection", ("x",)))
    assert old_ones(None) == ()
    assert old_ones(replace(before, id="")) == (Deposed("older", "Flow"),)


def test_a_record_needs_no_entry_before() -> None:
    record = bound("a", INTENT, Live("i", {}, None, {"version": 3}), None)
    assert record.entry is not None
    assert record.entry.outputs == {"version": 3}
    assert record.entry.etag is None


# -- edited since ----------------------------------------------------------------------------------------------------
def edited(ident: str, **more: Any) -> dict[str, Any]:
    """Return what was made, with a description that was changed in the UI before this run."""
    return item(ident, **{"description": "theirs", "updatedAt": START + 9, "createdClient": "client", **more})


WROTE = replace(INTENT, body={**BODY, "description": "ours"})


def test_what_somebody_edited_since_is_still_ours() -> None:
    [record] = settled(Lists([edited("new")]), {"a": WROTE})
    assert record.event == "bound"
    assert record.address == "a"
    assert record.entry is not None
    assert record.entry.id == "new"
    assert record.entry.applied["description"] == "ours"


@pytest.mark.parametrize(
    "shown",
    [
        {"createdClient": "somebody"},
        {"updatedAt": START},  # made by us, and never edited: then the content would be ours
        {"connectionSpec": {"id": "other"}},
        {"connectionSpec": "s"},
        {"name": "B"},
    ],
)
def test_what_is_not_surely_ours_is_left_alone(shown: dict[str, Any]) -> None:
    assert settled(Lists([edited("new", **shown)]), {"a": WROTE}) == [Record("settled", "a")]


def test_an_edited_object_that_is_bound_is_not_taken() -> None:
    assert settled(Lists([edited("new")]), {"a": WROTE}, {"b": Entry("Connection", "new")}) == [Record("settled", "a")]


@pytest.mark.parametrize("missing", [{"client": ""}, {"name": ""}])
def test_without_name_or_client_nothing_is_ours(missing: dict[str, Any]) -> None:
    shown = edited("new", **({"createdClient": ""} if "client" in missing else {"name": ""}))
    assert settled(Lists([shown]), {"a": replace(WROTE, **missing)}) == [Record("settled", "a")]


@pytest.mark.parametrize(
    ("namesakes", "event"), [((), "bound"), (("other",), "bound"), (("new",), "settled"), (None, "settled")]
)
@pytest.mark.parametrize("created", [START - 5000, START, START + 5000])
def test_an_edited_object_must_not_have_existed_before(
    namesakes: tuple[str, ...] | None, event: str, created: int
) -> None:
    [record] = settled(Lists([edited("new", createdAt=created)]), {"a": replace(WROTE, namesakes=namesakes)})
    assert record.event == event


def test_an_edited_object_replaces_the_one_before_and_is_bound_once() -> None:
    other = replace(WROTE, kind="SourceConnection", name="A")
    first, second = settled(Lists([edited("new")]), {"a": WROTE, "b": other}, {"a": Entry("Connection", "old")})
    assert (first.event, second.event) == ("bound", "settled")
    assert first.entry is not None
    assert first.entry.deposed == (Deposed("old", "Connection"),)


def test_what_is_fixed_depends_on_the_body() -> None:
    """The parameters of a destination change in place, those of the data lake do not."""
    body = {"name": "A", "connectionSpec": {"id": "s"}, "params": {"stream": "ours"}}
    pending = Pending("create", "TargetConnection", START, (), name="A", body=body, client="client")
    shown = {**edited("new"), "params": {"stream": "theirs"}}
    assert [record.event for record in settled(Lists([shown]), {"a": pending})] == ["bound"]
    lake = {**body, "connectionSpec": {"id": DATA_LAKE}}
    shown = {**shown, "connectionSpec": {"id": DATA_LAKE}}
    assert [record.event for record in settled(Lists([shown]), {"a": replace(pending, body=lake)})] == ["settled"]


def test_an_error_of_the_search_names_the_address() -> None:
    with pytest.raises(ReconcilerError) as error:
        settled(Lists([item("one"), item("two")]), {"a": INTENT})
    assert problem(error).address == "a"


def test_two_edited_ones_are_never_guessed_between() -> None:
    with pytest.raises(ReconcilerError) as error:
        settled(Lists([edited("one"), edited("two")]), {"a": WROTE})
    assert problem(error).code == "two-candidates"
    assert problem(error).address == "a"


def test_two_intents_of_one_name_cannot_share_an_edited_object() -> None:
    with pytest.raises(ReconcilerError) as error:
        settled(Lists([edited("one")]), {"a": WROTE, "b": WROTE})
    assert problem(error).code == "two-candidates"
    other = replace(WROTE, name="B", body={**BODY, "name": "B", "description": "ours"})
    first, second = settled(Lists([edited("one")]), {"a": WROTE, "b": other})
    assert (first.event, second.event) == ("bound", "settled")


def test_an_edited_object_is_bound_once() -> None:
    """The second look comes after every first one: a plain twin of another intent is not taken for an edited one."""
    plain = replace(INTENT, name="A")
    records = settled(Lists([edited("new", description="ours")]), {"a": plain, "b": replace(WROTE, kind="Connection")})
    assert [record.event for record in records] == ["bound", "settled"]


def test_fixed_fields_in_lists_are_compared() -> None:
    body = {"name": "F", "flowSpec": {"id": "s"}, "sourceConnectionIds": ["s1", "s2"], "description": "ours"}
    pending = Pending("create", "Flow", START, (), name="F", body=body, client="client")
    shown = {**body, "id": "f", "createdAt": START, "updatedAt": START + 1, "createdClient": "client",
             "description": "theirs"}  # fmt: skip
    assert [record.event for record in settled(Lists([shown]), {"a": pending})] == ["bound"]
    for ids in (["s1", "x"], ["x", "s2"], ["s1"], [], "s1", None):
        records = settled(Lists([{**shown, "sourceConnectionIds": ids}]), {"a": pending})
        assert [record.event for record in records] == ["settled"], ids


def test_nothing_pending_asks_nothing() -> None:
    api = Lists([])
    assert asyncio.run(settle_pending(api, kinds(), state_of(), FakeClock(), 1.0, ())) == []
    assert api.calls == []
