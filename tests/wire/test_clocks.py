"""Exactly-once without clocks: the platform's clock, its Date header and the local clock may disagree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from reconciler.api import retry
from reconciler.app.platform import SystemClock
from reconciler.emulator.options import Options
from tests.conftest import FLOW, PREP, Cli, Server, point_at, serve
from tests.wire.test_faults import COLLECTIONS, Once, one_of_each

SKEWS = (-3600.0, -60.0, -5.0, 5.0, 60.0, 3600.0)
"""Seconds by which the clock that stamps objects differs from the one of the Date header."""

CLOCKS = (
    *((skew, True, 0.0) for skew in SKEWS),
    *((skew, False, ours) for skew, ours in zip(SKEWS, (5.0, 0.0, 5.0, 0.0, -5.0, 3600.0), strict=True)),
    (-5.0, True, 3600.0),
    (-5.0, True, -3600.0),
)
"""The skew, whether there is a Date header, and by how many seconds the local clock is ahead."""


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.001)


@pytest.fixture(params=CLOCKS, ids=str)
def skewed(request: pytest.FixtureRequest, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An emulator whose clocks disagree with each other and with the local one; the command line points at it."""
    skew, dated, ours = request.param
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + int(ours * 1000))
    for server in serve(Options(clock_skew=skew, date_header=dated)):
        point_at(server, monkeypatch)
        yield server


@pytest.mark.parametrize("moment", ["before", "after"])
def test_lost_answers_make_no_twins(cli: Cli, skewed: Server, moment: str) -> None:
    """One apply loses the first answer of every collection: in front of the create, or after it."""
    cli.example("customer-io")
    cli.example("kinesis")
    drops = [
        Once("POST", path, "drop") for path in (*(f"{FLOW}/{kind}" for kind in COLLECTIONS), f"{PREP}/mappingSets")
    ]
    getattr(skewed, moment).extend(drops)
    cli.ok("apply", "-y", "--settle", "0.1")
    assert [drop.left for drop in drops] == [0] * len(drops)
    assert [len(skewed.items(kind)) for kind in COLLECTIONS] == [2, 2, 2, 2]
    assert len(skewed.storage_items("mappingSets")) == 1
    assert cli("plan", "--detailed-exitcode").code == 0


def test_the_next_run_finds_it(cli: Cli, skewed: Server) -> None:
    cli.example("kinesis")
    drop = Once("POST", f"{FLOW}/flows", "drop")
    skewed.after.append(drop)
    skewed.before.append(Once("GET", f"{FLOW}/flows", (403, [], {"message": "lists are down"}), after=drop))
    assert cli("apply", "-y", "--settle", "0.1", "--no-checks").code == 1
    assert "kinesis-summer/flow" in cli.state["pending"]
    cli.ok("apply", "-y", "--settle", "0.1")
    one_of_each(skewed)


def test_an_older_twin_is_never_ours(cli: Cli, skewed: Server) -> None:
    """An equal object of the same client that existed before stays what it is, whatever its time says."""
    cli.example("kinesis")
    cli.ok("apply", "-y")
    older = cli.id("kinesis-summer/flow")
    cli.afresh()
    cli.example("kinesis")
    skewed.before.append(Once("POST", f"{FLOW}/flows", "drop"))
    cli.ok("apply", "-y", "--settle", "0.1")
    assert cli.id("kinesis-summer/flow") != older
    assert {item["id"] for item in skewed.items("flows")} == {older, cli.id("kinesis-summer/flow")}


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("step", [-40_000, -3_600_000, 3_600_000], ids=str)
def test_our_own_clock_may_step(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, step: int, carried_out: bool
) -> None:
    """A step of our clock neither makes a twin nor prolongs a wait: waits are counted by a clock that cannot step."""
    slept: list[float] = []
    real = SystemClock.sleep

    async def sleep(self: SystemClock, seconds: float) -> None:
        slept.append(seconds)
        await real(self, 0)

    ticks = itertools.count()
    monkeypatch.setattr(SystemClock, "sleep", sleep)
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: sum(slept) + next(ticks) / 1000)
    live.example("kinesis")
    drop = Once("POST", f"{FLOW}/connections", "drop")
    (server.after if carried_out else server.before).append(drop)
    server.before.append(Once("GET", f"{FLOW}/connections", (403, [], {"message": "lists are down"}), after=drop))
    assert live("apply", "-y", "--settle", "3", "--no-checks").code == 1
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + step)
    slept.clear()
    live.ok("apply", "-y", "--settle", "3", "--no-checks")
    one_of_each(server)
    assert sum(slept) <= 3.5


def test_rows_in_another_order_are_the_same_mapping(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for server in serve(Options(noise=True)):
        point_at(server, monkeypatch)
        cli.example("customer-io")
        server.after.append(Once("POST", f"{PREP}/mappingSets", "drop"))
        cli.ok("apply", "-y", "--settle", "0.1")
        assert len(server.storage_items("mappingSets")) == 1
        assert cli("plan", "--detailed-exitcode").code == 0


# -- deletes ---------------------------------------------------------------------------------------------------------
def test_an_object_on_its_way_out_is_waited_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a delete is lost; the repeated one is refused because the object is being deleted already."""
    for server in serve(Options(deletes_accepted=True, settle_delay=0.5)):
        point_at(server, monkeypatch)
        cli.example("kinesis")
        cli.ok("apply", "-y")
        server.after.append(Once("DELETE", f"{FLOW}/flows/", "drop"))
        cli.ok("destroy", "-y")
        assert [server.items(kind) for kind in COLLECTIONS] == [[], [], [], []]
        assert cli.state["resources"] == {}


def test_the_next_run_waits_for_what_is_on_its_way_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for server in serve(Options(deletes_accepted=True, settle_delay=0.5)):
        point_at(server, monkeypatch)
        cli.example("kinesis")
        cli.ok("apply", "-y")
        server.call("DELETE", f"{FLOW}/flows/{cli.id('kinesis-summer/flow')}")
        server.clear()
        cli.ok("destroy", "-y")
        flows = [item for item in server.requests if item.method == "DELETE" and item.path.startswith(f"{FLOW}/flows/")]
        assert flows == [], "it is not deleted again"
        assert server.items("connections") == []


@pytest.mark.parametrize("code", ["1418-400", "1447-400"])
def test_a_delete_refused_because_of_a_user_that_is_leaving_is_tried_again(
    live: Cli, server: Server, code: str
) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    refusal = (400, [], {"type": f"http://ns.adobe.com/aep/errors/FLOW-{code}", "title": "it is used by flows"})
    server.before.append(Once("DELETE", f"{FLOW}/connections/", refusal, times=2))
    live.ok("destroy", "-y")
    assert server.items("connections") == []


def test_an_object_that_stays_in_use_is_not_waited_for_without_end(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    refusal = (400, [], {"type": "http://ns.adobe.com/aep/errors/FLOW-1418-400", "title": "it is used by flows"})
    server.before.append(Once("DELETE", f"{FLOW}/connections/", refusal, times=1000))
    failed = live("destroy", "-y", "--wait-timeout", "0")
    assert failed.code == 1
    assert "it is used by flows" in failed.err
