"""Words of the Schema Registry: refusals, Accept headers, filters, shapes (schema-registry.yaml)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.storage import Condition, Json
from reconciler.emulator.wire import Ask, Caller, Refusal, new_hex, now_ms

_ACCEPT = re.compile(
    r"application/vnd\.adobe\.(?:xed|xdm)(?P<form>-id|-full|-notext|-full-notext|-full-desc|-link|-v2)?\+json"
    r"(?:\s*;\s*version=(?P<version>\d+)(?:\.\d+)?)?"
)
_FILTER = re.compile(r"\s*([\w:$.]+)\s*(==|!=|~)\s*(.*)")


def registry_metadata(who: Caller, made: int) -> Json:
    """Return what the registry notes of every resource; times are ms."""
    return {
        "repo:createdDate": made, "repo:lastModifiedDate": now_ms(), "xdm:createdClientId": who.client,
        "xdm:lastModifiedClientId": who.client, "xdm:createdUserId": who.user, "xdm:lastModifiedUserId": who.user,
        "eTag": new_hex(64), "meta:globalLibVersion": "1.0.0", "meta:usageCount": 0,
    }  # fmt: skip


def check_shape(kind: str, body: Json) -> None:
    """Refuse a resource without a title, a type and, but for data types, parts."""
    if not isinstance(body.get("title"), str) or not body["title"]:
        raise registry_refusal(400, "XDM-1401", "title is required.")
    if body.get("type") != "object":
        raise registry_refusal(400, "XDM-1401", "type must be object.")
    parts = body.get("allOf", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise registry_refusal(400, "XDM-1401", "allOf must be a list of references.")
    if not parts and kind != "datatypes":
        raise registry_refusal(400, "XDM-1401", "allOf must be a list of references.")


def registry_refusal(status: int, code: str, detail: str) -> Refusal:
    """Return a refusal in the registry's shape (schema-registry.yaml)."""
    moment = datetime.now(UTC).strftime("%m-%d-%Y %H:%M:%S")
    title = {404: "Resource not found", 403: "Forbidden"}.get(status, "Bad request")
    report = {"registryRequestId": new_hex(32), "timestamp": moment, "detailed-message": detail, "sub-errors": []}
    kind = f"http://ns.adobe.com/aep/errors/{code}-{status}"
    return Refusal(status, {"type": kind, "title": title, "status": status, "report": report, "detail": detail})


def accept(ask: Ask, *, versioned: bool) -> str:
    """Return the form an Accept header asks for. Refuses a list with a version, and a look-up without one."""
    found = _ACCEPT.fullmatch(ask.request.headers.get("accept", "").strip())
    if versioned and (not found or not found["version"]):
        raise registry_refusal(400, "XDM-1007", "The Accept header of a look-up names a form and a version.")
    if not versioned and (not found or found["version"]):
        raise registry_refusal(400, "XDM-1006", "The Accept header of a list names a form and no version.")
    assert found is not None
    return found["form"] or ""


def column(field: str) -> str:
    """Return the SQL of a member to order or filter by."""
    if not re.fullmatch(r"[\w:$.]+", field):
        raise registry_refusal(400, "XDM-1004", f"{field!r} is no field to order or filter by.")
    return "name" if field == "title" else f"CAST(json_extract(body, '$.\"{field}\"') AS TEXT)"


def filtered(text: str) -> Condition:
    """Return the SQL of one `property` filter: ==, != or ~."""
    found = _FILTER.fullmatch(text)
    if not found:
        raise registry_refusal(400, "XDM-1004", f"The filter {text!r} cannot be read.")
    field, sign, value = found.groups()
    if sign == "~":
        try:
            re.compile(value)
        except re.error:
            raise registry_refusal(400, "XDM-1004", f"{value!r} is no regular expression.") from None
        return f"regexp(?, {column(field)})", (value,)
    return f"{column(field)} {'=' if sign == '==' else 'IS NOT'} ?", (value,)


def instruction(item: Any) -> Json:
    """Return a JSON Patch instruction in lower case, with the path for tags that the registry means."""
    if not isinstance(item, dict) or not isinstance(item.get("path"), str) or not isinstance(item.get("op"), str):
        raise registry_refusal(400, "XDM-1015", "An instruction has op and path.")
    made = {**item, "op": item["op"].lower()}
    if made["op"] not in ("add", "replace", "remove"):
        raise registry_refusal(400, "XDM-1015", f"The operation {made['op']} is not supported.")
    if made["path"].rstrip("/-") == "/meta:immutableTags":
        value = made.get("value")
        made["path"] = "/meta:immutableTags"
        made["value"] = value if isinstance(value, list) else [value]
    return made
