"""The hosts that get credentials, and the limits of a run of unreviewed code (`RECONCILER_RESTRICTED`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.config.project import ProjectSpec
from reconciler.core.problems import ManifestError, Problem
from reconciler.documents.document import Document
from reconciler.network.proxies import is_loopback
from reconciler.secrets.redaction import redact

TRUSTED_HOSTS = "RECONCILER_TRUSTED_HOSTS"
SECRET_PREFIX, SECRET_PREFIXES = "RECONCILER_SECRET_", "RECONCILER_SECRET_PREFIXES"
_ADOBE = re.compile(r"platform[a-z0-9-]*\.adobe\.io|ims[a-z0-9-]*\.adobelogin\.com")
_NAMING = ("AEP_PLATFORM_URL", "AEP_IMS_URL")


def is_restricted(environ: Mapping[str, str]) -> bool:
    """Tell whether the run is restricted: any value but an empty one, `0` and `false` turns it on."""
    return environ.get("RECONCILER_RESTRICTED", "").strip().lower() not in ("", "0", "false")


def host_of(url: str) -> str:
    """Return the host of an address in lower case, or an empty text."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def untrusted(name: str, url: str, variable: str, environ: Mapping[str, str]) -> Problem | None:
    """Return why credentials of the platform must not be sent to `url`, or None.

    `name` says where the address comes from, `variable` is the environment variable that can name it instead.
    """
    if (found := in_clear(name, url, environ)) is not None:
        return found
    host = host_of(url)
    named = {host_of(environ.get(item, "")) for item in _NAMING} | set(_trusted(environ))
    if is_loopback(host) or _ADOBE.fullmatch(host) or host in named:
        return None
    what = f"{name}: no credentials are sent to {host!r}, which only the project file names"
    return Problem("untrusted-host", what, f"set {variable}, or add the host to {TRUSTED_HOSTS}, in the environment")


def in_clear(name: str, url: str, environ: Mapping[str, str]) -> Problem | None:
    """Return the finding about an address without TLS that is not on this machine, or None.

    An entry `http://HOST` of RECONCILER_TRUSTED_HOSTS allows it for that host: an emulator in another container.
    """
    host = host_of(url)
    if not url.lower().startswith("http:") or is_loopback(host) or _trusted(environ).get(host, False):
        return None
    return Problem("no-tls", f"{name}: plain http is allowed to this machine only, not to {host!r}", "use https")


def _trusted(environ: Mapping[str, str]) -> dict[str, bool]:
    """Return the hosts that the environment trusts, and whether it does so without TLS."""
    entries = _split(environ.get(TRUSTED_HOSTS, "").lower())
    return {host_of(item if "//" in item else f"//{item}"): item.startswith("http://") for item in entries}


def bad_prefix(prefix: str, environ: Mapping[str, str]) -> Problem | None:
    """Return the finding about the prefix of an `env` provider that could read any variable, or None."""
    allowed = (SECRET_PREFIX, *_split(environ.get(SECRET_PREFIXES, "")))
    if prefix.startswith(allowed):
        return None
    what = f"the prefix {prefix!r} of an env provider must begin with {' or '.join(allowed)}"
    return Problem("secret-prefix", what, f"change it, or name it in {SECRET_PREFIXES} in the environment")


def need_from_environment(setting: str, variable: str) -> Problem:
    """Return the finding about an address that a restricted run does not take from the project file."""
    what = f"{setting} in reconciler.yaml is ignored in restricted mode, and the environment names no other"
    return Problem("restricted", what, f"set {variable}, or plan from a snapshot with plan --snapshot FILE")


def confine(root: Path, path: Path, label: str) -> None:
    """Raise `ManifestError` for a path that a restricted run does not read: its real place is outside `root`."""
    inside, real = root.resolve(), path.resolve()
    if real != inside and inside not in real.parents:
        what = f"{label} is outside the project root, and restricted mode reads nothing there"
        raise ManifestError(Problem("restricted", what, "move it into the project"))


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def check_secret_prefixes(project: ProjectSpec, document: Document | None) -> None:
    """Raise `ManifestError` for `env` providers that may not read what they want; hide what the others may read."""
    problems = []
    for index, item in enumerate(project.secrets):
        if item.env is None:
            continue
        problem = bad_prefix(item.env.prefix, os.environ)
        if problem is not None:
            place = ("spec", "secrets", index, "env", "prefix")
            problems.append(document.problem(place, problem.code, problem.what, problem.next) if document else problem)
            continue
        for name, value in os.environ.items():
            if name.startswith(item.env.prefix):
                redact.hide(value)
    if problems:
        raise ManifestError(problems)
