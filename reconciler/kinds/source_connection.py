"""`SourceConnection`: what is read, from which account (flow-service.yaml, Source connections)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.kind import Check, Reference
from reconciler.core.observations import Relying
from reconciler.core.resource import Live
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.values import Wire
from reconciler.kinds._flow_service import PROFILE_STORE, FlowServiceKind
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
            FieldRule("/providerId", Reason.PARTLY_SHOWN, "http.md, GET /connections/{id}"),
            FieldRule("/providerId", Reason.RELEASED, "filled in by 0.1.0 where the connector has one"),
            *FlowServiceKind.server_owned,
        ),
        associative_lists=(DATASETS,),
    )
    # of the Profile Store a base connection and `data` were filled in by 0.1.0
    _PROFILE_RULES = replace(
        _RULES,
        fields=(
            *_RULES.fields,
            FieldRule("/data", Reason.RELEASED, "seed-dst", values=({"format": "json"}, {"format": "CSV"})),
            FieldRule("/baseConnectionId", Reason.RELEASED, "activate-segments-file-based-destinations.md"),
        ),
    )

    def rules(self, body: Wire) -> Rules:
        spec = body.get("connectionSpec") if isinstance(body, dict) else None
        is_profile = isinstance(spec, dict) and spec.get("id") == PROFILE_STORE
        return self._PROFILE_RULES if is_profile else self._RULES

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
