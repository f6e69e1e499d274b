"""The emulator behind a socket: uvicorn, with a way to close a connection in the middle of an answer."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.emulator.faults import ABORT


class Protocol(H11Protocol):
    """HTTP/1.1 whose requests can close their own connection: ASGI has no word for that."""

    def connection_made(self, transport: Any) -> None:
        """Give every request of this connection the extension `emulator.abort`."""
        super().connection_made(transport)
        app = self.app

        def close(*, flush: bool) -> None:
            transport.close() if flush else transport.abort()

        async def with_abort(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[ABORT] = close
            closed = False

            async def guarded(message: Any) -> None:
                if not closed:
                    await send(message)

            await app(scope, receive, guarded)
            if transport.is_closing():
                closed = True
                while (await receive())["type"] != "http.disconnect":
                    pass  # until the server has seen the end; else it would answer 500 to nobody

        self.app = with_abort


def config(app: Any, **more: Any) -> uvicorn.Config:
    """Return the settings of a server for `app`."""
    return uvicorn.Config(app, http=Protocol, lifespan="off", **{"log_level": "warning", **more})


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named: asyncio sets TCP_NODELAY only where it is, and without it every answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def run(app: Any, listener: socket.socket, *, date_header: bool = True) -> None:
    """Serve until the process is told to stop; Ctrl-C is the way to do so, and no error."""
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config(app, date_header=date_header)).run(sockets=[listener])
