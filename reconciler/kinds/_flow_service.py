"""What the four Flow Service kinds share: envelopes, etags, PATCH, states (api-facts 2; flow-service.yaml)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from reconciler.core.abilities import Asynchronous, Listable
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.trees import without_nulls
from reconciler.core.values import Tree

BASE = "/data/foundation/flowservice"

DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
"""Connection spec of the target of every source flow: one document's fixed id (seed-src)."""

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
"""States the platform leaves by itself (api-facts 2.7)."""


_NOTES = frozenset(
    {
        "createdBy", "createdClient", "updatedAt", "updatedBy", "updatedClient", "imsOrgId", "sandboxId", "sandboxName",
        "etag", "version", "providerRefId", "lastOperation", "runs",
    }
)  # fmt: skip
"""What the platform notes in every object (flow-service.yaml, the responses)."""


class FlowServiceKind(Listable, Asynchronous):
    """A kind with `GET/PATCH/DELETE /RESOURCE/{id}`, an items envelope and a quoted etag."""

    collection: ClassVar[str]
    notes: ClassVar[frozenset[str]] = _NOTES
    """What the platform writes into an object for itself; `createdAt` is the age that namesakes are told apart by."""

    def read(self, known: Live, version: Tree = None) -> Call:
        del version
        return Call("GET", f"{BASE}/{self.collection}/{known.id}")

    def live(self, reply: Reply, known: Live) -> Live | None:
        """GET by id answers `{"items": [...]}`, a list of one (api-facts 2.3)."""
        del known
        if reply.status == 404:
            return None
        items = reply.body.get("items", []) if isinstance(reply.body, dict) else []
        return self._item(items[0]) if items else None

    def search(self, body: Tree) -> Call:
        name = str(body.get("name", "")).replace('"', '\\"')
        return Call("GET", f"{BASE}/{self.collection}", query=(("property", f'name=="{name}"'), ("limit", "100")))

    list_orders = ("createdAt", "-createdAt")  # flow-service.yaml, parameters `property` and `orderby`

    shows_unmanaged = True

    def page(self, after: Reply | None, order: str, seen: int) -> Call | None:
        """Pages follow the token in `_links.next.href`; only some kinds document a filter by name (api-facts 2.4)."""
        del seen
        path = f"{BASE}/{self.collection}"
        asked = (("limit", "100"), *((("orderby", order),) if order else ()))
        if after is None:
            return Call("GET", path, query=asked)
        href = ((after.body.get("_links") or {}).get("next") or {}).get("href") or ""
        tokens = parse_qs(urlsplit(href).query).get("continuationToken")
        return Call("GET", path, query=(*asked, ("continuationToken", tokens[0]))) if tokens else None

    def found(self, reply: Reply) -> Sequence[Live]:
        items = reply.body.get("items", []) if isinstance(reply.body, dict) else []
        return [self._item(item) for item in items]

    def created_at(self, live: Live) -> int:
        return int(live.body.get("createdAt", 0))

    def edited_with(self, live: Live) -> str | None:
        """`createdClient`, where `updatedAt` has moved on from `createdAt` (api-facts 2.3)."""
        body = live.body
        return body.get("createdClient") if body.get("updatedAt") != body.get("createdAt") else None

    def canonical(self, body: Tree) -> Tree:
        """Only a draft shows its state: the others' are the platform's own affair, save a flow's."""
        if isinstance(body, dict) and body.get("state", "draft") != "draft":
            return {key: value for key, value in body.items() if key != "state"}
        return body

    def declarable(self, body: Tree) -> Tree:
        return {key: value for key, value in body.items() if key not in self.notes}

    def create(self, body: Tree) -> Call:
        """A draft is made by a query parameter, on all four kinds (draft.md)."""
        query = (("mode", "draft"),) if body.get("state") == "draft" else ()
        return Call("POST", f"{BASE}/{self.collection}", without_nulls(self.seed(body)), query=query)

    def seed(self, body: Tree) -> Tree:
        """Return the part of `body` a POST may carry; never the state (1410-400)."""
        return {key: value for key, value in body.items() if key != "state"} if "state" in body else body

    def created_fields(self, call: Call) -> Tree:
        return {**call.body, "state": "draft"} if ("mode", "draft") in call.query else call.body

    def created(self, reply: Reply, body: Tree) -> Live:
        """201 answers `{"id", "etag"}`; some documents print the id alone, so the etag is optional."""
        return Live(id=str(reply.body["id"]), body=body, etag=_etag(reply))

    def update(self, live: Live, patch: Sequence[Tree], body: Tree) -> Sequence[Call]:
        """The state is no field to PATCH: an action after everything else is in place (api-facts 2.7)."""
        fields = [step for step in patch if step["path"] != "/state"]
        path = f"{BASE}/{self.collection}/{live.id}"
        calls = [Call("PATCH", path, fields, guarded=True)] if fields else []
        if len(fields) < len(patch):
            calls += [Call("POST", f"{path}/action", query=(("op", verb),)) for verb in self.actions(live, body)]
        return calls

    def actions(self, live: Live, body: Tree) -> Sequence[str]:
        """Return the actions, in order, from the state of `live` to the one of `body`."""
        del body
        return ["publish"] if live.body.get("state") == "draft" else []

    def updated(self, reply: Reply, before: Live) -> Live | None:
        etag = _etag(reply)
        return Live(before.id, before.body, etag, before.outputs) if etag else None

    def delete(self, live: Live) -> Call | None:
        return Call("DELETE", f"{BASE}/{self.collection}/{live.id}")

    def settled(self, live: Live) -> bool:
        return live.body.get("state") not in TRANSITIONAL

    def failure(self, live: Live) -> str | None:
        del live
        return None

    def _item(self, item: Tree) -> Live:
        """The etag keeps its own double quotes: that is how If-Match wants it (api-facts 2.5)."""
        etag = item.get("etag") or item.get("version")
        return Live(id=str(item["id"]), body=item, etag=quoted(etag) if etag else None)


def quoted(etag: str) -> str:
    """Return `etag` with the double quotes that If-Match must carry."""
    return etag if etag.startswith('"') else f'"{etag}"'


def _etag(reply: Reply) -> str | None:
    body = reply.body
    if isinstance(body, dict) and isinstance(body.get("items"), list) and body["items"]:
        body = body["items"][0]
    etag = body.get("etag") if isinstance(body, dict) else None
    return quoted(etag) if etag else None


def is_data_lake(body: Tree) -> bool:
    """Tell whether a connection body targets the data lake, as every source flow's does."""
    spec = body.get("connectionSpec") if isinstance(body, dict) else None
    return isinstance(spec, dict) and spec.get("id") == DATA_LAKE
