"""Which failure may be sent again, and when."""

from __future__ import annotations

import email.utils
import random
import time

import httpx2
import pytest

from reconciler.api import retry
from reconciler.api.retry import Budget, Contact, Verdict, of_error, of_status, wait
from reconciler.core.resource import Call
from reconciler.network.failures import Failure, Remedy, failure_of

READ, WRITE = Call("GET", "/x"), Call("POST", "/x")
DELETE, QUESTION = Call("DELETE", "/x"), Call("POST", "/x", read_only=True)
NEVER_LEFT = [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout]
MAYBE = [httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError]


@pytest.mark.parametrize("error", NEVER_LEFT)
@pytest.mark.parametrize("call", [READ, WRITE, DELETE])
def test_what_never_left_is_sent_again(error: type[httpx2.HTTPError], call: Call) -> None:
    assert of_error(call, failure_of(error("x"), "https://h/x")) is Verdict.AGAIN


@pytest.mark.parametrize("error", MAYBE)
def test_a_write_without_an_answer_may_have_happened(error: type[httpx2.HTTPError]) -> None:
    assert of_error(WRITE, failure_of(error("x"), "https://h/x")) is Verdict.UNKNOWN
    for call in (READ, DELETE, QUESTION):
        assert of_error(call, failure_of(error("x"), "https://h/x")) is Verdict.AGAIN


@pytest.mark.parametrize(
    ("status", "write", "read"),
    [
        (200, None, None),
        (400, None, None),
        (404, None, None),
        (412, None, None),
        (428, None, None),
        (429, Verdict.AGAIN, Verdict.AGAIN),
        (430, None, None),
        (499, None, None),
        (500, Verdict.UNKNOWN, Verdict.AGAIN),
        (503, Verdict.UNKNOWN, Verdict.AGAIN),
        (599, Verdict.UNKNOWN, Verdict.AGAIN),
    ],
)
def test_an_answer(status: int, write: Verdict | None, read: Verdict | None) -> None:
    assert of_status(WRITE, status) is write
    assert of_status(READ, status) is read
    assert of_status(QUESTION, status) is read


# -- when ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("0.5", 0.5), ("-3", 0.0), ("299", 299.0), ("301", 300.0), ("1e9", 300.0)],
)
def test_seconds_are_obeyed(header: str, seconds: float) -> None:
    assert wait(5, {"retry-after": header}) == seconds


def test_a_date_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    for stamp, seconds in ((1_700_000_042, 42.0), (1_699_999_000, 0.0), (1_800_000_000, 300.0)):
        assert wait(0, {"retry-after": email.utils.formatdate(stamp, usegmt=True)}) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:27:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 08:28:00 GMT", 0.0),
        ("nonsense", 0.0),
        ("", 0.0),
    ],
)
def test_a_date_is_one_of_the_clock_that_sent_it(date: str, seconds: float) -> None:
    """The local clock counts only where the answer has no date: by it, 2015 is over."""
    assert wait(0, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": date}) == seconds


@pytest.mark.parametrize("header", [None, "", "soon", "inf", "-inf", "nan"])
@pytest.mark.parametrize(
    ("attempt", "most"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (7, 30.0), (20, 30.0)]
)
def test_else_it_backs_off_with_full_jitter(
    attempt: int, most: float, header: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.25

    monkeypatch.setattr(random, "uniform", uniform)
    assert wait(attempt, None if header is None else {"retry-after": header}) == 0.25
    assert asked == [(0, most)]


def test_the_limits_are_as_documented() -> None:
    assert (retry.ATTEMPTS, retry.BASE, retry.CAP, retry.LONGEST) == (6, 0.5, 30.0, 300.0)
    assert retry.FIRST == 4.0


# -- how often -------------------------------------------------------------------------------------------------------
def test_a_budget_is_spent() -> None:
    budget = Budget(first=2, earned=0.5)
    assert [budget.spend() for _ in range(4)] == [True, True, False, False]


def test_a_budget_is_earned() -> None:
    budget = Budget(first=0, earned=0.5)
    budget.earn()
    assert not budget.spend(), "half a retry is none"
    budget.earn()
    assert budget.spend()
    assert not budget.spend()


def test_a_run_has_a_hundred_retries_and_one_for_every_ten_calls() -> None:
    budget = Budget()
    assert [budget.spend() for _ in range(101)] == [*[True] * 100, False]
    for _ in range(11):
        budget.earn()
    assert [budget.spend() for _ in range(2)] == [True, False]


# -- for how long ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("remedy", "met", "seconds"),
    [
        (Remedy.RETRY, False, 300.0),
        (Remedy.RETRY, True, 300.0),
        (Remedy.LATER, False, 4.0),
        (Remedy.LATER, True, 300.0),
        (Remedy.NEVER, False, 0.0),
        (Remedy.NEVER, True, 0.0),
    ],
)
def test_a_failure_that_concerns_every_call_ends_the_others(remedy: Remedy, met: bool, seconds: float) -> None:
    contact, failure = Contact(), Failure("code", "failed", remedy=remedy)
    assert (contact.met, contact.lost) == (False, None)
    contact.met = met
    assert contact.patience(failure) == seconds
    contact.give_up(failure)
    assert contact.lost is (failure if seconds < 300.0 else None)
