"""`DestinationDataflow`: audiences and profile attributes, or datasets, going out (destinations.yaml)."""

from __future__ import annotations

from typing import ClassVar

from reconciler.catalog import Connector
from reconciler.core.values import Tree
from reconciler.documents import _dataset_export as dataset_export
from reconciler.documents._destination import DestinationDataflowSpec, destination_target
from reconciler.documents._mapped_attributes import mapped
from reconciler.documents._selections import ignored, selections, shared, spec_model
from reconciler.documents.blocks import Endpoint
from reconciler.documents.expand import Expansion, catalog_spec, default_name, spec_of


class DestinationDataflow:
    """Expands to NAME/source/connection, NAME/source, NAME/target/connection, NAME/target and NAME/flow.

    A file-based one has NAME/mapping, NAME/mapping/input and NAME/mapping/output besides.
    """

    kind = "DestinationDataflow"
    model = DestinationDataflowSpec
    spec_kept = False
    example: ClassVar[Tree] = {
        "apiVersion": "reconciler/v1",
        "kind": "DestinationDataflow",
        "metadata": {"name": "kinesis-summer"},
        "spec": {
            "target": {
                "connector": "amazon-kinesis",
                "connection": {
                    "auth": {
                        "specName": "Aws Kinesis authentication credentials",
                        "params": {
                            "accessKeyId": "${secret.kinesis-id}",
                            "secretKey": "${secret.kinesis-key}",
                            "region": "us-east-1",
                        },
                    }
                },
                "params": {"stream": "clicks", "region": "us-east-1"},
            },
            "audiences": [{"id": "72ddd79b-6b0a-4e97-a8d2-112ccd81bd02", "name": "Men over 50"}],
            "attributes": ["personalEmail.address"],
        },
    }

    def expand(self, ctx: Expansion) -> None:
        """Add the resources of one document to `ctx`, and what is wrong with it."""
        # the lists first, each row by itself: one finding elsewhere hides none of theirs
        maps = _maps(ctx, ctx.spec.get("target"))
        params = selections(ctx, _connector(ctx, ctx.spec.get("target")), mapped=maps)
        spec = ctx.parse(spec_model(ctx.setting.selectors), ctx.spec, ())
        if spec is None:
            return
        connector = ctx.connector(spec.target.connector, spec.target.connection_spec, "destination", ("target",))
        if spec.source is not None and "datasets" in (spec.source.params or {}):
            dataset_export.expand(ctx, spec, spec.source, connector)
            return
        if maps:
            params |= mapped(ctx, spec.attributes, spec.primary_fields, spec.mandatory_fields)
        else:
            for key in ("primaryFields", "mandatoryFields"):
                if ctx.spec.get(key) is not None:
                    what = "this destination takes attributes as paths, without keys of its own"
                    ctx.report((key,), "unknown-key", what, f"remove {key}")
        _flow(ctx, spec, connector, params)


def _connector(ctx: Expansion, target: Tree) -> Connector | None:
    """Return the connector of a target block that is not checked yet."""
    key, spec = (target.get("connector"), target.get("connectionSpec")) if isinstance(target, dict) else (None, None)
    catalog = ctx.setting.catalog
    if isinstance(key, str):
        return catalog.get("destination", key.removeprefix("destination/"))
    ident = spec.get("id") if isinstance(spec, dict) else None
    return catalog.by_spec("destination", ident) if isinstance(ident, str) else None


def _maps(ctx: Expansion, target: Tree) -> bool:
    """Tell whether attributes go by a mapping set: as the connector wants it, else as they are written."""
    connector = _connector(ctx, target)
    if connector is not None:
        return "profileMapping" in connector.facts["exports"].get("audiences", {}).get("selectors", ())
    items = ctx.spec.get("attributes")
    return any(isinstance(item, dict) and "path" not in item for item in items) if isinstance(items, list) else False


def _flow(ctx: Expansion, spec: DestinationDataflowSpec, connector: Connector | None, params: dict[str, Tree]) -> None:
    """Add the flow and all it needs; a list the author left out altogether is not declared, so others may fill it."""
    name, flow = ctx.document.name, spec.flow
    if flow.transformations is not None:
        what = "a destination's transformations are made from audiences and attributes"
        ctx.report(("flow", "transformations"), "unknown-key", what, "remove it")
    body: dict[str, Tree] = {
        "name": flow.name or default_name(name, ("flow",)),
        **flow.given("description"),
        "flowSpec": ctx.flow_spec(flow.flow_spec, connector),
        "sourceConnectionIds": [_source(ctx, spec.source or Endpoint(), connector, whole=spec.source is not None)],
        "targetConnectionIds": [destination_target(ctx, spec.target, connector)],
        "transformations": [{"name": "GeneralTransform", "params": params}],
        **flow.given("schedule_params", "options"),
        "state": flow.state,
    }
    ctx.add(
        f"{name}/flow",
        "Flow",
        body,
        ("flow",),
        overrides=flow.overrides,
        staging="disabled",
        shared=shared(ctx, spec.ownership),
        ignore=ignored(ctx),
    )


def _source(ctx: Expansion, block: Endpoint, connector: Connector | None, *, whole: bool) -> Tree:
    """The Profile Service: a base connection of its own, and the source connection on it; or one that others share."""
    if block.id is not None:
        return block.id
    document, catalog = ctx.document.name, ctx.setting.catalog
    profile = catalog.fixed_spec("profile-store")
    if block.connector is not None:
        ctx.report(
            ("source", "connector"),
            "unknown-key",
            "the source of a destination is the Profile Service",
            "remove connector",
        )
    spec = spec_of(block.connection_spec, profile) or catalog_spec(profile)
    form = connector.facts["exports"]["audiences"].get("sourceFormat", "json") if connector else "json"
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec,
        "baseConnectionId": ctx.account(
            f"{document}/source/connection", block.connection or {}, ("source", "connection"), None, spec
        ),
        "data": {"format": form} if not whole or block.data is None else block.data,
        "params": block.params or {},
    }
    return ctx.add(f"{document}/source", "SourceConnection", body, ("source",), overrides=block.overrides)


DOCUMENT = DestinationDataflow()
