"""The platform a command works on: which one, with which credentials, through which transport."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.app.dialogue import Dialogue
from reconciler.config.project import Environment, ProjectSpec
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.documents.document import Document
from reconciler.secrets.redaction import redact
from reconciler.secrets.store import SecretStore

if TYPE_CHECKING:
    import httpx

    from reconciler.api.auth import Credentials
    from reconciler.api.client import Client

EMULATOR = "emulator"
DEFAULT_URL = "https://platform.adobe.io"
DEFAULT_IMS = "https://ims-na1.adobelogin.com"


class SystemClock:
    """The real time."""

    def now(self) -> int:
        """Return ms since the epoch."""
        return time.time_ns() // 1_000_000

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
    settings: Environment
    state_dir: Path
    emulated: bool
    providers: Sequence[Any]

    @contextlib.asynccontextmanager
    async def open(self, parallelism: int, dialogue: Dialogue) -> AsyncIterator[tuple[Client, Target, SecretStore]]:
        """Open the door to the platform, real or emulated, for as long as the command runs."""
        import httpx

        from reconciler.api.client import Client
        from reconciler.api.pace import Pace

        own = SecretStore(self.providers, Fingerprinter(None, "unused"))
        organization, sandbox = self._organization(), self._sandbox()
        transport, url, identity, close = self._transport()
        limits = httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism)
        timeout = httpx.Timeout(60.0, connect=10.0)
        verify = True if transport is not None else _trust()  # the emulator inside needs no certificates
        async with httpx.AsyncClient(
            transport=transport,
            base_url=url,
            limits=limits,
            timeout=timeout,
            verify=verify,
            http2=url.startswith("https://"),  # where the server offers it; in the clear nobody can
        ) as http:
            credentials, api_key = self._credentials(http, own)
            client = Client(
                http,
                credentials,
                organization=organization,
                sandbox=sandbox,
                api_key=api_key,
                pace=Pace(parallelism),
                trace=dialogue.trace,
                notice=dialogue.notice,
            )
            try:
                yield client, Target(url, identity, organization, sandbox), own
            finally:
                close()

    def _transport(self) -> tuple[httpx.AsyncBaseTransport | None, str, str, Any]:
        """Return transport, base URL, identity and what to do at the end."""
        if not self.emulated:
            url = (self.settings.url or self.project.platform.url or _env("AEP_PLATFORM_URL") or DEFAULT_URL).rstrip(
                "/"
            )
            if not url.startswith(("https://", "http://")):
                raise ManifestError(Problem("bad-url", f"{url!r} is no URL of a platform", "it begins with https://"))
            return None, url, url, lambda: None
        import httpx

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
        transport = httpx.ASGITransport(app=create_app(storage, options))
        return transport, "http://emulator", f"emulator:{storage.identity}", storage.close

    def _credentials(self, http: httpx.AsyncClient, secrets: SecretStore) -> tuple[Credentials, str]:
        from reconciler.api.auth import ClientCredentials, StaticToken

        if self.emulated:
            return StaticToken("emulator"), "emulator"
        platform, auth = self.project.platform, self.project.platform.auth
        client_id = auth.client_id or _env("AEP_CLIENT_ID") or ""
        api_key = platform.api_key or _env("AEP_API_KEY") or client_id
        token = self._secret(auth.access_token, secrets) or _hidden("AEP_ACCESS_TOKEN")
        if token:
            if not api_key:
                raise _unset("AEP_API_KEY", "the client id of the credential the token was made with")
            return StaticToken(token), api_key
        secret = self._secret(auth.client_secret, secrets) or _hidden("AEP_CLIENT_SECRET")
        if not client_id or not secret:
            raise _unset(
                "AEP_CLIENT_ID and AEP_CLIENT_SECRET (or AEP_ACCESS_TOKEN)",
                "or pass --emulator to try without a platform",
            )
        ims = auth.ims_url or _env("AEP_IMS_URL") or DEFAULT_IMS
        scopes = auth.scopes or [item.strip() for item in _env("AEP_SCOPES", "").split(",") if item.strip()]
        return ClientCredentials(http, ims, client_id, secret, scopes, hide=redact.hide), api_key

    def _secret(self, text: str | None, secrets: SecretStore) -> str | None:
        """Return a credential of the project file, filled in by the same providers as any other secret."""
        if text is None:
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

    def _organization(self) -> str:
        found = self.settings.organization or self.project.platform.organization or _env("AEP_ORG_ID")
        if not found and self.emulated:
            return "emulator@AdobeOrg"
        if not found:
            raise _unset("AEP_ORG_ID", "the organization's id, ending in @AdobeOrg")
        return found

    def _sandbox(self) -> str:
        return self.settings.sandbox or self.project.platform.sandbox or _env("AEP_SANDBOX") or "prod"


@functools.cache
def _trust() -> Any:
    """Return the certificates to trust, read once a process; checking them is always on."""
    import httpx

    return httpx.create_ssl_context()


def _env(name: str, default: str | None = None) -> Any:
    return os.environ.get(name) or default


def _hidden(name: str) -> str | None:
    """Return a credential from the environment, never to be shown."""
    found: str | None = _env(name)
    if found:
        redact.hide(found)
    return found


def _unset(names: str, what: str) -> ManifestError:
    return ManifestError(Problem("not-configured", f"{names} is not set", what))


def chosen_url(project: ProjectSpec, settings: Environment) -> str:
    """Return the platform's address as configured, or nothing."""
    return str(settings.url or project.platform.url or _env("AEP_PLATFORM_URL") or "")
