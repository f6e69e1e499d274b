"""What the four Flow Service kinds share: envelopes, etags, PATCH, states (flow-service.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from reconciler.core.abilities import Asynchronous, Listable, text_or_none, whole_number
from reconciler.core.answers import TEXT, Answer, Object, OneOf, Shape, one_row, rows
from reconciler.core.observations import Edit, Observed
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire

BASE = "/data/foundation/flowservice"

DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
"""Connection spec of the target of every source flow: one fixed id in all tutorials."""

PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
"""Connection spec of the source of every audience activation (seed-dst)."""

TRANSITIONAL = frozenset(
    {
        "inProgress",
        "updating",
        "enabling",
        "disabling",
        "initializing",
        "pending",
        "enabled-finalizing",
        "delete-finalizing",
    }
)
"""States the platform leaves by itself (draft.md, flow-service-errors.md)."""


LEAVING = "delete-finalizing"
"""The state of an object that the platform is deleting."""

_NOTES = frozenset(
    {
        "createdBy", "createdClient", "updatedAt", "updatedBy", "updatedClient", "imsOrgId", "sandboxId", "sandboxName",
        "etag", "version", "providerRefId", "lastOperation", "runs",
    }
)  # fmt: skip
"""What the platform notes in every object (flow-service.yaml, the responses)."""


_CREATED = Answer(Object(ids=("id",), may=(("etag", TEXT),)))
"""201 with `{"id", "etag"}`; some documents print the id alone (flow-service.yaml)."""
_CHANGED = OneOf((_CREATED.shape, one_row("items", _CREATED.shape)))
"""200 with `{"id", "etag"}`, 200 with the list of the object, or 202 with no body (flow-service.yaml, tutorials)."""


def item(*may: tuple[str, Shape]) -> Object:
    """Return the shape of an object as the Flow Service shows it, and of what else the kind uses of it."""
    return Object(ids=("id",), may=(("etag", TEXT), ("version", TEXT), ("state", TEXT), *may))


def server_owned(notes: Iterable[str]) -> tuple[FieldRule, ...]:
    """Return the rules for what the platform notes in an object."""
    return tuple(FieldRule(f"/{name}", Reason.SERVER_OWNED, "flow-service.yaml") for name in sorted(notes))


class FlowServiceKind(Listable, Asynchronous, Observed):
    """A kind with `GET/PATCH/DELETE /RESOURCE/{id}`, an items envelope and a quoted etag."""

    collection: ClassVar[str]
    notes: ClassVar[frozenset[str]] = _NOTES
    """What the platform writes into an object for itself; `createdAt` is the age that namesakes are told apart by."""
    server_owned: ClassVar[tuple[FieldRule, ...]] = server_owned(_NOTES)
    shape: ClassVar[Object] = item()
    """The members of an object that the kind relies on."""

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        answer = Answer(one_row("items", self.shape), known.id)
        return Call("GET", f"{BASE}/{self.collection}/{known.id}", answer=answer)

    def live(self, reply: Reply, known: Live) -> Live | None:
        """GET by id answers `{"items": [...]}`, a list of one (flow-service.yaml)."""
        del known
        return None if reply.status == 404 else self._item(reply.body["items"][0])

    def search(self, body: Wire) -> Call:
        name = str(body.get("name", "")).replace('"', '\\"')
        query = (("property", f'name=="{name}"'), ("limit", "100"))
        return Call("GET", f"{BASE}/{self.collection}", query=query, answer=self._list())

    def _list(self) -> Answer:
        return Answer(rows("items", self.shape, links=True))

    list_orders = ("createdAt", "-createdAt")  # flow-service.yaml, parameters `property` and `orderby`

    shows_unmanaged = True

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Pages follow the token in `_links.next.href`; some kinds document a filter by name (sort-and-filter.md)."""
        del seen
        path = f"{BASE}/{self.collection}"
        asked = (("limit", "100"), *((("orderby", order),) if order else ()))
        if after is None:
            return Call("GET", path, query=asked, answer=self._list())
        href = ((after.body.get("_links") or {}).get("next") or {}).get("href") or ""
        tokens = parse_qs(urlsplit(href).query).get("continuationToken")
        if not tokens:
            return None
        return Call("GET", path, query=(*asked, ("continuationToken", tokens[0])), answer=self._list())

    def found(self, reply: Reply) -> Sequence[Live]:
        return [self._item(item) for item in reply.body["items"]]

    def created_at(self, live: Live) -> int:
        return whole_number(live.body.get("createdAt")) or 0

    def made_by(self, live: Live) -> str | None:
        return text_or_none(live.body.get("createdClient"))

    def is_leaving(self, live: Live) -> bool:
        return isinstance(live.body, dict) and live.body.get("state") == LEAVING  # an id alone has no body

    leaving_codes = frozenset({"1457-400", "1458-400"})  # the catalogue of errors in flow-service.yaml
    in_use_codes = frozenset({"1418-400", "1447-400"})

    def edited_with(self, live: Live) -> str | None:
        """`createdClient`, where `updatedAt` has moved on from `createdAt` (flow-service.yaml)."""
        body = live.body
        return text_or_none(body.get("createdClient")) if body.get("updatedAt") != body.get("createdAt") else None

    def canonical(self, body: Wire) -> Wire:
        """Only a draft shows its state: the others' are the platform's own affair, save a flow's."""
        if isinstance(body, dict) and body.get("state", "draft") != "draft":
            return {key: value for key, value in body.items() if key != "state"}
        return body

    def declarable(self, body: Wire) -> Wire:
        return {key: value for key, value in body.items() if key not in self.notes}

    def create(self, body: Wire) -> Call:
        """A draft is made by a query parameter, on all four kinds (draft.md)."""
        query = (("mode", "draft"),) if body.get("state") == "draft" else ()
        return Call("POST", f"{BASE}/{self.collection}", without_nulls(self.seed(body)), query=query, answer=_CREATED)

    def seed(self, body: Wire) -> Wire:
        """Return the part of `body` a POST may carry; never the state (1410-400)."""
        return {key: value for key, value in body.items() if key != "state"} if "state" in body else body

    def created_fields(self, call: Call) -> Wire:
        return {**call.body, "state": "draft"} if ("mode", "draft") in call.query else call.body

    def created(self, reply: Reply, body: Wire) -> Live:
        return Live(id=reply.body["id"], body=body, etag=_etag(reply))

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """The state changes by an action, not by PATCH, after everything else is in place (draft.md)."""
        fields = [step for step in patch if step["path"] != "/state"]
        path = f"{BASE}/{self.collection}/{live.id}"
        calls = [Call("PATCH", path, fields, guarded=True)] if fields else []
        if len(fields) < len(patch):
            calls += [Call("POST", f"{path}/action", query=(("op", verb),)) for verb in self.actions(live, body)]
        return calls

    def actions(self, live: Live, body: Wire) -> Sequence[str]:
        """Return the actions, in order, from the state of `live` to the one of `body`."""
        del body
        return ["publish"] if live.body.get("state") == "draft" else []

    def update_answer(self, live: Live) -> Answer | None:
        return Answer(_CHANGED, live.id, empty=True)

    def updated(self, reply: Reply, before: Live) -> Live | None:
        etag = _etag(reply)
        return Live(before.id, before.body, etag, before.outputs) if etag else None

    def delete(self, live: Live) -> Call | None:
        return Call("DELETE", f"{BASE}/{self.collection}/{live.id}")

    def state_of(self, live: Live) -> str:
        return str(live.body.get("state", "unknown"))

    def last_edit(self, live: Live) -> Edit:
        """`updatedBy`, `updatedAt` and `updatedClient` are in every object (flow-service.yaml)."""
        body = live.body if isinstance(live.body, dict) else {}
        by, client = text_or_none(body.get("updatedBy")), text_or_none(body.get("updatedClient"))
        return Edit(by, whole_number(body.get("updatedAt")), client)

    def held_back(self, body: Wire, staging: str) -> tuple[Wire, str] | None:
        """An object is made as a draft, or a flow as a disabled one (draft.md)."""
        words = {"draft": "a draft", "disabled": "disabled"}
        return None if body.get("state") in words else ({**body, "state": staging}, words[staging])

    def settled(self, live: Live) -> bool:
        return live.body.get("state") not in TRANSITIONAL

    def failure(self, live: Live) -> str | None:
        del live
        return None

    def _item(self, item: Wire) -> Live:
        """The etag keeps its own double quotes: If-Match requires them (destinations.yaml)."""
        etag = item.get("etag") or item.get("version")
        return Live(id=item["id"], body=item, etag=quoted(etag) if etag else None)


def quoted(etag: str) -> str:
    """Return `etag` with the double quotes that If-Match must carry."""
    return etag if etag.startswith('"') else f'"{etag}"'


def _etag(reply: Reply) -> str | None:
    body = reply.body or {}
    etag = (body["items"][0] if "items" in body else body).get("etag")
    return quoted(etag) if etag else None


def is_data_lake(body: Wire) -> bool:
    """Tell whether a connection body targets the data lake, as every source flow's does."""
    spec = body.get("connectionSpec") if isinstance(body, dict) else None
    return isinstance(spec, dict) and spec.get("id") == DATA_LAKE
