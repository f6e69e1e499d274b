"""`Dataset`: where data of one schema is kept (catalog.yaml)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.abilities import DataHolding, Listable, text_or_none, whole_number
from reconciler.core.answers import SCALAR, TEXT, Answer, IdReference, MapOf, Object, OneOnly
from reconciler.core.kind import Reference
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire

BASE = "/data/foundation/catalog"
_PATCH = (("Content-Type", "application/json-patch+json"),)
_PAGE = 100
_PROFILE = ("unifiedProfile", "unifiedIdentity")

SHAPE = MapOf(
    Object(needs=(("name", TEXT),), may=(("version", SCALAR), ("schemaRef", Object()), ("tags", Object()))), by_id=True
)
"""Objects by id; the objects in it have none (catalog.yaml)."""
_REFERENCE = OneOnly(IdReference("@/dataSets/"))


class Dataset(Listable, DataHolding):
    """Updates are JSON Patch with its own media type; the schema is immutable (update-object.md)."""

    name = "Dataset"
    retain_on_delete = True
    lists_are_complete = True
    list_orders = ("asc:created", "desc:created")
    reference = Reference(
        {
            "": {
                "name": "Loyalty members",
                "schemaRef": {
                    "id": "https://ns.adobe.com/tenant/schemas/1",
                    "contentType": "application/vnd.adobe.xed-full+json;version=1",
                },
            }
        }
    )

    _RULES = Rules(
        (
            FieldRule("/schemaRef", Reason.IMMUTABLE, "catalog.yaml, inferred"),
            FieldRule("/tags/*", Reason.ATOMIC, "catalog.yaml, PATCH /dataSets"),
        ),
        # linked so in Adobe's notebooks (github.com/Adobe-Marketing-Cloud/aep-cloud-ml-ecosystem, Week1Notebook.py)
        page="dataset/browse/{id}",
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def canonical(self, body: Wire) -> Wire:
        """Blanks in the values of tags are ignored: `enabled: true` and `enabled:true` (catalog.yaml)."""
        tags = body.get("tags") if isinstance(body, dict) else None
        if not isinstance(tags, dict):
            return body
        return {**body, "tags": {key: _plain(values) for key, values in tags.items()}}

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", f"{BASE}/dataSets/{known.id}", answer=Answer(SHAPE, known.id))

    def live(self, reply: Reply, known: Live) -> Live | None:
        del known
        return None if reply.status == 404 else self.found(reply)[0]

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Pages have neither a total nor a next link: there are more while they are full (list-objects.md)."""
        if after is not None and len(self.found(after)) < _PAGE:
            return None
        query = (("limit", str(_PAGE)), ("start", str(seen)), ("orderBy", order or self.list_orders[0]))
        return Call("GET", f"{BASE}/dataSets", query=query, answer=Answer(SHAPE))

    def search(self, body: Wire) -> Call:
        query = (("name", str(body.get("name", ""))), ("limit", "100"), ("orderBy", "desc:created"))
        return Call("GET", f"{BASE}/dataSets", query=query, answer=Answer(SHAPE))

    def found(self, reply: Reply) -> Sequence[Live]:
        """A map by id; the objects in it have none. `version` counts the changes."""
        return [Live(ident, item, str(item.get("version", "")) or None) for ident, item in reply.body.items()]

    def created_at(self, live: Live) -> int:
        return whole_number(live.body.get("created")) or 0

    def made_by(self, live: Live) -> str | None:
        return text_or_none(live.body.get("createdClient"))

    def create(self, body: Wire) -> Call:
        return Call("POST", f"{BASE}/dataSets", without_nulls(body), answer=Answer(_REFERENCE))

    def created(self, reply: Reply, body: Wire) -> Live:
        """201 with a list of one reference, `@/dataSets/ID`."""
        return Live(reply.body[0].rpartition("/")[2], body)

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """Add upsert to a dataset in Profile: disable Profile, then enable it with upsert (catalog.yaml)."""
        path = f"{BASE}/dataSets/{live.id}"
        calls = [Call("PATCH", path, list(patch), headers=_PATCH)]
        before = _plain((live.body.get("tags") or {}).get("unifiedProfile") or ())
        wanted = _plain((body.get("tags") or {}).get("unifiedProfile") or ())
        upsert = "isUpsert:true"
        if "enabled:true" in before and upsert in wanted and upsert not in before:
            there = [name for name in _PROFILE if name in live.body["tags"]]
            out = [{"op": "replace", "path": f"/tags/{name}", "value": ["enabled:false"]} for name in there]
            back = [
                {"op": "replace", "path": f"/tags/{name}", "value": live.body["tags"][name]}
                for name in there
                if all(step["path"] != f"/tags/{name}" for step in patch)
            ]
            calls = [Call("PATCH", path, out, headers=_PATCH), Call("PATCH", path, [*patch, *back], headers=_PATCH)]
        return calls

    def described(self, call: Call) -> Sequence[Wire]:
        return list(call.body)

    def update_answer(self, live: Live) -> Answer | None:
        return Answer(_REFERENCE, live.id, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        del reply, before
        return None

    def delete(self, live: Live) -> Call | None:
        return Call("DELETE", f"{BASE}/dataSets/{live.id}")


def _plain(values: Wire) -> Wire:
    return [value.replace(" ", "") if isinstance(value, str) else value for value in values] if values else values


KIND = Dataset()
