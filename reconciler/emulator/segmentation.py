"""Segmentation: audiences and segment definitions (segmentation.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from reconciler.emulator.options import Options
from reconciler.emulator.storage import Condition, Json, Storage
from reconciler.emulator.wire import (
    Ask,
    Caller,
    Endpoint,
    Refusal,
    Service,
    answer,
    new_etag,
    new_hex,
    new_uuid,
    now_ms,
)

BASE = "/data/core/ups"
_SOURCE = "segmentation.yaml; facts 8"
_STATES = ("draft", "published", "inactive", "archived")
_TYPES = ("SegmentDefinition", "ExternalAudience", "ExternalSegment")
_FIXED = ("id", "audienceId", "creationTime", "createEpoch", "imsOrgId", "sandbox", "createdBy", "isSystem")
_SORTS = re.compile(r"([\w.]+)(?::(asc|desc))?")
_PROPERTY = re.compile(r"\s*([\w.]+)\s*==\s*(.*)")


class Segmentation(Service):
    """Audiences, and definitions, which are audiences too: `GET /audiences` lists both."""

    base = BASE
    title = "Segmentation"

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage)
        self._options = options

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        for path, kind in (("/audiences", "audiences"), ("/segment/definitions", "definitions")):
            section = ".2" if kind == "audiences" else ".1"
            rules = "name contains, property exact, sort, start" if kind == "audiences" else "limit, page, start, sort"
            yield Endpoint("POST", f"{path}/bulk-get", self.bulk, "207, absent ones left out", _SOURCE + section)
            yield Endpoint("GET", path, self.browse, rules, _SOURCE + section)
            yield Endpoint("POST", path, self.create, "name, expression, unique definitions (422)", _SOURCE + section)
            yield Endpoint("GET", f"{path}/{{id}}", self.get, "404", _SOURCE + section)
            yield Endpoint("PATCH", f"{path}/{{id}}", self.patch, "replaces; lifecycle states", _SOURCE + section)
            yield Endpoint("DELETE", f"{path}/{{id}}", self.delete, "404; in a flow 400", _SOURCE + section)
        yield Endpoint("PUT", "/audiences/{id}", self.patch, "as PATCH", _SOURCE + ".2")

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the shape of Segmentation."""
        return Refusal(
            status,
            {
                "requestId": new_hex(32),
                "errors": {str(status): [{"code": status, "message": detail}]},
                "type": f"https://ns.adobe.com/aep/errors/UPAPI-113430-{status}",
                "title": detail,
                "status": status,
            },
        )

    # -- reading ---------------------------------------------------------------------------------------------
    def browse(self, ask: Ask) -> Response:
        """GET a page; `name` and `description` mean "contains, in whatever case"."""
        kind, query = _kind(ask), ask.query
        limit = ask.number("limit", 20 if kind == "audiences" else 100, least=1, most=100)
        start = ask.number("start", 0, most=2**31)
        if kind == "definitions" and "page" in query:
            start = ask.number("page", 0, most=2**31) * limit
        where = self._where(ask) if kind == "audiences" else []
        total = self.storage.count(ask.who.tenant, kind, where)
        order = self._order(query.get("sort", ""))
        found = self.storage.select(ask.who.tenant, kind, where, order=order, limit=limit, offset=start)
        items = [_shown(body) for _, body in found]
        following = start + limit if start + limit < total else 0
        if kind == "definitions":
            page = {
                "totalCount": total, "totalPages": -(-total // limit), "pageSize": len(items), "limit": limit,
                "sortField": "creationTime", "sort": "desc",
            }  # fmt: skip
            link = {"next": f"@/segment/definitions?start={following}&limit={limit}"} if following else {}
            return answer({"segments": items, "page": page, "link": link})
        page = {
            "totalCount": total, "totalPages": -(-total // limit), "pageSize": len(items), "limit": limit,
            "start": start, "next": following, "sortField": "updateTime", "sort": "desc",
        }  # fmt: skip
        href = f"@/audiences?start={following}&limit={limit}&totalCount={total}"
        return answer({"children": items, "_page": page, "_links": {"next": {"href": href}} if following else {}})

    def _where(self, ask: Ask) -> list[Condition]:
        where: list[Condition] = []
        for name in ("name", "description"):
            if ask.query.get(name):
                where.append((f"instr(lower(json_extract(body, '$.{name}')), lower(?)) > 0", (ask.query[name],)))
        for text in ask.query.getlist("property"):
            found = _PROPERTY.fullmatch(text.removeprefix("property="))
            if not found:
                raise self.refuse(400, f"The property {text!r} cannot be read.")
            place = "$." + ".".join(f'"{step}"' for step in found.group(1).split("."))
            if found.group(1) == "audienceId":
                place = "$.audienceId"  # in the words of its index
            where.append((f"json_extract(body, '{place}') = ?", (found.group(2).strip('"'),)))
        if ask.query.get("entityType"):
            where.append(("json_extract(body, '$.schema.name') = ?", (ask.query["entityType"],)))
        return where

    def _order(self, text: str) -> str:
        parts = []
        for item in filter(None, text.split(",")):
            found = _SORTS.fullmatch(item.strip())
            if not found:
                raise self.refuse(400, f"sort {item!r} must be like updateTime:desc.")
            place = "$." + ".".join(f'"{step}"' for step in found.group(1).split("."))
            parts.append(f"json_extract(body, '{place}') {(found.group(2) or 'asc').upper()}")
        return ", ".join([*parts, "number DESC"])

    def get(self, ask: Ask) -> Response:
        """GET one, bare."""
        return answer(_shown(self._found(ask)))

    def bulk(self, ask: Ask) -> Response:
        """POST …/bulk-get: those that are there, by id."""
        ids = ask.object().get("ids")
        if not isinstance(ids, list) or not all(isinstance(item, dict) for item in ids):
            raise self.refuse(400, "ids must be a list of {id}.")
        found = {}
        for item in ids:
            body = self.storage.get(ask.who.tenant, _kind(ask), str(item.get("id")))
            if body is not None:
                found[body["id"]] = _shown(body)
        return answer({"results": found}, 207)

    def _found(self, ask: Ask) -> Json:
        body = self.storage.get(ask.who.tenant, _kind(ask), ask.id)
        if body is None:
            raise self.refuse(404, f"{_kind(ask)[:-1]} {ask.id} not found")
        return body

    # -- writing ---------------------------------------------------------------------------------------------
    def create(self, ask: Ask) -> Response:
        """POST an audience or a definition; a definition is an audience of the same id."""
        kind, who, body = _kind(ask), ask.who, ask.object()
        self._check(body)
        ident = new_uuid()
        made = self._made(who, {**body, "id": ident})
        if kind == "definitions":
            for name in ("schema", "expression"):
                if not isinstance(body.get(name), dict):
                    raise self.refuse(400, f"{name} is required.")
            if not isinstance(body["schema"].get("name"), str):
                raise self.refuse(400, "schema.name is required.")
            if self.storage.count(who.tenant, "definitions", [("name = ?", (body["name"],))]):
                raise self.refuse(422, f"A segment definition named {body['name']!r} exists.")
            self.storage.put(who.tenant, "definitions", made, made=made["creationTime"])
        self.storage.put(who.tenant, "audiences", made, made=made["creationTime"])
        if kind == "definitions":
            return answer(_shown(made), 200, {"X-Location": f"{BASE}/segment/definitions/{ident}"})
        return answer(_shown(made), 200 if self._options.tutorial_forms else 201)

    def _made(self, who: Caller, body: Json) -> Json:
        ms = now_ms()
        evaluation = {name: {"enabled": name == "batch"} for name in ("batch", "continuous", "synchronous")}
        external = body.get("type") in ("ExternalAudience", "ExternalSegment")
        return {
            "description": "",
            "lifecycleState": "published",
            "originName": "CUSTOM_UPLOAD" if external else "REAL_TIME_CUSTOMER_PROFILE",
            "namespace": "AEPSegments",
            "type": "SegmentDefinition",
            "schema": {"name": "_xdm.context.profile"},
            "profileInstanceId": "ups",
            "mergePolicyId": new_uuid(),
            "evaluationInfo": evaluation,
            "dataGovernancePolicy": {"excludeOptOut": True},
            "audienceId": body["id"],
            **{key: value for key, value in body.items() if key not in _FIXED[2:]},
            "imsOrgId": who.organization,
            "sandbox": {"sandboxId": who.sandbox_id, "sandboxName": who.sandbox, "type": "production", "default": True},
            "isSystem": False,
            "dependents": [],
            "dependencies": [],
            "definedOn": [
                {
                    "meta:resourceType": "unions",
                    "meta:containerId": "tenant",
                    "$ref": "https://ns.adobe.com/xdm/context/profile__union",
                }
            ],
            "overridePerformanceWarnings": False,
            "createdBy": who.user,
            "creationTime": ms,
            "createEpoch": ms // 1000,
            "updateTime": ms,
            "updateEpoch": ms // 1000,
            "_etag": new_etag(self.storage, ms),
        }

    def _check(self, body: Json) -> None:
        if not isinstance(body.get("name"), str) or not body["name"]:
            raise self.refuse(400, "name is required.")
        if body.get("lifecycleState", "published") not in _STATES:
            raise self.refuse(400, f"lifecycleState must be one of {', '.join(_STATES)}.")
        for name in ("schema", "expression", "evaluationInfo"):
            if body.get(name) is not None and not isinstance(body[name], dict):
                raise self.refuse(400, f"{name} must be an object.")
        expression = body.get("expression") or {}
        if expression.get("type", "PQL") not in ("PQL", "ARL", "pql"):
            raise self.refuse(400, "expression.type must be PQL or ARL.")
        if expression.get("format", "pql/text") not in ("pql/text", "pql/json"):
            raise self.refuse(400, "expression.format must be pql/text or pql/json.")
        if body.get("type", "SegmentDefinition") not in _TYPES:
            raise self.refuse(400, f"type must be one of {', '.join(_TYPES)}.")
        if not isinstance(body.get("audienceId", ""), str) or not isinstance(body.get("description") or "", str):
            raise self.refuse(400, "audienceId and description must be text.")

    def patch(self, ask: Ask) -> Response:
        """PATCH or PUT: what is sent replaces, what the server set stays."""
        kind, old, body = _kind(ask), self._found(ask), ask.body()
        if isinstance(body, list):  # the audiences tutorial sends JSON Patch; the description one object
            body = {str(item.get("path", "")).strip("/"): item.get("value") for item in body if isinstance(item, dict)}
        if not isinstance(body, dict):
            raise self.refuse(400, "The body must be an object.")
        self._check({**old, **body})
        ms = now_ms()
        fixed = {key: old[key] for key in _FIXED if key in old}
        changed = {
            **old, **body, **fixed, "updateTime": ms, "updateEpoch": ms // 1000, "_etag": new_etag(self.storage, ms),
        }  # fmt: skip
        for other in ("audiences", "definitions"):
            if other == kind or self.storage.get(ask.who.tenant, other, old["id"]):
                self.storage.put(ask.who.tenant, other, changed, made=old["creationTime"])
        return answer(_shown(changed), 200 if kind == "definitions" or self._options.tutorial_forms else 201)

    def delete(self, ask: Ask) -> Response:
        """DELETE both faces of an audience."""
        kind, old = _kind(ask), self._found(ask)
        for other in ("audiences", "definitions"):
            self.storage.delete(ask.who.tenant, other, old["id"])
        return answer({"status": True, "message": "deleted"}) if kind == "definitions" else answer(None, 204)


def _kind(ask: Ask) -> str:
    return "definitions" if "/segment/definitions" in ask.request.url.path else "audiences"


def _shown(body: Json) -> dict[str, Any]:
    return {key: value for key, value in body.items() if not key.startswith("x-")}
