"""Catalog: datasets (catalog.yaml). Its envelopes are maps by id, and lists of one reference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from reconciler.emulator.options import Options
from reconciler.emulator.patching import PatchError, patched
from reconciler.emulator.storage import Condition, Json, Storage
from reconciler.emulator.wire import (
    Ask,
    Caller,
    Endpoint,
    Refusal,
    Service,
    answer,
    member,
    new_hex,
    now_ms,
    placeholder_refusal,
)
from reconciler.emulator.xdm import Xdm

BASE = "/data/foundation/catalog"
_SOURCE = "catalog.yaml; facts 5"
_SERVER_SET = frozenset((
    "id", "version", "imsOrg", "created", "updated", "createdClient", "createdUser", "updatedUser", "viewId",
    "basePath", "files", "lastBatchId", "lastBatchStatus", "lastSuccessfulBatch", "sandboxId", "state",
))  # fmt: skip
_FILTERS = ("name", "description", "version", "createdClient", "createdUser", "updatedUser", "created", "updated")
_KNOWN = frozenset((*_FILTERS, "limit", "start", "orderBy", "property", "properties", "tags", "enableErrorDiagnostics"))
_PROPERTY = re.compile(r"\s*([\w.]+)\s*(==|!=|>=|<=|>|<|~)\s*(.*)")
_ENABLED = "enabled:true"


class Catalog(Service):
    """Datasets over one storage."""

    base = BASE
    title = "Catalog"

    def __init__(self, storage: Storage, options: Options, xdm: Xdm) -> None:
        super().__init__(storage)
        self._options = options
        self._xdm = xdm

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        one = "/dataSets/{id}"
        yield Endpoint(
            "GET", "/dataSets", self.browse, "limit 1..100, start, orderBy, filters, properties, tags", _SOURCE + ".2"
        )
        yield Endpoint("POST", "/dataSets", self.create, "201 with a list of one reference", _SOURCE + ".1")
        yield Endpoint("GET", one, self.get, "a map of one; 404", _SOURCE + ".2")
        yield Endpoint("PATCH", one, self.patch, "merge or JSON Patch by media type; schema fixed", _SOURCE + ".3")
        yield Endpoint("PUT", one, self.put, "whole; schema fixed", _SOURCE + ".3")
        yield Endpoint("DELETE", one, self.delete, "200 with the reference; 404", _SOURCE + ".3")
        yield Endpoint("PATCH", f"/v2{one}", self.patch_deep, "deep merge; if-match on `updated`", _SOURCE + ".3")

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in Catalog's shape."""
        return placeholder_refusal(status, detail)

    # -- reading ---------------------------------------------------------------------------------------------
    def browse(self, ask: Ask) -> Response:
        """GET a page: a map by id, without totals or a next link."""
        query = ask.query
        unknown = [name for name in query if name not in _KNOWN and not name.startswith(("schemaRef", "extensions"))]
        if unknown:
            raise placeholder_refusal(400, f"Unknown query parameter {unknown[0]}.")
        limit, start = ask.number("limit", 20, least=1), ask.number("start", 0)
        if limit > 100:
            raise placeholder_refusal(400, "limit must be from 1 to 100")
        where = [_equal(name, query[name]) for name in _FILTERS if name in query]
        where += [_property(text) for text in query.getlist("property")]
        where += [_tagged(text) for text in query.getlist("tags")]
        rows = self.storage.select(
            ask.who.tenant, "dataSets", where, order=_order(query.get("orderBy", "")), limit=limit, offset=start
        )
        return answer({body["id"]: _shown(body, query.get("properties")) for _, body in rows})

    def get(self, ask: Ask) -> Response:
        """GET one: the object in the map has no id."""
        return answer({ask.id: _shown(self._found(ask), ask.query.get("properties"))})

    def _found(self, ask: Ask) -> Json:
        body = self.storage.get(ask.who.tenant, "dataSets", ask.id)
        if body is None:
            raise placeholder_refusal(404, "DataSet not found.")
        return body

    # -- writing ---------------------------------------------------------------------------------------------
    def create(self, ask: Ask) -> Response:
        """POST a dataset."""
        who, body = ask.who, ask.object()
        if not isinstance(body.get("name"), str) or not body["name"]:
            raise placeholder_refusal(400, "name is required")
        self._check(who, body, None)
        ident, view, ms = new_hex(24), new_hex(24), now_ms()
        made = {
            "enableErrorDiagnostics": False,
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            **{key: value for key, value in body.items() if key not in _SERVER_SET},
            "id": ident,
            "version": "1.0.0",
            "imsOrg": who.organization,
            "sandboxId": who.sandbox_id,
            "created": ms,
            "updated": ms,
            "createdClient": who.client,
            "createdUser": who.user,
            "updatedUser": who.user,
            "viewId": view,
            "basePath": f"abfss://emulator/platform/{ident}/datasetViewId={view}",
            "files": f"@/dataSetFiles?dataSetId={ident}",
            "state": "DRAFT",
        }
        table = re.sub(r"\W+", "_", body["name"].lower()).strip("_") or "dataset"
        made["tags"] = {"adobe/pqs/table": [table], **(body.get("tags") or {})}
        self._keep(who, made)
        return answer([f"@/dataSets/{ident}"], 201, {"Location": f"{BASE}/dataSets/{ident}"})

    def patch(self, ask: Ask) -> Response:
        """PATCH: instructions for `application/json-patch+json`, or a list; else a merge of top-level members."""
        old, body = self._found(ask), ask.body()
        if ask.media == "application/json-patch+json" or isinstance(body, list):  # catalog.yaml shows a list under both
            return self._change(ask, old, _patched(old, body))
        if not isinstance(body, dict):
            raise placeholder_refusal(400, "The body must be an object")
        return self._change(ask, old, {**old, **body})

    def patch_deep(self, ask: Ask) -> Response:
        """PATCH under /v2: a deep merge that makes the objects on the way."""
        old, body = self._found(ask), ask.object()
        for header, wanted in (("if-match", True), ("if-none-match", False)):
            given = ask.request.headers.get(header)
            if given and (given.strip('"') == str(old["updated"])) != wanted:
                raise placeholder_refusal(412, "The dataset was updated in between.")
        tags = body.get("tags")
        if isinstance(tags, dict):  # here the description's example gives a tag one text, not a list
            body = {**body, "tags": {key: [value] if isinstance(value, str) else value for key, value in tags.items()}}
        return self._change(ask, old, _merged(old, body))

    def put(self, ask: Ask) -> Response:
        """PUT the whole of a dataset; what the server sets stays."""
        old, body = self._found(ask), ask.object()
        return self._change(ask, old, {**{key: old[key] for key in _SERVER_SET if key in old}, **body})

    def _change(self, ask: Ask, old: Json, new: Json) -> Response:
        if not isinstance(new.get("name"), str) or not new["name"]:
            raise placeholder_refusal(400, "name is required")
        self._check(ask.who, new, old)
        made, ms = int(str(old["version"]).rpartition(".")[2]), now_ms()
        fixed = {key: old[key] for key in _SERVER_SET if key in old}
        changed = {**new, **fixed, "version": f"1.0.{made + 1}", "updated": ms, "updatedUser": ask.who.user}
        self._keep(ask.who, changed)
        return answer([f"@/dataSets/{old['id']}"])

    def delete(self, ask: Ask) -> Response:
        """Delete a dataset, also one that a flow writes to (delete-object.md)."""
        self._found(ask)
        self.storage.delete(ask.who.tenant, "dataSets", ask.id)
        return answer([f"@/dataSets/{ask.id}"])

    def _keep(self, who: Caller, body: Json) -> None:
        schema = member(body, "schemaRef.id")
        self.storage.put(who.tenant, "dataSets", body, uses=[schema] if schema else [], made=body["created"])

    # -- demands ---------------------------------------------------------------------------------------------
    def _check(self, who: Caller, body: Json, old: Json | None) -> None:
        for name in ("schemaRef", "tags", "fileDescription", "extensions", "classification"):
            if body.get(name) is not None and not isinstance(body[name], dict):
                raise placeholder_refusal(400, f"{name} must be an object")
        tags = body.get("tags") or {}
        for key, values in tags.items():
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise placeholder_refusal(400, f"The tag {key} must be a list of strings")
        moved = old is not None and body.get("schemaRef") != old.get("schemaRef")
        if old is not None and moved and self.storage.users(who.tenant, f"dataset:{old['id']}"):
            raise placeholder_refusal(400, "The schema of a dataset that a flow writes to cannot change")
        ident = member(body, "schemaRef.id")
        if body.get("schemaRef") is not None and not isinstance(ident, str):
            raise placeholder_refusal(400, "schemaRef.id must be the $id of a schema")
        schema = self._xdm.find(who, "schemas", ident) if ident else None
        if ident and schema is None and self._options.strict_references:
            raise placeholder_refusal(400, f"The schema {ident} is not known")
        now, before = _said(tags, "unifiedProfile"), _said((old or {}).get("tags") or {}, "unifiedProfile")
        if _ENABLED in now and schema is not None and "union" not in (schema.get("meta:immutableTags") or []):
            raise placeholder_refusal(400, "The schema must be enabled for Profile before its datasets")
        if _ENABLED in before and _ENABLED in now and "isUpsert:true" in now and "isUpsert:true" not in before:
            raise placeholder_refusal(400, "Disable the dataset for Profile before it is enabled with isUpsert")


def _said(tags: Json, name: str) -> set[str]:
    """Return the values of a tag; blanks in them mean nothing."""
    return {value.replace(" ", "") for value in tags.get(name) or [] if isinstance(value, str)}


def _patched(old: Json, operations: Any) -> Json:
    if not isinstance(operations, list) or not operations or not all(isinstance(item, dict) for item in operations):
        raise placeholder_refusal(400, "The body must be a list of JSON Patch instructions")
    lowered = [{**item, "op": str(item.get("op", "")).lower()} for item in operations]
    try:
        return patched(old, lowered)
    except PatchError as error:
        raise placeholder_refusal(400, str(error)) from None


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _shown(body: Json, properties: str | None) -> Json:
    wanted = {name.strip().split(".")[0] for name in properties.split(",")} if properties else None
    return {key: value for key, value in body.items() if key != "id" and (wanted is None or key in wanted)}


def _equal(name: str, value: str) -> Condition:
    if name == "name":
        return "name = ?", (value,)
    return f"CAST(json_extract(body, '$.{name}') AS TEXT) = ?", (value,)


def _property(text: str) -> Condition:
    found = _PROPERTY.fullmatch(text)
    if not found:
        raise placeholder_refusal(400, f"The property {text!r} cannot be read")
    field, sign, value = found.groups()
    place = "$." + ".".join(f'"{step}"' for step in field.split("."))
    column = f"CAST(json_extract(body, '{place}') AS TEXT)"
    if sign == "~":
        try:
            re.compile(value)
        except re.error:
            raise placeholder_refusal(400, f"{value!r} is no regular expression") from None
        return f"regexp(?, {column})", (value,)
    if sign in ("==", "!="):
        return f"{column} {'=' if sign == '==' else 'IS NOT'} ?", (value,)
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise placeholder_refusal(400, f"{sign} compares numbers, not {value!r}")
    return f"json_extract(body, '{place}') {sign} ?", (int(value),)


def _tagged(text: str) -> Condition:
    """`tags=key:value`, `*` for any part of the value."""
    key, _, value = text.partition(":")
    pattern = re.escape(value).replace(r"\*", ".*") or ".*"
    inner = "json_each(tag.value) AS item"
    return (
        f"EXISTS (SELECT 1 FROM json_each(body, '$.tags') AS tag, {inner} WHERE tag.key = ? AND regexp(?, item.value))",
        (key, f"^{pattern}$"),
    )


def _order(text: str) -> str:
    if not text:
        return "number DESC"
    parts = []
    for item in text.split(","):
        found = re.fullmatch(r"(asc|desc):(\w+)", item.strip())
        if not found:
            raise placeholder_refusal(400, f"orderBy {item!r} must be like asc:created")
        parts.append(f"json_extract(body, '$.{found.group(2)}') {found.group(1).upper()}")
    return ", ".join([*parts, "number DESC"])
