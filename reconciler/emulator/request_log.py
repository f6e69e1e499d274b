"""The request log: one JSON line a request, secrets masked. ASGI, outermost."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import parse_qsl, urlencode

from reconciler.emulator.faults import CONTROL

MASK = "******"
_TELLING = re.compile(r"(secret|password|passphrase|token|key|credential|connectionstring|sasuri)", re.IGNORECASE)
_LONGEST = 64 * 1024


class RequestLog:
    """A log of requests and answers, without the values of credentials."""

    def __init__(self, app: Any, file: TextIO) -> None:
        self._app = app
        self._file = file

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on and write its line."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        raw = bytearray()
        status = 0

        async def reading() -> Any:
            message = await receive()
            raw.extend(message.get("body", b""))
            return message

        async def answering(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, reading, answering)
        finally:
            self._write(scope, bytes(raw), status, time.perf_counter() - began)

    def _write(self, scope: Any, raw: bytes, status: int, seconds: float) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"],
            "path": scope["path"],
            "query": _query(scope["query_string"].decode("latin-1")),
            "status": status or "no answer",
            "ms": round(seconds * 1000, 1),
            "organization": headers.get("x-gw-ims-org-id"),
            "sandbox": headers.get("x-sandbox-name"),
            "client": headers.get("x-api-key"),
            "request": headers.get("x-request-id"),
            "ifMatch": headers.get("if-match"),
            "body": _body(scope["path"], raw),
        }
        self._file.write(json.dumps({key: value for key, value in line.items() if value not in (None, "")}) + "\n")
        self._file.flush()


def _query(text: str) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode(
        [(key, MASK if _TELLING.search(key) and key != "continuationToken" else value) for key, value in pairs]
    )


def _body(path: str, raw: bytes) -> Any:
    """Events of customers and token requests are not written at all."""
    if not raw or not path.startswith("/data"):
        return None
    if len(raw) > _LONGEST:
        return f"{len(raw)} bytes"
    try:
        return masked(json.loads(raw))
    except (ValueError, RecursionError):
        return f"{len(raw)} bytes that are no JSON"


def masked(value: Any, *, hidden: bool = False) -> Any:
    """Return a JSON value with every text below `auth`, or under a telling name, or patched into either, masked."""
    if isinstance(value, list):
        return [masked(item, hidden=hidden) for item in value]
    if not isinstance(value, dict):
        return MASK if hidden and value is not None else value
    path = value.get("path")
    patched = isinstance(path, str) and "op" in value and (path.startswith("/auth") or bool(_TELLING.search(path)))
    made = {}
    for key, inner in value.items():
        secret = hidden or key == "auth" or (patched and key == "value") or bool(_TELLING.search(key))
        made[key] = masked(inner, hidden=secret and key != "specName")
    return made
