"""Proxies, certificates and failures of the network, over real sockets."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import uvicorn

from reconciler.api import body, retry
from reconciler.app import platform
from reconciler.emulator.app import create_app
from reconciler.emulator.server import config as server_config
from reconciler.emulator.server import listen
from reconciler.emulator.storage import Storage
from tests.conftest import FLOW, Cli, Request, Server
from tests.stores.servers import served
from tests.wire.proxy import Proxy, running

SANDBOXES = "/data/foundation/sandbox-management/"
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
HOST = "platform.test"
"""A name that only the proxy resolves."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without proxies and certificates, and let a backoff take no time."""
    for name in (*VARIABLES, *map(str.lower, VARIABLES), *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retry, "BASE", 0.0)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy that knows the emulator under two names."""
    port = int(server.url.rpartition(":")[2])
    with running(Proxy(upstream=port, hosts={HOST: port, "ims.test": port})) as found:
        yield found


@pytest.fixture
def dataflow(live: Cli) -> Cli:
    """A project with one dataflow, nothing of it applied."""
    live.example("customer-io")
    return live


def failed(cli: Cli, *arguments: str) -> str:
    """Run a command that must fail without a class name or a traceback; return its message."""
    result = cli(*(arguments or ("plan",)))
    assert result.code == 1, result.out
    for word in ("Error:", "Error)", "Traceback", "internal error", "httpx", "ConnectError"):
        assert word not in result.err
    return result.err


# -- proxies ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_platform_and_the_token_service_are_reached_through_a_proxy(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://{HOST}")
    monkeypatch.setenv("AEP_IMS_URL", "http://ims.test:8080")
    monkeypatch.setenv(variable, proxy.url)
    dataflow.ok("plan")
    assert proxy.seen[0] == "POST http://ims.test:8080/ims/token/v3"
    assert all(line.split()[1].startswith(f"http://{HOST}/data/") for line in proxy.seen[1:])


def test_a_loopback_emulator_is_never_reached_through_a_proxy(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    dataflow.ok("plan")
    assert proxy.seen == []


def test_no_proxy_of_any_form_breaks_nothing(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost,fe80::/10,[::1],::1/128,fd00::/8,*.corp,.svc,10.0.0.0/8")
    dataflow.ok("plan")


@pytest.mark.parametrize(
    ("given", "words"), [("", "asks for a login (407)"), ("me:wrong@", "does not accept the login")]
)
def test_a_proxy_that_asks_for_a_login(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, given: str, words: str
) -> None:
    proxy.login = "me:canary-proxy-31x"
    for url in (f"http://{HOST}", f"https://{HOST}"):
        proxy.seen.clear()
        monkeypatch.setenv("AEP_PLATFORM_URL", url)
        monkeypatch.setenv("AEP_IMS_URL", url)
        monkeypatch.setenv("ALL_PROXY", f"http://{given}127.0.0.1:{proxy.port}")
        said = failed(dataflow)
        assert f"the proxy 127.0.0.1:{proxy.port} {words}" in said
        assert f"set ALL_PROXY to http://USER:PASSWORD@127.0.0.1:{proxy.port}" in said
        assert "wrong" not in said
        assert len(proxy.seen) == 1, "nothing that cannot heal is tried again"
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://{HOST}")
    monkeypatch.setenv("AEP_IMS_URL", f"http://{HOST}")
    monkeypatch.setenv("ALL_PROXY", f"http://me:canary-proxy-31x@127.0.0.1:{proxy.port}")
    told = dataflow("--verbose", "plan")
    assert told.code == 0
    assert "canary" not in told.err + told.out


@pytest.mark.parametrize(("status", "tries"), [("403 Forbidden by policy", 1), ("502 Bad Gateway", retry.ATTEMPTS)])
def test_a_proxy_that_refuses(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, status: str, tries: int
) -> None:
    proxy.status = status
    monkeypatch.setenv("AEP_PLATFORM_URL", f"https://{HOST}")
    monkeypatch.setenv("AEP_IMS_URL", f"https://{HOST}")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    said = failed(dataflow)
    assert f"the proxy 127.0.0.1:{proxy.port} does not connect to {HOST}:443: {status}" in said
    assert "NO_PROXY" in said
    assert len(proxy.seen) == tries


def test_a_proxy_that_is_not_there_or_named_badly(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEP_PLATFORM_URL", f"https://{HOST}")
    monkeypatch.setenv("AEP_IMS_URL", f"https://{HOST}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    said = failed(dataflow)
    assert "connection refused by the proxy 127.0.0.1:" in said
    assert "check HTTPS_PROXY" in said
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    said = failed(dataflow)
    assert "cannot resolve proxy.invalid" in said
    assert "check HTTPS_PROXY" in said
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:canary-socks@proxy:1080")
    said = failed(dataflow)
    assert "HTTPS_PROXY names a proxy of type socks5, which is not supported" in said
    assert "canary" not in said


def test_the_http_state_store_uses_the_proxy(dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.stores.servers import state_server

    with state_server() as store, running(Proxy(hosts={"state.test": int(store.url.rpartition(":")[2])})) as proxy:
        dataflow.write(
            "reconciler.yaml",
            "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\n"
            "spec: {state: {backend: http, address: 'http://state.test/default'}}\n",
        )
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        dataflow.ok("apply", "-y")
        assert any(line == "LOCK http://state.test/default" for line in proxy.seen)
        proxy.status = "407 Proxy Authentication Required"
        assert "asks for a login (407)" in failed(dataflow, "state", "list")


# -- certificates -------------------------------------------------------------------------------------------------
@pytest.fixture
def authority() -> trustme.CA:
    """A private authority."""
    return trustme.CA(organization_name="Acme Private CA")


class Tls:
    """An emulator behind TLS on a loopback port, whose certificate can be exchanged."""

    def __init__(self, port: int, context: ssl.SSLContext, requests: list[str]) -> None:
        self.port, self.context, self.requests = port, context, requests
        self.connections: set[object] = set()
        self.url = f"https://localhost:{port}"


def tls_server(certificate: trustme.LeafCert) -> Iterator[Tls]:
    """Serve the emulator with a certificate."""
    storage = Storage(":memory:")
    emulator = create_app(storage)
    listener = listen("127.0.0.1", 0)
    requests: list[str] = []

    async def noted(scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "http":
            requests.append(f"{scope['method']} {scope['path']} {scope['http_version']}")
            found.connections.add(scope["client"])
        await emulator(scope, receive, send)  # type: ignore[arg-type]

    config = server_config(noted, log_level="critical", timeout_graceful_shutdown=1)
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    config.ssl.set_alpn_protocols(["h2", "http/1.1"])  # as a gateway does; HTTP/2 is slower here and never asked for
    certificate.configure_cert(config.ssl)
    found = Tls(listener.getsockname()[1], config.ssl, requests)
    running_server = uvicorn.Server(config)
    thread = threading.Thread(target=running_server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield found
    running_server.should_exit = True
    thread.join(10)
    listener.close()
    storage.close()


@pytest.fixture
def tls(authority: trustme.CA, dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tls]:
    """The emulator with a good certificate of the private authority; the settings name it."""
    for found in tls_server(authority.issue_cert("localhost")):
        monkeypatch.setenv("AEP_PLATFORM_URL", found.url)
        monkeypatch.setenv("AEP_IMS_URL", found.url)
        yield found


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_a_private_authority_is_trusted_where_a_variable_names_it(
    dataflow: Cli, tls: Tls, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable == "SSL_CERT_DIR":
        path = hashed_folder(authority, tmp_path)
    else:
        path = tmp_path / "authority.pem"
        authority.cert_pem.write_to_path(path)
    monkeypatch.setenv(variable, str(path))
    dataflow.ok("apply", "-y", "--parallelism", "1")
    assert {line.rpartition(" ")[2] for line in tls.requests} == {"1.1"}
    assert len(tls.connections) <= len(tls.requests) / 2, "connections are kept"


def hashed_folder(authority: trustme.CA, tmp_path: Path) -> Path:
    """Return a folder in the form of `openssl rehash`."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(file)]
    digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    file.rename(folder / f"{digest}.0")
    return folder


def test_a_certificate_that_is_not_trusted_names_its_issuer(dataflow: Cli, tls: Tls) -> None:
    said = failed(dataflow)
    assert "the certificate of localhost is not trusted: it was issued by Acme Private CA" in said
    assert "SSL_CERT_FILE" in said
    assert said.count("not trusted") == 1
    assert tls.requests == [], "nothing is sent to a server that is not trusted"


def test_a_certificate_behind_a_proxy_names_its_issuer(
    dataflow: Cli, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Proxy(hosts={HOST: tls.port})) as proxy:
        monkeypatch.setenv("AEP_PLATFORM_URL", f"https://{HOST}")
        monkeypatch.setenv("AEP_IMS_URL", f"https://{HOST}")
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "it was issued by Acme Private CA" in failed(dataflow)
    assert tls.requests == []


@pytest.mark.parametrize("kind", ["expired", "not yet", "another host"])
def test_a_certificate_with_a_fault(
    dataflow: Cli, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    now = datetime.now(UTC)
    leaf, words = {
        "expired": (
            authority.issue_cert("localhost", not_before=now - timedelta(9), not_after=now - timedelta(2)),
            "the certificate of localhost has expired",
        ),
        "not yet": (
            authority.issue_cert("localhost", not_before=now + timedelta(2)),
            "the certificate of localhost is not valid yet",
        ),
        "another host": (
            authority.issue_cert("other.example"),
            "the certificate of localhost is for another host name; it is for other.example",
        ),
    }[kind]
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    for found in tls_server(leaf):
        monkeypatch.setenv("AEP_PLATFORM_URL", found.url)
        monkeypatch.setenv("AEP_IMS_URL", found.url)
        assert words in failed(dataflow)
        assert found.requests == []


def test_certificates_that_cannot_be_read(
    dataflow: Cli, tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, folder = tmp_path / "empty.pem", tmp_path / "folder"
    empty.write_text("nothing\n")
    folder.mkdir()
    for variable, path, words in (
        ("SSL_CERT_FILE", tmp_path / "none.pem", "does not exist"),
        ("SSL_CERT_FILE", empty, "holds no certificate"),
        ("SSL_CERT_FILE", folder, "is a folder"),
        ("SSL_CERT_DIR", tmp_path / "none", "does not exist"),
        ("SSL_CERT_DIR", empty, "is not a folder"),
        ("SSL_CERT_DIR", folder, "no file named by the hash"),
        ("REQUESTS_CA_BUNDLE", tmp_path / "none.pem", "does not exist"),
    ):
        monkeypatch.setenv(variable, str(path))
        said = failed(dataflow)
        assert f"{variable} names {path}" in said
        assert words in said, variable
        monkeypatch.delenv(variable)
    assert tls.requests == []


def test_clear_text_where_tls_is_expected(dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEP_IMS_URL", server.url.replace("http:", "https:"))
    said = failed(dataflow)
    assert "does not speak TLS as expected" in said
    assert "check AEP_IMS_URL" in said


# -- failures -----------------------------------------------------------------------------------------------------
def closed_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    "command", [("plan",), ("plan", "--no-checks"), ("plan", "--no-refresh"), ("drift",), ("apply", "-y")]
)
@pytest.mark.parametrize("token", ["", "t"])
def test_no_connection_is_an_error_of_every_command_and_told_once(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], token: str, tmp_path: Path
) -> None:
    out = tmp_path / "saved.json"
    more = ("--out", str(out)) if command[0] == "plan" else ()
    monkeypatch.setenv("AEP_ACCESS_TOKEN", token)
    monkeypatch.setenv("AEP_API_KEY", "k")
    port = closed_port()
    for url, words in (
        (f"http://127.0.0.1:{port}", f"connection refused by 127.0.0.1:{port}"),
        ("http://nowhere.invalid", "cannot resolve nowhere.invalid"),
    ):
        monkeypatch.setenv("AEP_PLATFORM_URL" if token else "AEP_IMS_URL", url)
        said = failed(dataflow, *command, *more)
        assert said.count(words) == 1
        assert f"check {'AEP_PLATFORM_URL' if token else 'AEP_IMS_URL'}" in said
        assert not out.exists()
    assert server.requests == []


def test_many_objects_that_cannot_be_read_are_told_once(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataflow.example("kinesis")
    dataflow.ok("apply", "-y")
    state = dataflow.state
    port = closed_port()
    text = (dataflow.folder / "state" / "default.json").read_text()
    (dataflow.folder / "state" / "default.json").write_text(text.replace(state["platform"], f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://127.0.0.1:{port}")
    for command in ("plan", "drift"):
        assert failed(dataflow, command).count("connection refused") == 1
    found = dataflow("doctor")
    assert found.out.count("connection refused") == 1


def test_doctor_shows_the_way(dataflow: Cli, tls: Tls, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dataflow.folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert "directly, certificates of SSL_CERT_FILE" in dataflow("doctor").out
    with running(Proxy(hosts={HOST: tls.port})) as proxy:
        authority.issue_cert(HOST).configure_cert(tls.context)
        monkeypatch.setenv("AEP_PLATFORM_URL", f"https://{HOST}")
        monkeypatch.setenv("AEP_IMS_URL", f"https://{HOST}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary-12@127.0.0.1:{proxy.port}")
        found = dataflow("doctor")
    assert f"through the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY), certificates of SSL_CERT_FILE" in found.out
    assert "token" in found.out
    assert "canary" not in found.out
    assert any(line == f"CONNECT {HOST}:443" for line in proxy.seen)


def test_doctor_tells_one_failure_once(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEP_ACCESS_TOKEN", "t")
    monkeypatch.setenv("AEP_API_KEY", "k")
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://127.0.0.1:{closed_port()}")
    found = dataflow("doctor")
    assert found.code == 1
    assert found.out.count("connection refused by 127.0.0.1") == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("reset", "the connection was reset by 127.0.0.1"),
        ("close", "closed the connection without an answer"),
        ("truncate", "closed the connection before the end of its answer"),
        ("garbage", "is not valid HTTP"),
        ("silence", "sent nothing within 0.2 s (read time-out)"),
    ],
)
def test_a_broken_connection_is_retried_and_then_told(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    monkeypatch.setattr(platform, "READ", 0.2)
    monkeypatch.setenv("AEP_PLATFORM_URL", proxy.url)
    proxy.faults = [fault]
    dataflow.ok("plan")
    assert proxy.faults == []
    proxy.faults = [fault] * 10_000
    said = failed(dataflow)
    assert words in said
    assert "x-request-id" in said


def test_a_connection_that_is_refused_later_is_retried(
    dataflow: Cli, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy stands for a gateway: it cannot be reached for a moment in the middle of an apply."""
    monkeypatch.setenv("AEP_PLATFORM_URL", f"http://{HOST}")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    proxy.faults = [""] * 5 + ["reset", "", "close"]
    dataflow.ok("apply", "-y", "--settle", "0.1")
    assert proxy.faults == []


def test_one_cause_of_many_failed_steps_is_told_once() -> None:
    from reconciler.cli.outcome import _told_once
    from reconciler.core.problems import Problem

    down = [Problem("connection-refused", "connection refused by h:1", "check it", address=f"a{n}") for n in range(3)]
    other = Problem("refused", "POST /x: 400 no", address="b")
    assert [str(item) for item in _told_once([down[0], other, *down[1:]])] == [
        "error: connection refused by h:1, the same for a0, a1, a2 (check it)",
        "b: error: POST /x: 400 no",
    ]


# -- answers ------------------------------------------------------------------------------------------------------
def test_a_body_without_end_is_not_read(dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LIMIT", 1000)
    server.before.append(lambda seen: (200, [], {"x": "y" * 2000}) if seen.path.startswith("/data") else None)
    said = failed(dataflow)
    assert "the platform answered something unexpected: 200, but its body is larger than" in said
    assert "x-request-id" in said


def test_a_small_body_that_grows_is_not_read(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    monkeypatch.setattr(body, "LIMIT", 100_000)
    bomb = gzip.compress(b" " * 10_000_000)
    for coding, content, words in (
        ("gzip", bomb, "is larger than"),
        ("gzip, gzip", gzip.compress(bomb), "was not asked for"),
        ("br", b"xx", "was not asked for"),
        ("gzip", b"no gzip at all", "cannot be decompressed"),
    ):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        answer = lambda method, target, sent, text, headers=headers, content=content: (200, headers, content)  # noqa: E731
        with served(answer) as url:
            monkeypatch.setenv("AEP_PLATFORM_URL", url)
            assert words in failed(dataflow), coding


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><body>Maintenance  until\nnoon</body></html>", "not valid JSON: <html><body>Maintenance until noon"),
        (b"\xff\xfe binary", "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "its body is"),
        (b"[" * 100_000 + b"1000000000000000000000" + b"]" * 100_000, "nested too deeply"),
        (b'"\\ud800"', "not valid JSON"),
    ],
)
def test_an_answer_that_is_not_json(dataflow: Cli, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str) -> None:
    with served(lambda method, target, headers, text: (200, {"Content-Type": "application/json"}, content)) as url:
        monkeypatch.setenv("AEP_PLATFORM_URL", url)
        said = failed(dataflow)
    assert "GET /data/" in said
    assert "the platform answered something unexpected: 200, but " in said
    assert words in said
    assert len(said) < 800


# -- the token service --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "words", "asked"),
    [
        ((400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"}),
         "400 invalid_client: invalid client_secret parameter", 1),
        ((401, {"error": "unauthorized_client"}), "401 unauthorized_client", 1),
        ((400, {"error": "invalid_scope", "error_description": "bad \x1b[31m\n::set-output x"}),
         "invalid_scope: bad  [31m ::set", 1),
        ((200, {"token_type": "bearer"}), "without an access_token: no reason given", 1),
        ((200, {"error": "x", "error_description": "y"}), "without an access_token: x: y", 1),
        ((200, {"access_token": None}), "without an access_token", 1),
        ((200, {"access_token": 7}), "without an access_token", 1),
        ((200, {"access_token": {"a": 1}}), "without an access_token", 1),
        ((200, {"access_token": "tök"}), "characters that no header may hold", 1),
        ((200, {"access_token": "a\nb"}), "characters that no header may hold", 1),
        ((200, ["x"]), "is not a JSON object", 1),
        ((200, "x"), "is not a JSON object", 1),
        ((200, None), "is not a JSON object", 1),
        ((200, 5), "is not a JSON object", 1),
        ((302, {}), "302", 1),
        ((503, {"error": "busy"}), "503 busy", retry.ATTEMPTS),
        ((429, {"error": "slow down"}), "429 slow down", retry.ATTEMPTS),
    ],
)  # fmt: skip
def test_answers_of_the_token_service(
    dataflow: Cli, server: Server, answer: tuple[int, object], words: str, asked: int
) -> None:
    status, content = answer
    server.before.append(lambda seen: (status, [], content) if seen.path == "/ims/token/v3" else None)
    said = failed(dataflow)
    assert f"POST {server.url}/ims/token/v3: " in said
    assert words in said
    assert "check AEP_" in said
    assert said.count("POST ") == 1
    assert len(server.requests) == asked


@pytest.mark.parametrize("lifetime", ["soon", None, "86399", 86399, -1, 0, True, [], 1e300, 86_399_992, "1e999"])
def test_a_token_without_a_usable_lifetime_is_used(dataflow: Cli, server: Server, lifetime: object) -> None:
    token = {"access_token": "t", "token_type": "bearer", "expires_in": lifetime}
    server.before.append(lambda seen: (200, [], token) if seen.path == "/ims/token/v3" else None)
    dataflow.ok("plan")
    assert len([item for item in server.requests if item.path == "/ims/token/v3"]) == 1


def test_a_page_of_a_gateway_instead_of_a_token(dataflow: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(method: str, target: str, headers: object, text: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append(target)
        return 200, {"Content-Type": "text/html"}, b"<html>Please log in</html>"

    with served(answer) as url:
        monkeypatch.setenv("AEP_IMS_URL", url)
        said = failed(dataflow)
    assert "the answer is not that of a token service: 200, but its body is not valid JSON: <html>Please log in" in said
    assert len(asked) == retry.ATTEMPTS


# -- settings -----------------------------------------------------------------------------------------------------
def test_missing_settings_are_listed_at_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.example("customer-io")
    said = failed(cli)
    for name in ("AEP_CLIENT_ID", "AEP_CLIENT_SECRET", "AEP_ORG_ID"):
        assert f"{name} is not set" in said
    monkeypatch.setenv("AEP_ACCESS_TOKEN", "t")
    said = failed(cli)
    assert "AEP_API_KEY is not set" in said
    assert "AEP_ORG_ID is not set" in said
    assert "AEP_CLIENT_SECRET is not set" not in said
    cli.ok("plan", "--emulator")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("canary-77\n", "ends with a line end"),
        ("canary-77\r\n", "ends with a line end"),
        ("can\nary-77", "holds a line end"),
        ("canary-\x0077", "holds the control character U+0000"),
        ("canary-\t77", "holds the control character U+0009"),
        ("canary-ü77", "holds the character U+00FC, which is not ASCII"),
        (" canary-77", "begins or ends with a blank"),
    ],
)
@pytest.mark.parametrize(
    "name", ["AEP_ACCESS_TOKEN", "AEP_API_KEY", "AEP_ORG_ID", "AEP_SANDBOX", "AEP_CLIENT_ID", "AEP_CLIENT_SECRET"]
)
def test_settings_that_no_header_may_hold(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    if "\x00" in value:
        dataflow.write(
            "reconciler.yaml",
            'apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {platform: {apiKey: "a\\0b"}}\n',
        )
        said = failed(dataflow)
        assert "platform.apiKey in reconciler.yaml holds the control character U+0000" in said
        return
    monkeypatch.setenv(name, value)
    said = failed(dataflow)
    assert f"{name} {words}" in said
    assert "canary" not in said
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("platform.adobe.io", "is not a valid URL of a platform"),
        ("ftp://platform.adobe.io", "is not a valid URL of a platform"),
        ("http://127.0.0.1:99999", "is not a valid URL"),
        ("http://[::1", "is not a valid URL"),
        ("https://", "is not a valid URL of a platform"),
        ("https://me:canary-9@host", "must not hold a user name or a password"),
        ("https://host?x=1", "has a query or a fragment"),
    ],
)
@pytest.mark.parametrize("name", ["AEP_PLATFORM_URL", "AEP_IMS_URL"])
def test_addresses_that_are_not_valid(
    dataflow: Cli, server: Server, monkeypatch: pytest.MonkeyPatch, name: str, url: str, words: str
) -> None:
    monkeypatch.setenv(name, url)
    said = failed(dataflow)
    assert f"{name} {words}" in said
    assert "canary" not in said
    assert server.requests == []


# -- the proof ----------------------------------------------------------------------------------------------------
EMPTY = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {}\n"


def asked(server: Server) -> list[str]:
    """Return what was asked since the last time."""
    found = [f"{item.method} {item.path}" for item in server.requests]
    server.clear()
    return found


PROOF = ["POST /ims/token/v3", f"GET {SANDBOXES}"]


def test_the_proof_is_one_request_and_only_where_nothing_else_is_read(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("plan", "--no-checks")
    assert asked(server) == PROOF
    live.ok("plan", "--no-refresh")
    assert asked(server) == PROOF
    live.ok("drift")
    assert asked(server) == PROOF
    live.ok("plan")
    assert f"GET {SANDBOXES}" not in asked(server)
    live.ok("plan", "--no-checks", "--out", "plan.json")
    server.clear()
    live.ok("apply", "plan.json", "-y")
    assert asked(server)[:2] == PROOF, "before anything is sent"
    live.ok("plan")
    assert f"GET {SANDBOXES}" not in asked(server)
    live.ok("plan", "--no-refresh")
    assert asked(server) == PROOF


@pytest.mark.parametrize(
    "command", [("plan", "--out", "p.json"), ("plan", "--no-checks", "--out", "p.json"), ("drift",)]
)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((403, {"error_code": "403025", "message": "Profile is not valid"}), "403 Profile is not valid"),
        ((200, {"sandboxes": [{"name": "prod", "state": "active"}]}), "no access to the sandbox 'dev'"),
        ((200, {"sandboxes": [{"name": "dev", "state": "resetting"}]}), "'dev' is not active, but resetting"),
        ((200, {"items": []}), "something unexpected"),
        ((200, ["dev"]), "something unexpected"),
    ],
)
def test_no_access_to_the_sandbox_is_an_error(
    live: Cli, server: Server, command: tuple[str, ...], answer: tuple[int, object], words: str
) -> None:
    live.write("reconciler.yaml", EMPTY)
    status, content = answer
    server.before.append(lambda seen: (status, [], content) if seen.path == SANDBOXES else None)
    assert words in failed(live, *command)
    assert not (live.folder / "p.json").exists()


def test_a_token_that_is_refused_stops_an_apply_before_anything(live: Cli, server: Server) -> None:
    live.example("customer-io")

    def refuse(seen: Request) -> object:
        return (403, [], {"error_code": "403025", "message": "no"}) if seen.path.startswith("/data") else None

    server.before.append(refuse)
    said = failed(live, "apply", "-y", "--no-checks")
    assert "403 no" in said
    assert server.writes() == []
    assert not (live.folder / "state").exists() or not list((live.folder / "state").glob("*.json"))
    assert FLOW not in said
