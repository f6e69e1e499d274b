"""How long a call is tried that gets no answer: a clock and a network made of lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2
import pytest

from reconciler.api import client as client_module
from reconciler.api import retry
from reconciler.api.auth import StaticToken
from reconciler.api.client import Client
from reconciler.api.pace import Pace
from reconciler.core.problems import AmbiguousError, ApiError
from reconciler.core.resource import Call
from reconciler.network.failures import Failure, NoAnswerError, Remedy

READ = Call("GET", "/data/x")
MAKE = Call("POST", "/data/x", body={})
REFUSED = Failure("connection-refused", "connection refused by h:1", "check {setting}", Remedy.LATER)
UNTRUSTED = Failure("certificate", "not trusted", "x", Remedy.NEVER)
RESET = Failure("connection-reset", "reset", sent=True)


class World:
    """A network whose next outcomes are listed (None is an answer), and a clock that only waits move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: Failure | None, wait: float = 1.0) -> None:
        self.outcomes, self.now, self.asked = list(outcomes), 0.0, 0
        monkeypatch.setattr(client_module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(retry, "wait", lambda attempt, after: wait)

        async def sleep(pace: Pace, seconds: float) -> None:
            self.now += seconds

        monkeypatch.setattr(Pace, "sleep", sleep)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        self.asked += 1
        failure = self.outcomes.pop(0)
        if failure is not None:
            raise NoAnswerError(failure)
        return httpx2.Response(200, json={})

    def run(self, *calls: Call) -> list[object]:
        """Send the calls one after the other; return the answers and errors."""

        async def main() -> list[object]:
            transport = httpx2.MockTransport(self.answer)
            async with httpx2.AsyncClient(transport=transport, base_url="http://h:1") as http:
                own = Client(http, StaticToken("t"), organization="o", sandbox="s", api_key="k", pace=Pace(1))
                return [await outcome(lambda call=call: own.send(call)) for call in calls]

        return asyncio.run(main())


async def outcome(send: Callable[[], object]) -> object:
    """Return what a call returns or raises."""
    try:
        return await send()  # type: ignore[misc]
    except ApiError as error:
        return error


def test_a_host_that_never_answered_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, *[REFUSED] * 99)
    first, second = world.run(READ, MAKE)
    assert world.now <= 5
    assert world.asked == 5, "tried again, but not for longer than four seconds, and the second call not at all"
    assert str(first) == str(second) == "error: connection refused by h:1 (check AEP_PLATFORM_URL)"
    assert not isinstance(second, AmbiguousError)


def test_a_host_that_answered_before_is_tried_like_any_other_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, None, *[REFUSED] * 5, None, wait=20)
    assert not any(isinstance(item, ApiError) for item in world.run(READ, MAKE))
    assert world.now == 100


def test_what_cannot_heal_is_never_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, None, UNTRUSTED, None)
    first, second, third = world.run(READ, READ, READ)
    assert not isinstance(first, ApiError)
    assert str(second) == str(third)
    assert world.asked == 2


def test_a_create_that_was_sent_is_ambiguous_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, RESET, RESET, None)
    first, second = world.run(MAKE, READ)
    assert isinstance(first, AmbiguousError)
    assert "POST /data/x: reset (x-request-id " in str(first)
    assert not isinstance(second, ApiError)
