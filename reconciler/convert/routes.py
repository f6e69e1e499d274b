"""The kind of object a request is about, the operation, and the object's id (Adobe's API reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote

from reconciler.convert.calls import END, HOLE, START, Call, hole_name

Operation = Literal["create", "patch", "put", "delete", "action", "read", "token", "other", "foreign"]

_COLLECTIONS = {
    "connections": "Connection",
    "sourceconnections": "SourceConnection",
    "targetconnections": "TargetConnection",
    "flows": "Flow",
    "mappingsets": "MappingSet",
    "datasets": "Dataset",
    "schemas": "Schema",
    "fieldgroups": "FieldGroup",
    "mixins": "FieldGroup",
    "descriptors": "Descriptor",
}
_SERVICE = re.compile(
    r"/(?:flowservice|conversion|catalog|schemaregistry(?:/(?:tenant|global))?)/([A-Za-z]+)(?:/([^/?]+))?(?:/([^?]*))?$",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"/(connections|sourceConnections|targetConnections|flows|mappingSets|dataSets)(?:/([^/?]+))?(?:/(action))?$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"/ims/(?:token|exchange|authorize)|adobelogin\.com", re.IGNORECASE)
_PLATFORM = re.compile(
    r"/data/(?:foundation|core|infrastructure)/|flowservice|schemaregistry|/conversion/|/catalog/", re.I
)
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """The meaning of a request: `kind` is empty for an object that manifests have no kind for."""

    operation: Operation
    kind: str = ""
    ident: str = ""
    """The object's id in the path, as written."""
    action: str = ""
    """The operation of an action (`enable`), in lower case."""
    draft: bool = False


def route(call: Call) -> Route:
    """Return what a request does."""
    address, _, query = call.url.partition("?")
    path = address.rstrip("/")
    if _TOKEN.search(path):
        return Route("token")
    tail = None if _PLATFORM.search(path) else _TAIL.search(path)
    if not _PLATFORM.search(path) and tail is None:
        return Route("foreign")
    if call.method in _READS:
        return Route("read")
    found = tail or _SERVICE.search(path)
    kind = _COLLECTIONS.get(found[1].lower(), "") if found else ""
    if found is None or not kind or (kind == "Schema" and "/conversion/" in path.lower()):
        return Route("read" if path.endswith(("/validate", "/preview", "/search")) else "other", _adhoc(path))
    return _of_kind(call.method, kind, unquote(found[2] or ""), found[3] or "", query)


def _adhoc(path: str) -> str:
    return "AdHocSchema" if re.search(r"/conversion/schemas$", path, re.IGNORECASE) else ""


def _of_kind(method: str, kind: str, ident: str, rest: str, query: str) -> Route:
    values = {key.lower(): [item.lower() for item in items] for key, items in parse_qs(query).items()}
    draft = values.get("mode") == ["draft"]
    if ident.lower() in ("validate", "preview", "test", "query"):
        return Route("read")
    if rest.rstrip("/").lower() == "action":
        return Route("action", kind, ident, values.get("op", [""])[0])
    if rest:
        return Route("other", "", ident)
    if method == "POST" and not ident:
        return Route("create", kind, draft=draft)
    names: dict[str, Operation] = {"PATCH": "patch", "PUT": "put", "DELETE": "delete"}
    return Route(names.get(method, "other"), kind, ident)


def shown(call: Call) -> str:
    """Return a call for people: its method and path, placeholders in braces, without query and host."""
    path = HOLE.sub(lambda found: f"{{{hole_name(found)}}}", call.url.partition("?")[0])
    path = re.sub(r"^(?:https?:)?//[^/]*", "", path)
    path = re.sub(r"^.*?(?=/data/)", "", path).replace(START, "").replace(END, "")
    plain = "".join(sign if sign.isprintable() else "?" for sign in path)
    return f"{call.method} {plain[:160] or '/'}"
