"""One access token, fetched and renewed once for all callers (IMS token/v3, api-authentication.md)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

import httpx2

from reconciler.api import retry
from reconciler.api.body import ENCODINGS, UnexpectedAnswer, decode, read
from reconciler.core.problems import ApiError, Problem
from reconciler.core.resource import Reply
from reconciler.network.failures import Failure, failure_of

_EARLY = 500.0
"""Seconds before its end at which a token is renewed."""
_LIFETIME = 3600.0
"""Seconds that a token is taken to live where the answer does not say it; IMS gives about a day."""
_LIMIT = 60.0
"""Seconds for one whole request."""
_URL = "AEP_IMS_URL"
_CHECK = "check AEP_CLIENT_ID, AEP_CLIENT_SECRET and AEP_SCOPES against the Developer Console"


class Credentials(Protocol):
    """Where the bearer token comes from."""

    async def token(self, stale: str | None = None) -> str:
        """Return a token; `stale` is one the platform just refused, so another is wanted."""
        ...


class StaticToken:
    """A token given from outside; it cannot be renewed."""

    def __init__(self, value: str) -> None:
        self._value = value

    async def token(self, stale: str | None = None) -> str:
        """Return the token. Raises `ApiError` when the platform has refused it."""
        if stale is not None:
            raise ApiError(
                Problem(
                    "token-refused",
                    "the platform does not accept the access token",
                    "set a fresh AEP_ACCESS_TOKEN, or AEP_CLIENT_ID and AEP_CLIENT_SECRET to have it renewed",
                ),
                401,
            )
        return self._value


class ClientCredentials:
    """OAuth server-to-server: client id and secret for a token of about a day, kept in memory only."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        ims_url: str,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str],
        hide: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = http
        self._hide = hide
        self._url = ims_url.rstrip("/") + "/ims/token/v3"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": ",".join(scopes),
        }
        self._lock = asyncio.Lock()
        self._value = ""
        self._ends = 0.0
        self._contact = retry.Contact()
        self._refusal: ApiError | None = None

    async def token(self, stale: str | None = None) -> str:
        """Return a token, fetching one when there is none, it is about to end, or it equals `stale`."""
        async with self._lock:  # whoever comes second finds the fresh token
            if self._value and time.monotonic() < self._ends and self._value != stale:
                return self._value
            if self._refusal is not None:
                raise ApiError(self._refusal.problems, self._refusal.status)
            try:
                await self._fetch()
            except ApiError as error:
                if (
                    not self._value or 400 <= error.status < 500
                ):  # the next call would learn the same, after the same wait
                    self._refusal = error
                raise
            return self._value

    async def _fetch(self) -> None:
        reply, unusable = await self._ask()
        body = reply.body if isinstance(reply.body, dict) else {}
        if reply.status >= 400:
            self._refuse(reply.status, f"{reply.status} {_reason(reply)}")
        if unusable or not body:
            shown = f": {reply.body}" if isinstance(reply.body, str) and reply.body else ""
            why = unusable or "its body is not a JSON object"
            self._refuse(reply.status, f"the answer is not that of a token service: {reply.status}, but {why}{shown}")
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            self._refuse(reply.status, f"{reply.status}, but without an access_token: {_reason(reply)}")
        if not (token.isascii() and token.isprintable()) or " " in token:
            self._refuse(reply.status, f"{reply.status}, but the access_token holds characters that no header may hold")
        seconds = _lifetime(body.get("expires_in"))
        self._value = token
        self._hide(self._value)
        self._ends = time.monotonic() + max(seconds - _EARLY, seconds / 2)

    def _refuse(self, status: int, what: str) -> NoReturn:
        advice = _CHECK if 400 <= status < 500 else f"check {_URL}, and proxies and gateways on the way"
        raise ApiError(Problem("ims-refused", f"POST {self._url}: {what}", advice), status)

    async def _ask(self) -> tuple[Reply, str]:
        """Ask for a token, again where that may help: a token asked for twice does no harm."""
        began = time.monotonic()
        for attempt in range(retry.ATTEMPTS):
            if self._contact.lost is not None:
                raise _unreachable(self._url, self._contact.lost)
            last = attempt == retry.ATTEMPTS - 1
            try:
                reply, unusable = await self._once()
            except httpx2.HTTPError as error:
                failure = failure_of(error, self._url)
                seconds = retry.wait(attempt)
                if last or time.monotonic() - began + seconds > self._contact.patience(failure):
                    self._contact.give_up(failure)
                    raise _unreachable(self._url, failure) from None
            else:
                self._contact.met = True
                again = reply.status == 429 or reply.status >= 500 or (reply.status < 400 and bool(unusable))
                seconds = retry.wait(attempt, reply.headers)
                if last or not again or time.monotonic() - began + seconds > retry.LONGEST:
                    return reply, unusable
            await asyncio.sleep(seconds)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self) -> tuple[Reply, str]:
        """Return the answer, and why its body is not usable, or an empty text."""
        # in the body, not the query, so that no proxy logs it
        request = self._http.build_request(
            "POST", self._url, data=self._form, headers={"Accept": "application/json", "Accept-Encoding": ENCODINGS}
        )
        try:
            async with asyncio.timeout(_LIMIT):
                answer = await self._http.send(request, stream=True)
                try:
                    return decode(answer.status_code, await read(answer), answer.headers)
                except UnexpectedAnswer as error:
                    return Reply(answer.status_code, None, answer.headers), str(error)
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no whole answer within {_LIMIT:g} s", request=request) from None


def _unreachable(url: str, failure: Failure) -> ApiError:
    """Return the error for a token service that gave no answer."""
    what = f"POST {url}: {failure.what}" if failure.sent else failure.what
    return ApiError(Problem(failure.code, what, failure.advice(_URL)))


def _reason(reply: Reply) -> str:
    """Return the error code and its description (RFC 6749, 5.2), or the beginning of the body."""
    body = reply.body
    if isinstance(body, dict):
        words = [str(body[name]) for name in ("error", "error_description", "message") if body.get(name)]
        said = ": ".join(words) or "no reason given"
    else:
        said = str(body) if body else "no reason given"
    return "".join(letter if letter.isprintable() else " " for letter in said)[:500]


def _lifetime(value: object) -> float:
    """Return the seconds that a token lives, by `expires_in` as a number or a numeral."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else _LIFETIME
    except (ValueError, OverflowError):
        return _LIFETIME
    if not math.isfinite(seconds) or seconds <= 0:
        return _LIFETIME
    return seconds / 1000 if seconds > 1e6 else seconds  # the retired JWT exchange counted in milliseconds
