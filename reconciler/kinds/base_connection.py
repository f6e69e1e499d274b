"""`Connection`: a base connection, an "account" with credentials (flow-service.yaml, Connections)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.abilities import Probed, Reviewed
from reconciler.core.answers import FLAG, Answer, Object
from reconciler.core.kind import Reference
from reconciler.core.observations import Reachable
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.values import Wire
from reconciler.kinds._flow_service import BASE, FlowServiceKind, item


class BaseConnection(FlowServiceKind, Probed, Reviewed, Reachable):
    """PATCH takes name, description and `/auth/params`, the last only as a whole (update.md)."""

    name = "Connection"
    collection = "connections"
    shape = item(("auth", Object(may=(("params", Object()),))))
    reference = Reference(
        {
            "": {
                "name": "Loyalty bucket",
                "connectionSpec": {"id": "ecadc60c-7455-4d87-84dc-2a0e293d997b", "version": "1.0"},
                "auth": {"specName": "Access Key", "params": {"s3AccessKey": "key", "s3SecretKey": "secret"}},
            }
        }
    )

    _RULES = Rules(
        (
            FieldRule("/connectionSpec", Reason.IMMUTABLE, "flow-service.yaml, error 1414-400"),
            FieldRule("/auth/specName", Reason.IMMUTABLE, "documented nowhere as changeable"),
            FieldRule("/providerId", Reason.IMMUTABLE, "documented nowhere as changeable"),
            FieldRule("/auth/params", Reason.ATOMIC, "update.md"),
            FieldRule("/auth/params/*", Reason.PARTLY_SHOWN, "flow-service.yaml, a partial view of the credentials"),
            FieldRule("/auth/type", Reason.PARTLY_SHOWN, "bigquery.md"),
            FieldRule("/providerId", Reason.PARTLY_SHOWN, "http.md, GET /connections/{id}"),
            FieldRule("/auth/type", Reason.IMMUTABLE, "documented nowhere as changeable"),
            FieldRule("/auth", Reason.PROBED, "flow-service.yaml, GET /connections/{id}/test"),
            *FlowServiceKind.server_owned,
        )
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def review_update(self, live: Live, body: Wire, patch: Sequence[Wire]) -> Sequence[Problem]:
        """What a replace of `/auth/params` leaves out is gone (update.md); live secrets cannot be carried along."""
        del body
        sent = next((step["value"] for step in patch if step["path"] == "/auth/params" and "value" in step), None)
        there = (live.body.get("auth") or {}).get("params") or {}
        lost = sorted(there.keys() - sent.keys() - {"authorizedDate"}) if isinstance(sent, dict) else []
        if not lost:
            return ()
        names = ", ".join(lost)
        what = f"credentials are replaced as a whole: {names}, which the manifest does not declare, will be gone"
        return [Problem("credentials-lost", what, severity="warning")]

    def review_replace(self, live: Live, body: Wire, now: int) -> Sequence[Problem]:
        del live, body, now
        return ()

    def endpoint(self, live: Live) -> str | None:
        """The inlet of an HTTP API source is in the parameters of its account (http.md)."""
        url = ((live.body.get("auth") or {}).get("params") or {}).get("inletUrl")
        return str(url) if url else None

    def probe(self, live: Live, body: Wire) -> Call | None:
        """Credentials are asked about; an account without any (Profile Service) has nothing to test."""
        if not body.get("auth"):
            return None
        return Call("GET", f"{BASE}/connections/{live.id}/test", answer=Answer(Object(needs=(("result", FLAG),))))

    def probe_failure(self, reply: Reply) -> str | None:
        """A bad credential is a 200 with `{"result": false}`, not an error (flow-service.yaml)."""
        if str(reply.body["result"]).lower() != "true":
            return "the platform made the connection but cannot log in with its credentials (test says false)"
        return None


KIND = BaseConnection()
