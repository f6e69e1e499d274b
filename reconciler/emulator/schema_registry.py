"""Schema Registry: schemas, field groups, classes, data types in two containers (schema-registry.yaml)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from starlette.responses import Response

from reconciler.emulator.options import Options
from reconciler.emulator.patching import PatchError, patched
from reconciler.emulator.registry_words import (
    accept,
    check_shape,
    column,
    filtered,
    instruction,
    registry_metadata,
    registry_refusal,
)
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Caller, Endpoint, Refusal, Service, answer, new_hex, now_ms
from reconciler.emulator.xdm import KINDS, SEGMENT, Xdm, broken, key_of, without_texts
from reconciler.emulator.xdm_global import GLOBAL

BASE = "/data/foundation/schemaregistry"
TENANT = "emulator"
PAGE = 300

_SOURCE = "schema-registry.yaml; facts 6"
_ALIASES = {"mixins": "fieldgroups"}
_SHORT = ("title", "$id", "meta:altId", "version")
_FIXED = ("$id", "meta:altId", "version", "meta:resourceType", "imsOrg", "meta:containerId", "meta:registryMetadata")


class SchemaRegistry(Service):
    """The resources of the tenant over one storage, and Adobe's own to read."""

    base = BASE
    title = "Schema Registry"

    def __init__(self, storage: Storage, options: Options, xdm: Xdm) -> None:
        super().__init__(storage)
        self._options = options
        self._xdm = xdm

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations; field groups answer under their old name too."""
        yield Endpoint("GET", "/stats", self.stats, "tenantId, counts, the newest", _SOURCE + ".1")
        for kind in (*KINDS, "mixins"):
            for container in ("tenant", "global"):
                path = f"/{container}/{kind}"
                yield Endpoint(
                    "GET", path, self.browse, "Accept without version, property, orderby, start, limit", _SOURCE + ".2"
                )
                yield Endpoint(
                    "GET", path + "/{id:path}", self.get, "Accept with version; $id or meta:altId", _SOURCE + ".2"
                )
            path = f"/tenant/{kind}"
            yield Endpoint("POST", path, self.create, "unique title, known parts", _SOURCE + ".3")
            one = path + "/{id:path}"
            yield Endpoint("PUT", one, self.put, "minor version + 1, breaking changes", _SOURCE + ".3, 6.5")
            yield Endpoint("PATCH", one, self.patch, "RFC 6902, breaking changes, union for ever", _SOURCE + ".3-6.5")
            yield Endpoint("DELETE", one, self.delete, "in use", _SOURCE + ".3")
        yield Endpoint("GET", "/global/behaviors", self.browse, "as above", _SOURCE + ".1")
        yield Endpoint("GET", "/global/behaviors/{id:path}", self.get, "as above", _SOURCE + ".1")
        yield Endpoint("GET", "/tenant/unions", self.unions, "of the classes enabled for Profile", _SOURCE + ".1")
        yield Endpoint("GET", "/tenant/unions/{id:path}", self.union, "404", _SOURCE + ".1")

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the registry's shape."""
        return registry_refusal(status, "XDM-1000", detail)

    # -- reading ---------------------------------------------------------------------------------------------
    def browse(self, ask: Ask) -> Response:
        """GET a page of a container, ordered by title where nothing else is asked for."""
        kind, container = _kind(ask), _container(ask)
        form = accept(ask, versioned=False)
        limit = ask.number("limit", PAGE, least=1, most=500)
        orderby = ask.query.get("orderby", "title").strip()
        field, down = orderby.lstrip("+-"), orderby.startswith("-")
        by = column(field)
        where = [filtered(text) for text in ask.query.getlist("property")]
        if "start" in ask.query:  # the value of the field where the last page ended
            where.append((f"{by} {'<' if down else '>'} ?", (ask.query["start"],)))
        order = f"{by} {'DESC' if down else 'ASC'}, number"
        tenant = self._adobe() if container == "global" else ask.who.tenant
        items = [body for _, body in self.storage.select(tenant, kind, where, order=order, limit=limit + 1)]
        page, more = items[:limit], len(items) > limit
        following = str(page[-1].get(field, "")) if more else None
        href = f"/{container}/{kind}?orderby={quote(orderby)}&start={quote(following or '')}&limit={limit}"
        results = [{key: item[key] for key in _SHORT} if form == "-id" else _clean(item) for item in page]
        return answer({
            "results": results,
            "_page": {"orderby": orderby, "next": following, "count": len(page)},
            "_links": {"next": {"href": href} if more else None, f"global_{kind}": {"href": f"{BASE}/global/{kind}"}},
        })  # fmt: skip

    def _adobe(self) -> str:
        """Return where Adobe's own resources are kept for lists; they are put there when first asked for."""
        tenant = "\x1fglobal"
        if not self.storage.count(tenant, "classes"):
            for item in GLOBAL.values():
                kind, key = item["meta:resourceType"], key_of(item["$id"])
                self.storage.put(tenant, kind, {**item, "id": key, "name": item["title"]})
        return tenant

    def get(self, ask: Ask) -> Response:
        """GET one resource in the form that Accept asks for."""
        form = accept(ask, versioned=True)
        body = self._found(ask)
        if "-full" in form:
            resolved = self._xdm.resolve(ask.who, body)
            body = resolved if resolved is not None else body
        if form.endswith("-notext"):
            body = {**without_texts(body), **{key: body[key] for key in ("title",) if key in body}}
        made = _clean(body)
        if form.endswith("-desc"):
            made["meta:descriptors"] = [_clean(item) for item in self.descriptors_of(ask.who, str(body["$id"]))]
        return answer(made)

    def descriptors_of(self, who: Caller, ident: str) -> list[Json]:
        """Return the descriptors of a schema."""
        where = [("json_extract(body, '$.\"xdm:sourceSchema\"') = ?", (ident,))]
        return [body for _, body in self.storage.select(who.tenant, "descriptors", where)]

    def _found(self, ask: Ask) -> Json:
        kind, ident = _kind(ask), unquote(ask.id)
        body = self._xdm.find(ask.who, kind, ident)
        if body is None or (body["meta:containerId"] == "global") != (_container(ask) == "global"):
            raise registry_refusal(404, "XDM-1012", f"No resource of this kind has the id {ident}.")
        return body

    def stats(self, ask: Ask) -> Response:
        """GET the tenant's id, how much there is, and what is new."""
        counts = {
            "mixins" if kind == "fieldgroups" else kind: self.storage.count(ask.who.tenant, kind) for kind in KINDS
        }
        newest = [body for kind in KINDS for _, body in self.storage.select(ask.who.tenant, kind, limit=5)]
        short = [{key: body[key] for key in _SHORT} for body in newest]
        return answer({
            "imsOrg": ask.who.organization, "tenantId": TENANT,
            "counts": {**counts, "unions": len(self._unions(ask.who))},
            "recentlyCreatedResources": short, "recentlyUpdatedResources": short,
        })  # fmt: skip

    def _unions(self, who: Caller) -> dict[str, Json]:
        """One union for each class that has a schema enabled for Profile."""
        found: dict[str, Json] = {}
        for _, schema in self.storage.select(who.tenant, "schemas", order="number"):
            if "union" not in (schema.get("meta:immutableTags") or []):
                continue
            parent = schema["meta:class"]
            ident = f"{parent}__union"
            made = found.setdefault(ident, {
                "$id": ident, "meta:altId": _alt(ident), "meta:resourceType": "unions", "version": "1.0",
                "title": (self._xdm.find_any(who, parent) or schema)["title"], "type": "object", "allOf": [],
                "imsOrg": who.organization, "meta:extends": [], "meta:xdmType": "object", "meta:class": parent,
                "meta:containerId": "tenant",
            })  # fmt: skip
            made["allOf"] += [part for part in schema["allOf"] if part not in made["allOf"]]
            made["meta:extends"].append(schema["$id"])
        return found

    def unions(self, ask: Ask) -> Response:
        """GET the unions."""
        accept(ask, versioned=False)
        items = sorted(self._unions(ask.who).values(), key=lambda item: str(item["$id"]))
        page = {"orderby": "title", "next": None, "count": len(items)}
        return answer({"results": items, "_page": page, "_links": {"next": None}})

    def union(self, ask: Ask) -> Response:
        """GET one union."""
        form = accept(ask, versioned=True)
        ident = unquote(ask.id)
        for made in self._unions(ask.who).values():
            if ident in (made["$id"], made["meta:altId"]):
                return answer((self._xdm.resolve(ask.who, made) or made) if "-full" in form else made)
        raise registry_refusal(404, "XDM-1012", f"No union has the id {ident}.")

    # -- writing ---------------------------------------------------------------------------------------------
    def create(self, ask: Ask) -> Response:
        """POST a resource of a title of its own: 201 with the whole of it."""
        kind, who, body = _kind(ask), ask.who, ask.object()
        self._check(who, kind, body, None)
        key = new_hex(48)
        segment = SEGMENT[kind]
        made = {
            "$id": f"https://ns.adobe.com/{TENANT}/{segment}/{key}",
            "meta:altId": f"_{TENANT}.{segment}.{key}",
            "meta:resourceType": segment,
            "version": "1.0",
            **{name: value for name, value in body.items() if name not in _FIXED},
            "imsOrg": who.organization,
            "meta:extensible": False,
            "meta:abstract": kind == "fieldgroups",
            "meta:xdmType": "object",
            "meta:containerId": "tenant",
            "meta:sandboxId": who.sandbox_id,
            "meta:sandboxType": "production",
            "meta:tenantNamespace": f"_{TENANT}",
            "x-made": now_ms(),
        }
        self._keep(who, kind, key, made)
        return answer(_clean(self._xdm.find(who, kind, key) or made), 201)

    def put(self, ask: Ask) -> Response:
        """PUT the whole of a resource."""
        kind, old = _kind(ask), self._found(ask)
        body = ask.object()
        return self._change(
            ask.who, kind, old, {**{key: old[key] for key in old if key in _FIXED or key[:2] == "x-"}, **body}
        )

    def patch(self, ask: Ask) -> Response:
        """PATCH a resource by RFC 6902 instructions; the slip in the description's path for tags is taken too."""
        kind, old, operations = _kind(ask), self._found(ask), ask.body()
        if not isinstance(operations, list) or not operations:
            raise registry_refusal(400, "XDM-1015", "The body must be a list of JSON Patch instructions.")
        fixed = [instruction(item) for item in operations]
        try:
            new = patched(_clean(old), fixed)
        except PatchError as error:
            raise registry_refusal(400, "XDM-1015", str(error)) from None
        return self._change(ask.who, kind, old, {**new, "x-made": old.get("x-made", 0)})

    def _change(self, who: Caller, kind: str, old: Json, new: Json) -> Response:
        for name in ("$id", "meta:altId", "imsOrg", "meta:containerId"):
            if new.get(name, old.get(name)) != old.get(name):
                raise registry_refusal(400, "XDM-1016", f"{name} cannot change.")
        self._check(who, kind, new, old)
        key = key_of(str(old["$id"]))
        major, _, minor = str(old["version"]).partition(".")
        changed = {
            **new,
            **{name: old[name] for name in _FIXED if name in old},
            "version": f"{major}.{int(minor or 0) + 1}",
        }
        lost = self._lost(who, kind, old, changed)
        if lost:
            raise registry_refusal(400, "XDM-1520", f"A resource in use only grows: {'; '.join(lost)}.")
        self._keep(who, kind, key, changed)
        return answer(_clean(self._xdm.find(who, kind, key) or changed))

    def _keep(self, who: Caller, kind: str, key: str, body: Json) -> None:
        ms = now_ms()
        uses = self._xdm.uses(body)
        made = {
            **body,
            "id": key,
            "name": body["title"],
            "meta:extends": self._extends(who, uses),
            "meta:registryMetadata": registry_metadata(who, body.get("x-made", ms)),
            **({"refs": uses} if kind in ("schemas", "datatypes") else {}),
        }  # fmt: skip
        if "allOf" in body:
            made["allOf"] = [{**part, "type": "object", "meta:xdmType": "object"} for part in body["allOf"]]
        if kind == "schemas":
            made["meta:class"] = next((ref for ref in map(_ref, body.get("allOf") or []) if ref), "")
        self.storage.put(who.tenant, kind, made, uses=uses, made=ms)

    def _extends(self, who: Caller, uses: list[str]) -> list[str]:
        more = [ident for one in uses for ident in (self._xdm.find_any(who, one) or {}).get("meta:extends", [])]
        return list(dict.fromkeys([*uses, *more]))

    def delete(self, ask: Ask) -> Response:
        """DELETE a resource that nothing uses."""
        kind, old = _kind(ask), self._found(ask)
        users = self.storage.users(ask.who.tenant, str(old["$id"]))
        if users or "union" in (old.get("meta:immutableTags") or []):
            raise registry_refusal(
                400, "XDM-1510", f"The resource is in use{' by ' + ', '.join(users) if users else ''}."
            )
        self.storage.delete(ask.who.tenant, kind, key_of(str(old["$id"])))
        return answer(None, 204)

    # -- demands ---------------------------------------------------------------------------------------------
    def _check(self, who: Caller, kind: str, body: Json, old: Json | None) -> None:
        check_shape(kind, body)
        own = key_of(str(old["$id"])) if old else ""
        for other in KINDS:
            for _, found in self.storage.select(who.tenant, other, [("name = ?", (body["title"],))]):
                if found["id"] != own:
                    raise registry_refusal(400, "XDM-1521", f"The title {body['title']!r} is not unique.")
        if self._options.strict_references:
            for ident in self._xdm.uses(body):
                if self._xdm.find_any(who, ident) is None:
                    raise registry_refusal(400, "XDM-1011", f"{ident} is not known.")
        now, before = "union" in _tags(body), "union" in _tags(old or {})
        if before and not now:
            raise registry_refusal(400, "XDM-1520", "A schema cannot leave Profile.")
        if now and not before:
            self._check_union(who, body)

    def _check_union(self, who: Caller, body: Json) -> None:
        """Profile needs a primary identity, or an identity map."""
        resolved = self._xdm.resolve(who, body)
        primary = any(item.get("xdm:isPrimary") for item in self.descriptors_of(who, str(body.get("$id"))))
        if not primary and resolved is not None and "identityMap" not in resolved["properties"]:
            raise registry_refusal(400, "XDM-1530", "A schema in Profile needs a primary identity or an identityMap.")

    def _lost(self, who: Caller, kind: str, old: Json, new: Json) -> list[str]:
        """Return what a change takes from a resource in use, if anything does use it."""
        if not self._in_use(who, old, set()):
            return []
        before, after = self._xdm.resolve(who, old), self._xdm.resolve(who, new)
        if before is not None and after is not None:
            return broken(before, after)
        known = set(self._xdm.uses(new))
        return [f"{ident} is taken away" for ident in self._xdm.uses(old) if ident not in known]

    def _in_use(self, who: Caller, resource: Json, seen: set[str]) -> bool:
        ident = str(resource["$id"])
        if ident in seen:
            return False
        seen.add(ident)
        if "union" in _tags(resource):
            return True
        for user in self.storage.users(who.tenant, ident):
            if self.storage.get(who.tenant, "dataSets", user) is not None:
                return True
            other = self._xdm.find_any(who, user)
            if other is not None and self._in_use(who, other, seen):
                return True
        return False


def _kind(ask: Ask) -> str:
    word = ask.request.url.path.removeprefix(BASE).split("/")[2]
    return _ALIASES.get(word, word)


def _container(ask: Ask) -> str:
    return ask.request.url.path.removeprefix(BASE).split("/")[1]


def _tags(body: Json) -> list[Any]:
    tags = body.get("meta:immutableTags")
    return tags if isinstance(tags, list) else []


def _ref(part: Any) -> str:
    return str(part.get("$ref") or "") if isinstance(part, dict) else ""


def _alt(ident: str) -> str:
    return "_" + ident.removeprefix("https://ns.adobe.com/").replace("/", ".")


def _clean(body: Json) -> Json:
    return {key: value for key, value in body.items() if key not in ("id", "name") and not key.startswith("x-")}
