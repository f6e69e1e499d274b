"""`MappingSet`: which source field goes to which XDM field (data-prep.yaml)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.abilities import Checked, Persistent, Searchable, Versioned, whole_number
from reconciler.core.answers import SAME_IDENT, SCALAR, TEXT, Answer, ListOf, Object, OneOf, rows
from reconciler.core.kind import Check, Reference
from reconciler.core.plan.model import Change
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.trees import refs, without_nulls
from reconciler.core.values import Wire
from reconciler.kinds.checks import PREP as BASE
from reconciler.kinds.checks import destinations, valid_mapping
from reconciler.kinds.mapping_rows import DESTINATIONS, SOURCES, kind_of
from reconciler.kinds.selectors import MAPPED_ATTRIBUTES

_RENAMED = {
    **dict.fromkeys(SOURCES[1:], SOURCES[0]),
    **dict.fromkeys(DESTINATIONS[1:], DESTINATIONS[0]),
}
_SERVER_OWNED = frozenset(
    {"id", "functionVersion", "matchScore", "createdDate", "modifiedDate", "createdBy", "modifiedBy"}
)
_VERSION = ("version", SCALAR)
_MADE = Object(ids=("id",), may=(_VERSION,))
_SHAPE = Object(
    ids=("id",), may=(_VERSION, ("mappings", ListOf(Object(may=(("sourceType", TEXT),)))), ("outputSchema", Object()))
)
_ROWS = OneOf((rows("data", _SHAPE), Object(needs=(("data", _SHAPE),))))
"""`data` is a list; the example in data-prep.yaml shows a single object."""
_CHANGED = Object(may=(("id", SAME_IDENT), _VERSION))
"""Id and new version, or the sent body alone (data-prep.yaml, PUT /mappingSets/{id})."""
_NOT_READ = ("name", "description", "version")
_OLDER = ("xdmSchema", "xdmVersion", "schemaRef")
"""Older members that name the schema written to; an answer may say `outputSchema` instead (mapping-set.md)."""


ROWS = "mappings"
"""The member of a mapping set, and of a `mapping` block, that holds its rows."""


class MappingSet(Searchable, Versioned, Checked, Persistent):
    """Versions never change and are never deleted; a change is a PUT of the whole, which makes a new version."""

    name = "MappingSet"
    reference = Reference(
        {
            "": {
                "outputSchema": {
                    "schemaRef": {
                        "id": "https://ns.adobe.com/tenant/schemas/1",
                        "contentType": "application/vnd.adobe.xed-full+json;version=1",
                    }
                },
                "mappings": [{"sourceType": "ATTRIBUTE", "source": "mail", "destination": "_tenant.email"}],
            }
        },
        updates=", then the flow's pin",
        drift="through its flow",
    )

    _RULES = Rules(
        (
            # not always returned by a GET, a row's `version` never
            *(
                FieldRule(f"/mappings/*/{name}", Reason.WRITE_ONLY, "data-prep.yaml, GET /mappingSets/{id}")
                for name in _NOT_READ
            ),
            FieldRule("/version", Reason.WRITE_ONLY, "mapping-set.md: the platform counts it itself"),
            *(
                FieldRule(f"/{name}", Reason.PARTLY_SHOWN, "data-prep.yaml, GET /mappingSets/{id}")
                for name in ("name", "description", *_OLDER)
            ),
            *(
                FieldRule(f"/{name}", Reason.SERVER_OWNED, "data-prep.yaml, GET /mappingSets/{id}")
                for name in sorted(_SERVER_OWNED - {"id"})
            ),
            *(
                FieldRule(f"/mappings/*/{name}", Reason.SERVER_OWNED, "data-prep.yaml, GET /mappingSets/{id}")
                for name in sorted(_SERVER_OWNED)
            ),
        ),
        associative_lists=(MAPPED_ATTRIBUTES,),
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def canonical(self, body: Wire) -> Wire:
        """Rows in the current vocabulary: they come back in both, with media types for kinds."""
        if not isinstance(body, dict) or not isinstance(body.get("mappings"), list):
            return body
        return {**body, "mappings": [_row(row) for row in body["mappings"]]}

    def declarable(self, body: Wire) -> Wire:
        """A row's `version` is the server's, too, which writes false for flags not sent (mapping-set.md)."""
        kept = self.canonical({key: body[key] for key in body if key == "id" or key not in _SERVER_OWNED})
        rows = [
            {key: row[key] for key in row if key != "version" and row[key] is not False}
            if isinstance(row, dict)
            else row
            for row in kept.get("mappings") or ()
        ]
        return {**kept, "mappings": rows}

    def read(self, known: Live, version: Wire = None) -> Call:
        query = () if version is None else (("version", str(version)),)
        return Call("GET", f"{BASE}/mappingSets/{known.id}", query=query, answer=Answer(_SHAPE, known.id))

    def live(self, reply: Reply, known: Live) -> Live | None:
        del known
        return None if reply.status == 404 else _live(reply.body)

    def search(self, body: Wire) -> Call:
        del body  # most have no name: the newest are looked through
        query = (("limit", "100"), ("start", "0"), ("orderBy", "-createdDate"))
        return Call("GET", f"{BASE}/mappingSets", query=query, answer=Answer(_ROWS))

    def found(self, reply: Reply) -> Sequence[Live]:
        data = reply.body["data"]
        return [_live(item) for item in (data if isinstance(data, list) else [data])]

    def created_at(self, live: Live) -> int:
        return whole_number(live.body.get("createdDate")) or 0

    def pinned(self, live: Live, users: Sequence[Wire]) -> Wire | None:
        """A flow pins the version it uses in its Mapping transformation, a destination in `profileMapping`."""
        for user in users:
            for used, version in mapping_pins(user):
                if used == live.id:
                    return version
        return None

    def create(self, body: Wire) -> Call:
        return Call("POST", f"{BASE}/mappingSets", without_nulls(body), answer=Answer(_MADE))

    def created(self, reply: Reply, body: Wire) -> Live:
        return Live(reply.body["id"], body, None, {"version": _number(reply.body.get("version", 0))})

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        del patch
        return [Call("PUT", f"{BASE}/mappingSets/{live.id}", without_nulls(body))]

    def update_answer(self, live: Live) -> Answer | None:
        return Answer(_CHANGED, live.id, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        """Some documents print only the sent body as the answer: then the version must be read (data-prep.yaml)."""
        body = reply.body or {}
        version = body.get("version")
        if version is None or "id" not in body:
            return None
        return Live(before.id, before.body, None, {"version": _number(version)})

    def checks(self, change: Change) -> Sequence[Check]:
        """Of a schema that is yet to be made nothing can be asked."""
        body: Wire = without_nulls(change.desired)
        if refs(body):
            return ()
        found = [valid_mapping(body)]
        schema = (body.get("outputSchema") or {}).get("schemaRef") or body.get("schemaRef") or {}
        if "xdmSchema" in body:
            schema = {"id": body["xdmSchema"]}
        if isinstance(schema.get("id"), str):
            paths = [row["destination"] for row in self.canonical(body)["mappings"]]
            found.append(destinations(schema["id"], str(schema.get("contentType", "")), paths))
        return found

    def undeletable_reason(self, body: Wire) -> str | None:
        del body
        return "the platform cannot delete it, it stays there unmanaged"

    def delete(self, live: Live) -> Call | None:
        del live
        return None  # data-prep.yaml has no DELETE


def mapping_pins(flow: Wire) -> Iterator[tuple[str, Wire]]:
    """Yield the id and version of each mapping set that a live flow is pinned to (update-dataflows.md)."""
    for item in flow.get("transformations") or ():
        params = item.get("params") or {}
        for pin in (params, params.get("profileMapping") or {}):
            if pin.get("mappingId"):
                yield str(pin["mappingId"]), _number(pin.get("mappingVersion"))


def _live(body: dict[str, Any]) -> Live:
    return Live(body["id"], body, None, {"version": _number(body.get("version", 0))})


def _number(version: Wire) -> Wire:
    return int(version) if isinstance(version, str) and version.isdigit() else version


def _row(row: Wire) -> Wire:
    if not isinstance(row, dict):
        return row
    renamed = {_RENAMED[key]: value for key, value in row.items() if key in _RENAMED}
    kept = {key: value for key, value in row.items() if key not in _RENAMED and key not in _SERVER_OWNED}
    return {**renamed, **kept, "sourceType": kind_of(row)}


KIND = MappingSet()
