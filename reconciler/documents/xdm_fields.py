"""The fields of a schema of this project, as far as its field groups and class are defined in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.resource import Resource
from reconciler.core.trees import elements, members
from reconciler.core.values import Ref, Tree

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_IDENTITIES = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"id": _TEXT, "authenticatedState": _TEXT, "primary": {"type": "boolean"}},
        },
    },
}
CLASSES: Mapping[str, dict[str, Any]] = {
    "https://ns.adobe.com/xdm/context/profile": {
        "properties": {
            "_id": _TEXT, "createdByBatchID": _TEXT, "modifiedByBatchID": _TEXT, "personID": _TEXT,
            "repositoryCreatedBy": _TEXT, "repositoryLastModifiedBy": _TEXT,
        },
    },
    "https://ns.adobe.com/xdm/context/experienceevent": {
        "properties": {
            "_id": _TEXT, "timestamp": _TIME, "eventType": _TEXT, "producedBy": _TEXT, "eventMergeId": _TEXT,
            "identityMap": _IDENTITIES,
        },
        "required": ["_id", "timestamp"],
    },
    "https://ns.adobe.com/xdm/context/identitymap": {"properties": {"identityMap": _IDENTITIES}},
}  # fmt: skip
"""Fields of the standard classes (XDM ExperienceEvent class, XDM Individual Profile class)."""

_DEEPEST = 40


def output_schema(resources: Mapping[str, Resource], body: Mapping[str, Tree]) -> dict[str, Any] | None:
    """Return the output schema of a mapping set with all its fields, or None where it is not of this project.

    Where a part of the schema is defined elsewhere, the result has `additionalProperties: true`: any other field may be
    there.
    """
    reference = members(members(body.get("outputSchema")).get("schemaRef")).get("id")
    if isinstance(reference, Ref) and reference.address in resources:
        return resolved(resources, reference.address)
    return None


def resolved(resources: Mapping[str, Resource], address: str) -> dict[str, Any]:
    """Return a schema or field group of this project with the fields of all its parts."""
    result: dict[str, Any] = {"type": "object", "properties": {}}
    body = resources[address].body
    _gather(resources, body, body, result, 0)
    return result


def _gather(resources: Mapping[str, Resource], root: Tree, node: Tree, into: dict[str, Any], depth: int) -> None:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return
    if "$ref" in node:
        _follow(resources, root, node["$ref"], into, depth)
    for part in elements(node.get("allOf")):
        _gather(resources, root, part, into, depth + 1)
    for name in elements(node.get("required")):
        into.setdefault("required", [])
        if name not in into["required"]:
            into["required"].append(name)
    for name, field in members(node.get("properties")).items():
        _field(resources, root, name, field, into, depth)
    for key in ("type", "format", "enum", "pattern", "maxLength", "minLength", "additionalProperties", "meta:xdmType"):
        if key in node and depth and key not in into:
            into[key] = node[key]


def _follow(resources: Mapping[str, Resource], root: Tree, reference: Tree, into: dict[str, Any], depth: int) -> None:
    if isinstance(reference, Ref) and reference.address in resources:
        other = resources[reference.address].body
        _gather(resources, other, other, into, depth + 1)
    elif isinstance(reference, str) and reference.startswith("#/"):
        node = root
        for step in reference[2:].split("/"):
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        _gather(resources, root, node, into, depth + 1)
    elif isinstance(reference, str) and reference in CLASSES:
        _gather(resources, CLASSES[reference], CLASSES[reference], into, depth + 1)
    else:
        into["additionalProperties"] = True


def _field(
    resources: Mapping[str, Resource], root: Tree, name: str, field: Tree, into: dict[str, Any], depth: int
) -> None:
    if not isinstance(field, dict):
        return
    made = into.setdefault("properties", {}).setdefault(name, {})
    inner: dict[str, Any] = {**made, "properties": made.get("properties", {})}
    _gather(resources, root, field, inner, depth + 1)
    if isinstance(field.get("items"), dict):
        items: dict[str, Any] = {"properties": {}}
        _field(resources, root, "items", field["items"], items, depth + 1)
        inner["items"] = items["properties"]["items"]
    if not inner["properties"]:
        del inner["properties"]
    else:
        inner.setdefault("type", "object")
    made.update(inner)
