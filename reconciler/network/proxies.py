"""The proxy of a URL, as the environment variables say it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from reconciler.core.problems import ManifestError, Problem

_EXPECTED = "expected http://[USER:PASSWORD@]HOST[:PORT] or https://…, with reserved characters percent-encoded"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: `scheme` is `http` or `https`, `variable` the name of the variable that names it."""

    scheme: str
    host: str
    port: int
    variable: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The URL of the proxy, without credentials."""
        return f"{self.scheme}://{self}"

    def __str__(self) -> str:
        return place(self.host, self.port)


class Proxies:
    """The proxies that `environ` names. A lower-case variable takes precedence over its upper-case form.

    `HTTPS_PROXY` and `HTTP_PROXY` are for URLs of these schemes, `ALL_PROXY` for both; `NO_PROXY` lists the hosts that
    are reached directly. Loopback addresses are never reached through a proxy.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        _, no_proxy = self._setting("NO_PROXY")
        self._exceptions = tuple(_exceptions(no_proxy))

    def choose(self, url: str) -> Proxy | None:
        """Return the proxy for `url`, or None for a direct connection. Raises `ManifestError` for a bad variable."""
        parts = urlsplit(url)
        host = _plain(parts.hostname or "")
        port = parts.port or _PORTS.get(parts.scheme, 0)
        if is_loopback(host) or any(item.covers(host, port) for item in self._exceptions):
            return None
        for wanted in (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY"):
            name, value = self._setting(wanted)
            if value:
                return _proxy(name, value)
        return None

    def _setting(self, name: str) -> tuple[str, str]:
        """Return the variable that is set, and its value without blanks around it."""
        for form in (name.lower(), name):
            # HTTP_PROXY of a CGI process is a header of a request that anybody may send (CVE-2016-5385)
            if form in self._environ and not (form == "HTTP_PROXY" and "REQUEST_METHOD" in self._environ):
                return form, self._environ[form].strip()
        return name, ""


def _proxy(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad(variable, "is not a valid URL") from None
    if parts.scheme not in _PORTS:
        scheme = parts.scheme if parts.scheme.isalnum() else "unknown"
        raise _bad(variable, f"names a proxy of type {scheme}, which is not supported")
    if port == 0 or not _is_host(host) or parts.path.strip("/") or parts.query or parts.fragment:
        raise _bad(variable, "is not a valid URL of a proxy")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.scheme, host, port or _PORTS[parts.scheme], variable, username, password)


def _bad(variable: str, what: str) -> ManifestError:
    """Return the error of a variable. Its value is not shown: it may hold credentials."""
    return ManifestError(Problem("bad-proxy", f"{variable} {what}", _EXPECTED))


def _is_host(host: str) -> bool:
    return bool(host) and all(letter.isalnum() or letter in ".-_:%" for letter in host)


# -- exceptions ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Exception:
    """One entry of NO_PROXY: everything, a network, or a name with its subdomains; `port` 0 stands for all ports."""

    name: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int = 0

    def covers(self, host: str, port: int) -> bool:
        """Tell whether `host` (in the form of `_plain`) is reached directly."""
        if self.port and self.port != port:
            return False
        if self.name == "*":
            return True
        address = _address(host)
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return host == self.name or (address is None and host.endswith("." + self.name))


def _exceptions(value: str) -> Iterator[_Exception]:
    """Yield the entries of NO_PROXY. An entry in no known form covers nothing: other tools have forms of their own."""
    for item in value.replace(",", " ").split():
        name, port = _with_port(item)
        bare = name.strip("[]")
        try:
            yield _Exception(network=ipaddress.ip_network(bare, strict=False), port=port)
        except ValueError:
            plain = _plain(bare.removeprefix("*").removeprefix(".")) if bare != "*" else "*"
            if plain and "/" not in plain:
                yield _Exception(plain, port=port)


def _with_port(item: str) -> tuple[str, int]:
    """Return an entry without its port, and the port or 0. An IPv6 address has a port only in brackets."""
    name, colon, port = item.rpartition(":")
    single = ":" not in name or name.endswith("]")
    return (name, int(port)) if colon and single and port.isdecimal() and port.isascii() else (item, 0)


# -- hosts --------------------------------------------------------------------------------------------------------
def place(host: str, port: int) -> str:
    """Return `HOST:PORT`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def place_of(url: str) -> str:
    """Return `HOST:PORT` of a URL."""
    parts: SplitResult = urlsplit(url)
    return place(parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _plain(host: str) -> str:
    """Return a host in lower case, in its ASCII form, without a dot at its end."""
    host = host.rstrip(".").lower()
    if not host.isascii():
        try:
            return host.encode("idna").decode()
        except UnicodeError:
            return host
    return host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host that is an address, an IPv4 address in IPv6 form as IPv4; None for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
