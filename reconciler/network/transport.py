"""The connections: a transport under httpx2 that chooses the proxy, verifies certificates and explains failures.

Every connection is a lane of its own: a pool that looks at each of its connections for every request (httpcore2 does)
makes a hundred parallel requests slower than ten.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from typing import Any

import httpx2

from reconciler.network.failures import NoAnswerError, certificate_failure, failure_of, refused_by_proxy
from reconciler.network.proxies import Proxies, Proxy
from reconciler.network.trust import trust, trust_variables

_LANE = httpx2.Limits(max_connections=1, max_keepalive_connections=1)
_PROBE_LIMIT = 2.0
"""Seconds for each of the two handshakes that find out who issued a certificate."""


class Network:
    """How hosts are reached: proxies and certificates as `environ` says.

    `hide` is called with each password of a proxy before it is used.
    """

    def __init__(self, environ: Mapping[str, str], hide: Callable[[str], None] = lambda _: None) -> None:
        self._environ = environ
        self._proxies = Proxies(environ)
        self._hide = hide

    def proxy(self, url: str) -> Proxy | None:
        """Return the proxy for `url`. Raises `ManifestError` for a variable that cannot be used."""
        proxy = self._proxies.choose(url)
        if proxy is not None and proxy.password:
            self._hide(proxy.password)
        return proxy

    def check(self, url: str) -> None:
        """Raise `ManifestError` for a proxy or certificates that cannot be used for `url`. Nothing is sent."""
        self.proxy(url)
        if url.startswith("https:"):
            self.trust()

    def describe(self, url: str) -> str:
        """Return the way to `url` in words: the proxy and the certificates. Raises `ManifestError` as `check` does."""
        self.check(url)
        proxy = self.proxy(url)
        way = f"through the proxy {proxy} ({proxy.variable})" if proxy else "directly"
        if not url.startswith("https:"):
            return f"{way}, without TLS"
        variables = trust_variables(self._environ)
        return f"{way}, certificates of {' and '.join(variables) or 'the system'}"

    def trust(self) -> ssl.SSLContext:
        """Return the context that verifies certificates. Raises `ManifestError`."""
        return trust(self._environ)

    def arguments(self, url: str, context: ssl.SSLContext | None = None) -> dict[str, Any]:
        """Return the arguments of an httpx2 transport for one host."""
        proxy = self.proxy(url)
        verify = (context or self.trust()) if url.startswith("https:") else _unused_context()
        return {"verify": verify, "proxy": self._httpx_proxy(proxy), "trust_env": False}

    def _httpx_proxy(self, proxy: Proxy | None) -> httpx2.Proxy | None:
        if proxy is None:
            return None
        login = (proxy.username, proxy.password) if proxy.username or proxy.password else None
        return httpx2.Proxy(proxy.url, auth=login, ssl_context=self.trust() if proxy.scheme == "https" else None)


@cache
def _unused_context() -> ssl.SSLContext:
    """Return a context for connections without TLS: httpx2 would read the certificates of the system for them."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


# -- asynchronous -------------------------------------------------------------------------------------------------
class Lanes(httpx2.AsyncBaseTransport):
    """An httpx2 transport with one lane for each request that is under way; a free lane keeps its connection.

    Its user bounds the requests that are under way. Raises `NoAnswerError` for every failure.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._free: dict[str, list[httpx2.AsyncHTTPTransport]] = defaultdict(list)
        self._all: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        free = self._free[origin]
        if free:
            lane = free.pop()
        else:
            lane = httpx2.AsyncHTTPTransport(limits=_LANE, **self._network.arguments(origin))
            self._all.append(lane)
        try:
            response = await lane.handle_async_request(request)
        except httpx2.TransportError as error:
            free.append(lane)
            raise await self._explained(error, request) from None
        except BaseException:
            free.append(lane)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Stream(response.stream, request, lambda: free.append(lane))
        if refusal := _login_refused(response, origin, self._network):
            await response.stream.aclose()
            raise refusal
        return response

    async def _explained(self, error: httpx2.TransportError, request: httpx2.Request) -> NoAnswerError:
        url = str(request.url)
        proxy = self._network.proxy(url)
        error.request = request
        rejected = _rejected(error)
        if rejected is None:
            return NoAnswerError(failure_of(error, url, proxy))
        seen = await self._certificate(request)
        said = str(rejected.verify_message)
        return NoAnswerError(
            certificate_failure(rejected.verify_code, said, url, proxy, issuer=_issuer(seen), names=_names(seen))
        )

    async def _certificate(self, request: httpx2.Request) -> Mapping[str, Any]:
        """Return the certificate of the server that was not accepted, in the form of `SSLSocket.getpeercert`.

        Both connections end after the handshake: nothing is sent to a server that is not trusted.
        """
        first = _Probe(ssl.PROTOCOL_TLS_CLIENT)
        first.check_hostname = False
        first.verify_mode = ssl.CERT_NONE
        await self._shake_hands(request, first)
        if not first.binary:
            return {}
        second = _Probe(ssl.PROTOCOL_TLS_CLIENT)  # only an accepted certificate is decoded, so it is accepted here
        second.check_hostname = False
        second.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            second.load_verify_locations(cadata=first.binary)
        except ssl.SSLError:
            return {}
        await self._shake_hands(request, second)
        return second.decoded

    async def _shake_hands(self, request: httpx2.Request, context: ssl.SSLContext) -> None:
        url = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        limits = dict.fromkeys(("connect", "read", "write", "pool"), _PROBE_LIMIT)
        async with httpx2.AsyncHTTPTransport(limits=_LANE, **self._network.arguments(url, context)) as probe:
            try:
                await probe.handle_async_request(httpx2.Request("HEAD", url, extensions={"timeout": limits}))
            except httpx2.TransportError:
                return

    async def aclose(self) -> None:
        """Close all connections."""
        for lane in self._all:
            await lane.aclose()


class _Stream(httpx2.AsyncByteStream):
    """The body of an answer, which frees its lane when it is closed."""

    def __init__(self, stream: httpx2.AsyncByteStream, request: httpx2.Request, free: Callable[[], None]) -> None:
        self._stream, self._request = stream, request
        self._release: Callable[[], None] | None = free

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except httpx2.TransportError as error:
            error.request = self._request
            raise NoAnswerError(failure_of(error, str(self._request.url))) from None

    async def aclose(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            try:
                await self._stream.aclose()
            finally:
                release()


class _Captured(ssl.SSLObject):
    """A TLS connection that notes the certificate of the server and ends there."""

    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        assert isinstance(context, _Probe)
        context.binary = self.getpeercert(binary_form=True) or b""
        context.decoded = self.getpeercert() or {}
        raise ssl.SSLError("the certificate was read")


class _Probe(ssl.SSLContext):
    """A context for a handshake that only reads the certificate of a server."""

    sslobject_class = _Captured
    binary: bytes = b""
    decoded: Mapping[str, Any] = {}


def _rejected(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the reason why a certificate was not accepted; None for another error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _issuer(certificate: Mapping[str, Any]) -> str:
    """Return the name and the organization of the issuer."""
    parts = {key: value for group in certificate.get("issuer", ()) for key, value in group}
    found = dict.fromkeys(parts[key] for key in ("commonName", "organizationName") if parts.get(key))
    return "".join(filter(str.isprintable, ", ".join(found)))[:200]


def _names(certificate: Mapping[str, Any]) -> str:
    """Return the host names of a certificate."""
    found = [str(value) for _, value in certificate.get("subjectAltName", ())]
    return "".join(filter(str.isprintable, ", ".join(found[:5])))[:200]


def _login_refused(response: httpx2.Response, origin: str, network: Network) -> NoAnswerError | None:
    """Return the error for a 407: over plain HTTP the proxy answers in the place of the server."""
    proxy = network.proxy(origin) if response.status_code == 407 else None
    return NoAnswerError(refused_by_proxy(407, "", origin, proxy)) if proxy is not None else None


# -- synchronous --------------------------------------------------------------------------------------------------
class Routes(httpx2.BaseTransport):
    """The same for requests one after the other: an httpx2 transport for each host. Raises `NoAnswerError`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hosts: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        if origin not in self._hosts:
            self._hosts[origin] = httpx2.HTTPTransport(**self._network.arguments(origin))
        try:
            response = self._hosts[origin].handle_request(request)
        except httpx2.TransportError as error:
            error.request = request
            raise NoAnswerError(failure_of(error, str(request.url), self._network.proxy(origin))) from None
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _SyncStream(response.stream, request)
        if refusal := _login_refused(response, origin, self._network):
            response.stream.close()
            raise refusal
        return response

    def close(self) -> None:
        """Close all connections."""
        for transport in self._hosts.values():
            transport.close()


class _SyncStream(httpx2.SyncByteStream):
    """The body of an answer."""

    def __init__(self, stream: httpx2.SyncByteStream, request: httpx2.Request) -> None:
        self._stream, self._request = stream, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except httpx2.TransportError as error:
            error.request = self._request
            raise NoAnswerError(failure_of(error, str(self._request.url))) from None

    def close(self) -> None:
        self._stream.close()
