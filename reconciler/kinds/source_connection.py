"""`SourceConnection`: what is read, from which account (flow-service.yaml, Source connections)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.kind import Check, Reference
from reconciler.core.observations import Relying
from reconciler.core.resource import Live
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.values import Wire
from reconciler.kinds._flow_service import FlowServiceKind
from reconciler.kinds.checks import dataset
from reconciler.kinds.selectors import DATASETS


class SourceConnection(FlowServiceKind, Relying):
    """A PATCH of anything but name and description never reaches the dataflow: replace (update-dataflows.md)."""

    name = "SourceConnection"
    collection = "sourceConnections"
    reference = Reference(
        {
            "": {
                "name": "Customer.io events",
                "connectionSpec": {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"},
                "data": {"format": "json"},
            }
        }
    )

    _RULES = Rules(
        (
            FieldRule("", Reason.IMMUTABLE, "update-dataflows.md", exceptions=("/state", "/name", "/description")),
            *FlowServiceKind.server_owned,
        ),
        associative_lists=(DATASETS,),
    )

    def rules(self, body: Wire) -> Rules:
        del body
        return self._RULES

    def relies_on(self, live: Live) -> Mapping[str, Check]:
        """A dataset export reads datasets."""
        members = (member.get(DATASETS.key_field) for member in DATASETS.members(live.body))
        return {ident: dataset(ident) for ident in members if isinstance(ident, str) and ident}

    def canonical(self, body: Wire) -> Wire:
        """For Profile Store, answers name the base connection in inheritedAttributes only (destinations.yaml)."""
        body = super().canonical(body)
        inherited = body.get("inheritedAttributes") if isinstance(body, dict) else None
        base = inherited.get("baseConnection") if isinstance(inherited, dict) else None
        if isinstance(base, dict) and "baseConnectionId" not in body:
            return {**body, "baseConnectionId": base.get("id")}
        return body


KIND = SourceConnection()
