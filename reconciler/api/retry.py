"""Which failure may be sent again, and when: a table and a clock reading, nothing more."""

from __future__ import annotations

import email.utils
import math
import random
import time
from collections.abc import Mapping
from enum import Enum

from reconciler.core.resource import Call
from reconciler.network.failures import Failure, Remedy

ATTEMPTS = 6
BASE, CAP = 0.5, 30.0
LONGEST = 300.0
"""Seconds: no Retry-After is obeyed beyond, and no call is tried for longer."""
FIRST = 4.0
"""Seconds for which a host that never answered in this run is tried: its address or the way to it may be wrong."""


class Budget:
    """How often a whole run may try again: so many times, and once more for every ten calls that went well.

    A platform that is down is noticed once, not once for each of a thousand objects.
    """

    def __init__(self, first: int = 100, earned: float = 0.1) -> None:
        self._left = float(first)
        self._earned = earned

    def earn(self) -> None:
        """Note a call that went well."""
        self._left += self._earned

    def spend(self) -> bool:
        """Take one retry; tell whether there was one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Verdict(Enum):
    """What a failure means for the call."""

    AGAIN = "send it again"
    UNKNOWN = "it may have been carried out: look before sending again"


class Contact:
    """The way to a host in one run: whether the host ever answered, and why it was given up.

    A failure that concerns every call is found by one call; the others end with the same error at once.
    """

    def __init__(self) -> None:
        self.met = False
        self.lost: Failure | None = None

    def patience(self, failure: Failure) -> float:
        """Return for how many seconds a call may be tried again after `failure`."""
        if failure.remedy is Remedy.NEVER:
            return 0.0
        return FIRST if failure.remedy is Remedy.LATER and not self.met else LONGEST

    def give_up(self, failure: Failure) -> None:
        """Note that no call is tried again after `failure`."""
        if self.patience(failure) < LONGEST:
            self.lost = failure


def of_error(call: Call, failure: Failure) -> Verdict:
    """Judge a call without an answer: it never left, or it may have been carried out."""
    return Verdict.UNKNOWN if failure.sent and not call.safe else Verdict.AGAIN


def of_status(call: Call, status: int) -> Verdict | None:
    """Judge an answer: 429 was refused unread; 5xx may come after the commit; None is no transient failure."""
    if status == 429:
        return Verdict.AGAIN
    if status >= 500:
        return Verdict.AGAIN if call.safe else Verdict.UNKNOWN
    return None


def wait(attempt: int, headers: Mapping[str, str] | None = None) -> float:
    """Return the seconds to wait before attempt number `attempt` + 1: Retry-After, else backoff with full jitter.

    `headers` are those of the answer, by lower-case name.
    """
    retry_after = headers.get("retry-after") if headers else None
    named = _seconds(retry_after, headers.get("date")) if headers and retry_after else None
    if named is not None:
        return min(max(named, 0.0), LONGEST)
    return random.uniform(0, min(CAP, BASE * 2**attempt))


def _seconds(retry_after: str, date: str | None) -> float | None:
    """Return how long a Retry-After header, seconds or a date (RFC 9110, 10.2.3), asks to wait; None for nonsense.

    A date is compared with the `date` of the same answer: the local clock counts only where there is none.
    """
    try:
        found = float(retry_after)
    except ValueError:
        there = timestamp(retry_after)
        if there is None:
            return None
        now = timestamp(date)
        return there - (time.time() if now is None else now)
    return found if math.isfinite(found) else None


def timestamp(date: str | None) -> float | None:
    """Return a date of a header in seconds since the epoch; None where it is not one."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None
