"""Schema descriptors: identities, relationships, display names (schema-registry.yaml)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import Response

from reconciler.emulator.options import Options
from reconciler.emulator.registry_words import registry_metadata, registry_refusal
from reconciler.emulator.schema_registry import BASE, SchemaRegistry
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Ask, Caller, Endpoint, Refusal, Service, answer, new_hex, now_ms
from reconciler.emulator.xdm import Xdm

_SOURCE = "schema-registry.yaml; facts 6.4"
_MOST = 4000
_FORMS = ("xdm-id", "xdm-link", "xdm", "xdm-v2")


class Descriptors(Service):
    """Descriptors over one storage. The service has no PATCH."""

    base = BASE
    title = "Schema Registry: descriptors"

    def __init__(self, storage: Storage, options: Options, xdm: Xdm, registry: SchemaRegistry) -> None:
        super().__init__(storage)
        self._options = options
        self._xdm = xdm
        self._registry = registry

    def endpoints(self) -> Iterable[Endpoint]:
        """Return the operations."""
        for container in ("tenant", "global"):
            yield Endpoint("GET", f"/{container}/descriptors", self.browse, "Accept; keyed by @type", _SOURCE)
            yield Endpoint("GET", f"/{container}/descriptors/{{id}}", self.get, "404", _SOURCE)
        yield Endpoint("POST", "/tenant/descriptors", self.create, "known field, one primary identity, 4000", _SOURCE)
        yield Endpoint("PUT", "/tenant/descriptors/{id}", self.put, "200 whole, or 201 by a switch", _SOURCE)
        yield Endpoint("DELETE", "/tenant/descriptors/{id}", self.delete, "404", _SOURCE)

    def refuse(self, status: int, detail: str) -> Refusal:
        """Return a refusal in the registry's shape."""
        return registry_refusal(status, "XDM-1000", detail)

    def browse(self, ask: Ask) -> Response:
        """GET the descriptors, keyed by type; types without any are left out."""
        form = _form(ask)
        found: dict[str, list[object]] = {}
        rows = (
            []
            if "/global/" in ask.request.url.path
            else self.storage.select(ask.who.tenant, "descriptors", order="number")
        )
        for _, body in rows:
            shown: object = _shown(body)
            if form in ("xdm-id", "xdm-link"):
                shown = body["@id"] if form == "xdm-id" else f"{BASE}/tenant/descriptors/{body['@id']}"
            found.setdefault(body["@type"], []).append(shown)
        return answer(found)

    def get(self, ask: Ask) -> Response:
        """GET one descriptor."""
        return answer(_shown(self._found(ask)))

    def create(self, ask: Ask) -> Response:
        """POST a descriptor: 201 with the whole of it."""
        body = ask.object()
        self._check(ask.who, body, None)
        return answer(_shown(self._keep(ask.who, new_hex(48), body)), 201)

    def put(self, ask: Ask) -> Response:
        """PUT the whole of a descriptor."""
        old, body = self._found(ask), ask.object()
        self._check(ask.who, body, old)
        made = self._keep(ask.who, old["id"], body)
        return answer({"@id": made["@id"]}, 201) if self._options.tutorial_forms else answer(_shown(made))

    def delete(self, ask: Ask) -> Response:
        """DELETE a descriptor."""
        found = self._found(ask)
        schema = self._xdm.find(ask.who, "schemas", str(found.get("xdm:sourceSchema")))
        if found.get("xdm:isPrimary") and "union" in ((schema or {}).get("meta:immutableTags") or []):
            raise registry_refusal(403, "XDM-1520", "The primary identity of a schema in Profile cannot be taken away.")
        self.storage.delete(ask.who.tenant, "descriptors", found["id"])
        return answer(None, 204)

    def _found(self, ask: Ask) -> Json:
        found = self.storage.get(ask.who.tenant, "descriptors", ask.id)
        if found is None:
            raise registry_refusal(404, "XDM-1012", f"No descriptor has the id {ask.id}.")
        return found

    def _keep(self, who: Caller, ident: str, body: Json) -> Json:
        made = {
            **body, "id": ident, "@id": ident, "imsOrg": who.organization, "version": "1", "meta:containerId": "tenant",
            "meta:sandboxId": who.sandbox_id, "meta:sandboxType": "production",
            "meta:registryMetadata": registry_metadata(who, now_ms()),
        }  # fmt: skip
        self.storage.put(who.tenant, "descriptors", made, made=now_ms())
        return made

    def _check(self, who: Caller, body: Json, old: Json | None) -> None:
        sort, ident, path = body.get("@type"), body.get("xdm:sourceSchema"), body.get("xdm:sourceProperty")
        if not isinstance(sort, str) or not isinstance(ident, str) or not sort.startswith("xdm:"):
            raise registry_refusal(400, "XDM-1401", "@type and xdm:sourceSchema are required.")
        if old is None and self.storage.count(who.tenant, "descriptors") >= _MOST:
            raise registry_refusal(400, "XDM-1540", f"A sandbox has at most {_MOST} descriptors.")
        if self._options.strict_references and self._xdm.find_any(who, ident) is None:
            raise registry_refusal(400, "XDM-1011", f"{ident} is not known.")
        if isinstance(path, str):
            schema = self._xdm.resolved(who, ident)
            if schema is not None and not self._xdm.has_path(schema, path if path.startswith("/") else f"/{path}"):
                raise registry_refusal(400, "XDM-1511", f"{ident} has no field {path}.")
        if body.get("xdm:isPrimary"):
            others = [item for item in self._registry.descriptors_of(who, ident) if item.get("xdm:isPrimary")]
            if any(item["id"] != (old or {}).get("id") for item in others):
                raise registry_refusal(400, "XDM-1512", "A schema has one primary identity.")


def _form(ask: Ask) -> str:
    text = ask.request.headers.get("accept", "").strip()
    for form in _FORMS:
        if text == f"application/vnd.adobe.{form}+json":
            return form
    raise registry_refusal(
        400, "XDM-1008", "The Accept header of descriptors is one of "
        + ", ".join(f"application/vnd.adobe.{form}+json" for form in _FORMS)
    )  # fmt: skip


def _shown(body: Json) -> Json:
    return {key: value for key, value in body.items() if key != "id"}
