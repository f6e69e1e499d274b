"""The settings of the platform: where each one comes from, which ones are missing, and which ones cannot be sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from reconciler.app.trust import is_restricted, need_from_environment, untrusted
from reconciler.config.project import Environment, ProjectSpec
from reconciler.core.problems import ManifestError, Problem

DEFAULT_URL = "https://platform.adobe.io"
DEFAULT_IMS = "https://ims-na1.adobelogin.com"

_FILE = "reconciler.yaml"
_MISSING = {
    "AEP_CLIENT_ID": "the client id of an OAuth server-to-server credential; --emulator needs none",
    "AEP_CLIENT_SECRET": "the client secret of that credential; or set AEP_ACCESS_TOKEN to a token made elsewhere",
    "AEP_API_KEY": "the client id of the credential that the access token was made with",
    "AEP_ORG_ID": "the id of the organization, ending in @AdobeOrg",
}


@dataclass(frozen=True, slots=True)
class PlatformSettings:
    """The settings of one platform: `token` is given, or `client_id` and `client_secret` get one from `ims_url`."""

    url: str
    organization: str
    sandbox: str
    api_key: str
    ims_url: str = DEFAULT_IMS
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reader:
    """Reads settings from `environ` and collects the problems of all of them."""

    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def text(self, variable: str, *places: tuple[str, str | None]) -> str:
        """Return the first value of `places` (name and value), else that of `variable`, or an empty text."""
        for name, value in (
            *((f"{place} in {_FILE}", value) for place, value in places),
            (variable, self.environ.get(variable)),
        ):
            if value:
                if what := unusable(value):
                    self.problems.append(Problem("bad-setting", f"{name} {what}", "remove it, and set the value again"))
                return value
        return ""

    def url(self, variable: str, default: str, *places: tuple[str, str | None]) -> str:
        """Return an address without a slash at its end."""
        if is_restricted(self.environ) and (place := next((place for place, given in places if given), "")):
            if not self.environ.get(variable):
                self.problems.append(need_from_environment(place, variable))
            places = ()
        value = self.text(variable, *places) or default
        name = next((f"{place} in {_FILE}" for place, given in places if given), variable)
        if what := bad_url(value):
            self.problems.append(Problem("bad-url", f"{name} {what}", "expected https://HOST[:PORT]"))
        elif (found := untrusted(name, value, variable, self.environ)) is not None:
            self.problems.append(found)
        return value.rstrip("/")

    def need(self, variable: str, value: str) -> str:
        """Return `value`; without one, note that `variable` is missing."""
        if not value:
            self.problems.append(Problem("not-configured", f"{variable} is not set", _MISSING[variable]))
        return value


def read_settings(
    project: ProjectSpec,
    settings: Environment,
    environment: str,
    environ: Mapping[str, str],
    credential: Callable[[str | None], str | None],
) -> PlatformSettings:
    """Return the settings of a real platform.

    `credential` returns a credential of the project file with its secrets filled in. Raises `ManifestError` with every
    setting that is missing, or that no header may hold.
    """
    reader = _Reader(environ)
    platform, auth = project.platform, project.platform.auth
    here = f"environments.{environment}"
    url = reader.url("AEP_PLATFORM_URL", DEFAULT_URL, (f"{here}.url", settings.url), ("platform.url", platform.url))
    organization = reader.text(
        "AEP_ORG_ID", (f"{here}.organization", settings.organization), ("platform.organization", platform.organization)
    )
    sandbox = reader.text("AEP_SANDBOX", (f"{here}.sandbox", settings.sandbox), ("platform.sandbox", platform.sandbox))
    client_id = reader.text("AEP_CLIENT_ID", ("platform.auth.clientId", auth.client_id))
    api_key = reader.text("AEP_API_KEY", ("platform.apiKey", platform.api_key)) or client_id
    token = reader.text("AEP_ACCESS_TOKEN", ("platform.auth.accessToken", credential(auth.access_token)))
    secret, ims, scopes = "", DEFAULT_IMS, tuple(auth.scopes or ())
    if token:
        reader.need("AEP_API_KEY", api_key)
    else:
        secret = reader.text("AEP_CLIENT_SECRET", ("platform.auth.clientSecret", credential(auth.client_secret)))
        ims = reader.url("AEP_IMS_URL", DEFAULT_IMS, ("platform.auth.imsUrl", auth.ims_url))
        scopes = scopes or _split(reader.text("AEP_SCOPES"))
        reader.need("AEP_CLIENT_ID", client_id)
        reader.need("AEP_CLIENT_SECRET", secret)
    reader.need("AEP_ORG_ID", organization)
    if reader.problems:
        raise ManifestError(reader.problems)
    return PlatformSettings(url, organization, sandbox or "prod", api_key, ims, client_id, secret, token, scopes)


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def unusable(value: str) -> str:
    """Return why no HTTP header may hold `value` (RFC 9110, 5.5), or an empty text. The value is not shown."""
    if "\n" in value or "\r" in value:
        return "ends with a line end" if not any(end in value.rstrip("\r\n") for end in "\r\n") else "holds a line end"
    for letter in value:
        if unicodedata.category(letter) == "Cc":
            return f"holds the control character U+{ord(letter):04X}"
        if not letter.isascii():
            return f"holds the character U+{ord(letter):04X}, which is not ASCII"
    return "begins or ends with a blank" if value != value.strip() else ""


def bad_url(value: str) -> str:
    """Return why `value` is not the address of a platform, or an empty text."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        return f"is not a valid URL: {str(error).splitlines()[0]}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or port == 0 or any(letter.isspace() for letter in value):
        return f"is not a valid URL of a platform: {value[:200]!r}"
    return f"has a query or a fragment: {value[:200]!r}" if parts.query or parts.fragment else ""
