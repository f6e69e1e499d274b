"""One access token, fetched and renewed once for all callers (api-facts 1.3; IMS token/v3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx

from reconciler.api import retry
from reconciler.core.problems import ApiError, Problem

_EARLY = 500.0
"""Seconds before its end at which a token is renewed."""


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
        http: httpx.AsyncClient,
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

    async def token(self, stale: str | None = None) -> str:
        """Return a token, fetching one when there is none, it is about to end, or it equals `stale`."""
        async with self._lock:  # whoever comes second finds the fresh token
            if not self._value or time.monotonic() >= self._ends or self._value == stale:
                await self._fetch()
            return self._value

    async def _fetch(self) -> None:
        answer = await self._ask()
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if answer.status_code != 200 or "access_token" not in body:
            said = body.get("error_description") or body.get("error") or "no token in the answer"
            raise ApiError(
                Problem(
                    "ims-refused",
                    f"POST {self._url}: {answer.status_code} {said}",
                    "check AEP_CLIENT_ID, AEP_CLIENT_SECRET and AEP_SCOPES against the Developer Console",
                ),
                answer.status_code,
            )
        seconds = float(body.get("expires_in", 3600))
        if seconds > 1e6:  # the retired JWT exchange counted in milliseconds
            seconds /= 1000
        self._value = body["access_token"]
        self._hide(self._value)
        self._ends = time.monotonic() + max(seconds - _EARLY, seconds / 2)

    async def _ask(self) -> httpx.Response:
        """Ask for a token, again where that may help: a token asked for twice does no harm."""
        for attempt in range(retry.ATTEMPTS):
            last = attempt == retry.ATTEMPTS - 1
            try:
                # in the body, not the query, so that no proxy logs it
                answer = await self._http.post(self._url, data=self._form)
            except httpx.HTTPError as error:
                if last:
                    what = f"POST {self._url}: {type(error).__name__}"
                    raise ApiError(Problem("ims-unreachable", what, "check the network and AEP_IMS_URL")) from None
                await asyncio.sleep(retry.wait(attempt, None))
                continue
            if last or (answer.status_code != 429 and answer.status_code < 500):
                return answer
            await asyncio.sleep(retry.wait(attempt, answer.headers.get("retry-after")))
        raise AssertionError("the last attempt returns or raises")
