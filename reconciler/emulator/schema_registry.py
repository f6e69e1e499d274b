"""Schema Registry: schemas of the tenant made, listed by title, looked up (api-facts 6; schema-registry.yaml)."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Refusal, answer, caller, json_body, new_hex

BASE = "/data/foundation/schemaregistry/tenant/schemas"
TENANT = "emulator"


class SchemaRegistry:
    """Routes of the tenant's schemas over one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(BASE, self.collection, methods=["GET", "POST"]), Route(BASE + "/{id:path}", self.item)]

    async def collection(self, request: Request) -> Response:
        """POST makes a schema of a title of its own; GET lists, with an Accept that names no version."""
        who = caller(request)
        if request.method == "POST":
            body = await json_body(request)
            with self._storage.transaction():
                if next(self._storage.page(who.tenant, "schemas", None, 1, name=body.get("title")), None):
                    raise _refusal(400, "XDM-1521-400", "Title not unique")
                key = new_hex(48)
                made = {
                    **body,
                    "$id": f"https://ns.adobe.com/{TENANT}/schemas/{key}",
                    "meta:altId": f"_{TENANT}.schemas.{key}",
                    "version": "1.0",
                }
                self._storage.put(who.tenant, "schemas", {**made, "id": key, "name": body.get("title")})
            return answer(made, 201)
        accept = request.headers.get("accept", "")
        if "vnd.adobe.x" not in accept or "version=" in accept:
            raise _refusal(400, "XDM-1006-400", "Accept header invalid for a list")
        field, _, title = request.query_params.get("property", "").partition("==")
        name = title if field == "title" else None
        rows = [body for _, body in self._storage.page(who.tenant, "schemas", None, 300, name=name)]
        short = [{key: body[key] for key in ("title", "$id", "meta:altId", "version")} for body in rows]
        return answer({"results": short, "_page": {"count": len(short)}, "_links": {}})

    async def item(self, request: Request) -> Response:
        """GET one by `$id` or `meta:altId`, with an Accept that names a version."""
        who = caller(request)
        key = unquote(request.path_params["id"]).replace(".schemas.", "/schemas/").rpartition("/")[2]
        body = self._storage.get(who.tenant, "schemas", key)
        if body is None:
            raise _refusal(404, "XDM-1012-404", "Resource not found")
        if "version=" not in request.headers.get("accept", ""):
            raise _refusal(400, "XDM-1007-400", "Accept header needs a version for a look-up")
        return answer({key: value for key, value in body.items() if key not in ("id", "name")})


def _refusal(status: int, code: str, title: str) -> Refusal:
    body: Json = {"type": f"http://ns.adobe.com/aep/errors/{code}", "title": title, "status": status, "detail": title}
    return Refusal(status, body)
