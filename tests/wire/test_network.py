"""Proxies, certificates and failures of the network, over real sockets."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import uvicorn

from reconciler.api import retry
from reconciler.emulator.app import create_app
from reconciler.emulator.server import config as server_config
from reconciler.emulator.server import listen
from reconciler.emulator.storage import Storage
from tests.conftest import Cli, Server
from tests.wire.proxy import CERTIFICATES, HOST, Proxy, closed_port, failed, running

pytestmark = pytest.mark.usefixtures("quick")


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
