"""From `state:` of the project file to the store that keeps it; each engine's library is loaded when it is wanted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.app.platform_settings import unusable
from reconciler.app.trust import host_of, in_clear
from reconciler.config.state_settings import StateSettings
from reconciler.core.distribution import install_command
from reconciler.core.problems import ManifestError, Problem
from reconciler.secrets.redaction import redact

if TYPE_CHECKING:
    from reconciler.stores.medium import Medium
    from reconciler.stores.store import Store

PATIENCE = 30.0
"""Seconds that an object store is asked again for, when it gives no answer."""
Reveal = Callable[[str], str]
"""Fills in `${secret.NAME}`."""


def store_of(settings: StateSettings, environment: str, folder: Path, reveal: Reveal) -> Store:
    """Return the store of one environment; `folder` is that of the local backend. Nothing is asked yet.

    Raises `ManifestError` when a library is missing, `SecretError` when a secret is.
    """
    from reconciler.stores.store import Store

    if settings.backend == "local":
        from reconciler.stores.local import Folder

        return Store(Folder(folder, environment))
    try:
        return Store(_MAKERS[settings.backend](settings, environment, reveal))
    except ModuleNotFoundError as error:
        what = f"the backend {settings.backend} needs the Python package {error.name}"
        advice = install_command(settings.backend)
        raise ManifestError(Problem("no-library", what, advice)) from None
    except (ValueError, TypeError) as error:
        what = f"the settings of the backend {settings.backend} cannot be used: {str(error).splitlines()[0]}"
        raise ManifestError(Problem("bad-backend", what, "see docs/state.md")) from None


def _s3(settings: StateSettings, environment: str, reveal: Reveal) -> Medium:
    from obstore.store import S3Store

    options: dict[str, Any] = {"region": settings.region, "endpoint": settings.endpoint}
    if settings.endpoint:
        options["virtual_hosted_style_request"] = False
    if settings.access_key_id:
        options["access_key_id"] = reveal(settings.access_key_id)
    if settings.secret_access_key:
        options["secret_access_key"] = reveal(settings.secret_access_key)
    elif (chain := _aws_chain()) is not None:
        options["credential_provider"] = chain
    return _bucket(S3Store, f"s3://{settings.bucket}", settings.bucket, settings, environment, options)


def _aws_chain() -> Any:
    """Return AWS's own chain, profiles and SSO too, where boto3 is there and finds something; else obstore has one."""
    import importlib.util

    if importlib.util.find_spec("boto3") is None:
        return None
    from boto3 import Session
    from obstore.auth.boto3 import Boto3CredentialProvider

    session = Session()
    return Boto3CredentialProvider(session) if session.get_credentials() is not None else None


def _gcs(settings: StateSettings, environment: str, reveal: Reveal) -> Medium:
    from obstore.store import GCSStore

    options: dict[str, Any] = {}
    if settings.service_account_key:
        options = {"service_account_key": reveal(settings.service_account_key), "base_url": settings.endpoint}
    elif settings.endpoint:  # an emulator: it asks nobody who they are
        nobody = {"gcs_base_url": settings.endpoint, "disable_oauth": True, "client_email": "", "private_key": ""}
        options = {"service_account_key": json.dumps({**nobody, "private_key_id": ""})}
    return _bucket(GCSStore, f"gs://{settings.bucket}", settings.bucket, settings, environment, options)


def _azure(settings: StateSettings, environment: str, reveal: Reveal) -> Medium:
    from obstore.store import AzureStore

    options: dict[str, Any] = {"account_name": settings.account, "endpoint": settings.endpoint}
    if settings.account_key:
        options["account_key"] = reveal(settings.account_key)
    where = f"az://{settings.account or ''}/{settings.container}".replace("///", "//")
    return _bucket(AzureStore, where, settings.container, settings, environment, options)


def _bucket(kind: Any, where: str, name: Any, settings: StateSettings, environment: str, options: Any) -> Medium:
    from datetime import timedelta

    from reconciler.stores.objects import Bucket

    if (problem := in_clear("state.endpoint", settings.endpoint or "", os.environ)) is not None:
        raise ManifestError(problem)
    prefix = settings.prefix.strip("/")
    store = kind(
        name,
        prefix=prefix or None,
        client_options={
            "timeout": "60s",
            "connect_timeout": "10s",
            "allow_http": (settings.endpoint or "").startswith("http:"),
        },
        retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=PATIENCE)},
        **{key: value for key, value in options.items() if value is not None},
    )
    shown = f"{where}/{prefix}" if prefix else where
    return Bucket(store, shown, environment, ttl=settings.lease, versions=settings.versions)


def _postgres(settings: StateSettings, environment: str, reveal: Reveal) -> Medium:
    from reconciler.stores.postgres import Database

    return Database(
        reveal(settings.url), environment, schema=settings.table_schema, name=settings.prefix.strip("/"),
        ttl=settings.lease, versions=settings.versions,
    )  # fmt: skip


def _other_places(settings: StateSettings) -> list[Problem]:
    """Return the findings about addresses that must not get the credentials of a state server."""
    problems = []
    for name in ("address", "lock_address", "unlock_address"):
        url = str(getattr(settings, name) or settings.address or "")
        shown = f"state.{type(settings).__pydantic_fields__[name].alias}"
        if (problem := in_clear(shown, url, os.environ)) is not None:
            problems.append(problem)
        elif (settings.password or settings.username) and host_of(url) != host_of(settings.address or ""):
            what = f"{shown} is on another host than state.address: the credentials of a state go to its own host only"
            problems.append(Problem("untrusted-host", what, "use one host"))
    return problems


def _http(settings: StateSettings, environment: str, reveal: Reveal) -> Medium:
    from reconciler.network.transport import Network
    from reconciler.stores.http import Address

    def at(address: str | None) -> str | None:
        return None if address is None else address.replace("{environment}", environment)

    address = at(settings.address)
    assert address is not None
    if environment != "default" and "{environment}" not in str(settings.address):
        what = "the address of the state is the same for every environment"
        raise ManifestError(Problem("one-address", what, "write {environment} where its name belongs"))
    login = {"state.username": settings.username or "", "state.password": reveal(settings.password or "")}
    problems = [
        Problem("bad-setting", f"{name} in reconciler.yaml {what}", "remove it, and set the value again")
        for name, value in login.items()
        if (what := unusable(value))
    ]
    problems += _other_places(settings)
    if problems:
        raise ManifestError(problems)
    network = Network(os.environ, hide=redact.hide)
    for url in filter(None, (address, at(settings.lock_address), at(settings.unlock_address))):
        network.check(url)
    return Address(
        address, lock_address=at(settings.lock_address), unlock_address=at(settings.unlock_address),
        lock_method=settings.lock_method, unlock_method=settings.unlock_method,
        username=login["state.username"], password=login["state.password"], network=network,
    )  # fmt: skip


_MAKERS: dict[str, Callable[[StateSettings, str, Reveal], Medium]] = {
    "s3": _s3, "gcs": _gcs, "azure": _azure, "postgres": _postgres, "http": _http,
}  # fmt: skip
