"""Faults on request: what hits which request, how often; deterministic under a seed. ASGI, around the services."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from reconciler.emulator.storage import Json

CONTROL = "/_emulator"
ABORT = "emulator.abort"
"""Name of the ASGI extension by which the server closes a connection without another byte."""

_SORTS = ("latency", "status", "drop", "truncate", "expire", "edit")
_GATEWAY = {429: {"error_code": "429050", "message": "Too many requests"}}


class FaultError(Exception):
    """A fault that cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `do`: `latency` (wait `seconds`, and up to `jitter` more), `status` (answer `status`, with `retry_after` as the
    Retry-After header), `drop` (close the connection), `truncate` (half the body, then close), `expire` (the token of
    the request is refused from now on), `edit` (carry out `edit`, as POST /_emulator/edit takes it).
    `when`: `before` the request is carried out, or `after` it was committed.
    `method` and `path` say which requests match; `path` is a glob over the path, or over its end.
    `nth` is the first matching request that is hit, counted from 1; `times` how many in a row, 0 for all;
    `chance` the probability of a hit.
    """

    do: str
    method: str = "*"
    path: str = "*"
    nth: int = 1
    times: int = 1
    when: str = "before"
    status: int = 503
    retry_after: str = ""
    seconds: float = 0.0
    jitter: float = 0.0
    chance: float = 1.0
    edit: Json = field(default_factory=dict)

    def matches(self, method: str, path: str) -> bool:
        """Return whether a request is one this fault counts."""
        if self.method not in ("*", method):
            return False
        return fnmatchcase(path, self.path) or fnmatchcase(path, f"*{self.path}")


def parse(text: str) -> Fault:
    """Return the fault that `do=status,status=503,method=POST,path=/flows,nth=2` describes, or a JSON object.

    Raises FaultError with what is wrong.
    """
    if text.lstrip().startswith("{"):
        try:
            return make(json.loads(text))
        except ValueError as error:
            raise FaultError(f"{text!r} is no JSON: {error}") from None
    members: Json = {}
    for part in text.split(","):
        key, sign, value = part.partition("=")
        if not sign:
            raise FaultError(f"{part!r} must be KEY=VALUE")
        members[key.strip().replace("-", "_")] = value.strip()
    return make(members)


def make(members: Any) -> Fault:
    """Return a fault of these members, texts of numbers included. Raises FaultError."""
    if not isinstance(members, dict):
        raise FaultError("a fault is an object")
    known = {item.name: item for item in fields(Fault)}
    made: Json = {}
    for key, value in members.items():
        if key not in known:
            raise FaultError(f"{key!r} is none of {', '.join(known)}")
        kind = {"int": int, "float": float, "str": str}.get(str(known[key].type))
        try:
            made[key] = kind(value) if kind else value
        except (TypeError, ValueError):
            raise FaultError(f"{key} must be a number, not {value!r}") from None
    if made.get("do") not in _SORTS:
        raise FaultError(f"do must be one of {', '.join(_SORTS)}")
    if made.get("when", "before") not in ("before", "after"):
        raise FaultError("when must be before or after")
    if made.get("do") == "edit" and not isinstance(made.get("edit"), dict):
        raise FaultError("edit must be an object")
    fault = Fault(**{**made, "method": str(made.get("method", "*")).upper()})
    for name, fits, wanted in (
        ("nth", fault.nth >= 1, "1 or more"),
        ("times", fault.times >= 0, "0 (all) or more"),
        ("chance", 0 <= fault.chance <= 1, "from 0 to 1"),
        ("seconds", 0 <= fault.seconds < math.inf, "0 or more"),
        ("jitter", 0 <= fault.jitter < math.inf, "0 or more"),
        ("status", 100 <= fault.status <= 599, "a status"),
    ):
        if not fits:
            raise FaultError(f"{name} must be {wanted}, not {getattr(fault, name)}")
    return fault


@dataclass(slots=True)
class Armed:
    """A fault with how many requests matched it, how many it hit, and chances of its own."""

    fault: Fault
    chances: random.Random
    matched: int = 0
    hits: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Return whether this request is hit; counts it."""
        fault = self.fault
        if not fault.matches(method, path):
            return False
        self.matched += 1
        last = fault.nth + fault.times - 1 if fault.times else None
        hit = self.matched >= fault.nth and (last is None or self.matched <= last)
        hit = hit and self.chances.random() < fault.chance
        self.hits += hit
        return hit


class Faults:
    """The faults that are armed, as middleware around the services. `edit` carries out an edit from outside."""

    def __init__(self, app: Any, *, seed: int = 0, faults: Iterable[Fault] = (), edit: Callable[[Json], Any]) -> None:
        self._app = app
        self._seed = seed
        self._edit = edit
        self._armed: list[Armed] = []
        self._made = 0
        self._expired: set[str] = set()
        self.arm(faults)

    def arm(self, faults: Iterable[Fault]) -> None:
        """Add faults; each has chances of its own, so that one does not move another's."""
        for fault in faults:
            self._made += 1
            self._armed.append(Armed(fault, random.Random(f"{self._seed}/{self._made}")))

    def disarm(self) -> None:
        """Take all faults away; tokens that expired stay so."""
        self._armed.clear()

    def report(self) -> list[Json]:
        """Return the faults with their counts."""
        return [{**asdict(item.fault), "matched": item.matched, "hits": item.hits} for item in self._armed]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, with the faults that strike it."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        struck = [item for item in self._armed if item.strikes(scope["method"], scope["path"])]
        if not struck and not self._expired:
            await self._app(scope, receive, send)
            return
        await self._struck(scope, receive, send, struck)

    async def _struck(self, scope: Any, receive: Any, send: Any, struck: list[Armed]) -> None:
        token = _token(scope)
        for item in struck:
            if item.fault.do == "expire" and item.fault.when == "before":
                self._expired.add(token)
        if token in self._expired and scope["path"].startswith("/data"):
            await _send(send, 401, {"error_code": "401013", "message": "Oauth token is not valid"})
            return
        if await self._phase("before", scope, send, struck):
            return
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        if any(item.fault.do == "expire" and item.fault.when == "after" for item in struck):
            self._expired.add(token)
        if await self._phase("after", scope, send, struck, sent):
            return
        for message in sent:
            await send(message)

    async def _phase(
        self, when: str, scope: Any, send: Any, struck: list[Armed], sent: list[Any] | None = None
    ) -> bool:
        """Carry out the faults of one moment; return whether the request was answered by one."""
        for item in struck:
            fault = item.fault
            if fault.when != when and not (fault.do == "truncate" and when == "after"):
                continue
            if fault.do == "latency":
                await asyncio.sleep(fault.seconds + fault.jitter * item.chances.random())
            elif fault.do == "edit":
                self._edit(fault.edit)
            elif fault.do == "status":
                headers = [(b"retry-after", fault.retry_after.encode())] if fault.retry_after else []
                await _send(send, fault.status, _GATEWAY.get(fault.status, {"message": "made by a fault"}), headers)
                return True
            elif fault.do == "drop":
                abort(scope)
                return True
            elif fault.do == "truncate" and sent:
                await _truncated(scope, send, sent)
                return True
        return False


async def _send(send: Any, status: int, body: Json, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    head = [(b"content-type", b"application/json"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def _truncated(scope: Any, send: Any, sent: list[Any]) -> None:
    """Send the head, which promises the whole body, and half of it."""
    body = b"".join(message.get("body", b"") for message in sent[1:])
    await send(sent[0])
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    abort(scope, flush=True)


def abort(scope: Any, *, flush: bool = False) -> None:
    """Close the connection of a request without an answer. Raises ConnectionResetError where there is none to close."""
    close = scope.get("extensions", {}).get(ABORT)
    if close is None:
        raise ConnectionResetError("dropped by a fault of the emulator")
    close(flush=flush)


def _token(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value.decode("latin-1"))
    return ""
