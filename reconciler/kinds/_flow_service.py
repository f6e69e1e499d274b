"""What the four Flow Service kinds share: envelopes, etags, PATCH, states (api-facts 2; flow-service.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from reconciler.core.abilities import Asynchronous, Listable, text_or_none
from reconciler.core.observations import Edit, Observed
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason
from reconciler.core.trees import without_nulls
from reconciler.core.values import Wire

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


def server_owned(notes: Iterable[str]) -> tuple[FieldRule, ...]:
    """Return the rules for what the platform notes in an object."""
    return tuple(FieldRule(f"/{name}", Reason.SERVER_OWNED, "flow-service.yaml") for name in sorted(notes))


class FlowServiceKind(Listable, Asynchronous, Observed):
    """A kind with `GET/PATCH/DELETE /RESOURCE/{id}`, an items envelope and a quoted etag."""

    collection: ClassVar[str]
    notes: ClassVar[frozenset[str]] = _NOTES
    """What the platform writes into an object for itself; `createdAt` is the age that namesakes are told apart by."""
    server_owned: ClassVar[tuple[FieldRule, ...]] = server_owned(_NOTES)

    def read(self, known: Live, version: Wire = None) -> Call:
        del version
        return Call("GET", f"{BASE}/{self.collection}/{known.id}")

    def live(self, reply: Reply, known: Live) -> Live | None:
        """GET by id answers `{"items": [...]}`, a list of one (api-facts 2.3)."""
        del known
        if reply.status == 404:
            return None
        items = reply.body.get("items", []) if isinstance(reply.body, dict) else []
        return self._item(items[0]) if items else None

    def search(self, body: Wire) -> Call:
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

    def made_by(self, live: Live) -> str | None:
        return text_or_none(live.body.get("createdClient"))

    def is_leaving(self, live: Live) -> bool:
        return bool(live.body.get("state") == "delete-finalizing")

    leaving_codes = frozenset({"1457-400", "1458-400"})  # the catalogue of errors in flow-service.yaml
    in_use_codes = frozenset({"1418-400", "1447-400"})

    def edited_with(self, live: Live) -> str | None:
        """`createdClient`, where `updatedAt` has moved on from `createdAt` (api-facts 2.3)."""
        body = live.body
        return body.get("createdClient") if body.get("updatedAt") != body.get("createdAt") else None

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
        return Call("POST", f"{BASE}/{self.collection}", without_nulls(self.seed(body)), query=query)

    def seed(self, body: Wire) -> Wire:
        """Return the part of `body` a POST may carry; never the state (1410-400)."""
        return {key: value for key, value in body.items() if key != "state"} if "state" in body else body

    def created_fields(self, call: Call) -> Wire:
        return {**call.body, "state": "draft"} if ("mode", "draft") in call.query else call.body

    def created(self, reply: Reply, body: Wire) -> Live:
        """201 answers `{"id", "etag"}`; some documents print the id alone, so the etag is optional."""
        return Live(id=str(reply.body["id"]), body=body, etag=_etag(reply))

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """The state is no field to PATCH: an action after everything else is in place (api-facts 2.7)."""
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
        return Edit(body.get("updatedBy"), body.get("updatedAt"), body.get("updatedClient"))

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


def is_data_lake(body: Wire) -> bool:
    """Tell whether a connection body targets the data lake, as every source flow's does."""
    spec = body.get("connectionSpec") if isinstance(body, dict) else None
    return isinstance(spec, dict) and spec.get("id") == DATA_LAKE
