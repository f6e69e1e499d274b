"""Members of live objects that no manifest can say: an export lists them instead of dropping them silently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.selector import Selectors
from reconciler.core.trees import elements, members
from reconciler.documents.mapping_blocks import DESTINATIONS, SOURCES

Body = Mapping[str, Any]

_SERVERS = frozenset({
    "id", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient", "sandboxId",
    "sandboxName", "imsOrgId", "version", "etag", "state", "inheritedAttributes", "providerRefId", "runs",
    "lastOperation", "lastRunDetails", "typeInfo",
})  # fmt: skip
"""The members that the Flow Service sets (flow-service.yaml, the responses)."""
_END = frozenset({"name", "description", "connectionSpec", "baseConnectionId", "providerId", "data", "params"})
_SAID = {
    "flow": frozenset({
        "name", "description", "flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations",
        "scheduleParams", "options", "policy", "providerId",
    }),
    "source connection": _END,
    "target connection": _END,
    "connection": frozenset({"name", "description", "connectionSpec", "providerId", "auth"}),
}  # fmt: skip
_ROW = frozenset({
    *SOURCES, *DESTINATIONS, "sourceType", "identity", "primaryIdentity", "identityGroup", "namespaceCode", "name",
    "description", "version", "functionVersion", "copyModeMapping", "id", "matchScore", "createdDate", "modifiedDate",
    "createdBy", "modifiedBy",
})  # fmt: skip


def unsaid(what: str, body: Body) -> list[str]:
    """Return the names of the members of a live `flow`, `connection` or `source connection` that are not exported."""
    known = _SERVERS | _SAID[what]
    return sorted(name for name, value in body.items() if name not in known and _says_something(value))


def unsaid_of_rows(rows: Any) -> list[str]:
    """Return the names of the members of mapping rows that are not exported."""
    return sorted({
        name for row in elements(rows) for name, value in members(row).items()
        if name not in _ROW and _says_something(value)
    })  # fmt: skip


def unsaid_of_lists(selectors: Selectors, params: Body) -> list[str]:
    """Return the names of the members of audiences and attributes that are not exported."""
    found: set[str] = set()
    for row in selectors:
        outer, inner = row.steps[-2:]
        for item in elements(members(params.get(outer)).get(inner)):
            found |= {f"{row.noun}.{name}" for name in row.untold(item)}
    return sorted(found)


def _says_something(value: Any) -> bool:
    return value not in (None, "", {}, [], False)
