"""Objects that exist and are not ours, found by name: one exact match, or an error (api-facts 2.4, 8.2)."""

from __future__ import annotations

from reconciler.core.kind import Finder, Finders
from reconciler.core.resource import Call
from reconciler.resources._flow_service import BASE

_PAGE = 100


def _connections(name: str, start: int) -> Call:
    del start
    text = name.replace('"', '\\"')
    return Call("GET", f"{BASE}/connections", query=(("property", f'name=="{text}"'), ("limit", str(_PAGE))))


def _audiences(name: str, start: int) -> Call:
    # `name` is a case-insensitive "contains" there: the exact comparison is ours
    query = (("name", name), ("start", str(start)), ("limit", str(_PAGE)))
    return Call("GET", "/data/core/ups/audiences", query=query)


FINDERS: Finders = {
    "Connection": Finder(_connections, "items", "description"),
    "Audience": Finder(_audiences, "children", "originName", _PAGE),
}
