"""A project and a network for the tests of the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.api import retry
from tests.conftest import Cli, Server
from tests.wire.proxy import CERTIFICATES, HOST, VARIABLES, Proxy, running


@pytest.fixture
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
def dataflow(live: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A project with one dataflow, nothing of it applied."""
    monkeypatch.setenv(
        "RECONCILER_TRUSTED_HOSTS", f"http://{HOST},http://ims.test,http://state.test,http://nowhere.invalid"
    )
    live.example("customer-io")
    return live
