"""Words every service of the emulator shares: endpoints, who asks, refusals, etags, identifiers."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.emulator.json_text import read_json
from reconciler.emulator.storage import Json, Storage


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An answer that ends the request and undoes what it did: a status and the body its service would give."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


Refuse = Callable[[int, str], Refusal]


def flow_refusal(code: str, title: str, detail: str = "") -> Refusal:
    """Return a refusal from the Flow Service's catalogue: `code` is `NNNN-HTTP` (flow-service-errors.md)."""
    status = int(code.rpartition("-")[2])
    text = detail or title
    return Refusal(
        status,
        {
            "type": f"http://ns.adobe.com/aep/errors/FLOW-{code}",
            "title": title,
            "status": status,
            "detail": text,
            "errorMessage": text,
            "errorDetails": text,
        },
    )


def placeholder_refusal(status: int, detail: str) -> Refusal:
    """Return a refusal in the shape of Catalog and of the gateway's media type check (segmentation.yaml)."""
    title = {404: "NotFoundError", 403: "ForbiddenError", 412: "PreconditionFailedError"}.get(status, "BadRequestError")
    return Refusal(status, {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail})


def message_refusal(status: int, message: str) -> Refusal:
    """Return a refusal that is a message only (Data Prep, the Flow Service at request level, ad-hoc activation)."""
    return Refusal(status, {"message": message})


CLOCK_SKEW: ContextVar[float] = ContextVar("clock_skew", default=0.0)
"""Seconds by which the clock that stamps objects is ahead in this request (`Options.clock_skew`)."""


def now_ms() -> int:
    """Return the server's clock in ms."""
    return time.time_ns() // 1_000_000 + round(CLOCK_SKEW.get() * 1000)


def new_uuid() -> str:
    """Return an id as the Flow Service makes them."""
    return str(uuid.uuid4())


def new_hex(digits: int) -> str:
    """Return a random id of so many hex digits."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


def new_etag(storage: Storage, ms: int) -> str:
    """Return a fresh etag with its double quotes: a counter, and the second of the write in hex."""
    return f'"{storage.tick():08x}-0000-0200-0000-{ms // 1000:08x}0000"'


def stable_uuid(text: str) -> str:
    """Return the same UUID for the same text: ids of sandboxes."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, text))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, for which organization and sandbox."""

    organization: str
    sandbox: str
    client: str
    tenant: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tenant", f"{self.organization}\x1f{self.sandbox}")

    @property
    def user(self) -> str:
        """The technical account behind the client."""
        return f"{self.client}@techacct.adobe.com"

    @property
    def sandbox_id(self) -> str:
        """The id of the sandbox, which only answers of services show."""
        return stable_uuid(self.tenant)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: who asks, and what; `raw` is its body as it came."""

    request: Request
    who: Caller
    raw: bytes
    refuse: Refuse

    @property
    def id(self) -> str:
        """The id in the path, or in the query, where the prose of some tutorials puts it."""
        found = self.request.path_params.get("id") or self.request.query_params.get("id")
        if not found:
            raise self.refuse(400, "The entity id cannot be read from the path.")
        return str(found)

    @property
    def query(self) -> QueryParams:
        """The parameters of the query."""
        return self.request.query_params

    @property
    def media(self) -> str:
        """The media type of the body, in lower case, without parameters."""
        return self.request.headers.get("content-type", "").partition(";")[0].strip().lower()

    def body(self, *, optional: bool = False) -> Any:
        """Return the decoded body. Refuses one without a usable media type, an empty one, and what is no JSON."""
        if not self.raw.strip() and optional:
            return None
        if not (self.media == "application/json" or self.media.endswith("+json")):
            raise placeholder_refusal(400, "A valid content-type must be specified")
        if not self.raw.strip():
            raise self.refuse(400, "The body is null or empty")
        try:
            return read_json(self.raw)
        except (ValueError, RecursionError):
            raise self.refuse(400, "The body is not valid JSON") from None

    def object(self) -> Json:
        """Return the body, which must be a JSON object."""
        body = self.body()
        if not isinstance(body, dict):
            raise self.refuse(400, "The body must be an object")
        return body

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
        """Return a number from the query, cut to `most`. Refuses what is no number, or below `least`."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.lstrip("-").isdigit()) or len(text) > 18 or int(text) < least:
            raise self.refuse(400, f"{name} must be a number from {least}")
        return min(int(text), most)


Handler = Callable[[Ask], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: where it lies below its service's base, what it enforces, and which document says so."""

    method: str
    path: str
    handler: Handler
    rules: str
    source: str
    public: bool = False
    """Asked without the platform's headers: tokens, inlets."""


class Service:
    """One service of the platform over a storage: a base path, endpoints, and the shape of its refusals."""

    base: str = ""
    title: str = ""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.strict_sandboxes = False

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations of this service, those with fixed paths before those with ids."""
        raise AssertionError

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in this service's shape."""
        return message_refusal(status, detail)

    def admit(self, who: Caller) -> None:
        """Refuse a caller in a sandbox that is not there, where sandboxes are strict; `prod` is always there."""
        if self.strict_sandboxes and who.sandbox != "prod":
            organization = f"{who.organization}\x1f"
            if self.storage.get(organization, "sandboxes", who.sandbox) is None:
                raise flow_refusal("2100-404", "Sandbox not found", f"There is no sandbox {who.sandbox}.")

    def routes(self) -> list[Route]:
        """Return a route for each endpoint, with and without the trailing slash that some documents print."""
        made = []
        for endpoint in self.endpoints():
            path = self.base + endpoint.path
            other = path.rstrip("/") if path.endswith("/") else path + "/"
            for spelled in (path, other):
                if spelled:
                    made.append(Route(spelled, self._answering(endpoint), methods=[endpoint.method]))
        return made

    def _answering(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def answering(request: Request) -> Response:
            who = Caller("", "", "") if endpoint.public else caller(request, self.refuse)
            raw = await request.body()
            with self.storage.transaction():
                if not endpoint.public:
                    self.admit(who)
                return endpoint.handler(Ask(request, who, raw, self.refuse))

        return answering


def caller(request: Request, refuse: Refuse) -> Caller:
    """Return the caller; check the documented headers in the documented order (troubleshooting.md)."""
    headers = request.headers
    authorization = headers.get("authorization", "")
    if not authorization:
        raise Refusal(403, {"error_code": "403010", "message": "Oauth token is missing."})
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token.strip() or is_expired(token):
        raise Refusal(401, {"error_code": "401013", "message": "Oauth token is not valid"})
    if not headers.get("x-api-key"):
        raise Refusal(403, {"error_code": "403000", "message": "Api Key is required"})
    if not headers.get("x-gw-ims-org-id"):
        raise Refusal(400, {"error_code": "400003", "message": "Missing header"})
    if headers.get("x-sandbox-id"):
        raise flow_refusal("2110-400", "x-sandbox-id with a user token", "Send x-sandbox-name, not x-sandbox-id.")
    sandbox = headers.get("x-sandbox-name", "")
    if not sandbox:
        raise refuse(400, "The header x-sandbox-name is missing.")
    if sandbox == "*":
        raise flow_refusal("2111-403", "x-sandbox-name * with a user token")
    return Caller(headers["x-gw-ims-org-id"], sandbox, headers["x-api-key"])


def new_token(lifetime: float) -> str:
    """Return a token that says itself when it ends: no table of tokens is needed."""
    return f"emulator-{now_ms() + round(lifetime * 1000):x}-{new_hex(16)}"


def is_expired(token: str) -> bool:
    """Return whether a token is one of ours that has ended, or the word `expired`. Other tokens never end."""
    parts = token.split("-")
    if parts[0] != "emulator" or len(parts) != 3:
        return token == "expired"
    try:
        return int(parts[1], 16) <= now_ms()
    except ValueError:
        return True


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer, or an empty one for None."""
    return Response(status_code=status, headers=headers) if body is None else JSONResponse(body, status, headers)


def member(body: Any, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    here: Any = body
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here
