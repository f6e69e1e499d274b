"""HTTP/2 where the server offers it, over TLS that is checked."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from reconciler.emulator.app import create_app
from reconciler.emulator.storage import Storage
from tests.conftest import ROOT

TOOL = str(Path(sys.executable).parent / "reconciler")


@dataclass
class Secure:
    """An emulator behind TLS: its port, the file of who vouches for it, and the versions it was spoken to in."""

    port: int
    authority: Path
    versions: list[str] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


@pytest.fixture(params=[["h2", "http/1.1"], ["http/1.1"]], ids=["offers HTTP/2", "does not"])
def secure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secure]:
    """Serve the emulator over TLS."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.certfile = config.keyfile = str(tmp_path / "server.pem")
    config.alpn_protocols = request.param
    config.accesslog = config.errorlog = None
    sockets = config.create_sockets()
    found = Secure(sockets.secure_sockets[0].getsockname()[1], tmp_path / "authority.pem")
    config.create_sockets = lambda: sockets  # type: ignore[method-assign]
    storage = Storage(":memory:")
    app = create_app(storage)

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            found.versions.append(scope["http_version"])
            found.connections.add(tuple(scope["client"]))
        await app(scope, receive, send)

    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(serve(noted, config, shutdown_trigger=over.wait)),  # type: ignore[arg-type]
        daemon=True,
    )
    thread.start()
    yield found
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    assert not thread.is_alive()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    for held in sockets.secure_sockets:
        held.close()
    storage.close()


def test_a_plan_and_an_apply_speak_what_the_server_offers(
    secure: Secure, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AEP_", "RECONCILER_"))}
    env |= {
        "AEP_PLATFORM_URL": f"https://localhost:{secure.port}", "AEP_ACCESS_TOKEN": "t", "AEP_API_KEY": "k",
        "AEP_ORG_ID": "O@AdobeOrg", "SSL_CERT_FILE": str(secure.authority),
    }  # fmt: skip
    command = [TOOL, "apply", str(ROOT / "examples" / "customer-io"), "-y", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    wanted = "2" if "offers" in request.node.callspec.id else "1.1"
    assert set(secure.versions) == {wanted}
    assert len(secure.versions) > 5
    if wanted == "2":
        assert len(secure.connections) == 1, "one connection carries all"
    # who is not vouched for is not spoken to
    del env["SSL_CERT_FILE"]
    seen = len(secure.versions)
    refused = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert len(secure.versions) == seen
