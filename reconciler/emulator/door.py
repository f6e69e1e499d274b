"""The outermost layer of the emulator: which hosts it answers for, how much it reads, and no traceback in an answer."""

from __future__ import annotations

import ipaddress
import json
import logging
import secrets
from collections.abc import Iterable
from typing import Any

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of one request body. The largest legitimate one is a seed of a whole sandbox."""
ERROR_ID = "emulator.error-id"
_log = logging.getLogger("reconciler.emulator")


class BodyTooLargeError(Exception):
    """A request sent more than the limit, whatever its headers promised."""


class Door:
    """ASGI middleware around everything else.

    `hosts` are names that the Host header may have besides IP addresses and `localhost`. Only names are a risk: a page
    in a browser can point a name of its own at 127.0.0.1 and then read the answers (DNS rebinding). `body_limit` is
    in bytes.
    """

    def __init__(self, app: Any, *, hosts: Iterable[str] = (), body_limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._limit = body_limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._serves(headers.get(b"host", "")):
            await _refuse(send, 421, "421000", "The emulator does not answer for this host; name it with --allow-host.")
            return
        length = headers.get(b"content-length", "")
        if length.isdigit() and (len(length) > 15 or int(length) > self._limit):
            await _refuse(send, 413, "413000", too_large(self._limit), close=True)
            return
        await self._bounded(scope, receive, send)

    def _serves(self, host: str) -> bool:
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        name = name.strip("[]").rstrip(".").lower()
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _bounded(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0
        started = False

        async def counted() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise BodyTooLargeError(too_large(self._limit))
            return message

        async def watched(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except ConnectionResetError:
            raise  # a fault closes the connection
        except Exception as error:
            if not started:
                await _refuse(send, 500, "500000", internal_error(error))


def too_large(limit: int) -> str:
    """Return the message of a 413."""
    return f"A request body has at most {limit} bytes."


def internal_error(error: Exception) -> str:
    """Write the error with its traceback to the server's log; return the message for the client, with the same id."""
    ident = secrets.token_hex(6)
    _log.error("internal error %s", ident, exc_info=error)
    return f"Internal error {ident} of the emulator: its log holds the details under this id."


async def _refuse(send: Any, status: int, code: str, message: str, *, close: bool = False) -> None:
    headers = [(b"content-type", b"application/json"), *([(b"connection", b"close")] if close else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error_code": code, "message": message}).encode()})
