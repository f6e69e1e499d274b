"""The common part of the registry's kinds: containers, Accept, whole resources as answers (schema-registry.yaml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from reconciler.core.abilities import Constrained, DataHolding, Listable, Suspendable, text_or_none, whole_number
from reconciler.core.answers import LIST, SCALAR, TEXT, Answer, ListOf, Object, rows
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import AssociativeList, FieldChange, Rules
from reconciler.core.trees import without_nulls
from reconciler.core.values import Path, Wire
from reconciler.kinds._xdm import incompatible_changes

BASE = "/data/foundation/schemaregistry"
_ONE = (("Accept", "application/vnd.adobe.xed+json; version=1"),)  # a look-up names a version (XDM-1007)
_LIST = (("Accept", "application/vnd.adobe.xed+json"),)  # a list must not (XDM-1006)
NAMES = ("$id", "meta:altId")
"""The members by which a resource can be asked for (schema-registry.yaml)."""
_SHAPE = Object(
    ids=NAMES,
    may=(
        ("version", SCALAR),
        ("title", TEXT),
        ("allOf", ListOf(Object())),
        ("meta:immutableTags", LIST),
        ("meta:registryMetadata", Object()),
    ),
)
_ROWS = Object(needs=rows("results", _SHAPE).needs, may=(("_page", Object(may=(("next", SCALAR),))),))


class RegistryKind(Listable, DataHolding, Constrained, Suspendable):
    """A resource with a `$id` and a title that is unique in its sandbox; changed by JSON Patch, without If-Match."""

    collection: ClassVar[str]
    unique_names = True
    name_field = "title"
    lists_are_complete = True

    _RULES = Rules(
        associative_lists=(
            # the registry adds members to each part, and parts of its own (schema-registry.yaml examples)
            AssociativeList("/allOf", "/$ref", deep=True, exclusive=False),
            AssociativeList("/meta:immutableTags", "/", exclusive=False),
            AssociativeList("/meta:intendedToExtend", "/", exclusive=False),
        ),
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", self._path(known.id), headers=_ONE, answer=Answer(_SHAPE, known.id))

    def live(self, reply: Reply, known: Live) -> Live | None:
        del known
        return None if reply.status == 404 else _live(reply.body)

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Titles are unique: a page starts behind the last title of the one before (schema-registry.yaml)."""
        del order, seen
        query: tuple[tuple[str, str], ...] = (("orderby", "title"), ("limit", "100"))
        if after is not None:
            following = (after.body.get("_page") or {}).get("next")
            if not following:
                return None
            query = (*query, ("start", str(following)))
        return self._listing(query)

    def _listing(self, query: tuple[tuple[str, str], ...]) -> Call:
        return Call("GET", f"{BASE}/tenant/{self.collection}", query=query, headers=_LIST, answer=Answer(_ROWS))

    def search(self, body: Wire) -> Call:
        return self._listing((("property", f"title=={body.get('title', '')}"),))

    def found(self, reply: Reply) -> Sequence[Live]:
        return [_live(item) for item in reply.body["results"]]

    def created_at(self, live: Live) -> int:
        return whole_number((live.body.get("meta:registryMetadata") or {}).get("repo:createdDate")) or 0

    def made_by(self, live: Live) -> str | None:
        return text_or_none((live.body.get("meta:registryMetadata") or {}).get("xdm:createdClientId"))

    def create(self, body: Wire) -> Call:
        """A description is demanded by the API's own description; the title will do for who declares none."""
        seed = {
            "description": body["title"],
            **{key: value for key, value in body.items() if key not in self.deferred_fields},
        }
        return Call("POST", f"{BASE}/tenant/{self.collection}", without_nulls(seed), answer=Answer(_SHAPE))

    def created(self, reply: Reply, body: Wire) -> Live:
        del body
        return _live(reply.body)

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        del body
        return [Call("PATCH", self._path(live.id), list(patch))]

    def update_answer(self, live: Live) -> Answer | None:
        return Answer(_SHAPE, live.id, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        del before
        return None if reply.body is None else _live(reply.body)

    def delete(self, live: Live) -> Call | None:
        return Call("DELETE", self._path(live.id))

    def suspend(self, live: Live) -> Call | None:
        """A title is taken until it is given up: the old one of a replace gets another."""
        title = f"{live.body.get('title', '')} (replaced {live.id.rpartition('/')[2][:8]})"
        return Call("PATCH", self._path(live.id), [{"op": "replace", "path": "/title", "value": title}])

    def resume(self, live: Live) -> Call | None:
        title = live.body.get("title", "")
        return Call("PATCH", self._path(live.id), [{"op": "replace", "path": "/title", "value": title}])

    def incompatible_changes(self, live: Wire, fields: Sequence[FieldChange], now: int) -> Mapping[Path, str]:
        del now
        return incompatible_changes(live, fields)

    def _path(self, ident: str) -> str:
        """A `$id` is a URL and goes into the path encoded; a `meta:altId` as it is."""
        return f"{BASE}/tenant/{self.collection}/{quote(ident, safe='')}"


def _live(body: Wire) -> Live:
    """The version counts every change: it tells a saved plan that the resource moved on."""
    return Live(body["$id"], body, str(body.get("version", "")) or None)
