"""Puts the rooms together for one command: project, environment, platform, store, secrets, client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.catalog import shipped
from reconciler.cli.options import given
from reconciler.cli.settings import choose_environment, collect_variables, unused_variables
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.core.resource import Resource
from reconciler.core.state import Record, State, fold
from reconciler.core.values import Tree, parse_pointer
from reconciler.manifests.document import Document
from reconciler.manifests.load import Project, load
from reconciler.manifests.overlay import speak_of
from reconciler.manifests.project import FILE, Environment, ProjectSpec, find_root, load_project
from reconciler.secrets.providers import command, dotenv, environment, files, keyring
from reconciler.secrets.redaction import redact
from reconciler.secrets.store import SecretStore
from reconciler.stores.local import LocalStore

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
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Place:
    """Which platform, organization and sandbox; `identity` is what the state remembers of the platform."""

    url: str
    identity: str
    organization: str
    sandbox: str


@dataclass(slots=True)
class Session:
    """One command's view of a project and an environment."""

    path: Path
    root: Path
    shown: str
    environment: str
    project: ProjectSpec
    project_document: Document | None
    settings: Environment
    state_dir: Path
    emulated: bool
    literal_secrets: bool = False
    variables: dict[str, Tree] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)

    # -- manifests -------------------------------------------------------------------------------------------
    def manifests(self) -> Project:
        """Return the project's resources. Raises `ManifestError` with every finding when there is an error."""
        found = self.examine()
        if found.errors:
            raise ManifestError([*found.errors, *found.warnings])
        return found

    def examine(self) -> Project:
        """Return the project's resources and findings."""
        found = load(
            self.root,
            self.path,
            self.shown,
            shipped(),
            self.variables,
            os.environ,
            literal_secrets=self.literal_secrets,
            environment=self.environment,
            environments=self.project.environments,
            skip=[self.state_dir],
        )
        found.problems += unused_variables(
            self.project, self.project_document, self.environment, self.settings, self.told, found.used_variables,
            lambda: speak_of(self.root, found.documents.values()),
        )  # fmt: skip
        return found

    def scope(self, project: Project, state: State) -> tuple[dict[str, Resource], list[str]]:
        """Return the resources PATH names, and the state entries this run may touch.

        Raises `ManifestError` when one refers to something outside that is not applied yet.
        """
        whole = self.path.resolve() == self.root.resolve()
        resources = {name: item for name, item in project.resources.items() if name in project.inside}
        entries = [
            name
            for name, entry in state.resources.items()
            if name in resources or (name not in project.resources and (whole or self.came_from_path(entry.file)))
        ]
        problems = [
            project.documents[item.document].problem(
                parse_pointer(item.where),
                "outside",
                f"{item.address} needs {need}, which {self.path} does not contain and which is not applied yet",
                f"include {project.resources[need].file}",
            )
            for item in resources.values()
            for need in item.dependencies
            if need not in resources and need not in state.resources
        ]
        if problems:
            raise ManifestError(problems)
        return resources, entries

    def came_from_path(self, file: str) -> bool:
        """Tell whether a state entry came from a manifest in PATH."""
        here = (self.root / file).resolve()
        inside = self.path.resolve()
        return bool(file) and (here == inside or inside in here.parents)

    # -- state -----------------------------------------------------------------------------------------------
    def store(self) -> LocalStore:
        """Return the store of this environment's state."""
        return LocalStore(self.state_dir, self.environment)

    def check(self, state: State | None, place: Place) -> State:
        """Return `state`, or an empty one; refuse one of another platform, organization or sandbox."""
        if state is None:
            return State(str(uuid.uuid4()), self.environment, place.identity, place.organization, place.sandbox)
        for word, theirs, ours in (
            ("platform", state.platform, place.identity),
            ("organization", state.organization, place.organization),
            ("sandbox", state.sandbox, place.sandbox),
        ):
            if theirs != ours:
                raise StateError(
                    Problem(
                        "foreign-state",
                        f"the state {self.store().path} belongs to {word} {theirs!r}, not {ours!r}",
                        "use another --env or --state-dir for this one; a state is never used against another",
                    )
                )
        return state

    def moves(self, state: State) -> list[Record]:
        """Return the records of the renames in the project file that the state has not followed yet."""
        records = []
        for move in self.project.moved:
            for address in state.resources:
                if address == move.from_ or address.startswith(move.from_ + "/"):
                    target = move.to + address[len(move.from_) :]
                    if target not in state.resources:
                        records.append(Record("moved", address, to=target))
        return records

    def secret_store(self, state: State) -> SecretStore:
        """Return the secrets of this project; fingerprints are salted by the state's lineage."""
        key = os.environ.get("RECONCILER_FINGERPRINT_KEY")
        return SecretStore(self._providers(), Fingerprinter(key.encode() if key else None, state.lineage))

    def _providers(self) -> list[Any]:
        found = []
        for item in self.project.secrets:
            if item.env is not None:
                found.append(environment(os.environ, item.env.prefix))
            elif item.file is not None:
                found.append(files(self.root / item.file.directory))
            elif item.dotenv is not None:
                found.append(dotenv(self.root / item.dotenv.file, item.dotenv.prefix))
            elif item.command is not None:
                found.append(command(item.command.run, item.command.timeout))
            elif item.keyring is not None:
                found.append(keyring(item.keyring.service))
        return found

    # -- platform --------------------------------------------------------------------------------------------
    @contextlib.asynccontextmanager
    async def platform(self, parallelism: int = 10) -> AsyncIterator[tuple[Client, Place, SecretStore]]:
        """Open the door to the platform, real or emulated, for as long as the command runs."""
        import httpx

        from reconciler.api.client import Client
        from reconciler.api.pace import Pace

        own = SecretStore(self._providers(), Fingerprinter(None, "unused"))
        organization, sandbox = self._organization(), self._sandbox()
        transport, url, identity, close = self._transport()
        limits = httpx.Limits(max_connections=parallelism, max_keepalive_connections=parallelism)
        timeout = httpx.Timeout(60.0, connect=10.0)
        verify = True if transport is not None else _trust()  # the emulator inside needs no certificates
        async with httpx.AsyncClient(
            transport=transport, base_url=url, limits=limits, timeout=timeout, verify=verify
        ) as http:
            credentials, api_key = self._credentials(http, own)
            client = Client(
                http,
                credentials,
                organization=organization,
                sandbox=sandbox,
                api_key=api_key,
                pace=Pace(parallelism),
                trace=(lambda line: click.echo(line, err=True)) if given("verbose") else None,
                notice=lambda line: click.echo(line, err=True),
            )
            try:
                yield client, Place(url, identity, organization, sandbox), own
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
            assert self.project_document is not None
            raise ManifestError(
                self.project_document.problem(
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


def open_session(
    path: Path,
    variables: tuple[str, ...] = (),
    var_file: tuple[Path, ...] = (),
    *,
    allow_literal_secrets: bool = False,
    env: str | None = None,
) -> Session:
    """Return the session for PATH and the options given; `env` is taken instead of `--env`.

    Raises `ManifestError`; nothing is sent or written.
    """
    absolute, root, shown = _located(path)
    project, document = load_project(root, shown, os.environ)
    name, settings = choose_environment(project, document, env or given("env"))
    state_dir = given("state_dir")
    folder = Path(os.path.abspath(state_dir)) if state_dir else root / project.state.path  # noqa: PTH100
    emulated = bool(given("emulator")) or _chosen_url(project, settings) == EMULATOR
    session = Session(
        absolute, root, shown, name, project, document, settings, folder, emulated, allow_literal_secrets or emulated
    )
    session.variables = collect_variables(project, document, name, settings, variables, var_file)
    session.told = variables
    return session


def _located(path: Path) -> tuple[Path, Path, str]:
    """Return PATH whole, the project root, and how the root is called in messages."""
    if not path.exists():
        raise ManifestError(Problem("no-path", f"{path} does not exist", "name a manifest or a folder of manifests"))
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - symbolic links stay as the user wrote them
    if absolute.name == FILE:
        absolute = absolute.parent
    root = find_root(absolute)
    relative = os.path.relpath(root)
    return absolute, root, "" if relative == "." else relative


def environments(path: Path) -> list[str]:
    """Return the declared environments of PATH's project. Raises `ManifestError` when there is none."""
    _, root, shown = _located(path)
    project, _ = load_project(root, shown, os.environ)
    if not project.environments:
        advice = "declare them under environments: in reconciler.yaml"
        raise ManifestError(Problem("no-env", "this project declares no environments", advice))
    return list(project.environments)


def _chosen_url(project: ProjectSpec, settings: Environment) -> str:
    return str(settings.url or project.platform.url or _env("AEP_PLATFORM_URL") or "")


def in_memory(state: State, records: list[Record]) -> State:
    """Return `state` after `records` for a command that writes nothing: the serial stays that of the file."""
    return replace(fold(state, records), serial=state.serial)
