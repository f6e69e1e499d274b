"""Catalog: datasets made, listed by name, looked up (api-facts 5; catalog.yaml). Its envelopes are maps by id."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Refusal, answer, caller, json_body, new_hex, now_ms

BASE = "/data/foundation/catalog/dataSets"


class Catalog:
    """Routes of the Catalog over one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(BASE, self.collection, methods=["GET", "POST"]), Route(BASE + "/{id}", self.item)]

    async def collection(self, request: Request) -> Response:
        """POST answers a list of one reference; GET a map, without totals or a next link."""
        who = caller(request)
        if request.method == "POST":
            body = await json_body(request)
            ident, ms = new_hex(24), now_ms()
            made = {
                **body,
                "id": ident,
                "version": "1.0.0",
                "imsOrg": who.organization,
                "created": ms,
                "updated": ms,
                "createdClient": who.client,
                "state": "DRAFT",
            }
            with self._storage.transaction():
                self._storage.put(who.tenant, "dataSets", made)
            return answer([f"@/dataSets/{ident}"], 201, {"Location": f"{BASE}/{ident}"})
        query = request.query_params
        limit, start = _number(query.get("limit", "20")), _number(query.get("start", "0"))
        if not 1 <= limit <= 100:
            raise Refusal(400, _problem(400, "limit must be from 1 to 100"))
        rows = self._storage.page(who.tenant, "dataSets", None, 200, name=query.get("name"))
        page = [body for index, (_, body) in zip(range(start + limit), rows, strict=False) if index >= start]
        return answer({body["id"]: _shown(body, query.get("properties")) for body in page})

    async def item(self, request: Request) -> Response:
        """GET one: a map of one; the object in it has no id."""
        who, ident = caller(request), request.path_params["id"]
        body = self._storage.get(who.tenant, "dataSets", ident)
        if body is None:
            raise Refusal(404, _problem(404, "DataSet not found."))
        return answer({ident: _shown(body, None)})


def _shown(body: Json, properties: str | None) -> Json:
    wanted = properties.split(",") if properties else None
    return {key: value for key, value in body.items() if key != "id" and (wanted is None or key in wanted)}


def _number(text: str) -> int:
    if not text.isdigit():
        raise Refusal(400, _problem(400, f"{text!r} is no number"))
    return int(text)


def _problem(status: int, detail: str) -> Json:
    title = "NotFoundError" if status == 404 else "BadRequestError"
    return {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}
