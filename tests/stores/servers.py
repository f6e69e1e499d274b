"""Real servers that keep state: moto for S3, PostgreSQL of the system, one that speaks like Terraform's `http`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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


@dataclass
class StateServer:
    """What GitLab-managed state does: names, versions, one lock a name. `faults` are used up one by one."""

    url: str = ""
    states: dict[str, list[bytes]] = field(default_factory=dict)
    locks: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """`503` answers so, `drop` closes before it is carried out, `late` after."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Return status and content; one request at a time."""
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
            if lock is None and "ID=" in query:
                return 409, b""
            if method == "DELETE":
                self.states.pop(path, None)
                return 200, b""
            before = self.states.setdefault(path, [])
            if before and json.loads(before[-1])["serial"] >= json.loads(body)["serial"]:
                return 400, b"serial is taken"
            before.append(body)
            return 200, b""


@contextlib.contextmanager
def state_server() -> Iterator[StateServer]:
    """Serve the protocol."""
    found = StateServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = found.faults.pop(0) if found.faults else ""
            if fault == "drop":
                self.close_connection = True
                return
            path, _, query = self.path.partition("?")
            status, content = (503, b"") if fault == "503" else found.answer(self.command, path, query, body)
            if fault == "late":
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
