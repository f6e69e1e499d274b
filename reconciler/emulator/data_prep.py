"""Data Prep: mapping sets and their versions (api-facts 4; data-prep.yaml)."""

from __future__ import annotations

import copy
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller, Refusal, answer, caller, json_body, new_hex, now_ms

BASE = "/data/foundation/conversion"
_READ_AS = {"ATTRIBUTE": "text/x.schema-path", "EXPRESSION": "text/x.aep-xl", "STATIC": "text/plain"}


class DataPrep:
    """Routes of Data Prep over one storage. There are no etags here, and no DELETE."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"{BASE}/mappingSets", self.collection, methods=["GET", "POST"]),
            Route(f"{BASE}/mappingSets/validate", self.validate, methods=["POST"]),
            Route(f"{BASE}/mappingSets/{{id}}", self.item, methods=["GET", "PUT", "DELETE"]),
            Route(f"{BASE}/mappingSets/{{id}}/mappings", self.rows),
        ]

    async def collection(self, request: Request) -> Response:
        """GET lists, POST creates: 200, not 201."""
        who = caller(request)
        if request.method == "GET":
            return self._list(request, who)
        body = _checked(await json_body(request))
        with self._storage.transaction():
            return answer(self._store(who, new_hex(32), 0, body, created=None))

    def _list(self, request: Request, who: Caller) -> Response:
        query = request.query_params
        limit, start = _number(query.get("limit", "10")), _number(query.get("start", "0"))
        rows = self._storage.page(who.tenant, "mappingSets", None, 200, name=query.get("name"))
        data = [body for index, (_, body) in zip(range(start + limit), rows, strict=False) if index >= start]
        return answer({"data": data, "_page": {"count": 0, "limit": limit}, "_links": {}})

    async def item(self, request: Request) -> Response:
        """GET one version, PUT a new one."""
        who, ident = caller(request), request.path_params["id"]
        if request.method == "DELETE":
            raise Refusal(405, {"message": "Method Not Allowed"})
        body = _checked(await json_body(request)) if request.method == "PUT" else None
        with self._storage.transaction():
            newest = self._storage.get(who.tenant, "mappingSets", ident)
            if newest is None:
                raise Refusal(404, {"message": f"mapping set {ident} not found"})
            if body is not None:
                return answer(self._store(who, ident, newest["version"] + 1, body, created=newest["createdDate"]))
            version = request.query_params.get("version")
            if version is None:
                return answer(newest)
            found = self._storage.get_version(who.tenant, ident, _number(version))
            if found is None:
                raise Refusal(404, {"message": f"mapping set {ident} has no version {version}"})
            return answer(found)

    async def rows(self, request: Request) -> Response:
        """GET the rows of the newest version."""
        who, ident = caller(request), request.path_params["id"]
        newest = self._storage.get(who.tenant, "mappingSets", ident)
        if newest is None:
            raise Refusal(404, {"message": f"mapping set {ident} not found"})
        return answer(newest["mappings"])

    async def validate(self, request: Request) -> Response:
        """POST /mappingSets/validate: failures come with HTTP 200, one entry a row."""
        caller(request)
        body = _checked(await json_body(request))
        return answer({"validationResponse": [{"status": "SUCCESS", "errors": None} for _ in body["mappings"]]})

    def _store(self, who: Caller, ident: str, version: int, body: Json, *, created: int | None) -> Json:
        ms = now_ms()
        stored = {
            **{key: value for key, value in body.items() if key not in ("id", "version")},
            "id": ident,
            "version": version,
            "createdDate": created or ms,
            "modifiedDate": ms,
            "createdBy": who.client,
            "modifiedBy": who.client,
            "supportVersion": "1.1",
            "status": "PUBLISHED",
            "mappings": [_row(row, ms, who) for row in body["mappings"]],
        }
        self._storage.put(who.tenant, "mappingSets", stored)
        self._storage.put_version(who.tenant, ident, version, stored)
        return {key: stored[key] for key in ("id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")}


def _checked(body: Any) -> Json:
    if not isinstance(body, dict) or not isinstance(body.get("mappings"), list):
        raise Refusal(400, {"message": "mappings is required"})
    for row in body["mappings"]:
        if not isinstance(row, dict) or not (
            _first(row, "source", "sourceAttribute") and _first(row, "destination", "destinationXdmPath")
        ):
            raise Refusal(400, {"message": "every mapping needs a source and a destination"})
    return body


def _first(row: Json, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _row(row: Json, ms: int, who: Caller) -> Json:
    """Rows come back in both vocabularies, with media types for kinds; `version` and texts do not come back."""
    source, destination = _first(row, "source", "sourceAttribute"), _first(row, "destination", "destinationXdmPath")
    kept = {key: value for key, value in copy.deepcopy(row).items() if key not in ("name", "description", "version")}
    kind = row.get("sourceType") or "ATTRIBUTE"
    return {
        "identity": False,
        "primaryIdentity": False,
        "functionVersion": 1,
        **kept,
        "id": new_hex(32),
        "version": 0,
        "createdDate": ms,
        "modifiedDate": ms,
        "createdBy": who.client,
        "modifiedBy": who.client,
        "sourceType": _READ_AS.get(kind, kind),
        "source": source,
        "destination": destination,
        "sourceAttribute": source,
        "destinationXdmPath": destination,
        "matchScore": 0.0,
    }


def _number(text: str) -> int:
    if not text.isdigit():
        raise Refusal(400, {"message": f"{text!r} is no number"})
    return int(text)
