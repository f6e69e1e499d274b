"""The Flow Service: connections, source and target connections, flows, specs (api-facts 2; flow-service.yaml)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import jsonpatch
import jsonpointer
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator import filters
from reconciler.emulator.objects import FlowRules, clean
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import (
    Caller,
    Options,
    Refusal,
    answer,
    caller,
    flow_refusal,
    json_body,
    new_etag,
    new_uuid,
    now_ms,
)

BASE = "/data/foundation/flowservice"
COLLECTIONS = ("connections", "sourceConnections", "targetConnections", "flows")
_PARAMETERS = {"property", "limit", "orderby", "continuationToken", "count", "start"}


class FlowService:
    """Routes of the Flow Service over one storage."""

    def __init__(self, storage: Storage, specs: Specs, options: Options) -> None:
        self._storage = storage
        self._specs = specs
        self._options = options
        self._rules = FlowRules(storage, specs, options)

    def routes(self) -> list[Route]:
        """Return the routes, with and without the trailing slash some documents print."""
        routes = [
            Route(f"{BASE}/connectionSpecs", self.list_specs),
            Route(f"{BASE}/connectionSpecs/{{id}}", self.get_spec),
            Route(f"{BASE}/flowSpecs", self.list_specs),
            Route(f"{BASE}/flowSpecs/{{id}}", self.get_spec),
            Route(f"{BASE}/connections/{{id}}/test", self.test),
        ]
        for kind in COLLECTIONS:
            for slash in ("", "/"):
                routes += [
                    Route(f"{BASE}/{kind}{slash}", self.collection, methods=["GET", "POST"], name=kind),
                    Route(f"{BASE}/{kind}/{{id}}{slash}", self.item, methods=["GET", "PATCH", "DELETE"], name=kind),
                    Route(f"{BASE}/{kind}/{{id}}/action{slash}", self.action, methods=["POST"], name=kind),
                ]
        return routes

    # -- specs -----------------------------------------------------------------------------------------------
    async def list_specs(self, request: Request) -> Response:
        """GET /connectionSpecs, /flowSpecs: all of them, or those a `property` filter leaves."""
        caller(request)
        items = list(self._spec_table(request).values())
        for text in request.query_params.getlist("property"):
            items = list(filter(filters.make(text), items))
        return answer({"items": items})

    async def get_spec(self, request: Request) -> Response:
        """GET one spec, as a list of one."""
        caller(request)
        found = self._spec_table(request).get(request.path_params["id"])
        if found is None:
            raise flow_refusal("1413-404", "Spec not found")
        return answer({"items": [found]})

    def _spec_table(self, request: Request) -> dict[str, Json]:
        return self._specs.connection if "/connectionSpecs" in request.url.path else self._specs.flow

    # -- collections -----------------------------------------------------------------------------------------
    async def collection(self, request: Request) -> Response:
        """GET lists, POST creates."""
        who, kind = caller(request), _kind(request)
        if request.method == "GET":
            return self._list(request, who, kind)
        body = await json_body(request)
        if not isinstance(body, dict):
            raise flow_refusal("1405-400", "The body must be an object")
        draft = request.query_params.get("mode") == "draft"
        with self._storage.transaction():
            made, etag = self._create(who, kind, body, draft=draft)
        headers = {"Location": f"{BASE}/{kind}/{made['id']}"} if kind in ("connections", "flows") else None
        return answer({"id": made["id"], "etag": etag}, 201, headers)

    def _create(self, who: Caller, kind: str, body: Json, *, draft: bool) -> tuple[Json, str]:
        uses, secret, extra = self._rules.check_create(who, kind, body, draft=draft)
        ms = now_ms()
        etag = new_etag(self._storage, ms)
        made = {
            **clean(body),
            **extra,
            "id": new_uuid(),
            "createdAt": ms,
            "updatedAt": ms,
            "createdBy": f"{who.client}@techacct.adobe.com",
            "updatedBy": f"{who.client}@techacct.adobe.com",
            "createdClient": who.client,
            "updatedClient": who.client,
            "sandboxId": f"sandbox-{who.sandbox}",
            "sandboxName": who.sandbox,
            "imsOrgId": who.organization,
            "state": "draft" if draft else "enabled",
            "etag": etag,
            "version": etag,
        }
        if kind == "flows":
            made = self._rules.born(made, who, draft=draft)
        self._storage.put(who.tenant, kind, made, uses=uses, secret=secret)
        return made, etag

    def _list(self, request: Request, who: Caller, kind: str) -> Response:
        query = request.query_params
        for parameter in query:
            if parameter not in _PARAMETERS:
                raise flow_refusal("1451-400", "Unknown query parameter", f"Unknown query parameter {parameter!r}.")
        texts = query.getlist("property")
        tests = [filters.make(text) for text in texts]
        counting = query.get("count", "false").lower() == "true"
        if counting and "limit" in query:
            raise flow_refusal("1401-400", "limit and count exclude each other")
        limit = _limit(query.get("limit", "100"))
        after = filters.number(query["continuationToken"]) if "continuationToken" in query else None
        name = _exact_name(texts)
        rows = self._storage.page(who.tenant, kind, None if "orderby" in query else after, 200, name=name)
        matching = ((number, body) for number, body in rows if all(test(body) for test in tests))
        if counting:
            return answer({"count": sum(1 for _ in matching)})
        if "orderby" in query:
            return self._ordered(request, kind, list(matching), after or 0, limit)
        page: list[tuple[int, Json]] = []
        more = False
        for row in matching:
            if len(page) == limit:
                more = True
                break
            page.append(row)
        return answer(self._envelope(request, kind, [body for _, body in page], page[-1][0] if more else None))

    def _ordered(self, request: Request, kind: str, rows: list[tuple[int, Json]], start: int, limit: int) -> Response:
        field, descending = filters.sort_key(request.query_params["orderby"])
        rows.sort(key=lambda row: (str(row[1].get(field, "")), row[0]), reverse=descending)
        page = [body for _, body in rows[start : start + limit]]
        return answer(self._envelope(request, kind, page, start + limit if start + limit < len(rows) else None))

    def _envelope(self, request: Request, kind: str, page: list[Json], after: int | None) -> Json:
        links: Json = {}
        if after is not None:
            others = [(key, value) for key, value in request.query_params.multi_items() if key != "continuationToken"]
            query = str(request.url.replace(query="").include_query_params(continuationToken=filters.token(after)))
            tail = query.partition("?")[2]
            kept = "&".join(f"{key}={_quoted(value)}" for key, value in others)
            links["next"] = {"href": f"/{kind}?{kept + '&' if kept else ''}{tail}"}
        return {"items": [self._rules.shown(kind, body) for body in page], "_links": links}

    # -- one object ------------------------------------------------------------------------------------------
    async def item(self, request: Request) -> Response:
        """GET, PATCH or DELETE one object by the id in the path."""
        who, kind, ident = caller(request), _kind(request), request.path_params["id"]
        if request.method == "PATCH":
            operations = await json_body(request)
            with self._storage.transaction():
                return self._patch(request, who, kind, ident, operations)
        with self._storage.transaction():
            if request.method == "DELETE":
                return self._delete(who, kind, ident)
            body = self._ripe(who, kind, ident)
            return answer({"items": [self._rules.shown(kind, body)]})

    def _ripe(self, who: Caller, kind: str, ident: str) -> Json:
        body = self._storage.get(who.tenant, kind, ident)
        if body is None:
            text = f"{kind} not found with id = [{ident}]"
            raise Refusal(404, {"errorMessage": text, "errorDetails": text})
        ripe = self._rules.ripened(body)
        if ripe is not body:
            self._storage.put(who.tenant, kind, ripe)
        return ripe

    def _patch(self, request: Request, who: Caller, kind: str, ident: str, operations: Any) -> Response:
        body = self._ripe(who, kind, ident)
        _check_match(request, body)
        operations = [operations] if isinstance(operations, dict) else operations
        operations = self._rules.check_patch(kind, body, operations)
        secret = self._storage.secret(who.tenant, kind, ident)
        try:
            patched = jsonpatch.apply_patch(self._rules.with_secrets(body, secret), operations)
        except (
            jsonpatch.JsonPatchException,
            jsonpointer.JsonPointerException,
            KeyError,
            TypeError,
            IndexError,
        ) as error:
            raise flow_refusal("1455-400", "Patch instructions invalid", str(error)) from None
        uses, kept, extra = self._rules.check_update(who, kind, patched)
        changed = self._touched({**clean(patched, keep=True), **extra}, who)
        if kind == "flows":
            changed = self._rules.operated(changed, "update", operations)
        self._storage.put(who.tenant, kind, changed, uses=uses, secret=kept or None)
        if kind == "flows" and self._options.patch_without_body:
            return answer(None, 202)
        return answer({"id": ident, "etag": changed["etag"]})

    def _touched(self, body: Json, who: Caller) -> Json:
        ms = now_ms()
        etag = new_etag(self._storage, ms)
        return {
            **body,
            "updatedAt": ms,
            "updatedBy": f"{who.client}@techacct.adobe.com",
            "updatedClient": who.client,
            "etag": etag,
            "version": etag,
        }

    def _delete(self, who: Caller, kind: str, ident: str) -> Response:
        body = self._ripe(who, kind, ident)
        if body["state"] not in ("enabled", "disabled", "initializing", "draft"):
            raise flow_refusal("1416-400", "Delete is not possible in this state")
        users = self._storage.users(who.tenant, ident)
        if users:
            code = "1418-400" if kind == "connections" else "1447-400"
            raise flow_refusal(code, "In use", f"{ident} is used by {', '.join(sorted(users))}; delete those first.")
        self._storage.delete(who.tenant, kind, ident)
        return answer(None, 202 if self._options.deletes_accepted else 204)

    # -- actions and tests -----------------------------------------------------------------------------------
    async def action(self, request: Request) -> Response:
        """POST …/action?op=enable|disable|publish; any letter case."""
        who, kind, ident = caller(request), _kind(request), request.path_params["id"]
        await json_body(request, optional=True)
        verb = request.query_params.get("op", "").lower()
        with self._storage.transaction():
            body = self._ripe(who, kind, ident)
            if request.headers.get("if-match"):
                _check_match(request, body)
            changed = self._touched(self._rules.acted(who, kind, body, verb), who)
            if kind == "flows":
                changed = self._rules.operated(changed, verb, [])
            self._storage.put(who.tenant, kind, changed)
        return answer({"id": ident, "etag": changed["etag"]})

    async def test(self, request: Request) -> Response:
        """GET /connections/{id}/test: a bad credential is a 200 with false. The credential `wrong` is bad."""
        who, ident = caller(request), request.path_params["id"]
        with self._storage.transaction():
            self._ripe(who, "connections", ident)
            secret = self._storage.secret(who.tenant, "connections", ident)
        return answer({"result": "wrong" not in secret.values()})


def _kind(request: Request) -> str:
    return request.url.path.removeprefix(BASE).split("/")[1]


def _exact_name(texts: list[str]) -> str | None:
    """Return the name that the filters ask for exactly, if one does: that look-up has an index."""
    for path, operator, values in map(filters.parse, texts):
        if (path, operator) == ("name", "==") and len(values) == 1:
            return values[0]
    return None


def _limit(text: str) -> int:
    if not text.lstrip("-").isdigit() or int(text) < 1:
        raise flow_refusal("1453-400", "Bad limit", "limit must be a number above 0")
    return min(int(text), 100)


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _check_match(request: Request, body: Json) -> None:
    """A missing If-Match is a 400 with 1403; a stale one, or one without its double quotes, a 412."""
    supplied = request.headers.get("if-match")
    if not supplied:
        raise flow_refusal("1403-400", "If-Match header missing", "The If-Match header is missing.")
    if supplied != body["etag"]:
        text = f"Supplied version=[{supplied}] does not match the current version on entity=[{body['etag']}]"
        raise Refusal(412, {"errorMessage": text, "errorDetails": text})
