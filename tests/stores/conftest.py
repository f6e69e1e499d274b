"""Every place a state can be kept in, each with a real server behind it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import psycopg
import pytest
import yaml
from obstore.store import AzureStore, GCSStore, S3Store

from reconciler.app.stores import store_of
from reconciler.config.state_settings import StateSettings
from reconciler.core.state.model import State
from reconciler.stores.lease import Lease
from reconciler.stores.store import Store
from tests.conftest import SECRETS, Cli, Server
from tests.stores import servers

S3_SECRET = "canary-s3-state-77aa"


@dataclass
class Backend:
    """One place: what the project file says of it, and what a test does to it behind the store's back."""

    name: str
    settings: dict[str, Any]
    folder: Path
    values: dict[str, str] = field(default_factory=dict)
    server: Any = None

    def store(self, environment: str = "default") -> Store:
        """Return a new store, as another process has it."""

        def reveal(text: str) -> str:
            for name, value in self.values.items():
                text = text.replace("${secret." + name + "}", value)
            return text

        return store_of(StateSettings.model_validate(self.settings), environment, self.folder, reveal)

    @property
    def kind(self) -> str:
        """The backend."""
        return str(self.settings["backend"])

    @property
    def medium(self) -> str:
        """The class behind its stores."""
        found = type(self.store().medium)
        return f"{found.__module__}:{found.__name__}"

    def at(self, name: str) -> Backend:
        """Return the same place for another project."""
        settings = dict(self.settings)
        if self.kind == "http":
            for key in settings.keys() & {"address", "lockAddress"}:
                settings[key] = settings[key].replace("{environment}", f"{name}/{{environment}}")
            return replace(self, settings=settings)
        settings["prefix"] = f"{settings['prefix']}/{name}"
        return replace(self, settings=settings, server=_objects(self.name, settings))

    def read(self) -> State | None:
        """Return the state."""
        return self.store().read()

    @property
    def is_leased(self) -> bool:
        """Whether its locks end by themselves."""
        return self.kind in ("s3", "gcs", "azure", "postgres")

    def expire(self, environment: str = "default") -> None:
        """Let time pass, until the lock of an environment is over; somebody has to release one that does not end."""
        if self.kind == "http":
            self.server.locks.clear()
            return
        if self.kind == "postgres":
            with psycopg.connect(self.settings["url"]) as connection:
                connection.execute(
                    f"UPDATE {self.settings['tableSchema']}.state SET expires = now() - interval '1 s' WHERE name = %s",
                    (f"{self.settings['prefix']}/{environment}",),
                )
            return
        name = f"{environment}.lock"
        text = bytes(obstore.get(self.server, name).bytes())
        if Lease.of(text, "x").holder is not None:
            obstore.put(self.server, name, json.dumps({**json.loads(text), "ttl": -1e9}).encode())

    def at_rest(self) -> bytes:
        """Return all that is kept, of every environment."""
        if self.name == "local":
            return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())
        if self.kind == "http":
            return b"".join(text for texts in self.server.states.values() for text in texts)
        if self.kind == "postgres":
            with psycopg.connect(self.settings["url"]) as connection:
                tables = [
                    connection.execute(f"SELECT {table}::text FROM {self.settings['tableSchema']}.{table}").fetchall()
                    for table in ("state", "journal", "version")
                ]
            return repr(tables).encode()
        pages = obstore.list(self.server)
        return b"".join(bytes(obstore.get(self.server, item["path"]).bytes()) for page in pages for item in page)

    def versions(self) -> int:
        """Return how many earlier states are kept."""
        if self.name == "local":
            return len(list(self.folder.glob("*.backup")))
        if self.kind == "http":
            return sum(len(texts) - 1 for texts in self.server.states.values())
        if self.kind == "postgres":
            with psycopg.connect(self.settings["url"]) as connection:
                query = f"SELECT count(*) FROM {self.settings['tableSchema']}.version"
                return int(connection.execute(query).fetchone()[0])  # type: ignore[index]
        return sum(".versions/" in item["path"] for page in obstore.list(self.server) for item in page)


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Gives the address of S3."""
    with servers.s3() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Gives the connection of PostgreSQL."""
    if servers.postgres_programs() is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def gcs_url() -> Iterator[str]:
    """Gives the address of a server that speaks as Google Cloud Storage."""
    with servers.gcs() as url:
        yield url


@pytest.fixture(scope="session")
def azure_url() -> Iterator[str]:
    """Gives the address of Azurite's account."""
    if servers.azurite() is None:
        pytest.skip("Azurite is not installed (npm install --prefix .azurite azurite)")
    with servers.azure() as url:
        yield url


@pytest.fixture
def state_server() -> Iterator[servers.StateServer]:
    """Gives a server of the HTTP protocol."""
    with servers.state_server() as found:
        yield found


def _objects(name: str, settings: dict[str, Any]) -> Any:
    """Return the object store behind the settings, as anybody sees it; None where it is none."""
    client: Any = {"allow_http": True}
    prefix = settings["prefix"]
    if name == "s3":
        return S3Store(
            settings["bucket"], prefix=prefix, region="us-east-1", endpoint=settings["endpoint"],
            access_key_id="a", secret_access_key="b", client_options=client, virtual_hosted_style_request=False,
        )  # fmt: skip
    if name == "gcs":
        nobody = {"gcs_base_url": settings["endpoint"], "disable_oauth": True, "client_email": "", "private_key": ""}
        key = json.dumps({**nobody, "private_key_id": ""})
        return GCSStore(settings["bucket"], prefix=prefix, client_options=client, service_account_key=key)
    if name == "azure":
        return AzureStore(
            settings["container"], prefix=prefix, account_name=settings["account"], client_options=client,
            endpoint=settings["endpoint"], account_key=servers.AZURE_KEY,
        )  # fmt: skip
    return None


def backend_named(name: str, request: pytest.FixtureRequest, folder: Path) -> Backend:
    """Return one place with nothing in it yet."""
    own = f"t{uuid.uuid4().hex[:12]}"
    if name == "local":
        return Backend(name, {"backend": "local"}, folder)
    if name == "s3":
        url = request.getfixturevalue("s3_url")
        settings = {
            "backend": "s3", "bucket": "states", "prefix": own, "region": "us-east-1", "endpoint": url,
            "accessKeyId": "${secret.id}", "secretAccessKey": "${secret.key}",
        }  # fmt: skip
        return Backend(name, settings, folder, {"id": "state-id", "key": S3_SECRET}, _objects(name, settings))
    if name == "gcs":
        settings = {"backend": "gcs", "bucket": "states", "prefix": own, "endpoint": request.getfixturevalue("gcs_url")}
        return Backend(name, settings, folder, {}, _objects(name, settings))
    if name == "azure":
        settings = {
            "backend": "azure", "account": "devstoreaccount1", "container": "states", "prefix": own,
            "endpoint": request.getfixturevalue("azure_url"), "accountKey": "${secret.key}",
        }  # fmt: skip
        return Backend(name, settings, folder, {"key": servers.AZURE_KEY}, _objects(name, settings))
    if name == "postgres":
        url = request.getfixturevalue("postgres_url")
        return Backend(name, {"backend": "postgres", "url": url, "tableSchema": own, "prefix": "crm"}, folder)
    server = request.getfixturevalue("state_server")
    settings = {
        "backend": "http", "address": f"{server.url}/state/{{environment}}", "username": "u",
        "password": "${secret.key}",
    }  # fmt: skip
    if name == "gitlab":
        lock = {"lockAddress": f"{settings['address']}/lock", "lockMethod": "POST", "unlockMethod": "DELETE"}
        settings |= lock
    return Backend(name, settings, folder, {"key": S3_SECRET}, server)


BACKENDS = ("local", "s3", "gcs", "azure", "postgres", "http", "gitlab")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Gives every place in turn."""
    return backend_named(request.param, request, tmp_path / "state")


@pytest.fixture(params=[name for name in BACKENDS if name != "local"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Gives every place that is not this machine."""
    return backend_named(request.param, request, tmp_path / "state")


@pytest.fixture
def network(remote: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Proxy]:
    """Puts a network between the stores of `remote` and their server; nobody waits long for one that is gone."""
    keys = {"postgres": ["url"], "http": ["address", "lockAddress"]}.get(remote.kind, ["endpoint"])
    port = urlsplit(remote.settings[keys[0]]).port
    proxy = servers.Proxy(int(port or 0))
    for key in remote.settings.keys() & set(keys):
        remote.settings[key] = remote.settings[key].replace(f":{port}", f":{proxy.port}")
    for name in ("reconciler.app.stores", "reconciler.stores.http", "reconciler.stores.postgres"):
        monkeypatch.setattr(f"{name}.PATIENCE", 1.0)
    yield proxy
    proxy.close()


@pytest.fixture
def live(cli: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line against the emulator over HTTP."""
    for name, value in {
        "AEP_PLATFORM_URL": server.url, "AEP_ACCESS_TOKEN": "t", "AEP_API_KEY": "key", "AEP_ORG_ID": "ORG@AdobeOrg",
        "AEP_SANDBOX": "dev", **SECRETS,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return cli


def project(cli: Cli, monkeypatch: pytest.MonkeyPatch, backend: Backend, **spec: Any) -> None:
    """Write a project file whose state is kept there."""
    for name, value in backend.values.items():
        monkeypatch.setenv(f"RECONCILER_SECRET_{name.upper()}", value)
    head = {"apiVersion": "reconciler/v1", "kind": "Project", "metadata": {"name": "shared"}}
    there = cli.folder / "reconciler.yaml"
    own = yaml.safe_load(there.read_text())["spec"] if there.exists() else {}
    cli.write("reconciler.yaml", json.dumps({**head, "spec": {**own, "state": backend.settings, **spec}}))
