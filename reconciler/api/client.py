"""Sends one Call with the documented headers; retries what may be retried, names what went wrong."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import httpx2

from reconciler.api import retry
from reconciler.api.auth import Credentials
from reconciler.api.body import ENCODINGS, UnexpectedAnswer, decode, read
from reconciler.api.error_bodies import body_text, error_code, error_text, policy_violations, says_absent
from reconciler.api.pace import Pace
from reconciler.core.call_path import require_safe
from reconciler.core.problems import AmbiguousError, ApiError, ConflictError, Problem
from reconciler.core.resource import Call, Reply
from reconciler.network.exact_json import encoded
from reconciler.network.failures import Failure, NoAnswerError, failure_of

Say = Callable[[str], None]

REQUEST_LIMIT = 120.0
"""Seconds for one whole request; time-outs of single reads alone would let a trickling answer go on for ever."""

_ADVICE = {
    401: "the credentials are not accepted: check AEP_CLIENT_ID and AEP_CLIENT_SECRET, or AEP_ACCESS_TOKEN",
    403: "check in the Admin Console that the credential's product profile may do this in this sandbox",
    404: "check the id, and that it lives in this sandbox",
    422: "the platform wants another value here: see its message",
}

_ENTITLED = re.compile(r"entitle|quota|licen[cs]e|\blimit|maximum|exceed", re.IGNORECASE)
_LIMIT = "delete objects that are not needed, or have the entitlement of the organization raised"
_MAYBE = "it may have been carried out; the next run looks before it tries again"
_GOVERNANCE = "leave out the labelled fields, or have a data steward change the label or the policy"
_URL = "AEP_PLATFORM_URL"


class _Answer(NamedTuple):
    """An answer that was read: why it cannot be used is empty where it can."""

    reply: Reply
    unusable: str


class Client:
    """The door to one platform, organization and sandbox.

    `trace` gets one line for each call and `notice` says why it waits. `limit` is how many seconds one request may
    take from its first byte to the last of its answer, `budget` how often the whole run may try again.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
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
            "Accept-Encoding": ENCODINGS,
        }
        self._pace = pace
        self._trace = trace
        self._notice = notice
        self._limit = limit or REQUEST_LIMIT
        self._budget = budget or retry.Budget()
        self._told = False
        self._contact = retry.Contact()
        self.reached = False
        """Whether the platform has answered a call of this run in the sandbox, and not with a refusal."""
        self.client = api_key
        """The client id of the credential, as the platform notes it in what is made (`createdClient`)."""
        self.offset: int | None = None
        """Milliseconds to add to our clock to get the server's, by its last `Date` header; None before there is one."""

    @property
    def lost(self) -> Problem | None:
        """The reason why the platform is not asked any more, the same for every call; None while it is."""
        return None if self._contact.lost is None else _unreachable(self._contact.lost).problems[0]

    async def login(self) -> None:
        """Get a token, and nothing else. Raises `ApiError` when there is none to be had."""
        await self._credentials.token()

    def stop(self) -> None:
        """Let calls that go through at once end, and end every wait with a `StoppedError`."""
        self._pace.stop()

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        """Send `call` and return the answer when it is 2xx or in `accept`.

        A 2xx has the documented shape of the call. `accept` with 404 takes only the documented "not found", a 400 with
        that error code included, and returns it as a 404. `etag` goes into If-Match of a guarded call. Raises
        `ConflictError` on 412, `AmbiguousError` when a call that is not safe to repeat may have been carried out,
        `ApiError` for everything else. A call with an unsafe path
        raises `ReconcilerError` before anything is sent.
        """
        require_safe(call)
        renewed: str | None = None
        began = time.monotonic()
        for attempt in range(retry.ATTEMPTS):
            if self._contact.lost is not None:
                raise _unreachable(self._contact.lost)
            token = await self._credentials.token(renewed)
            request = str(uuid.uuid4())
            try:
                reply, unusable = await self._once(call, etag, token, request)
            except httpx2.HTTPError as error:
                failure = failure_of(error, str(self._http.base_url))
                verdict = retry.of_error(call, failure)
                if verdict is retry.Verdict.UNKNOWN or not await self._after_failure(call, failure, attempt, began):
                    self._contact.give_up(failure)
                    raise self._no_answer(call, failure, request, verdict) from None
                continue
            self._contact.met = True
            status = reply.status
            if self._wants_token(reply) and renewed is None and attempt < retry.ATTEMPTS - 1:
                renewed = token
                continue
            unusable = unusable or self._fault(call, reply, accept)
            unexpected = bool(unusable) and (status < 400 or status in accept)
            again = retry.of_status(call, status)
            if unexpected and again is None:
                again = retry.Verdict.AGAIN if call.safe else retry.Verdict.UNKNOWN
            if again is retry.Verdict.AGAIN:
                why = f"{call.method} {call.path}: {status}"
                if await self._again(attempt, began, why, reply.headers, shared=status == 429):
                    continue
            if unexpected:
                raise self._unexpected(call, reply, unusable, request, again)
            absent = 404 in accept and says_absent(reply)
            if absent or 200 <= status < 300 or (status in accept and status != 404):
                self._budget.earn()
                self.reached = True
                return Reply(404, reply.body, reply.headers) if absent else reply
            raise self._refused(call, reply, request, again)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, call: Call, etag: str | None, token: str, request: str) -> _Answer:
        headers = {**self._headers, "Authorization": f"Bearer {token}", "x-request-id": request}
        if call.guarded and etag is not None:
            headers["If-Match"] = etag
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        headers.update(call.headers)
        content = _content(call)
        sent = self._http.build_request(
            call.method, call.path, headers=headers, content=content, params=list(call.query) or None
        )
        async with self._pace.slot() as round_:
            began = time.monotonic()
            status = "no answer"
            try:
                async with asyncio.timeout(self._limit):
                    answer = await self._http.send(sent, stream=True)
                    status = str(answer.status_code)
                    try:
                        found = _Answer(*decode(answer.status_code, await read(answer), answer.headers))
                    except UnexpectedAnswer as error:
                        found = _Answer(Reply(answer.status_code, "", answer.headers), str(error))
                if answer.status_code == 429:
                    self._pace.slower(round_)
                else:
                    self._pace.faster()
            except TimeoutError:
                what = f"no whole answer of {self._http.base_url.host} within {self._limit:g} s"
                raise NoAnswerError(Failure("timeout", what, sent=True)) from None
            finally:
                if self._trace:
                    took = (time.monotonic() - began) * 1000
                    query = "?" + "&".join(f"{key}={value}" for key, value in call.query) if call.query else ""
                    line = f"{call.method} {call.path}{query} → {status} in {took:.0f} ms, x-request-id {request}"
                    self._trace(line)
        self._note_clock(answer.headers)
        return found

    def _note_clock(self, headers: Mapping[str, str]) -> None:
        there = retry.timestamp(headers.get("date"))
        if there is not None:
            self.offset = round((there - time.time()) * 1000)

    async def _after_failure(self, call: Call, failure: Failure, attempt: int, began: float) -> bool:
        """Wait before the next attempt of a call without an answer, as `_again` does."""
        why = f"{call.method} {call.path}: {failure.what}"
        return await self._again(attempt, began, why, patience=self._contact.patience(failure))

    async def _again(
        self,
        attempt: int,
        began: float,
        why: str,
        headers: Mapping[str, str] | None = None,
        *,
        shared: bool = False,
        patience: float = retry.LONGEST,
    ) -> bool:
        """Wait before the next attempt and return True; False when there is to be none.

        `began` is when the call was first sent (monotonic seconds), `headers` are those of the answer, `patience` for
        how many seconds a call is tried. A `shared` wait slows everybody down. Raises `StoppedError` when the run is
        asked to stop meanwhile.
        """
        seconds = retry.wait(attempt, headers)
        over = time.monotonic() - began + seconds > patience
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

    def _fault(self, call: Call, reply: Reply, accept: Collection[int]) -> str:
        """Return why an answer is none of those that are documented for `call`, or an empty text."""
        if 200 <= reply.status < 300:
            return call.answer.fault(reply.body, self._http.base_url.host) if call.answer is not None else ""
        if reply.status == 404 and 404 in accept and not isinstance(reply.body, dict | None):
            return "its body does not say that the object is absent"
        return ""

    @staticmethod
    def _wants_token(reply: Reply) -> bool:
        """401, or the Flow Service's own 400 with 2114 or 2115 (flow-service-errors.md)."""
        return reply.status == 401 or (reply.status == 400 and error_code(reply.body) in ("2114-400", "2115-400"))

    def _no_answer(self, call: Call, failure: Failure, request: str, verdict: retry.Verdict) -> ApiError:
        if not failure.sent:
            return _unreachable(failure)
        what = f"{call}: {failure.what} (x-request-id {request})"
        if verdict is retry.Verdict.UNKNOWN:
            return AmbiguousError(Problem("no-answer", what, _MAYBE))
        return ApiError(Problem(failure.code, what, f"{failure.advice(_URL)}, then run it again"))

    def _unexpected(
        self, call: Call, reply: Reply, unusable: str, request: str, verdict: retry.Verdict | None
    ) -> ApiError:
        shown = "" if reply.body is None else f": {body_text(reply.body)}"
        what = (
            f"{call}: the platform answered something unexpected: {reply.status}, but {unusable}{shown} "
            f"(x-request-id {request})"
        )
        if verdict is retry.Verdict.UNKNOWN:
            return AmbiguousError(Problem("unexpected-answer", what, _MAYBE), reply.status)
        advice = f"check {_URL}, and proxies and gateways on the way"
        return ApiError(Problem("unexpected-answer", what, advice), reply.status)

    def _refused(self, call: Call, reply: Reply, request: str, verdict: retry.Verdict | None) -> ApiError:
        status, code = reply.status, error_code(reply.body)
        said = error_text(reply.body) or "no message"
        what = f"{call}: {status} {said} (x-request-id {request})"
        if verdict is retry.Verdict.UNKNOWN:
            return AmbiguousError(Problem("ambiguous", what, _MAYBE), status, code)
        violations = policy_violations(reply.body)
        if status == 412 or (status == 409 and call.guarded and not violations):  # 409: the Dataset Service's word
            return ConflictError(Problem("conflict", what, "it was changed elsewhere; plan again"), status, code)
        if violations:
            what = f"{call}: {status} data governance forbids it: {'; '.join(violations)}"
            return ApiError(Problem("governance", f"{what} (x-request-id {request})", _GOVERNANCE), status, code)
        advice = _LIMIT if status == 403 and _ENTITLED.search(said) else _ADVICE.get(status, "")
        return ApiError(Problem("refused", what, advice), status, code)


def _content(call: Call) -> bytes | None:
    """Return the body of a call as JSON. Raises `ApiError` for one that JSON cannot express."""
    try:
        return None if call.body is None else encoded(call.body)
    except ValueError as error:
        what = f"{call}: the body cannot be written as JSON: {error}"
        raise ApiError(Problem("not-sendable", what, "use finite numbers and valid Unicode")) from None


def _unreachable(failure: Failure) -> ApiError:
    """Return the error for a call that never left: the same text for each, since the reason is the same for each."""
    return ApiError(Problem(failure.code, failure.what, failure.advice(_URL)))
