"""`Descriptor`: what a schema's fields mean, identities and relationships (xdm/api/descriptors.md)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.core.abilities import Listable, Part, Suspendable
from reconciler.core.answers import Answer, ListOf, MapOf, Object
from reconciler.core.kind import Reference
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire
from reconciler.kinds._registry import BASE

_PATH = f"{BASE}/tenant/descriptors"
_ACCEPT = (("Accept", "application/vnd.adobe.xdm+json"),)
_SHAPE = Object(ids=("@id",))
_SERVER_OWNED = frozenset(("@id", "imsOrg", "version"))


class Descriptor(Listable, Part, Suspendable):
    """Changed by a PUT of the whole; has neither a name nor a time of its own."""

    name = "Descriptor"
    lists_are_complete = True
    reference = Reference(
        {
            "": {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": "https://ns.adobe.com/tenant/schemas/1",
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": "/_tenant/email",
                "xdm:namespace": "Email",
                "xdm:property": "xdm:code",
                "xdm:isPrimary": False,
            }
        },
        updates=" of the whole",
        deletes="not the primary identity of a schema in Profile",
    )

    # the identity of a field is that field's: another type, schema or field is another descriptor
    _RULES = Rules(
        tuple(
            FieldRule(f"/{name}", Reason.IMMUTABLE, "schema-registry.yaml, PUT /descriptors")
            for name in ("@type", "xdm:sourceSchema", "xdm:sourceProperty")
        )
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", f"{_PATH}/{known.id}", headers=_ACCEPT, answer=Answer(_SHAPE, known.id))

    def live(self, reply: Reply, known: Live) -> Live | None:
        del known
        return None if reply.status == 404 else _live(reply.body)

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Descriptors come in one page of at most 4000 (schema-registry.yaml)."""
        del order, seen
        return self.search({}) if after is None else None

    def search(self, body: Wire) -> Call:
        del body  # the list takes no filter
        return Call("GET", _PATH, headers=_ACCEPT, answer=Answer(MapOf(ListOf(_SHAPE))))

    def found(self, reply: Reply) -> Sequence[Live]:
        """The list is an object keyed by type."""
        types = (items for name, items in reply.body.items() if not name.startswith("_"))
        return [_live(item) for items in types for item in items]

    def created_at(self, live: Live) -> int:
        """No time is told; one with the same content on the same schema says the same, whenever it was made."""
        del live
        return sys.maxsize

    def create(self, body: Wire) -> Call:
        return Call("POST", _PATH, without_nulls(body), answer=Answer(_SHAPE))

    def created(self, reply: Reply, body: Wire) -> Live:
        return Live(reply.body["@id"], body)

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """PUT replaces the whole descriptor, so fields set by others are sent again (schema-registry.yaml)."""
        del patch
        theirs = {key: value for key, value in _own_words(live.body).items() if key not in body}
        return [Call("PUT", f"{_PATH}/{live.id}", without_nulls({**theirs, **body}))]

    def update_answer(self, live: Live) -> Answer | None:
        return Answer(_SHAPE, live.id, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        """201 with the id alone, or 200 with the whole (schema-registry.yaml, descriptors.md)."""
        return None if "@type" not in (reply.body or {}) else _live(reply.body)

    def delete(self, live: Live) -> Call | None:
        return Call("DELETE", f"{_PATH}/{live.id}")

    def suspend(self, live: Live) -> Call | None:
        """A schema has one primary identity: the old one makes way."""
        if not live.body.get("xdm:isPrimary"):
            return None
        return Call("PUT", f"{_PATH}/{live.id}", {**_own_words(live.body), "xdm:isPrimary": False})

    def resume(self, live: Live) -> Call | None:
        return Call("PUT", f"{_PATH}/{live.id}", _own_words(live.body))

    def delete_blocked_by(self, body: Wire, needs: Sequence[Wire]) -> str | None:
        if not body.get("xdm:isPrimary"):
            return None
        inside = any("union" in (need.get("meta:immutableTags") or ()) for need in needs if isinstance(need, dict))
        return "the primary identity of a schema in Profile cannot be taken away" if inside else None


def _own_words(body: Wire) -> Wire:
    return {key: value for key, value in body.items() if key not in _SERVER_OWNED and not key.startswith("meta:")}


def _live(body: Wire) -> Live:
    return Live(body["@id"], body)


KIND = Descriptor()
