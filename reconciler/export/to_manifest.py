"""What live objects say, in the words of manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.values import Tree
from reconciler.documents._mapped_attributes import flat_name
from reconciler.documents.mapping_blocks import destination_of, kind_of, source_of

Body = Mapping[str, Any]

_ROW = ("identity", "primaryIdentity", "identityGroup", "namespaceCode", "copyModeMapping", "name", "description")
_XED = "application/vnd.adobe.xed-full+json;version=1"


def words(body: Body) -> dict[str, Any]:
    """Return the name, and the description where there is one."""
    return {"name": body.get("name", ""), **({"description": body["description"]} if body.get("description") else {})}


def some(body: Body, *names: str) -> dict[str, Any]:
    """Return those of the members that say anything."""
    return {name: body[name] for name in names if body.get(name) not in (None, "", {}, [])}


def base_of(body: Body) -> str | None:
    """Return the base connection's id: of a Profile Store source it stands under inheritedAttributes alone."""
    inherited = ((body.get("inheritedAttributes") or {}).get("baseConnection") or {}).get("id")
    found = body.get("baseConnectionId") or inherited
    return str(found) if found else None


def spec_of(body: Body) -> dict[str, str]:
    """Return a spec with the version that is meant where none is said."""
    return {"id": str(body["id"]), "version": str(body.get("version", "1.0"))}


def row_words(row: Body) -> dict[str, Any]:
    """Return a mapping's line in the current vocabulary; a plain attribute needs no type, `false` is the default."""
    kind = kind_of(row)
    words = {"source": source_of(row), "destination": destination_of(row)}
    more = {key: row[key] for key in _ROW if row.get(key) not in (None, "", False)}
    return {**({"sourceType": kind} if kind != "ATTRIBUTE" else {}), **words, **more}


def mapping_words(body: Body, schema: Body) -> Tree:
    """Return the `mapping` of a dataflow whose target has the `schema`: rows, or the long form where there is more."""
    rows: list[Tree] = [row_words(row) for row in body.get("mappings", ())]
    there = (body.get("outputSchema") or {}).get("schemaRef") or {}
    block = some(body, "name", "description", "inputSchema", "strictMapping", "allowNullValues")
    if not there and body.get("xdmSchema"):
        block |= some(body, "xdmSchema", "xdmVersion")
    elif there.get("id") != schema.get("id") or there.get("contentType") != schema.get("version", _XED):
        block["schema"] = {"id": there.get("id"), "version": there.get("contentType", _XED)}
    return {**block, "mappings": rows} if block else rows


def column(row: Body) -> Tree:
    """Return a row of a file export; one that goes out under its own name is just its path."""
    full = row_words(row)
    return full["source"] if full == {"source": full["source"], "destination": flat_name(full["source"])} else full
