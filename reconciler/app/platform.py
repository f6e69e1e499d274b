"""The platform a command works on: which one, with which credentials, through which transport."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.dialogue import Dialogue
from reconciler.app.platform_settings import PlatformSettings, read_settings
from reconciler.app.trust import is_restricted
from reconciler.config.project import Environment, ProjectSpec
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.documents.document import Document
from reconciler.secrets.redaction import redact
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    import httpx2

    from reconciler.api.auth import Credentials
    from reconciler.api.client import Client
    from reconciler.secrets.providers import Provider

EMULATOR = "emulator"
CONNECT, READ = 10.0, 60.0
"""Seconds for a connection to be made, and for the next part of an answer to come."""


class SystemClock:
    """The real time."""

    def now(self) -> int:
        """Return ms since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds since some moment; no step of the system's clock moves it."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        import asyncio  # where nothing waits it need not be loaded

        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Target:
    """Which platform, organization and sandbox; `identity` is what the state remembers of the platform."""

    url: str
    identity: str
    organization: str
    sandbox: str


@dataclass(slots=True)
class Platform:
    """What the project file and the environment say about the platform; `providers` fill in its credentials."""

    project: ProjectSpec
    document: Document | None
    environment: str
    settings: Environment
    state_dir: Path
    emulated: bool
    providers: Sequence[Provider]

    @contextlib.asynccontextmanager
    async def open(self, parallelism: int, dialogue: Dialogue) -> AsyncIterator[tuple[Client, Target, SecretStore]]:
        """Open the door to the platform, real or emulated, for as long as the command runs.

        Raises `ManifestError` for settings, proxies and certificates that cannot be used; nothing is sent then.
        """
        import httpx2

        from reconciler.api.client import Client
        from reconciler.api.pace import Pace

        own = SecretStore(self.providers, Fingerprinter(None, "unused"))
        if self.emulated:
            transport, identity, close = self._emulator()
            settings = self._emulator_settings()
        else:
            settings = read_settings(
                self.project, self.settings, self.environment, os.environ, lambda text: self._secret(text, own)
            )
            redact.hide(settings.token)
            redact.hide(settings.client_secret)
            transport, identity, close = _connections(settings), settings.url, lambda: None
        timeout = httpx2.Timeout(READ, connect=CONNECT)
        async with httpx2.AsyncClient(
            transport=transport, base_url=settings.url, timeout=timeout, trust_env=False
        ) as http:
            client = Client(
                http,
                _credentials(http, settings),
                organization=settings.organization,
                sandbox=settings.sandbox,
                api_key=settings.api_key,
                pace=Pace(parallelism),
                trace=dialogue.trace,
                notice=dialogue.notice,
            )
            if settings.client_id and settings.client_id != settings.api_key:
                client.client = ""  # which of the two the platform notes in new objects is not documented
            try:
                yield client, Target(settings.url, identity, settings.organization, settings.sandbox), own
            finally:
                close()

    def _emulator_settings(self) -> PlatformSettings:
        """Return the settings of the embedded emulator: it needs no credentials and reads none of the shell."""
        organization = self.settings.organization or self.project.platform.organization
        sandbox = self.settings.sandbox or self.project.platform.sandbox
        return PlatformSettings(
            "http://emulator", organization or "emulator@AdobeOrg", sandbox or "prod", "emulator", token="emulator"
        )

    def _emulator(self) -> tuple[httpx2.AsyncBaseTransport, str, Callable[[], None]]:
        """Return the emulator as a transport, its identity and the function to call at the end."""
        import httpx2

        # the one place where the command line chooses the emulator as its transport
        from reconciler.emulator.app import create_app
        from reconciler.emulator.options import Options
        from reconciler.emulator.storage import Storage

        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
            storage = Storage(str(self.state_dir / "emulator.db"))
        except Exception as error:
            raise StateError(
                Problem(
                    "emulator",
                    f"the emulator cannot keep its data in {self.state_dir}: {error}",
                    "fix its permissions, or choose another with --state-dir",
                )
            ) from None
        # in this process nobody listens for events: inlets look as the platform's own
        options = Options(inlet_url="https://dcs.adobedc.net/collection")
        transport = httpx2.ASGITransport(app=create_app(storage, options))
        return transport, f"emulator:{storage.identity}", storage.close

    def _secret(self, text: str | None, secrets: SecretStore) -> str | None:
        """Return a credential of the project file, filled in by the same providers as any other secret."""
        if text is None or is_restricted(os.environ):
            return None
        from reconciler.core.values import Secret

        if "${secret." not in text:
            assert self.document is not None
            raise ManifestError(
                self.document.problem(
                    ("spec", "platform", "auth"),
                    "literal-secret",
                    "a credential must not be written out here",
                    "write ${secret.NAME}",
                )
            )
        return secrets.reveal(Secret(text)).plain()


def _connections(settings: PlatformSettings) -> httpx2.AsyncBaseTransport:
    """Return the transport for the platform and the token service."""
    from reconciler.network.transport import Lanes, Network

    network = Network(os.environ, hide=redact.hide)
    for url in [settings.url] if settings.token else [settings.url, settings.ims_url]:
        network.check(url)
    return Lanes(network)


def _credentials(http: httpx2.AsyncClient, settings: PlatformSettings) -> Credentials:
    from reconciler.api.auth import ClientCredentials, StaticToken

    if settings.token:
        return StaticToken(settings.token)
    return ClientCredentials(
        http, settings.ims_url, settings.client_id, settings.client_secret, settings.scopes, hide=redact.hide
    )


def chosen_url(project: ProjectSpec, settings: Environment) -> str:
    """Return the platform's address as configured, or nothing; in restricted mode the project file has no say."""
    named = None if is_restricted(os.environ) else settings.url or project.platform.url
    return str(named or os.environ.get("AEP_PLATFORM_URL") or "")
