"""`TargetConnection`: where data goes, the data lake or a destination (flow-service.yaml, Target connections)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.kind import Check, Reference
from reconciler.core.observations import Relying
from reconciler.core.resource import Live
from reconciler.core.rules import FieldRule, Reason, Rules
from reconciler.core.values import Wire
from reconciler.kinds._flow_service import DATA_LAKE, FlowServiceKind, is_data_lake
from reconciler.kinds.checks import dataset


class TargetConnection(FlowServiceKind, Relying):
    """Of a source flow nothing but name and description changes in place; of a destination `params` do too."""

    name = "TargetConnection"
    collection = "targetConnections"
    reference = Reference(
        {
            " of a source": {
                "name": "Customer.io data",
                "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
                "data": {"format": "json"},
                "params": {"dataSetId": "5e3a2f"},
            },
            " of a destination": {
                "name": "Kinesis stream",
                "connectionSpec": {"id": "86043421-563b-46ec-8e6c-e23184711bf6", "version": "1.0"},
                "data": {"format": "json"},
                "params": {"stream": "summer", "region": "us-east-1"},
            },
        }
    )

    _FREE = ("/state", "/name", "/description")
    # a change never reaches the dataflow
    _LAKE = Rules(
        (
            FieldRule("", Reason.IMMUTABLE, "update-dataflows.md", exceptions=_FREE),
            *FlowServiceKind.server_owned,
            FieldRule("/data/format", Reason.RELEASED, "filled in by 0.1.0", values=("json",)),
            FieldRule("/data/schema", Reason.RELEASED, "demanded by 0.1.0"),
        )
    )
    _DESTINATION = Rules(
        (FieldRule("", Reason.IMMUTABLE, "edit-destination.md", exceptions=(*_FREE, "/params")), *_LAKE.fields[1:])
    )

    def relies_on(self, live: Live) -> Mapping[str, Check]:
        """The data lake takes data for a dataset."""
        params = live.body.get("params")
        ident = params.get("dataSetId") if isinstance(params, dict) else None
        return {ident: dataset(ident)} if isinstance(ident, str) and ident else {}

    def rules(self, body: Wire) -> Rules:
        return self._LAKE if is_data_lake(body) else self._DESTINATION


KIND = TargetConnection()
