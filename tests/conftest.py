"""The emulator over real HTTP, a project folder, and the command line run in this process."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from reconciler.__main__ import run
from reconciler.emulator.app import create_app
from reconciler.emulator.options import Options
from reconciler.emulator.server import config as server_config
from reconciler.emulator.server import listen
from reconciler.emulator.storage import Storage

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
EXAMPLES = sorted({path.parent.name for path in (ROOT / "examples").glob("*/*.yaml")})
"""The folders of examples that are projects."""
FLOW = "/data/foundation/flowservice"
PREP = "/data/foundation/conversion"

HEADERS = {
    "Authorization": "Bearer t",
    "x-api-key": "key",
    "x-gw-ims-org-id": "O@AdobeOrg",
    "x-sandbox-name": "dev",
}
SECRETS = {
    "RECONCILER_SECRET_KINESIS_ID": "AKIAIOSFODNN7EXAMPLE",
    "RECONCILER_SECRET_KINESIS_KEY": "canary-kinesis-5f1c",
    "RECONCILER_SECRET_EVENT_HUBS_KEY": "canary-eventhubs-9d2e",
    "RECONCILER_SECRET_S3_KEY": "AKIAIOSFODNN7EXAMPL2",
    "RECONCILER_SECRET_S3_SECRET": "canary-s3-1c9d",
    "RECONCILER_SECRET_SFTP_PASSWORD": "canary-sftp-7b3a",
    "RECONCILER_SECRET_SNOWFLAKE_KEY": "canary-snowflake-2e8f",
    "RECONCILER_SECRET_SALESFORCE_PASSWORD": "canary-salesforce-6d1c",
    "RECONCILER_SECRET_SALESFORCE_TOKEN": "canary-salesforce-0a4b",
    "RECONCILER_SECRET_PUBSUB_CREDENTIALS": "canary-pubsub-9c5e",
}


@dataclass
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    status: int = 0
    answer: Any = None


Fault = Callable[[Request], Any]
_BROWSER = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
"""One client for all requests from outside: a client makes a TLS context, which costs more than the request."""


@dataclass
class Server:
    """A running emulator: its address, what it was asked, and faults to make before or after a request."""

    url: str
    storage: Storage
    requests: list[Request] = field(default_factory=list)
    traffic: list[Request] = field(default_factory=list)
    quoting: bool = False
    """The requests are examples of the descriptions: some do not fit their own schemas, only answers are checked."""
    before: list[Fault] = field(default_factory=list)
    after: list[Fault] = field(default_factory=list)

    def writes(self) -> list[Request]:
        """Return what was neither a read, nor a question, nor the fetching of a token."""
        asking = ("/mappingSets/validate", "/ims/token/v3")
        return [item for item in self.requests if item.method != "GET" and not item.path.endswith(asking)]

    def bodies(self, method: str, path: str) -> list[Any]:
        """Return the bodies sent to one collection."""
        return [item.body for item in self.requests if item.method == method and item.path == path]

    def clear(self) -> None:
        """Forget what was asked."""
        self.requests.clear()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Do what somebody in the UI would do; returns the decoded answer."""
        answer = _BROWSER.request(
            method,
            self.url + path,
            json=body,
            headers={
                "Authorization": "Bearer ui",
                "x-api-key": "somebody",
                "x-gw-ims-org-id": "ORG@AdobeOrg",
                "x-sandbox-name": "dev",
                "x-recorded": "no",
                **headers,
            },
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def get(self, kind: str, ident: str) -> dict[str, Any]:
        """Return one Flow Service object."""
        found: dict[str, Any] = self.call("GET", f"{FLOW}/{kind}/{ident}")["items"][0]
        return found

    def edit(self, kind: str, ident: str, *operations: dict[str, Any]) -> None:
        """Patch one Flow Service object from outside."""
        etag = self.get(kind, ident)["etag"]
        self.call("PATCH", f"{FLOW}/{kind}/{ident}", list(operations), **{"If-Match": etag})

    def storage_items(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of one kind straight from the storage, however many pages that would be."""
        return [body for _, body in self.storage.select("ORG@AdobeOrg\x1fdev", kind)]

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of one Flow Service kind."""
        found: list[dict[str, Any]] = self.call("GET", f"{FLOW}/{kind}?limit=100")["items"]
        return found


class Recorder:
    """ASGI middleware: records requests, makes faults.

    A fault returns `drop`, `hang`, or status, headers and body of another answer; a body in bytes is sent as it is.
    """

    def __init__(self, app: Any, server: Server) -> None:
        self.app = app
        self.server = server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: C901 - one request, told in order
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            body = json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            body = raw.decode()
        seen = Request(scope["method"], scope["path"], scope["query_string"].decode(), headers, body)
        ours = headers.get("x-recorded") != "no"
        self.server.traffic.append(seen)
        if ours:
            self.server.requests.append(seen)
            for fault in list(self.server.before):
                if await self._fault(fault(seen), receive, send):
                    return
        sent: list[Any] = []

        async def replay() -> Any:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def keep(message: Any) -> None:
            sent.append(message)

        await self.app(scope, replay, keep)
        seen.status = sent[0]["status"]
        answer = b"".join(message.get("body", b"") for message in sent[1:])
        kind = dict(sent[0].get("headers", ())).get(b"content-type", b"")
        seen.answer = json.loads(answer) if kind == b"application/json" else answer.decode()
        if ours:
            for fault in list(self.server.after):
                if await self._fault(fault(seen), receive, send):
                    return
        for message in sent:
            await send(message)

    async def _fault(self, verdict: Any, receive: Any, send: Any) -> bool:
        if verdict is None:
            return False
        if verdict == "hang":
            await receive()  # until the client goes away
            return True
        if verdict == "drop":
            # half an answer, then silence: the client sees a broken connection
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": False})
            return True
        status, headers, body = verdict
        named = any(name.lower() == b"content-type" for name, _ in headers)
        kind = [] if named else [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": [*kind, *headers]})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await send({"type": "http.response.body", "body": content})
        return True


HOSTS = ("platform.test", "ims.test")
"""Names that tests give the emulator behind a proxy."""


_ENDING: deque[Callable[[], None]] = deque()


def serve(options: Options | None = None, storage: Storage | None = None) -> Iterator[Server]:
    """Run an emulator in a thread for as long as the caller needs it."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    held = storage or Storage(":memory:")
    server = Server(f"http://127.0.0.1:{port}", held)
    app = Recorder(create_app(held, options, hosts=HOSTS), server)
    dated = options.date_header if options else True
    config = server_config(app, log_level="critical", timeout_graceful_shutdown=1, date_header=dated)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield server
    running.should_exit = True

    def end() -> None:
        thread.join(10)
        listener.close()
        held.close()

    if storage is None:
        # uvicorn takes up to 0.2 seconds to end: it is waited for when the next server ends
        _ENDING.append(end)
    else:
        end()
    while len(_ENDING) > 1:
        _ENDING.popleft()()
    from tests.contract.traffic import SESSION

    problems = SESSION.check(server.traffic, requests=not server.quoting)
    assert not problems, "against the published descriptions:\n" + "\n".join(sorted(set(problems)))


def same_text(made: str, kept: str, name: str, command: str) -> None:
    """Assert that a generated text is the committed one; a failure shows the lines that differ."""
    if made != kept:
        sides = kept.splitlines(), made.splitlines()
        lines = difflib.unified_diff(*sides, f"{name} (committed)", f"{name} (made)", n=1, lineterm="")
        shown = [line[:300] for line in itertools.islice(lines, 60)]
        pytest.fail("\n".join([*shown, f"If the change is meant, run: {command}"]), pytrace=False)


def served(*, log: Any = None, options: Options | None = None, **more: Any) -> Iterator[httpx.Client]:
    """Run an emulator behind nothing but its own server, and yield a client."""
    storage = Storage(":memory:")
    listener = listen("127.0.0.1", 0)
    app = create_app(storage, options, log=log, **more)
    running = uvicorn.Server(server_config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", headers=HEADERS) as client:
        yield client
    running.should_exit = True
    thread.join(10)
    storage.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """An emulator over HTTP with the default switches."""
    yield from serve()


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """A plain client with the documented headers: it knows nothing of ours."""
    with httpx.Client(base_url=server.url, headers=HEADERS) as client:
        yield client


@dataclass
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return stdout as the one JSON document it is."""
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs commands in this process, in a project folder of the test's own."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *args: str | Path) -> Result:
        """Run `reconciler` with `args`."""
        self.capsys.readouterr()
        code = run([str(item) for item in args])
        seen = self.capsys.readouterr()
        return Result(code, seen.out, seen.err)

    def ok(self, *args: str | Path) -> Result:
        """Run a command that must succeed."""
        result = self(*args)
        assert result.code == 0, result.err + result.out
        return result

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file of the project."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def afresh(self) -> None:
        """Begin again in an empty folder: what is live stays."""
        os.chdir(self.folder.parent)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        os.chdir(self.folder)

    def example(self, name: str) -> None:
        """Copy one of the examples into the project."""
        shutil.copytree(
            ROOT / "examples" / name, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("state")
        )

    def changes(self, *args: str) -> dict[str, str]:
        """Return what a plan would do: address -> action."""
        plan = self.ok("plan", "--format", "json", *args).json()
        return {item["address"]: item["action"] for item in plan["changes"]}

    @property
    def state(self) -> dict[str, Any]:
        """The state file."""
        found: dict[str, Any] = json.loads((self.folder / "state" / "default.json").read_text(encoding="utf-8"))
        return found

    def id(self, address: str) -> str:
        """Return the id bound to an address."""
        return str(self.state["resources"][address]["id"])


@pytest.fixture
def cli(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """The command line in an empty project folder, with an environment that names nothing."""
    for name in list(os.environ):
        if name.startswith(("AEP_", "RECONCILER_")):
            monkeypatch.delenv(name)
    if "processes" not in request.keywords:
        # the real cost is 40 ms for each secret; other processes would not agree about the cheap one
        monkeypatch.setattr(hashlib, "scrypt", partial(_cheap_scrypt, hashlib.scrypt))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Cli(folder, capsys)


def _cheap_scrypt(scrypt: Callable[..., bytes], *arguments: Any, n: int, **options: Any) -> bytes:
    """Derive a key in a fraction of the time."""
    return scrypt(*arguments, n=2, **options)


@pytest.fixture
def live(cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line pointed at the emulator over HTTP, with credentials and the examples' secrets."""
    point_at(server, monkeypatch)
    return cli


def point_at(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment a user would set for this server."""
    for name, value in {
        "AEP_PLATFORM_URL": server.url,
        "AEP_IMS_URL": server.url,
        "AEP_CLIENT_ID": "client",
        "AEP_CLIENT_SECRET": "canary-client-77aa",
        "AEP_ORG_ID": "ORG@AdobeOrg",
        "AEP_SANDBOX": "dev",
        **SECRETS,
    }.items():
        monkeypatch.setenv(name, value)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker process has seen of the descriptions to the one that tells."""
    from tests.contract import traffic

    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["traffic"] = traffic.SESSION.dump()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    """Take what a worker process has seen."""
    from tests.contract import traffic

    del error
    dumped = getattr(node, "workeroutput", {}).get("traffic")
    if dumped:
        traffic.SESSION.add(dumped)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much of the published descriptions this run has seen."""
    from tests.contract import traffic

    if traffic.SESSION.answers:
        terminalreporter.write_line(traffic.summary())
