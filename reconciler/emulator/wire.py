"""Words every service of the emulator shares: refusals, etags, identifiers, query parsing."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reconciler.emulator.storage import Json, Storage


@dataclass(frozen=True, slots=True)
class Options:
    """Switches for what the platform does in more than one way; the defaults are the milder ones.

    `settle_delay`: seconds a new or changed flow stays in transition. `strict_references`: refuse schemas,
    datasets and audiences the emulator does not hold. `stringify`: numbers of schedules and versions come back
    as strings, selectors gain fields. `patch_without_body`: PATCH /flows answers 202 without a body.
    `deletes_accepted`: DELETE answers 202 instead of 204.
    """

    settle_delay: float = 0.0
    strict_references: bool = False
    stringify: bool = False
    patch_without_body: bool = False
    deletes_accepted: bool = False


class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An answer that ends the request: a status and the body its service would give."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def flow_refusal(code: str, title: str, detail: str = "") -> Refusal:
    """Return a refusal from the Flow Service's catalogue: `code` is `NNNN-HTTP` (api-facts 1.5, 1.6)."""
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


def now_ms() -> int:
    """Return the server's clock in ms."""
    return time.time_ns() // 1_000_000


def new_uuid() -> str:
    """Return an id as the Flow Service makes them."""
    return str(uuid.uuid4())


def new_hex(digits: int) -> str:
    """Return a random id of so many hex digits."""
    return secrets.token_hex((digits + 1) // 2)[:digits]


def new_etag(storage: Storage, ms: int) -> str:
    """Return a fresh etag with its double quotes: a counter, and the second of the write in hex."""
    return f'"{storage.tick():08x}-0000-0200-0000-{ms // 1000:08x}0000"'


@dataclass(slots=True)
class Caller:
    """Who calls, for which organization and sandbox."""

    organization: str
    sandbox: str
    client: str
    tenant: str = field(init=False)

    def __post_init__(self) -> None:
        self.tenant = f"{self.organization}\x1f{self.sandbox}"


def caller(request: Request) -> Caller:
    """Return who calls; refuse a request without the documented headers, in the documented order."""
    headers = request.headers
    authorization = headers.get("authorization", "")
    if not authorization:
        raise Refusal(403, {"error_code": "403010", "message": "Oauth token is missing."})
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token or token == "expired":
        raise Refusal(401, {"error_code": "401013", "message": "Oauth token is not valid"})
    if not headers.get("x-api-key"):
        raise Refusal(403, {"error_code": "403000", "message": "Api Key is required"})
    if not headers.get("x-gw-ims-org-id"):
        raise Refusal(400, {"error_code": "400003", "message": "Missing header"})
    if not headers.get("x-sandbox-name"):
        raise flow_refusal("2105-400", "x-sandbox-name missing", "The header x-sandbox-name is missing.")
    return Caller(headers["x-gw-ims-org-id"], headers["x-sandbox-name"], headers["x-api-key"])


async def json_body(request: Request, *, optional: bool = False) -> Any:
    """Return the decoded body; refuse one without a usable media type or that is no JSON."""
    raw = await request.body()
    if not raw.strip() and optional:
        return None
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media == "application/json" or media.endswith("+json")):
        raise Refusal(
            400,
            {
                "type": "/placeholder/type/uri",
                "status": 400,
                "title": "BadRequestError",
                "detail": "A valid content-type must be specified",
            },
        )
    if not raw.strip():
        raise flow_refusal("1405-400", "Body is null or empty")
    try:
        return await request.json()
    except ValueError:
        raise Refusal(400, {"message": "The body is not valid JSON"}) from None


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer, or an empty one for None."""
    return Response(status_code=status, headers=headers) if body is None else JSONResponse(body, status, headers)


def member(body: Json, path: str) -> Any:
    """Return the value at a dotted path, or None."""
    here: Any = body
    for step in path.split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here
