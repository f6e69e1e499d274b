"""`Connection`: a base connection, an "account" with credentials (flow-service.yaml, Connections)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.observations import Reachable
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import Field, Reason, Rules
from reconciler.core.values import Tree
from reconciler.kinds._flow_service import BASE, FlowServiceKind


class BaseConnection(FlowServiceKind, Reachable):
    """PATCH takes name, description and `/auth/params`, the last only as a whole (api-facts 2.6, update.md)."""

    name = "Connection"
    collection = "connections"

    _RULES = Rules(
        (
            Field("/connectionSpec", Reason.IMMUTABLE, "flow-service.yaml, error 1414-400"),
            Field("/auth/specName", Reason.IMMUTABLE, "documented nowhere as changeable"),
            Field("/providerId", Reason.IMMUTABLE, "documented nowhere as changeable"),
            Field("/auth/params", Reason.ATOMIC, "update.md"),
            Field("/auth", Reason.PROBED, "flow-service.yaml, GET /connections/{id}/test"),
            *FlowServiceKind.server_owned,
        )
    )

    def rules(self, body: Tree) -> Rules:
        del body
        return self._RULES

    def update_warnings(self, live: Live, patch: Sequence[Tree]) -> Sequence[str]:
        """What a replace of `/auth/params` leaves out is gone (update.md); live secrets cannot be carried along."""
        sent = next((step["value"] for step in patch if step["path"] == "/auth/params" and "value" in step), None)
        there = (live.body.get("auth") or {}).get("params") or {}
        lost = sorted(there.keys() - sent.keys() - {"authorizedDate"}) if isinstance(sent, dict) else []
        if not lost:
            return ()
        names = ", ".join(lost)
        return [f"credentials are replaced as a whole: {names}, which the manifest does not declare, will be gone"]

    def endpoint(self, live: Live) -> str | None:
        """The inlet of an HTTP API source stands on its account (api-facts 2.9)."""
        url = ((live.body.get("auth") or {}).get("params") or {}).get("inletUrl")
        return str(url) if url else None

    def probe(self, ident: str, body: Tree) -> Call | None:
        """Credentials are asked about; an account without any (Profile Service) has nothing to test."""
        return Call("GET", f"{BASE}/connections/{ident}/test") if body.get("auth") else None

    def probe_failure(self, reply: Reply) -> str | None:
        """A bad credential is a 200 with `{"result": false}`, not an error (api-facts 2.10)."""
        if isinstance(reply.body, dict) and reply.body.get("result") in (False, "false"):
            return "the platform made the connection but cannot log in with its credentials (test says false)"
        return None


KIND = BaseConnection()
