"""The certificates that are trusted. Verification is always on."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from reconciler.core.problems import ManifestError, Problem

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


def trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return the context that verifies certificates.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the certificates of the system, and where neither is set
    `REQUESTS_CA_BUNDLE` does. Raises `ManifestError` naming a variable that cannot be used.
    """
    return _context(tuple(trust_variables(environ).items()))


def trust_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name the trusted certificates, with their values; empty for those of the system."""
    named = {name: environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)}
    if not named and environ.get("REQUESTS_CA_BUNDLE"):
        named = {"REQUESTS_CA_BUNDLE": environ["REQUESTS_CA_BUNDLE"]}
    return named


@lru_cache(4)
def _context(named: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    """Return the context for variables and their values; reading a whole system's certificates takes 20 ms."""
    if not named:
        return _system()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # requires a certificate, and compares its host names
    for variable, value in named:
        if variable == "SSL_CERT_DIR":
            for folder in value.split(os.pathsep):
                _add_folder(context, variable, Path(folder))
        elif variable == "REQUESTS_CA_BUNDLE" and Path(value).is_dir():
            _add_folder(context, variable, Path(value))
        else:
            _add_file(context, variable, Path(value))
    return context


def _system() -> ssl.SSLContext:
    """Return a context with the certificates of the operating system: those of OpenSSL, the keychain, or Windows."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def _add_file(context: ssl.SSLContext, variable: str, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise _bad(variable, path, "holds no certificate") from None
    except OSError as error:
        raise _bad(variable, path, _why(error)) from None


def _add_folder(context: ssl.SSLContext, variable: str, path: Path) -> None:
    try:
        hashed = any(_HASHED.fullmatch(item.name) for item in path.iterdir())
        context.load_verify_locations(capath=path)
    except OSError as error:
        raise _bad(variable, path, _why(error)) from None
    if not hashed:
        what = f"{variable} names {path}, which has no file named by the hash of a certificate"
        raise ManifestError(Problem("bad-certificates", what, f"run: openssl rehash {path}"))


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, NotADirectoryError):
        return "is not a folder"
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    return f"cannot be read: {error.strerror or error}"


def _bad(variable: str, path: Path, what: str) -> ManifestError:
    kind = "a folder of certificates" if variable == "SSL_CERT_DIR" else "a file of certificates in PEM form"
    return ManifestError(Problem("bad-certificates", f"{variable} names {path}, which {what}", f"expected {kind}"))
