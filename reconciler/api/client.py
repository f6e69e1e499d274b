"""Sends one Call with the documented headers; retries what may be retried, names what went wrong."""

from __future__ import annotations

import asyncio
import email.utils
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx

from reconciler.api import retry
from reconciler.api.auth import Credentials
from reconciler.api.pace import Pace
from reconciler.core.call_path import require_safe
from reconciler.core.problems import AmbiguousError, ApiError, ConflictError, Problem
from reconciler.core.resource import Call, Reply

Say = Callable[[str], None]

REQUEST_LIMIT = 120.0
"""Seconds for one whole request; time-outs of single reads alone would let a trickling answer go on for ever."""

_ADVICE = {
    401: "the credentials are not accepted: check AEP_CLIENT_ID and AEP_CLIENT_SECRET, or AEP_ACCESS_TOKEN",
    403: "check in the Admin Console that the credential's product profile may do this in this sandbox",
    404: "check the id, and that it lives in this sandbox",
    422: "the platform wants another value here: see its message",
}


_GOVERNANCE = "leave out the labelled fields, or have a data steward change the label or the policy"


_READ = httpx.ByteStream(b"")


class Client:
    """The door to one platform, organization and sandbox.

    `trace` gets one line for each call and `notice` says why it waits. `limit` is how many seconds one request may
    take from its first byte to the last of its answer, `budget` how often the whole run may try again.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: Credentials,
        *,
        organization: str,
        sandbox: str,
        api_key: str,
        pace: Pace,
        trace: Say | None = None,
        notice: Say | None = None,
        limit: float | None = None,
        budget: retry.Budget | None = None,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._headers = {
            "x-api-key": api_key,
            "x-gw-ims-org-id": organization,
            "x-sandbox-name": sandbox,
        }
        self._pace = pace
        self._trace = trace
        self._notice = notice
        self._limit = limit or REQUEST_LIMIT
        self._budget = budget or retry.Budget()
        self._told = False
        self.client = api_key
        """The client id of the credential, as the platform notes it in what is made (`createdClient`)."""
        self.offset: int | None = None
        """Milliseconds to add to our clock to get the server's, by its last `Date` header; None before there is one."""

    async def login(self) -> None:
        """Get a token, and nothing else. Raises `ApiError` when there is none to be had."""
        await self._credentials.token()

    def stop(self) -> None:
        """Let calls that go through at once end, and end every wait with a `StoppedError`."""
        self._pace.stop()

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        """Send `call` and return the answer when it is 2xx or in `accept`.

        `etag` goes into If-Match of a guarded call. Raises `ConflictError` on 412, `AmbiguousError` when a call
        that is not safe to repeat may have been carried out, `ApiError` for everything else. A call with
        an unsafe path raises `ReconcilerError` before anything is sent.
        """
        require_safe(call)
        renewed: str | None = None
        began = time.monotonic()
        for attempt in range(retry.ATTEMPTS):
            token = await self._credentials.token(renewed)
            request = str(uuid.uuid4())
            try:
                answer = await self._once(call, etag, token, request)
            except httpx.HTTPError as error:
                verdict = retry.of_error(call, error)
                why = f"{call.method} {call.path}: {type(error).__name__}"
                if verdict is retry.Verdict.UNKNOWN or not await self._again(attempt, began, why):
                    raise self._no_answer(call, error, request, verdict) from None
                continue
            status = answer.status_code
            reply, broken = _reply(answer)
            if self._wants_token(reply) and renewed is None and attempt < retry.ATTEMPTS - 1:
                renewed = token
                continue
            again = retry.of_status(call, status)
            if broken and again is None and status < 400:
                again = retry.Verdict.AGAIN if call.safe else retry.Verdict.UNKNOWN
            if again is retry.Verdict.AGAIN:
                after = answer.headers.get("retry-after")
                why = f"{call.method} {call.path}: {status}"
                if await self._again(attempt, began, why, after, shared=status == 429):
                    continue
            if (200 <= status < 300 and not broken) or status in accept:
                self._budget.earn()
                return reply
            raise self._refused(call, reply, request, again)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, call: Call, etag: str | None, token: str, request: str) -> httpx.Response:
        headers = {**self._headers, "Authorization": f"Bearer {token}", "x-request-id": request}
        if call.guarded and etag is not None:
            headers["If-Match"] = etag
        headers.update(call.headers)
        extra: dict[str, Any] = {"json": call.body} if call.body is not None else {}
        if call.query:
            extra["params"] = list(call.query)
        async with self._pace.slot() as round_:
            began = time.monotonic()
            status = "no answer"
            try:
                async with asyncio.timeout(self._limit):
                    answer = await self._http.request(call.method, call.path, headers=headers, **extra)
                answer.stream = _READ  # what was read knows its answer, which knows it: neither would go by itself
                status = str(answer.status_code)
                if answer.status_code == 429:
                    self._pace.slower(round_)
                else:
                    self._pace.faster()
            except TimeoutError:
                raise httpx.ReadTimeout(f"no whole answer in {self._limit:g} s") from None
            finally:
                if self._trace:
                    took = (time.monotonic() - began) * 1000
                    query = "?" + "&".join(f"{key}={value}" for key, value in call.query) if call.query else ""
                    line = f"{call.method} {call.path}{query} → {status} in {took:.0f} ms, x-request-id {request}"
                    self._trace(line)
        self._note_clock(answer.headers)
        return answer

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        stamp = headers.get("date")
        if stamp:
            try:
                there = email.utils.parsedate_to_datetime(stamp).timestamp()
            except ValueError:
                return
            self.offset = round((there - time.time()) * 1000)

    async def _again(
        self, attempt: int, began: float, why: str, after: str | None = None, *, shared: bool = False
    ) -> bool:
        """Wait before the next attempt and return True; False when there is to be none.

        `began` is when the call was first sent (monotonic seconds), `after` a Retry-After header. A `shared` wait
        slows everybody down. Raises `StoppedError` when the run is asked to stop meanwhile.
        """
        seconds = retry.wait(attempt, after)
        over = time.monotonic() - began + seconds > retry.LONGEST
        if attempt == retry.ATTEMPTS - 1 or over or not self._spend():
            return False
        news = self._pace.pause(seconds) if shared else True  # whoever comes next waits at the gate, this call too
        if self._notice and seconds >= 1 and news:
            self._notice(f"waiting {seconds:.0f} s{' with all calls' if shared else ''}: {why}")
        if not shared:
            await self._pace.sleep(seconds)
        return True

    def _spend(self) -> bool:
        """Take one retry out of the run's budget; say so once when it is empty."""
        there = self._budget.spend()
        if not there and self._notice and not self._told:
            self._told = True
            self._notice("the platform fails so often that this run tries nothing again from here on")
        return there

    @staticmethod
    def _wants_token(reply: Reply) -> bool:
        """401, or the Flow Service's own 400 with 2114 or 2115 (api-facts no. 13)."""
        return reply.status == 401 or (reply.status == 400 and error_code(reply.body) in ("2114-400", "2115-400"))

    def _no_answer(self, call: Call, error: httpx.HTTPError, request: str, verdict: retry.Verdict) -> ApiError:
        what = f"{call}: no answer ({type(error).__name__}; x-request-id {request})"
        if verdict is retry.Verdict.UNKNOWN:
            advice = "it may have been carried out; the next run looks before it tries again"
            return AmbiguousError(Problem("no-answer", what, advice))
        return ApiError(Problem("unreachable", what, "check the network and AEP_PLATFORM_URL, then run it again"))

    def _refused(self, call: Call, reply: Reply, request: str, verdict: retry.Verdict | None) -> ApiError:
        status, code = reply.status, error_code(reply.body)
        said = error_text(reply.body) or "no message"
        said = "".join(letter if letter.isprintable() else " " for letter in said)
        what = f"{call}: {status} {said} (x-request-id {request})"
        if verdict is retry.Verdict.UNKNOWN:
            advice = "it may have been carried out; the next run looks before it tries again"
            return AmbiguousError(Problem("ambiguous", what, advice), status, code)
        violations = policy_violations(reply.body)
        if status == 412 or (status == 409 and call.guarded and not violations):  # 409: the Dataset Service's word
            return ConflictError(Problem("conflict", what, "it was changed elsewhere; plan again"), status, code)
        if violations:
            what = f"{call}: {status} data governance forbids it: {'; '.join(violations)}"
            return ApiError(Problem("governance", f"{what} (x-request-id {request})", _GOVERNANCE), status, code)
        return ApiError(Problem("refused", what, _ADVICE.get(status, "")), status, code)


def _reply(answer: httpx.Response) -> tuple[Reply, bool]:
    """Return the decoded answer, and whether its body is there but is no JSON."""
    if not answer.content.strip():
        return Reply(answer.status_code, None, answer.headers), False
    try:
        return Reply(answer.status_code, answer.json(), answer.headers), False
    except ValueError:
        return Reply(answer.status_code, answer.text[:500], answer.headers), True


def error_text(body: Any) -> str:
    """Return the message of an error body, whichever service it came from (api-facts 1.5)."""
    if not isinstance(body, dict):
        return str(body or "")
    for name in ("detail", "errorMessage", "message", "errorDetails", "title", "error_description"):
        if body.get(name):
            return str(body[name])
    return ""


def policy_violations(body: Any) -> list[str]:
    """Return which data usage policies an error body names, in words (dataset-service.yaml, ConflictError)."""
    found = body.get("violations") if isinstance(body, dict) else None
    return [
        f"policy {policy.get('name') or policy.get('id')!r} against {violation.get('enforcementRef', 'this action')}"
        for violation in (found if isinstance(found, list) else ())
        if isinstance(violation, dict)
        for policy in violation.get("violatedPolicies") or [{"name": "unnamed"}]
    ]


def error_code(body: Any) -> str:
    """Return the code of an error body: `1403-400`, `401013`, … or an empty text."""
    if not isinstance(body, dict):
        return ""
    code = body.get("error_code") or body.get("code")
    if code is None and isinstance(body.get("type"), str):
        code = body["type"].rpartition("/")[2].removeprefix("FLOW-")
    return str(code or "")
