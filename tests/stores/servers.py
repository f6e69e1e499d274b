"""Real servers that keep state: moto for S3, PostgreSQL of the system, one that speaks like Terraform's `http`."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
import psycopg


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(ready: Any, process: subprocess.Popen[bytes], what: str) -> None:
    """Poll until `ready()` does not raise, or the process is gone, or a minute is over."""
    give_up = time.monotonic() + 60
    while True:
        try:
            ready()
        except Exception as error:
            if process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{what} does not start: {error}") from None
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """Serve S3 in a process of its own; gives its address, with a bucket `states`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: httpx.put(f"{url}/states").raise_for_status(), process, "moto")
        yield url
    finally:
        process.terminate()
        process.wait()


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, or None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).parent if program else None


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL on a folder of its own; gives the connection."""
    programs = postgres_programs()
    assert programs is not None
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        as_user: dict[str, Any] = {}
        if os.getuid() == 0:  # it refuses to run as root
            shutil.chown(name, "postgres", "postgres")
            as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": name, **as_user}
        data = f"{name}/data"
        subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "tests", "-N"], check=True, **quiet)
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={name}"]
        process = subprocess.Popen([programs / "postgres", "-D", data, "-p", str(port), *options], **quiet)
        url = f"postgresql://tests@127.0.0.1:{port}/postgres"
        try:
            wait_until(lambda: psycopg.connect(url).close(), process, "PostgreSQL")
            yield url
        finally:
            process.send_signal(2)  # fast: it ends what is open
            process.wait()


class Proxy:
    """Between a store and its server: a network that can be cut, or lose an answer."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_cut = False
        self.lose = 0
        """How many answers are lost: what was asked is done."""
        self._open: list[socket.socket] = []
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections and take no more."""
        self.is_cut = True
        with self._guard:
            for one in self._open:
                self._end(one)
            self._open.clear()

    def mend(self) -> None:
        """Take connections again."""
        self.is_cut = False

    def close(self) -> None:
        """Stop for good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._guard:
                    if self.is_cut:
                        client.close()
                        continue
                    server = socket.create_connection(self._to)
                    self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.lose:
                    self.lose -= 1
                    break
                target.sendall(data)
        self._end(source)
        self._end(target)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


@dataclass
class StateServer:
    """What GitLab-managed state does: names, versions, one lock a name. `faults` are used up one by one."""

    url: str = ""
    states: dict[str, list[bytes]] = field(default_factory=dict)
    locks: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """`503` answers so, `drop` closes before it is carried out, `late` after."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    is_lax: bool = False
    """Whether it takes a state from who says to hold a lock that is none any more, as some do."""
    guard: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Return status and content; one request at a time."""
        if path.endswith("/lock"):  # as GitLab has it
            path, method = path.removesuffix("/lock"), {"POST": "LOCK", "DELETE": "UNLOCK"}[method]
        with self.guard:
            self.seen.append((method, path))
            lock = self.locks.get(path)
            if method == "GET":
                found = self.states.get(path)
                return (200, found[-1]) if found else (404, b"")
            if method == "LOCK":
                if lock is not None:
                    return 423, json.dumps(lock).encode()
                self.locks[path] = json.loads(body)
                return 200, b""
            if method == "UNLOCK":
                if lock is not None and json.loads(body or b"{}").get("ID") not in (None, lock["ID"]):
                    return 409, json.dumps(lock).encode()
                self.locks.pop(path, None)
                return 200, b""
            if lock is not None and f"ID={lock['ID']}" not in query:
                return 423, json.dumps(lock).encode()
            if lock is None and "ID=" in query and not self.is_lax:
                return 409, b""
            if method == "DELETE":
                self.states.pop(path, None)
                return 200, b""
            before = self.states.setdefault(path, [])
            if before and not self.is_lax and json.loads(before[-1])["serial"] >= json.loads(body)["serial"]:
                return 400, b"serial is taken"
            before.append(body)
            return 200, b""


@contextlib.contextmanager
def state_server() -> Iterator[StateServer]:
    """Serve the protocol."""
    found = StateServer()

    def answer(method: str, target: str, headers: Any, body: bytes) -> Answer | None:
        del headers
        fault = found.faults.pop(0) if found.faults else ""
        if fault == "drop":
            return None
        path, _, query = target.partition("?")
        status, content = (503, b"") if fault == "503" else found.answer(method, path, query, body)
        return None if fault == "late" else (status, {}, content)

    with served(answer) as url:
        found.url = url
        yield found


Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def served(answer: Callable[[str, str, Any, bytes], Answer | None]) -> Iterator[str]:
    """Serve HTTP by a function of method, target, headers and body; None closes the connection without an answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = answer(self.command, self.path, self.headers, body)
            if found is None:
                self.close_connection = True
                return
            status, headers, content = found
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that ends an answer early is part of the tests: nothing is printed."""

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def gcs() -> Iterator[str]:
    """Serve what we ask of Google Cloud Storage's XML API: no server of its own comes with a package.

    Objects have generations, and `x-goog-if-generation-match` holds for writes (cloud.google.com/storage/docs/xml-api).
    """
    objects: dict[str, tuple[int, bytes, float]] = {}
    guard, numbers = threading.Lock(), itertools.count(1)

    def answer(method: str, target: str, headers: Any, body: bytes) -> Answer | None:
        with guard:
            return _gcs(objects, numbers, method, target, headers, body)

    with served(answer) as url:
        yield url


def _gcs(
    objects: dict[str, tuple[int, bytes, float]], numbers: Iterator[int], method: str, target: str, headers: Any,
    body: bytes,
) -> Answer:  # fmt: skip
    path, _, query = target.partition("?")
    name = unquote(path).removeprefix("/states").removeprefix("/")
    there = objects.get(name)
    if not name:
        prefix = parse_qs(query).get("prefix", [""])[0]
        rows = "".join(
            f"<Contents><Key>{key}</Key><Generation>{number}</Generation><Size>{len(content)}</Size>"
            f'<ETag>"{number}"</ETag><LastModified>{_iso(at)}</LastModified></Contents>'
            for key, (number, content, at) in sorted(objects.items())
            if key.startswith(prefix)
        )
        return 200, {"Content-Type": "application/xml"}, f"<ListBucketResult>{rows}</ListBucketResult>".encode()
    if method == "PUT":
        wanted = headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != (there[0] if there else 0):
            return 412, {}, b"<Error/>"
        if source := headers.get("x-goog-copy-source"):
            body = objects[unquote(source).removeprefix("/").partition("/")[2]][1]
        objects[name] = there = (next(numbers), body, time.time())
        copied = b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>" if source else b""
        return 200, {"ETag": f'"{there[0]}"', "x-goog-generation": str(there[0])}, copied
    if there is None:
        return 404, {}, b"<Error/>"
    if method == "DELETE":
        del objects[name]
        return 204, {}, b""
    number, content, at = there
    shown = {"ETag": f'"{number}"', "x-goog-generation": str(number), "Last-Modified": formatdate(at, usegmt=True)}
    return 200, shown, content


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite has."""


def azurite() -> str | None:
    """Return the program of Azurite, or None where there is none."""
    own = Path(__file__).parents[2] / ".azurite/node_modules/.bin/azurite-blob"
    return str(own) if own.exists() else shutil.which("azurite-blob")


@contextlib.contextmanager
def azure() -> Iterator[str]:
    """Run Azurite; gives the address of its account, with a container `states`."""
    program = azurite()
    assert program is not None
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        process = subprocess.Popen(
            [program, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", name,
             "--blobPort", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}/devstoreaccount1"
        try:
            wait_until(lambda: _make_container(url), process, "Azurite")
            yield url
        finally:
            process.terminate()
            process.wait()


def _make_container(url: str) -> None:
    now = formatdate(usegmt=True)
    blanks = "\n" * 12
    signed = f"x-ms-date:{now}\nx-ms-version:2021-08-06\n/devstoreaccount1/devstoreaccount1/states\nrestype:container"
    text = f"PUT{blanks}{signed}"
    digest = hmac.new(b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
    headers = {
        "x-ms-date": now, "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey devstoreaccount1:{b64encode(digest).decode()}",
    }  # fmt: skip
    httpx.put(f"{url}/states?restype=container", headers=headers).raise_for_status()
