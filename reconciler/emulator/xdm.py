"""XDM resources: lookup by any of their names, resolved fields, breaking changes (schema-registry.yaml)."""

from __future__ import annotations

import copy
from typing import Any

from reconciler.dataprep import ExpressionSyntaxError, parse_steps
from reconciler.emulator.storage import Json, Storage
from reconciler.emulator.wire import Caller
from reconciler.emulator.xdm_global import GLOBAL

KINDS = ("schemas", "fieldgroups", "classes", "datatypes")
SEGMENT = {"schemas": "schemas", "fieldgroups": "mixins", "classes": "classes", "datatypes": "datatypes"}
"""How a kind is called in `$id`: field groups kept their old name there."""

_DEEPEST = 40
_BY_ALT = {item["meta:altId"]: item for item in GLOBAL.values()}


class Xdm:
    """Schemas and their parts, the tenant's over a storage and Adobe's."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def find(self, who: Caller, kind: str, ident: str) -> Json | None:
        """Return a resource by `$id`, `meta:altId` or hash; Adobe's own by either of their names."""
        adobe = GLOBAL.get(ident) or _BY_ALT.get(ident)
        if adobe is not None:
            return adobe if adobe["meta:resourceType"] == kind else None
        return self._storage.get(who.tenant, kind, key_of(ident))

    def find_any(self, who: Caller, ident: str) -> Json | None:
        """Return a resource of whatever kind."""
        kinds = (*KINDS, "behaviors")
        return next((found for kind in kinds if (found := self.find(who, kind, ident)) is not None), None)

    def resolved(self, who: Caller, ident: str) -> Json | None:
        """Return a schema with all its fields, or None where it, or a part of it, is not held here."""
        found = self.find(who, "schemas", ident)
        return None if found is None else self.resolve(who, found)

    def resolve(self, who: Caller, resource: Json) -> Json | None:
        """Return a resource with the fields of all its parts, or None where a part is not held here."""
        properties: Json = {}
        if not self._gather(who, resource, resource, properties, 0):
            return None
        kept = {key: value for key, value in resource.items() if key not in ("allOf", "definitions", "properties")}
        return {**kept, "properties": properties}

    def _gather(self, who: Caller, root: Json, node: Any, into: Json, depth: int) -> bool:
        """Merge the fields of `node` into `into`; False where something it refers to is not held here."""
        if depth > _DEEPEST:
            return False
        if not isinstance(node, dict):
            return True
        whole = True
        reference = node.get("$ref")
        if isinstance(reference, str):
            if reference.startswith("#/"):
                whole = self._gather(who, root, _pointed(root, reference), into, depth + 1)
            else:
                other = self.find_any(who, reference)
                whole = other is not None and self._gather(who, other, other, into, depth + 1)
        for part in _list(node.get("allOf")):
            whole = self._gather(who, root, part, into, depth + 1) and whole
        for name, field in _dict(node.get("properties")).items():
            whole = self._field(who, root, name, field, into, depth) and whole
        return whole

    def _field(self, who: Caller, root: Json, name: str, field: Any, into: Json, depth: int) -> bool:
        if not isinstance(field, dict):
            return True
        made = {key: copy.deepcopy(value) for key, value in field.items() if key not in ("$ref", "allOf", "properties")}
        inner: Json = {}
        whole = self._gather(who, root, field, inner, depth + 1)
        known = into.get(name)
        if isinstance(known, dict) and isinstance(known.get("properties"), dict):
            inner = {**known["properties"], **inner}
        if inner:
            made["properties"] = inner
            made.setdefault("type", "object")
        if isinstance(field.get("items"), dict):
            items: Json = {}
            whole = self._field(who, root, "items", field["items"], items, depth + 1) and whole
            made["items"] = items.get("items", {})
        into[name] = made
        return whole

    def uses(self, body: Json) -> list[str]:
        """Return the `$id`s a resource refers to, wherever in it."""
        found: list[str] = []
        _references(body, found)
        return sorted(set(found))

    @staticmethod
    def has_path(schema: Json, path: str) -> bool:
        """Return whether a dotted path, or one with slashes, names a field of a resolved schema."""
        steps = [step for step in path.split("/") if step] if path.startswith("/") else _names(path)
        here: Json = schema
        for step in steps:
            here = _dict(here.get("items")) if here.get("type") == "array" and "items" in here else here
            fields = _dict(here.get("properties"))
            if step in fields:
                here = fields[step]
            elif here.get("additionalProperties") or (
                here is not schema and not fields and here.get("type") == "object"
            ):
                return True  # a map, or an object nobody described, takes any member
            elif not step.strip("[]*0123456789"):
                continue
            else:
                return False
        return True


def _names(path: str) -> list[str]:
    """The names of a mapping's path; numbers of elements are left out."""
    try:
        return [step for step in parse_steps(path) if isinstance(step, str)]
    except ExpressionSyntaxError:
        return [path]


def key_of(ident: str) -> str:
    """Return the hash at the end of a `$id` or `meta:altId`."""
    return ident.rpartition("/")[2].rpartition(".")[2]


def fields_of(node: Json, prefix: str = "") -> dict[str, str]:
    """Return the type of each field of a resolved schema, by its path with slashes."""
    found: dict[str, str] = {}
    for name, field in _dict(node.get("properties")).items():
        path = f"{prefix}/{name}"
        found[path] = str(field.get("type", "object"))
        found.update(fields_of(field, path))
        found.update(fields_of(_dict(field.get("items")), path))
    return found


def broken(before: Json, after: Json) -> list[str]:
    """Return what a change takes away or retypes, which a schema in use must not lose (composition.md)."""
    old, new = fields_of(before), fields_of(after)
    gone = [f"{path} is taken away" for path in old if path not in new]
    return gone + [
        f"{path} turns from {kind} to {new[path]}" for path, kind in old.items() if new.get(path, kind) != kind
    ]


def without_texts(node: Any) -> Any:
    """Return a resource without titles and descriptions of its fields."""
    if isinstance(node, list):
        return [without_texts(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_texts(value)
        for key, value in node.items()
        if not (key in ("title", "description") and isinstance(value, str))
    }


def _references(node: Any, found: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _references(item, found)
    elif isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            found.append(reference)
        for value in node.values():
            _references(value, found)


def _pointed(root: Json, reference: str) -> Any:
    here: Any = root
    for step in reference[2:].split("/"):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
