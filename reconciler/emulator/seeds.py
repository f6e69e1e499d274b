"""Whole sandboxes in and out: `seed` loads objects as somebody else left them, `dump` writes them, secrets masked."""

from __future__ import annotations

import re
from typing import Any

import yaml

from reconciler.emulator.data_prep import row_of
from reconciler.emulator.flow_life import RIPENS, FlowLife, inherited
from reconciler.emulator.flow_rules import ENDS, MASK, kept
from reconciler.emulator.options import Options
from reconciler.emulator.request_log import masked
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller, member, new_hex, new_uuid, now_ms
from reconciler.emulator.xdm import SEGMENT, Xdm, key_of

FORMAT = "reconciler-emulator/1"
_FLOW_KINDS = ("connections", "sourceConnections", "targetConnections", "flows")
_XDM_KINDS = tuple(SEGMENT)
KINDS = (
    "sandboxes", *_XDM_KINDS, "descriptors", "dataSets", "labels", "audiences", "definitions", "adhocSchemas",
    "mappingSets", *_FLOW_KINDS, "runs",
)  # fmt: skip
"""In the order in which they refer to each other."""

_TELLING = re.compile(r"(secret|password|token|key$|connectionstring)", re.IGNORECASE)


class SeedError(Exception):
    """A seed that cannot be loaded; the text says where and why."""


def read(text: str) -> Any:
    """Return what a seed file says, YAML or JSON. Raises SeedError."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise SeedError(f"this is neither YAML nor JSON: {error}") from None


class Seeds:
    """Loads and writes the objects of a storage. Loading checks shapes only: a seed may hold what no API would make."""

    def __init__(self, storage: Storage, specs: Specs) -> None:
        self._storage = storage
        self._specs = specs
        self._life = FlowLife(storage, Options())
        self._xdm = Xdm(storage)

    def dump(self) -> Json:
        """Return every object, by organization, sandbox and kind, in the order of their making.

        A credential is masked unless a spec says that it is not a password: an emulator also holds connections whose
        specs are not known.
        """
        tenants: dict[str, dict[str, list[Json]]] = {}
        for tenant, kind, body in self._storage.everything():
            if tenant.startswith("\x1f"):
                continue
            if kind == "mappingSets":
                body = {**body, "versions": self._storage.all_versions(tenant, body["id"])}
            tenants.setdefault(tenant, {}).setdefault(kind, []).append(self._masked(kind, body))
        return {"format": FORMAT, "tenants": [_tenant(name, kinds) for name, kinds in tenants.items()]}

    def _masked(self, kind: str, body: Json) -> Json:
        if kind not in _FLOW_KINDS:
            return body
        auth, params = body.get("auth"), body.get("params")
        if isinstance(auth, dict):
            known = self._specs.open_parameters(str(member(body, "connectionSpec.id")), str(auth.get("specName")))
            body = {**body, "auth": {key: _shown(auth[key], known) if key != "specName" else auth[key] for key in auth}}
        if isinstance(params, dict):
            body = {**body, "params": masked(params)}
        return body

    def load(self, document: Any) -> dict[str, int]:
        """Load a document; return how many objects of each kind came. Raises SeedError, and then nothing is loaded."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise SeedError(f"format must be {FORMAT}")
        counts: dict[str, int] = {}
        with self._storage.transaction():
            for index, tenant in enumerate(_list(document.get("tenants"), "tenants")):
                place = f"tenants[{index}]"
                organization, sandbox = tenant.get("organization"), tenant.get("sandbox", "")
                if not isinstance(organization, str) or not isinstance(sandbox, str) or not organization:
                    raise SeedError(f"{place}: organization and sandbox must be names")
                who = Caller(organization, sandbox, "seed")
                objects = tenant.get("objects")
                if not isinstance(objects, dict):
                    raise SeedError(f"{place}.objects must be an object of lists by kind")
                for kind in objects:
                    if kind not in KINDS:
                        raise SeedError(f"{place}.objects.{kind} is none of {', '.join(KINDS)}")
                for kind in KINDS:
                    for number, body in enumerate(_list(objects.get(kind), f"{place}.objects.{kind}")):
                        self._load_one(who, kind, body, f"{place}.objects.{kind}[{number}]")
                        counts[kind] = counts.get(kind, 0) + 1
        return counts

    def _load_one(self, who: Caller, kind: str, body: Json, place: str) -> None:
        try:
            if kind in _FLOW_KINDS:
                self._load_flow_object(who, kind, body)
            elif kind == "mappingSets":
                self._load_mapping_set(who, body)
            elif kind in _XDM_KINDS:
                self._load_resource(who, kind, body)
            else:
                self._load_plain(who, kind, body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SeedError(f"{place} is not of the shape of {kind}: {error!r}") from None

    def _load_flow_object(self, who: Caller, kind: str, body: Json) -> None:
        made = {**self._life.born({}, who, draft=False), **body}
        uses, secret = [], {}
        base = made.get("baseConnectionId")
        if base:
            uses.append(base)
            account = self._storage.get(who.tenant, "connections", base) or {}
            brief = {"id": base, "connectionSpec": account.get("connectionSpec")}
            made.setdefault("inheritedAttributes", {"baseConnection": brief})
        if kind == "flows":
            uses += [ident for name, _ in ENDS for ident in made.get(name) or []]
            ends = {
                other: [self._storage.get(who.tenant, other, ident) or {"id": ident} for ident in made.get(name) or []]
                for name, other in ENDS
            }
            made.setdefault("inheritedAttributes", inherited(ends))
            made.setdefault("runs", f"/runs?property=flowId=={made['id']}")
        params = member(made, "auth.params")
        if isinstance(params, dict):
            spec = str(member(made, "connectionSpec.id"))
            hidden = self._specs.secret_parameters(spec, str(made["auth"].get("specName")))
            hidden |= {key for key in params if _TELLING.search(key)}
            secret = {key: kept(value) for key, value in params.items() if key in hidden}
            shown = {key: MASK if key in hidden else value for key, value in params.items()}
            made["auth"] = {**made["auth"], "params": shown}
        if "x-inlet" in made:
            uses.append(f"inlet:{made['x-inlet']}")
        made.setdefault("version", made["etag"])
        made["version"] = made["etag"]
        ripens = made[RIPENS][1] if RIPENS in made else None
        self._storage.put(
            who.tenant, kind, made, uses=uses, secret=secret or None, made=int(made["createdAt"]), ripens=ripens
        )

    def _load_mapping_set(self, who: Caller, body: Json) -> None:
        ms = now_ms()
        newest = {key: value for key, value in body.items() if key != "versions"}
        defaults = {
            "id": new_hex(32), "version": 0, "createdDate": ms, "modifiedDate": ms, "createdBy": who.client,
            "modifiedBy": who.client, "supportVersion": "1.1", "status": "PUBLISHED",
        }  # fmt: skip
        made = {**defaults, **newest}
        made["mappings"] = [row if "matchScore" in row else row_of(row, ms, who) for row in made["mappings"]]
        self._storage.put(who.tenant, "mappingSets", made, made=int(made["createdDate"]))
        for version in body.get("versions") or [made]:
            self._storage.put_version(who.tenant, made["id"], int(version["version"]), {**version, "id": made["id"]})

    def _load_resource(self, who: Caller, kind: str, body: Json) -> None:
        ident = body.get("$id") or f"https://ns.adobe.com/emulator/{SEGMENT[kind]}/{new_hex(48)}"
        key, parts = key_of(ident), ident.removeprefix("https://ns.adobe.com/").split("/")
        made = {
            "$id": ident, "meta:altId": "_" + ".".join(parts), "meta:resourceType": SEGMENT[kind], "version": "1.0",
            "type": "object", "imsOrg": who.organization, "meta:containerId": "tenant", "meta:extends": [], "allOf": [],
            **body, "id": key, "name": body["title"],
        }  # fmt: skip
        if kind == "schemas" and "meta:class" not in made:
            made["meta:class"] = next((part["$ref"] for part in made["allOf"] if "$ref" in part), "")
        self._storage.put(who.tenant, kind, made, uses=self._xdm.uses(made), made=now_ms())

    def _load_plain(self, who: Caller, kind: str, body: Json) -> None:
        ms = now_ms()
        made = dict(body)
        if kind == "sandboxes":
            made["id"] = made["name"]
        if kind == "dataSets":
            defaults = {"version": "1.0.0", "imsOrg": who.organization, "created": ms, "updated": ms, "state": "DRAFT"}
            made = {"id": new_hex(24), **defaults, **made}
        if kind in ("audiences", "definitions"):
            ident = made.get("id") or new_uuid()
            made = {
                "description": "", "lifecycleState": "published", "originName": "REAL_TIME_CUSTOMER_PROFILE",
                "namespace": "AEPSegments", "type": "SegmentDefinition", "audienceId": ident, "creationTime": ms,
                "updateTime": ms, **made, "id": ident,
            }  # fmt: skip
        if kind == "descriptors":
            made.setdefault("@id", made.get("id") or new_hex(48))
            made["id"] = made["@id"]
        made.setdefault("id", new_uuid())
        schema = member(made, "schemaRef.id")
        self._storage.put(who.tenant, kind, made, uses=[schema] if kind == "dataSets" and schema else [], made=ms)


def _tenant(name: str, kinds: dict[str, list[Json]]) -> Json:
    organization, _, sandbox = name.partition("\x1f")
    return {
        "organization": organization,
        "sandbox": sandbox,
        "objects": {kind: kinds[kind] for kind in KINDS if kind in kinds},
    }


def _shown(value: Any, known: set[str]) -> Any:
    """Return credentials with everything masked but the parameters in `known`."""
    if not isinstance(value, dict):
        return masked(value, hidden=True)
    return {key: inner if key in known else masked(inner, hidden=True) for key, inner in value.items()}


def _list(value: Any, place: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SeedError(f"{place} must be a list of objects")
    return value
