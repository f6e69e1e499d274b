"""What a plan touches is planned from the object itself, whatever a list or a guess made of it."""

from __future__ import annotations

import asyncio
from graphlib import CycleError
from typing import Any

import pytest

from reconciler.core import graph
from reconciler.core.resource import Call, Reply, Resource
from reconciler.core.state.model import Entry, State
from reconciler.engine import refresh
from reconciler.kinds import kinds

COUNT = 30


class Platform:
    """Lists flows in one page and gives each by itself; counts what it was asked."""

    offset = 0
    client = ""

    def __init__(self, shown: dict[str, Any], listed: dict[str, Any]) -> None:
        self.shown, self.listed = shown, listed
        self.asked: list[str] = []

    async def send(self, call: Call, *, etag: str | None = None, accept: Any = ()) -> Reply:
        """Answer a read."""
        ident = call.path.rpartition("/flows")[2].strip("/")
        self.asked.append(ident or "list")
        await asyncio.sleep(0)
        items = [self.shown[ident]] if ident else list(self.listed.values())
        return Reply(200, {"items": items, "_links": {}})


class Secrets:
    """None."""

    def changed(self, secret: Any, seen: Any) -> bool | None:
        """Never asked."""
        raise AssertionError


def body(number: int, frequency: str = "day") -> dict[str, Any]:
    return {"name": f"flow {number}", "scheduleParams": {"frequency": frequency, "timeUnit": "day"},
            "state": "enabled"}  # fmt: skip


def planned(wanted: dict[int, str], *, large: bool) -> tuple[Any, Any, Platform]:
    """Plan `COUNT` flows whose schedules the platform gave a member of its own; some want another frequency."""
    names = {number: f"f{number}/flow" for number in range(COUNT)}
    live = {
        f"id{number}": {**body(number), "id": f"id{number}", "etag": f'"e{number}"',
                        "scheduleParams": {"frequency": "day", "timeUnit": "day", "timezone": "UTC"}}
        for number in names
    }  # fmt: skip
    entries = {
        name: Entry("Flow", f"id{number}", f'"e{number}"', applied=body(number)) for number, name in names.items()
    }
    state = State("l", "default", "p", "o", "s", 1, entries)
    resources = {
        name: Resource(name, "Flow", body(number, wanted.get(number, "day"))) for number, name in names.items()
    }
    api = Platform(live, live)
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(refresh, "_LARGE", 10)
        made, lives = asyncio.run(
            refresh.refresh(api, kinds(), {}, state, resources, list(entries), Secrets(), now=0)  # type: ignore[arg-type]
        )
    return made, lives, api


@pytest.mark.parametrize("large", [False, True])
def test_a_unit_goes_with_what_the_platform_put_there(large: bool) -> None:
    made, lives, api = planned({7: "week"}, large=large)
    (change,) = made.effective
    assert change.patch == (
        {
            "op": "replace",
            "path": "/scheduleParams",
            "value": {"frequency": "week", "timeUnit": "day", "timezone": "UTC"},
        },
    )
    assert lives["f7/flow"].body["scheduleParams"]["timezone"] == "UTC"
    assert api.asked == ["list", "id7"]


@pytest.mark.parametrize("large", [False, True])
def test_nothing_changed_is_one_page(large: bool) -> None:
    made, lives, api = planned({}, large=large)
    assert made.effective == ()
    assert made.summary()["noop"] == COUNT
    assert {change.etag for change in made.changes} == {f'"e{number}"' for number in range(COUNT)}
    assert len(lives) == COUNT
    assert api.asked == ["list"]


def test_a_circle_is_named_whatever_else_is_there() -> None:
    edges = {"a": ["b", "x", "y"], "b": ["a"], "c": []}
    assert graph.cycle(edges) is not None
    with pytest.raises(CycleError):
        graph.order(edges)
    assert graph.order({"a": ["b"], "b": [], "c": ["b", "elsewhere"]}) == ["b", "elsewhere", "a", "c"]
