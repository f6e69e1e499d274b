"""How long a run waits, how often it tries, and how it stops when it is asked to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.api import client, retry
from reconciler.api.pace import Pace
from reconciler.core.problems import StoppedError
from reconciler.engine.stop import Stop, Stoppable
from tests.conftest import FLOW, Cli, Request, Server
from tests.wire.test_faults import Once, one_of_each

pytestmark = pytest.mark.processes
TOO_MANY = (429, [(b"retry-after", b"290")], {"error_code": "429050", "message": "Too many requests"})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a backoff without Retry-After take no time."""
    monkeypatch.setattr(retry, "BASE", 0.0)


# -- retries ------------------------------------------------------------------------------------------------------
def test_a_budget_is_spent_and_earned() -> None:
    budget = retry.Budget(first=2, earned=0.5)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()


def test_a_platform_that_is_down_is_noticed_once_for_all(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    ample = retry.Budget
    monkeypatch.setattr(retry, "Budget", lambda: ample(first=7, earned=0))
    down = Once("GET", FLOW, (503, [], {"message": "down"}), times=10**6)
    server.before.append(down)
    server.clear()
    failed = live("plan")
    assert failed.code == 1
    assert "503 down" in failed.err
    assert failed.err.count("tries nothing again from here on") == 1
    asked = [item for item in server.requests if item.path.startswith(FLOW)]
    assert len(asked) <= 8 + 7, "eight objects, asked once each, and seven tries more"


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("1e9", retry.LONGEST, retry.LONGEST),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", retry.LONGEST, retry.LONGEST),
        ("inf", 0, retry.CAP),
        ("nan", 0, retry.CAP),
        ("soon, please", 0, retry.CAP),
        ("", 0, retry.CAP),
    ],
)
def test_retry_after(header: str, low: float, high: float) -> None:
    assert low <= retry.wait(5, {"retry-after": header}) <= high


def test_backoff_has_full_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.5)
    waits = [[retry.wait(attempt, None) for _ in range(200)] for attempt in range(8)]
    for attempt, found in enumerate(waits):
        top = min(retry.CAP, 0.5 * 2**attempt)
        assert max(found) <= top
        assert min(found) < top / 4, "from nothing on"
        assert max(found) > top * 3 / 4, "up to the whole"


# -- time-outs ----------------------------------------------------------------------------------------------------
def test_an_answer_that_never_comes(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUEST_LIMIT", 0.3)
    live.example("kinesis")
    read, made = Once("GET", FLOW, "hang"), Once("POST", f"{FLOW}/targetConnections", "hang")
    lost = Once("POST", f"{FLOW}/sourceConnections", "hang")
    server.before.extend([read, lost])
    server.after.append(made)
    live.ok("apply", "-y", "--settle", "0.1")
    assert [fault.left for fault in (read, made, lost)] == [0, 0, 0], "each was met"
    assert len(server.bodies("POST", f"{FLOW}/targetConnections")) == 1, "what was made is found, not made again"
    assert len(server.bodies("POST", f"{FLOW}/sourceConnections")) == 2
    one_of_each(server)


def test_a_run_with_a_limit_stops_in_good_order(live: Cli, server: Server) -> None:
    live.example("kinesis")
    full = Once("POST", f"{FLOW}/flows", TOO_MANY, times=10**6)
    server.before.append(full)
    stopped = live("apply", "-y", "--time-limit", "3")
    assert stopped.code == 1
    assert "Stopped after 3 s before: " in stopped.err
    assert "kinesis-summer/flow" in stopped.err
    assert "waiting 290 s with all calls: POST" in stopped.err
    assert "kinesis-summer/flow" not in live.state["resources"]
    server.before.remove(full)
    live.ok("apply", "-y", "--time-limit", "600", "--settle", "0.1")
    one_of_each(server)


# -- the shared slow-down -----------------------------------------------------------------------------------------
def test_a_pause_holds_everybody_and_a_stop_lets_them_go() -> None:
    pace = Pace(3)
    entered: list[int] = []

    async def call(number: int) -> None:
        async with pace.slot():
            entered.append(number)

    async def main() -> list[Any]:
        await call(0)
        assert pace.pause(3600), "the first pause is news"
        assert not pace.pause(1800), "a shorter one is none"
        calls = [asyncio.ensure_future(call(number)) for number in range(1, 9)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert entered == [0]
        pace.stop()
        return await asyncio.gather(*calls, return_exceptions=True)

    ends = asyncio.run(main())
    assert entered == [0]
    assert all(isinstance(item, StoppedError) for item in ends)


def test_after_a_stop_what_needs_no_wait_still_goes() -> None:
    pace = Pace(1)
    went = []

    async def main() -> None:
        pace.stop()
        async with pace.slot():
            went.append(1)

    asyncio.run(main())
    assert went == [1]


def test_a_clock_that_is_stopped() -> None:
    class Slow:
        def now(self) -> int:
            return 5

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    async def main() -> None:
        stop = Stop()
        clock = Stoppable(Slow(), stop)
        assert clock.now() == 5
        await clock.sleep(0)
        sleeper = asyncio.ensure_future(clock.sleep(3600))
        await asyncio.sleep(0)
        stop.ask("enough")
        stop.ask("later reasons do not count")
        with pytest.raises(StoppedError):
            await sleeper
        assert stop.why == "enough"

    asyncio.run(main())


# -- signals ------------------------------------------------------------------------------------------------------
class Signals:
    """Sends a signal at each request that `when` picks, and answers it with `verdict`."""

    def __init__(self, number: signal.Signals, when: Callable[[Request], bool], verdict: Any = None) -> None:
        self.number, self.when, self.verdict = number, when, verdict
        self.process: subprocess.Popen[str] | None = None
        self.sent = 0

    def __call__(self, request: Request) -> Any:
        if self.process is None or not self.when(request):
            return None
        self.process.send_signal(self.number)
        self.sent += 1
        return self.verdict


def run(server: Server, signals: list[Signals], *options: str) -> tuple[int, str]:
    """Run an apply as a process of its own; return its exit code and stderr."""
    server.before.extend(signals)
    command = [sys.executable, "-m", "reconciler", "apply", "-y", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for item in signals:
            item.process = process
        _, err = process.communicate(timeout=60)
    for item in signals:
        server.before.remove(item)
    assert "Traceback" not in err
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_does_not_sit_out_a_wait(live: Cli, server: Server, number: signal.Signals) -> None:
    live.example("kinesis")
    at_flow = Signals(number, lambda seen: (seen.method, seen.path) == ("POST", f"{FLOW}/flows"), TOO_MANY)
    code, err = run(server, [at_flow])
    assert code == 130, err
    assert "Stopped before: kinesis-summer/flow" in err
    assert len(live.state["resources"]) == 4, "the rest was finished and written"
    assert live.state["pending"] == {}, "what waited for its turn was not sent"
    live.ok("apply", "-y", "--settle", "0.1")
    one_of_each(server)


def test_a_second_interrupt_stops_at_once(live: Cli, server: Server) -> None:
    live.example("kinesis")

    first = Signals(signal.SIGINT, lambda seen: seen.method == "POST" and FLOW in seen.path and not first.sent, "hang")
    server.before.append(first)
    command = [sys.executable, "-m", "reconciler", "apply", "-y"]
    err = ""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        first.process = process
        assert process.stderr is not None
        for line in process.stderr:  # signals that come too close are one: the second waits until the first is heeded
            err += line
            if "once more stops at once" in line:
                process.send_signal(signal.SIGINT)
        code = process.wait(60)
    server.before.remove(first)
    assert code == 130, err
    assert "Stopped at once" in err
    assert "Traceback" not in err
    assert live.state["pending"] == {} or live("plan").code == 0
    live.ok("apply", "-y", "--settle", "0.1")
    one_of_each(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_planning(live: Cli, server: Server, number: signal.Signals) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    before = live.state
    reading = Signals(number, lambda seen: seen.method == "GET" and FLOW in seen.path, "hang")
    code, err = run(server, [reading])
    assert code == 130, err
    assert "interrupted" in err
    assert live.state == before
    live.ok("plan")


# -- the tool's own credentials -----------------------------------------------------------------------------------
def test_a_token_is_asked_for_again_when_the_service_stumbles(live: Cli, server: Server) -> None:
    live.example("customer-io")
    server.before.append(Once("POST", "/ims/token", (503, [], {"error": "busy"}), times=2))
    server.before.append(Once("POST", "/ims/token", "drop"))
    live.ok("apply", "-y")
    assert len([item for item in server.requests if item.path == "/ims/token/v3"]) == 4
    server.before.append(Once("POST", "/ims/token", (500, [], {"error": "down"}), times=99))
    failed = live("plan")
    assert "500 down" in failed.err


@pytest.mark.parametrize(
    ("answered", "fresh_for", "old_after"), [(86400, 85000, 86000), (86_400_000, 85000, 86000), (600, 250, 350)]
)
def test_a_token_is_renewed_before_its_end_whatever_the_clocks_say(
    monkeypatch: pytest.MonkeyPatch, answered: int, fresh_for: int, old_after: int
) -> None:
    """How long it lives is counted from when it came, on a clock that nobody sets: skew is no matter."""
    import httpx2

    from reconciler.api import auth

    now, asked, hidden = [1000.0], [0], []
    monkeypatch.setattr(auth.time, "monotonic", lambda: now[0])

    def ims(_request: httpx2.Request) -> httpx2.Response:
        asked[0] += 1
        return httpx2.Response(200, json={"access_token": f"token-{asked[0]}", "expires_in": answered})

    async def main() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(ims)) as http:
            own = auth.ClientCredentials(http, "https://ims", "id", "secret", ["a"], hide=hidden.append)
            assert await asyncio.gather(*(own.token() for _ in range(20))) == ["token-1"] * 20
            now[0] += fresh_for
            assert await own.token() == "token-1"
            now[0] += old_after - fresh_for
            assert await asyncio.gather(*(own.token() for _ in range(20))) == ["token-2"] * 20
            assert await asyncio.gather(*(own.token(stale="token-2") for _ in range(20))) == ["token-3"] * 20

    asyncio.run(main())
    assert hidden == ["token-1", "token-2", "token-3"]


def test_fewer_run_at_once_after_a_429_and_more_again_when_it_goes_well() -> None:
    pace = Pace(16)

    async def main() -> None:
        rounds = []
        for _ in range(16):
            slot = pace.slot()
            rounds.append((slot, await slot.__aenter__()))
        for _, number in rounds:  # all of them are refused: that is one word of the platform, not sixteen
            pace.slower(number)
        assert pace.allowed == 8
        for slot, _ in rounds:
            await slot.__aexit__(None, None, None)
        async with pace.slot() as number:
            pace.slower(number)
        assert pace.allowed == 1, "only one ran, and that was too much"
        for _ in range(200):
            pace.faster()
        assert pace.allowed == 16, "and not more than was asked for"

    asyncio.run(main())


def test_never_more_at_once_than_allowed_and_nobody_is_forgotten() -> None:
    pace = Pace(8)
    running = most = done = 0

    async def call(number: int) -> None:
        nonlocal running, most, done
        async with pace.slot() as round_:
            running += 1
            most = max(most, running)
            try:
                await asyncio.sleep(0)
            finally:
                running -= 1
            if number % 37 == 0:
                pace.slower(round_)
            else:
                pace.faster()
            done += 1

    async def main() -> None:
        calls = [asyncio.ensure_future(call(number)) for number in range(400)]
        for task in calls[::50]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        async with pace.slot():
            pass

    asyncio.run(main())
    assert 1 <= most <= 8
    assert done >= 392


def test_progress_tells_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    import click

    from reconciler.cli.terminal import Progress
    from reconciler.engine.ports import Event

    now = [0.0]
    with click.Context(click.Command("apply")):
        few = Progress(2, lambda: now[0])
        few.tell(Event("start", "a/flow", "create"))
        now[0] = 2.0
        few.tell(Event("done", "a/flow", "create", ident="f1"))
        assert "a/flow: created f1 (2.0 s)" in capsys.readouterr().err
        many = Progress(40_000, lambda: now[0])
        for number in range(1000):
            now[0] += 0.011
            many.tell(Event("done", f"f{number}", "create"))
        many.tell(Event("failed", "bad/flow", "create", "no"))
        told = capsys.readouterr().err
        assert told.count("\n") == 2, "one line in ten seconds, and what failed"
        assert "910 of 40,000 done, 91 a second, about 7 min left" in told
        assert "bad/flow: create failed: no" in told
        for number in range(100):
            many.tell(Event("skipped", f"s{number}", "create"))
        many.close()
        assert "1,001 of 40,000 done, 100 skipped, 91 a second" in capsys.readouterr().err
