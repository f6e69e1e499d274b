"""`Connection`: a base connection, an "account" with credentials (flow-service.yaml, Connections)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import Rules
from reconciler.core.values import Tree
from reconciler.kinds._flow_service import BASE, FlowServiceKind


class BaseConnection(FlowServiceKind):
    """PATCH takes name, description and `/auth/params`, the last only as a whole (api-facts 2.6, update.md)."""

    name = "Connection"
    collection = "connections"

    _RULES = Rules(
        # 1414-400 for connectionSpec; a change of specName or providerId is documented nowhere
        immutable=("/connectionSpec", "/auth/specName", "/providerId"),
        atomic={"/auth/params": "declared"},
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

    def probe(self, ident: str, body: Tree) -> Call | None:
        """Credentials are asked about; an account without any (Profile Service) has nothing to test."""
        return Call("GET", f"{BASE}/connections/{ident}/test") if body.get("auth") else None

    def probe_failure(self, reply: Reply) -> str | None:
        """A bad credential is a 200 with `{"result": false}`, not an error (api-facts 2.10)."""
        if isinstance(reply.body, dict) and reply.body.get("result") in (False, "false"):
            return "the platform made the connection but cannot log in with its credentials (test says false)"
        return None


KIND = BaseConnection()
