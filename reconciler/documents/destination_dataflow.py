"""`DestinationDataflow`: audiences and profile attributes, or datasets, going out (destinations.yaml)."""

from __future__ import annotations

from typing import ClassVar

from reconciler.catalog import Connector
from reconciler.core.trees import members
from reconciler.core.values import Tree
from reconciler.documents import _dataset_export as dataset_export
from reconciler.documents._destination import DestinationDataflowSpec, destination_target
from reconciler.documents._mapped_attributes import as_keys, mapped, primary_fields
from reconciler.documents._pasted_lists import with_pasted_lists, with_pasted_params
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
        ctx.spec = with_pasted_lists(ctx)
        maps = _maps(ctx, ctx.spec.get("target"))
        params = selections(ctx, _connector(ctx, ctx.spec.get("target")), mapped=maps)
        spec = ctx.parse(spec_model(ctx.setting.selectors), ctx.spec, ())
        if spec is None:
            return
        target = spec.target or Endpoint(id=ctx.earlier_id(spec.flow, "target"))
        connector = ctx.connector(target.connector, target.connection_spec, "destination", ("target",))
        ctx.unused_ids(spec.flow, source=spec.source is not None, target=spec.target is not None)
        if spec.source is not None and "datasets" in (spec.source.params or {}):
            dataset_export.expand(ctx, spec, spec.source, target, connector)
            return
        keys = primary_fields(ctx, spec.primary_fields), spec.mandatory_fields
        if maps:
            params |= mapped(ctx, spec.attributes) | as_keys(*keys)
        elif inside := as_keys(*keys):
            _check_keys(ctx, connector)
            # a destination that takes attributes as paths has its keys beside them (destinations.yaml, GET /flows)
            params["profileSelectors"] = {**members(params.get("profileSelectors")), **inside}
        _flow(ctx, spec, target, connector, with_pasted_params(ctx, params))


def _check_keys(ctx: Expansion, connector: Connector | None) -> None:
    """Note keys of files that a streaming destination does not take."""
    audiences = connector.facts["exports"].get("audiences", {}) if connector is not None else {}
    if connector is None or audiences.get("schedule") == "audience-file-export":
        return
    for key in ("primaryFields", "mandatoryFields"):
        if ctx.spec.get(key) is not None:
            what = f"{connector.name} is a streaming destination: its attributes have no {key}"
            ctx.report((key,), "unknown-key", what, f"remove {key}")


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
    if not isinstance(items, list):
        return False
    return any(isinstance(item, dict) and not item.keys() & {"path", "value"} for item in items)


def _flow(
    ctx: Expansion,
    spec: DestinationDataflowSpec,
    target: Endpoint,
    connector: Connector | None,
    params: dict[str, Tree],
) -> None:
    """Add the flow and all it needs; a list the author left out altogether is not declared, so others may fill it."""
    name, flow = ctx.document.name, spec.flow
    source = spec.source
    if source is None and flow.source_connection_ids:
        source = Endpoint(id=ctx.earlier_id(flow, "source"))
    body: dict[str, Tree] = {
        "name": flow.name or default_name(name, ("flow",)),
        **flow.given("description"),
        "flowSpec": ctx.flow_spec(flow.flow_spec, connector),
        "sourceConnectionIds": [_source(ctx, source, connector)],
        "targetConnectionIds": [destination_target(ctx, target, connector)],
        "transformations": [{"name": "GeneralTransform", "params": params}],
        **flow.given("provider_id", "schedule_params", "options", "policy"),
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


def _source(ctx: Expansion, written: Endpoint | None, connector: Connector | None) -> Tree:
    """The Profile Service, as written, or the documented one; or a source connection that others share."""
    block = written or Endpoint()
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
    account = ctx.base_connection(block, "source", None, spec)
    if account is None and "connection" not in block.given() and (written is None or not _has_no_account(ctx)):
        account = ctx.account(f"{document}/source/connection", {}, ("source", "connection"), None, spec)
    form = connector.facts["exports"]["audiences"].get("sourceFormat", "json") if connector else "json"
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec,
        **block.given("provider_id"),
        **({"baseConnectionId": account} if account is not None else {}),
        **({"data": {"format": form}, "params": {}} if written is None else block.given("data", "params")),
    }
    return ctx.add(f"{document}/source", "SourceConnection", body, ("source",), overrides=block.overrides)


def _has_no_account(ctx: Expansion) -> bool:
    """Tell whether the documented source of this destination has no account, as that of files.

    See activate-segments-file-based-destinations.md.
    """
    return _maps(ctx, ctx.spec.get("target"))


DOCUMENT = DestinationDataflow()
