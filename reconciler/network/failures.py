"""Why a request got no answer: one failure in words, and whether sending the request again can help."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

import httpx2

from reconciler.network.proxies import Proxy, place_of


class Remedy(Enum):
    """When sending a request again can help."""

    RETRY = "at once"
    LATER = "once the host was reached: a wrong address looks the same"
    NEVER = "not without a change of the settings or the server"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request got no answer: `code` of the problem, `what` happened, and the `next` step.

    `{setting}` in `next` stands for the setting of the address. `sent` tells that the server may have received the
    request.
    """

    code: str
    what: str
    next: str = "check the network"
    remedy: Remedy = Remedy.RETRY
    sent: bool = False

    def advice(self, setting: str) -> str:
        """Return the next step for an address that comes from `setting`."""
        return self.next.replace("{setting}", setting)


class NoAnswerError(httpx2.TransportError):
    """A request that got no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


_EXPIRED, _TOO_EARLY = 10, 9
_OTHER_NAME = (62, 64)
"""The numbers of X509_V_ERR_* (OpenSSL, x509_vfy.h)."""
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_VARIABLES = "name its file in SSL_CERT_FILE, or its folder in SSL_CERT_DIR; verification cannot be switched off"


def failure_of(error: httpx2.HTTPError, url: str, proxy: Proxy | None = None) -> Failure:
    """Return why the request for `url`, through `proxy`, failed with `error`."""
    if isinstance(error, NoAnswerError):
        return error.failure
    if isinstance(error, httpx2.TimeoutException):
        return _timeout(error, url, proxy)
    if isinstance(error, httpx2.ProxyError):
        return refused_by_proxy(_status(error), str(error), url, proxy)
    if isinstance(error, httpx2.ConnectError):
        return _not_connected(error, url, proxy)
    there = place_of(url)
    if isinstance(error, httpx2.DecodingError):
        return Failure("unexpected-answer", f"the answer of {there} cannot be decompressed", sent=True)
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
        what = f"the request to {there} cannot be sent: {error}"
        return Failure("not-sendable", what, "check {setting} and the credentials", Remedy.NEVER)
    causes = tuple(_causes(error))
    if any(isinstance(item, ConnectionResetError | BrokenPipeError) for item in causes):
        return Failure("connection-reset", f"the connection was reset by {_peer(url, proxy)}", sent=True)
    if "without sending a response" in str(error):
        return Failure("connection-closed", f"{there} closed the connection without an answer", sent=True)
    if isinstance(error, httpx2.RemoteProtocolError) and "complete message body" not in str(error):
        return Failure("not-http", f"the answer of {there} is not valid HTTP", "check {setting}", sent=True)
    return Failure("connection-closed", f"{there} closed the connection before the end of its answer", sent=True)


def refused_by_proxy(status: int, said: str, url: str, proxy: Proxy | None) -> Failure:
    """Return the failure for a proxy that answered with `status` instead of connecting; `said` are its words."""
    name, variable = (str(proxy), proxy.variable) if proxy else ("the proxy", "HTTPS_PROXY")
    if status == 407:
        rejected = proxy is not None and bool(proxy.username)
        what = f"the proxy {name} {'does not accept the login' if rejected else 'asks for a login'} (407)"
        advice = f"set {variable} to http://USER:PASSWORD@{name}, with reserved characters percent-encoded"
        return Failure("proxy-login", what, advice, Remedy.NEVER)
    what = f"the proxy {name} does not connect to {place_of(url)}: {''.join(filter(str.isprintable, said))[:200]}"
    advice = f"check {variable}, or name the host in NO_PROXY where it is reached directly"
    return Failure("proxy-refused", what, advice, Remedy.LATER if status == 0 or status >= 500 else Remedy.NEVER)


def _status(error: httpx2.ProxyError) -> int:
    first = str(error).partition(" ")[0]
    return int(first) if first.isdecimal() else 0


def _timeout(error: httpx2.TimeoutException, url: str, proxy: Proxy | None) -> Failure:
    limits: Mapping[str, float | None] = {}
    if getattr(error, "_request", None) is not None:
        limits = error.request.extensions.get("timeout", {})

    def after(name: str) -> str:
        seconds = limits.get(name)
        return f" within {seconds:g} s" if seconds else ""

    if isinstance(error, httpx2.ConnectTimeout):
        what = f"no connection to {_peer(url, proxy)}{after('connect')} (connect time-out)"
        return Failure("timeout", what, "check {setting}, the network and HTTPS_PROXY", Remedy.LATER)
    if isinstance(error, httpx2.PoolTimeout):
        return Failure("timeout", f"no free connection to {place_of(url)}{after('pool')}")
    if isinstance(error, httpx2.WriteTimeout):
        return Failure("timeout", f"{place_of(url)} took no data{after('write')} (write time-out)", sent=True)
    return Failure("timeout", f"{place_of(url)} sent nothing{after('read')} (read time-out)", sent=True)


def _not_connected(error: httpx2.ConnectError, url: str, proxy: Proxy | None) -> Failure:
    causes = tuple(_causes(error))
    peer = _peer(url, proxy)
    setting = proxy.variable if proxy else "{setting}"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return certificate_failure(cause.verify_code, str(cause.verify_message), url, proxy)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        host = proxy.host if proxy else urlsplit(url).hostname
        advice = f"check {setting} and the network" + ("" if proxy else "; behind a proxy, set HTTPS_PROXY")
        return Failure("cannot-resolve", f"cannot resolve {host}", advice, Remedy.LATER)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        what = f"connection refused by {'the proxy ' if proxy else ''}{peer}"
        return Failure("connection-refused", what, f"check {setting}, and that something listens there", Remedy.LATER)
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            reason = (cause.reason or "unknown reason").lower().replace("_", " ")
            what = f"{place_of(url)} does not speak TLS as expected: {reason}"
            return Failure("no-tls", what, "check {setting}: its scheme and port", Remedy.NEVER)
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if numbers & {*_UNREACHABLE}:
        return Failure("unreachable", f"no route to {peer}", f"check {setting} and the network", Remedy.LATER)
    return Failure("connection-reset", f"{peer} closed the connection while it was made", remedy=Remedy.LATER)


def certificate_failure(
    code: int, said: str, url: str, proxy: Proxy | None, *, issuer: str = "", names: str = ""
) -> Failure:
    """Return the failure for a certificate that was not accepted.

    `code` and `said` are OpenSSL's; `issuer` and `names` are those of the certificate where they are known.
    """
    host = str(urlsplit(url).hostname)
    if proxy is not None and proxy.scheme == "https":
        host = f"{host}, or of its proxy {proxy},"
    if code == _EXPIRED:
        what, advice = f"the certificate of {host} has expired", "the server needs a new one; check the clock, too"
    elif code == _TOO_EARLY:
        what, advice = f"the certificate of {host} is not valid yet", "check the clock of this machine"
    elif code in _OTHER_NAME:
        valid_for = f"; it is for {names}" if names else ""
        what, advice = f"the certificate of {host} is for another host name{valid_for}", "check {setting}"
    else:
        by = f": it was issued by {issuer}" if issuer else f": {said}"
        what, advice = f"the certificate of {host} is not trusted{by}", f"for a private authority, {_VARIABLES}"
    return Failure("certificate", what, advice, Remedy.NEVER)


def _peer(url: str, proxy: Proxy | None) -> str:
    """Return the other end of the TCP connection."""
    return str(proxy) if proxy else place_of(url)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and the members of groups."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        todo += [item.__cause__, item.__context__]
        if isinstance(item, BaseExceptionGroup):
            todo += item.exceptions
