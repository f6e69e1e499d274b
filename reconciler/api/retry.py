"""Which failure may be sent again, and when: a table and a clock reading, nothing more."""

from __future__ import annotations

import email.utils
import random
import time
from enum import Enum

import httpx

from reconciler.core.resource import Call

ATTEMPTS = 6
BASE, CAP = 0.5, 30.0


class Verdict(Enum):
    """What a failure means for the call."""

    AGAIN = "send it again"
    UNKNOWN = "it may have been carried out: look before sending again"


def of_error(call: Call, error: httpx.HTTPError) -> Verdict:
    """Judge a call without an answer: it never left, or it may have been carried out."""
    never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Verdict.AGAIN if never_left or call.safe else Verdict.UNKNOWN


def of_status(call: Call, status: int) -> Verdict | None:
    """Judge an answer: 429 was refused unread; 5xx may come after the commit; None is no transient failure."""
    if status == 429:
        return Verdict.AGAIN
    if status >= 500:
        return Verdict.AGAIN if call.safe else Verdict.UNKNOWN
    return None


def wait(attempt: int, retry_after: str | None) -> float:
    """Return the seconds to wait before attempt number `attempt` + 1: Retry-After, else backoff with full jitter."""
    if retry_after:
        try:
            return min(max(float(retry_after), 0.0), 300.0)
        except ValueError:
            when = email.utils.parsedate_to_datetime(retry_after) if "," in retry_after else None
            if when is not None:
                return min(max(when.timestamp() - time.time(), 0.0), 300.0)
    return random.uniform(0, min(CAP, BASE * 2**attempt))
