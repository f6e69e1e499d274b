"""Audiences: create, look up by name or id (api-facts 8.2; segmentation.yaml)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.storage import Storage
from reconciler.emulator.wire import Refusal, answer, caller, json_body, new_uuid, now_ms

BASE = "/data/core/ups/audiences"


class Segmentation:
    """Routes of the audiences API over one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(BASE, self.collection, methods=["GET", "POST"]),
            Route(BASE + "/{id}", self.item),
        ]

    async def collection(self, request: Request) -> Response:
        """GET lists; `name` is a case-insensitive "contains". POST creates."""
        who = caller(request)
        if request.method == "POST":
            body = await json_body(request)
            ident = new_uuid()
            made = {
                "description": "",
                "lifecycleState": "published",
                "originName": "REAL_TIME_CUSTOMER_PROFILE",
                "namespace": "AEPSegments",
                "type": "SegmentDefinition",
                **body,
                "id": ident,
                "audienceId": ident,
                "creationTime": now_ms(),
                "updateTime": now_ms(),
            }
            with self._storage.transaction():
                self._storage.put(who.tenant, "audiences", made)
            return answer(made, 201)
        query = request.query_params
        start, limit = int(query.get("start", "0")), min(int(query.get("limit", "20")), 100)
        part = query.get("name", "").lower()
        found = [
            body for _, body in self._storage.page(who.tenant, "audiences", None, 200) if part in body["name"].lower()
        ]
        page = found[start : start + limit]
        following = start + limit if start + limit < len(found) else 0
        links = (
            {"next": {"href": f"@/audiences?start={following}&limit={limit}&totalCount={len(found)}"}}
            if following
            else {}
        )
        pages = -(-len(found) // limit)
        return answer(
            {
                "children": page,
                "_page": {
                    "totalCount": len(found),
                    "totalPages": pages,
                    "pageSize": len(page),
                    "limit": limit,
                    "start": start,
                    "next": following,
                },
                "_links": links,
            }
        )

    async def item(self, request: Request) -> Response:
        """GET one, bare."""
        who, ident = caller(request), request.path_params["id"]
        body = self._storage.get(who.tenant, "audiences", ident)
        if body is None:
            kind = "https://ns.adobe.com/aep/errors/UPAPI-113430-404"
            raise Refusal(
                404,
                {
                    "errors": {"404": [{"code": 404, "message": f"audience {ident} not found"}]},
                    "type": kind,
                    "title": "Not found",
                    "status": 404,
                },
            )
        return answer(body)
