"""A proxy between a command and the emulator that makes the faults a test asks for."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.conftest import Cli

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
HOST = "platform.test"
"""A name that only the proxy resolves."""


@dataclass
class Proxy:
    """An HTTP proxy on a loopback port; asked like a server, it relays to `upstream`.

    `hosts` maps the names it resolves to local ports. `login` is `USER:PASSWORD` where it asks for one, `status` an
    answer it gives instead of connecting. Each of `faults` is used for one connection: `reset`, `close` (no answer),
    `truncate` (half an answer), `silence` (nothing until the client goes away), `garbage` (no HTTP).
    """

    port: int = 0
    upstream: int = 0
    hosts: dict[str, int] = field(default_factory=dict)
    login: str = ""
    status: str = ""
    faults: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._serve(head, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.seen.append(f"{method} {target}")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif fault == "garbage":
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
            await writer.drain()
        elif fault == "silence":
            await reader.read()
        elif fault != "close":
            await self._forward(method, target, head, reader, writer, half=fault == "truncate")

    async def _forward(
        self,
        method: str,
        target: str,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        half: bool,
    ) -> None:
        wanted = b"basic " + base64.b64encode(self.login.encode()).lower()
        answer = self.status
        if self.login and b"proxy-authorization: " + wanted not in head.lower():
            answer = "407 Proxy Authentication Required"
        if answer:
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        if method == "CONNECT":
            there, back = await asyncio.open_connection("127.0.0.1", self.hosts[target.partition(":")[0]])
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
            return
        port, path = self.upstream, target
        if target.startswith("http://"):
            name, _, rest = target.removeprefix("http://").partition("/")
            port, path = self.hosts[name.partition(":")[0]], f"/{rest}"
        lines = head.decode().split("\r\n")[1:-2]
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        headers |= {"connection": "close"}
        there, back = await asyncio.open_connection("127.0.0.1", port)
        text = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        back.write(f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body)
        found = await there.read()
        back.close()
        writer.write(found[: len(found) - 10] if half else found)
        await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def running(proxy: Proxy) -> Iterator[Proxy]:
    """Serve a proxy in a thread."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    over = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        started.set()
        await over.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def failed(cli: Cli, *arguments: str) -> str:
    """Run a command that must fail without a class name or a traceback; return its message."""
    result = cli(*(arguments or ("plan",)))
    assert result.code == 1, result.out
    for word in ("Error:", "Error)", "Traceback", "internal error", "httpx", "ConnectError"):
        assert word not in result.err, result.err
    return result.err


def closed_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
