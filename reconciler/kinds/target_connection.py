"""`TargetConnection`: where data goes, the data lake or a destination (flow-service.yaml, Target connections)."""

from __future__ import annotations

from reconciler.core.rules import Field, Reason, Rules
from reconciler.core.values import Tree
from reconciler.kinds._flow_service import FlowServiceKind, is_data_lake


class TargetConnection(FlowServiceKind):
    """Of a source flow nothing but name and description changes in place; of a destination `params` do too."""

    name = "TargetConnection"
    collection = "targetConnections"

    _FREE = ("/state", "/name", "/description")
    # a change never reaches the dataflow
    _LAKE = Rules((Field("", Reason.IMMUTABLE, "update-dataflows.md", exceptions=_FREE), *FlowServiceKind.server_owned))
    _DESTINATION = Rules(
        (Field("", Reason.IMMUTABLE, "edit-destination.md", exceptions=(*_FREE, "/params")), *_LAKE.fields[1:])
    )

    def rules(self, body: Tree) -> Rules:
        return self._LAKE if is_data_lake(body) else self._DESTINATION


KIND = TargetConnection()
