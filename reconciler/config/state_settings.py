"""`state:` of the project file: where the state is kept, and what each backend needs for that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.problems import ManifestError, Problem
from reconciler.documents.blocks import Block
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_SHARED = ("prefix", "lease", "versions")
_OF: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "s3": ("bucket", "region", "endpoint", "access_key_id", "secret_access_key", *_SHARED),
    "gcs": ("bucket", "endpoint", "service_account_key", *_SHARED),
    "azure": ("account", "container", "endpoint", "account_key", *_SHARED),
    "postgres": ("url", "table_schema", *_SHARED),
    "http": (
        "address", "lock_address", "unlock_address", "lock_method", "unlock_method", "username", "password",
    ),
}  # fmt: skip
"""What a backend knows, besides `backend` and `path`; what it cannot do without."""
_NEEDED = {"s3": "bucket", "gcs": "bucket", "azure": "container", "http": "address"}
SECRETS = ("secret_access_key", "service_account_key", "account_key", "password")
"""Fields that may not be written out."""
_URLS = ("url", "endpoint", "address", "lock_address", "unlock_address")
_PASSWORD_IN_URL = re.compile(r"://[^/@]*:[^/@]+@")


class StateSettings(Block):
    """Where the state is kept."""

    backend: Literal["local", "s3", "gcs", "azure", "postgres", "http"] = "local"
    """What keeps it: a folder, an object store, a database, or a server that speaks like Terraform's `http` backend."""
    path: str = "state"
    """The folder, relative to this file; with other backends only the embedded emulator has its data there."""
    bucket: str | None = None
    """s3, gcs: the bucket."""
    container: str | None = None
    """azure: the container."""
    account: str | None = None
    """azure: the storage account; left out, it comes from AZURE_STORAGE_ACCOUNT_NAME."""
    prefix: str = ""
    """Object stores and postgres: what the names of this project's states begin with, as `crm/dataflows`."""
    region: str | None = None
    """s3: the region; left out, it comes from AWS_REGION."""
    endpoint: str | None = None
    """Object stores: another address, for what speaks like S3, or an emulator of a cloud."""
    access_key_id: str | None = None
    """s3: the key; left out, the usual chain of AWS is asked."""
    secret_access_key: str | None = None
    """s3: its secret, as `${secret.NAME}`."""
    service_account_key: str | None = None
    """gcs: the JSON of a service account, as `${secret.NAME}`; left out, the usual chain of Google is asked."""
    account_key: str | None = None
    """azure: the account's key, as `${secret.NAME}`; left out, the usual chain of Azure is asked."""
    url: str = ""
    """postgres: the connection, as libpq knows it; left out, it comes from PGHOST and its kin. A password is in it as
    `${secret.NAME}`, or in PGPASSWORD or ~/.pgpass."""
    table_schema: str = "reconciler"
    """postgres: the schema of the tables."""
    address: str | None = None
    """http: the state's address; `{environment}` in it is the environment's name."""
    lock_address: str | None = None
    """http: where it is locked; left out, at its address."""
    unlock_address: str | None = None
    """http: where it is unlocked; left out, where it is locked."""
    lock_method: str = "LOCK"
    """http: the method of the lock; GitLab wants POST."""
    unlock_method: str = "UNLOCK"
    """http: the method of the unlock; GitLab wants DELETE."""
    username: str = ""
    """http: the user; with GitLab in a pipeline, gitlab-ci-token."""
    password: str | None = None
    """http: the password or token, as `${secret.NAME}`."""
    lease: float = Field(default=60, ge=5, le=3600, strict=False)
    """Object stores and postgres: seconds after which the lock of a run that is gone can be taken over."""
    versions: int = Field(default=20, ge=1)
    """Object stores and postgres: how many earlier states are kept."""

    @model_validator(mode="after")
    def _fits(self) -> StateSettings:
        for name in self.model_fields_set - {"backend", "path", *_OF[self.backend]}:
            raise self._error("other_backend", "{key} is of another backend than {backend}", name)
        needed = _NEEDED.get(self.backend)
        if needed is not None and not getattr(self, needed):
            raise self._error("missing_setting", "the backend {backend} needs {key}", needed)
        for name in SECRETS:
            value = getattr(self, name)
            if value is not None and "${secret." not in value:
                raise self._error("literal_secret", "{key} must not be written out here: write ${secret.NAME}", name)
        for name in _URLS:
            value = getattr(self, name) or ""
            if _PASSWORD_IN_URL.search(value) and (name != "url" or "${secret." not in value):
                what = "a password must not be written out in {key}: write ${secret.NAME}, in url or password"
                raise self._error("literal_secret", what, name)
        return self

    def _error(self, code: str, what: str, name: str) -> PydanticCustomError:
        key = str(type(self).__pydantic_fields__[name].alias or name)
        return PydanticCustomError(code, what, {"key": key, "backend": self.backend})


def settings_in(text: str) -> StateSettings:
    """Return the settings that `--from` names: `local`, or YAML. Raises `ManifestError` with what is wrong."""
    try:
        found = [{"backend": "local"}] if text == "local" else read(Text("--from", text))
        return StateSettings.model_validate(found[0] if found else None)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        what = f"--from: {f'{place}: ' if place else ''}{first['msg']}"
        advice = "write it like state: in the project file, as {backend: local, path: state}"
        raise ManifestError(Problem("bad-source", what, advice)) from None
