"""Inputs in JSON: Postman collections and environments, HAR files, and bare request bodies."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.convert.calls import Call, Place, Recording, UnreadableError, filled, hole, with_holes
from reconciler.convert.loose_json import LooseError, parse
from reconciler.core.trees import elements, members
from reconciler.core.values import Tree

_SETS = re.compile(
    r"(?:environment|collectionVariables|globals|variables)\.set\(\s*[\"'](\w[\w .-]*)[\"']\s*,([^;\n]*)"
    r"|set(?:Environment|Global)Variable\(\s*[\"'](\w[\w .-]*)[\"']\s*,([^;\n]*)"
)
_MEMBER = re.compile(r"(?:\.|\[[\"'])([$@\w:]+)(?:[\"']\])?\s*\)*\s*$")
LineOf = Callable[[str], int]


def is_environment(data: Tree) -> bool:
    """Tell whether a document is a Postman environment."""
    top = members(data)
    return isinstance(top.get("values"), list) and "item" not in top and "log" not in top


def is_collection(data: Tree) -> bool:
    """Tell whether a document is a Postman collection."""
    top = members(data)
    return isinstance(top.get("info"), dict) and isinstance(top.get("item"), list)


def is_har(data: Tree) -> bool:
    """Tell whether a document is a HAR file."""
    return isinstance(members(members(data).get("log")).get("entries"), list)


def environment(data: Tree) -> Recording:
    """Return the values of a Postman environment; those it marks as secret are kept apart."""
    made = Recording()
    for item in elements(members(data).get("values")):
        entry = members(item)
        name, value = str(entry.get("key", "")), entry.get("value")
        if entry.get("enabled") is False or not name or not isinstance(value, str | int | float) or value == "":
            continue
        (made.secrets if entry.get("type") == "secret" else made.values)[name] = str(value)
    return made


# -- Postman ---------------------------------------------------------------------------------------------------------
def collection(data: Tree, file: str, text: str) -> Recording:
    """Return the calls of a Postman collection (v2.0 or v2.1) in order, with its variables."""
    made = environment({"values": members(data).get("variable")})
    search = _Lines(text)
    for item in _requests(data, 0):
        request = members(item.get("request"))
        call = Call(
            str(request.get("method", "GET")).upper(),
            with_holes(_address(request.get("url"))),
            Place(file, search.line(str(item.get("name", "")))),
        )
        call.headers = _pairs(request.get("header"))
        _postman_body(call, members(request.get("body")), made.values)
        call.answer = _saved_answer(elements(item.get("response")))
        call.captures = dict(_captures(elements(item.get("event"))))
        made.calls.append(call)
    return made


def _requests(node: Tree, depth: int) -> Iterator[Mapping[str, Tree]]:
    for item in elements(members(node).get("item")):
        if isinstance(members(item).get("request"), dict):
            yield members(item)
        elif depth < 50:
            yield from _requests(item, depth + 1)


def _address(url: Tree) -> str:
    if isinstance(url, str):
        return url
    parts = members(url)
    text = str(parts.get("raw", ""))
    if not text:
        host, path = parts.get("host"), parts.get("path")
        text = "/".join([".".join(map(str, elements(host))) or str(host or ""), *map(str, elements(path))])
    for item in elements(parts.get("variable")):
        entry = members(item)
        name, value = str(entry.get("key", entry.get("id", ""))), str(entry.get("value") or "")
        if name:
            text = re.sub(rf"/:{re.escape(name)}(?=/|\?|$)", lambda _: f"/{value or hole(name)}", text)  # noqa: B023
    return re.sub(r"/:(\w+)(?=/|\?|$)", lambda found: f"/{hole(found[1])}", text)


def _postman_body(call: Call, body: Mapping[str, Tree], values: Mapping[str, str]) -> None:
    raw = body.get("raw")
    if body.get("mode") in ("formdata", "urlencoded", "file") and (body.get(str(body["mode"])) or not raw):
        if body.get(str(body["mode"])):
            call.fault = "its body is a form or a file, not JSON"
        return
    if isinstance(raw, str) and raw.strip():
        _parse_body(call, filled(with_holes(raw), {name: text for name, text in values.items() if text[:1] in "{["}))


def _parse_body(call: Call, text: Tree, *, recorded: bool = False) -> None:
    try:
        parsed = parse(str(text).strip(), recorded=recorded)
    except LooseError as error:
        call.fault = f"its body cannot be read: {error}"
        return
    if isinstance(parsed.value, dict | list):
        call.body, call.notes = parsed.value, parsed.notes
    else:
        call.fault = "its body cannot be read: it is a variable, or not JSON"


def _saved_answer(responses: list[Tree]) -> Tree:
    """Return the body of the first saved response of success."""
    for item in responses:
        entry = members(item)
        code = entry.get("code")
        if isinstance(entry.get("body"), str) and (not isinstance(code, int) or 200 <= code < 300):
            return _loose(str(entry["body"]))
    return None


def _loose(text: str, *, recorded: bool = False) -> Tree:
    try:
        return parse(text.strip(), recorded=recorded).value if text.strip()[:1] in ("{", "[") else None
    except LooseError:
        return None


def _captures(events: list[Tree]) -> Iterator[tuple[str, str]]:
    """Yield the variables that the test script of a request sets from its answer, with the member they take."""
    for item in events:
        event = members(item)
        lines = members(event.get("script")).get("exec")
        if event.get("listen") != "test":
            continue
        for match in _SETS.finditer("\n".join(map(str, elements(lines))) if isinstance(lines, list) else str(lines)):
            member = _MEMBER.search((match[2] or match[4] or "").strip())
            yield match[1] or match[3], member[1] if member else ""


def _pairs(items: Tree) -> dict[str, str]:
    """Return headers or other named values as a mapping, names in lower case."""
    if isinstance(items, str):
        return {}
    entries = [members(item) for item in elements(items)]
    return {str(entry.get("key", entry.get("name", ""))).lower(): str(entry.get("value", "")) for entry in entries}


@dataclass(slots=True)
class _Lines:
    """Finds the lines of names in a text, each behind the one before."""

    text: str
    at: int = 0
    number: int = 1
    misses: int = 0

    def line(self, name: str) -> int:
        """Return the line of the next text that is `name` in quotes; the line of the last one where there is none."""
        if self.misses > 50:
            return self.number  # written otherwise in this file
        for quoted in {json.dumps(name), json.dumps(name, ensure_ascii=False)}:
            found = self.text.find(quoted, self.at)
            if found >= 0:
                self.number += self.text.count("\n", self.at, found)
                self.at = found + len(quoted)
                return self.number
        self.misses += 1
        return self.number


# -- HAR -------------------------------------------------------------------------------------------------------------
def har(data: Tree, file: str, text: str) -> Recording:
    """Return the calls of a HAR file; those the platform refused are left out, since nothing came of them."""
    made = Recording()
    search = _Lines(text)
    for item in elements(members(members(data).get("log")).get("entries")):
        entry = members(item)
        request, response = members(entry.get("request")), members(entry.get("response"))
        url = str(request.get("url", ""))
        call = Call(str(request.get("method", "GET")).upper(), url, Place(file, search.line(url)))
        call.headers = _pairs(request.get("headers"))
        status = response.get("status")
        if isinstance(status, int) and status >= 400:
            call.fault = f"the platform refused it ({status})"
        posted = members(request.get("postData"))
        if isinstance(posted.get("text"), str) and str(posted["text"]).strip() and not call.fault:
            _parse_body(call, posted["text"], recorded=True)
        call.answer = _content(members(response.get("content")))
        made.calls.append(call)
    return made


def _content(content: Mapping[str, Tree]) -> Tree:
    text = content.get("text")
    if not isinstance(text, str):
        return None
    if content.get("encoding") == "base64":
        try:
            text = base64.b64decode(text, validate=False).decode(errors="replace")
        except (binascii.Error, ValueError):
            return None
    return _loose(text, recorded=True)


# -- bare bodies -----------------------------------------------------------------------------------------------------
_ORDER = (
    "Connection",
    "FieldGroup",
    "Schema",
    "Descriptor",
    "Dataset",
    "SourceConnection",
    "TargetConnection",
    "MappingSet",
    "Flow",
)
_PATHS = {
    "Connection": "/data/foundation/flowservice/connections",
    "SourceConnection": "/data/foundation/flowservice/sourceConnections",
    "TargetConnection": "/data/foundation/flowservice/targetConnections",
    "Flow": "/data/foundation/flowservice/flows",
    "MappingSet": "/data/foundation/conversion/mappingSets",
    "Dataset": "/data/foundation/catalog/dataSets",
    "Schema": "/data/foundation/schemaregistry/tenant/schemas",
    "FieldGroup": "/data/foundation/schemaregistry/tenant/fieldgroups",
    "Descriptor": "/data/foundation/schemaregistry/tenant/descriptors",
}
_SERVER_MADE = frozenset((
    "id", "etag", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient",
    "sandboxId", "sandboxName", "imsOrgId", "version", "inheritedAttributes", "lastOperation", "lastRunDetails",
    "runs", "created", "updated", "$id", "meta:altId", "meta:registryMetadata", "meta:resourceType",
    "meta:containerId", "meta:tenantNamespace", "meta:sandboxId", "meta:sandboxType", "createdDate",
    "modifiedDate", "modifiedBy", "meta:createdDate", "meta:extends", "imsOrg",
))  # fmt: skip
SideOf = Callable[[str], str]
"""Returns `SourceConnection` or `TargetConnection` for a connection spec id, empty where the catalog knows neither."""


def bodies(data: Tree, file: str, side_of: SideOf) -> Recording:
    """Return the request bodies of a document as the calls that create them, in the order they need each other.

    Raises `UnreadableError` where nothing in the document is the body of a known call.
    """
    made = Recording()
    items = data if isinstance(data, list) else elements(members(data).get("items")) or [data]
    for item in items:
        kind = kind_of(members(item), file, side_of)
        if not kind:
            made.skipped_lines += 1
            continue
        answer = {key: value for key, value in members(item).items() if key in ("id", "$id", "meta:altId", "@id")}
        body = {key: value for key, value in members(item).items() if not answer or key not in _SERVER_MADE}
        made.calls.append(Call("POST", _PATHS[kind], Place(file, 1), body, answer or None))
    if not made.calls:
        raise UnreadableError(f"{file} holds neither calls nor the body of a known call")
    return made


def in_order(call: Call) -> int:
    """Return the position of a bare body's kind among the kinds, those that others need first."""
    return next((index for index, kind in enumerate(_ORDER) if call.url == _PATHS[kind]), 0)


def kind_of(body: Mapping[str, Tree], file: str, side_of: SideOf) -> str:
    """Return the kind whose request body this is, by its keys; empty where none fits."""
    if {"sourceConnectionIds", "targetConnectionIds"} & body.keys():
        return "Flow"
    if "mappings" in body:
        return "MappingSet"
    if "schemaRef" in body and "connectionSpec" not in body:
        return "Dataset"
    if "xdm:sourceSchema" in body:
        return "Descriptor"
    if "meta:intendedToExtend" in body or ("definitions" in body and "title" in body):
        return "FieldGroup"
    if "allOf" in body and "title" in body:
        return "Schema"
    if "connectionSpec" not in body:
        return ""
    params = members(body.get("params"))
    if "dataSetId" in params or "schema" in members(body.get("data")):
        return "TargetConnection"
    if "datasets" in params:
        return "SourceConnection"
    if "baseConnectionId" not in body and not params and "data" not in body:
        return "Connection"
    known = side_of(str(members(body.get("connectionSpec")).get("id", "")))
    named = re.search(r"(source|target)", file.rpartition("/")[2].lower())
    return known or (f"{named[1].title()}Connection" if named else "")
