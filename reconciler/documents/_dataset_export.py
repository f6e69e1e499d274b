"""Dataset exports: a `DestinationDataflow` whose source names datasets (export-datasets.md)."""

from __future__ import annotations

from reconciler.catalog import Connector
from reconciler.core.selector import list_at
from reconciler.core.values import Lookup, Ref, Tree
from reconciler.documents import _schedules
from reconciler.documents._destination import DestinationDataflowSpec, destination_target
from reconciler.documents.blocks import Endpoint, ExportedDataset, ExternalRef
from reconciler.documents.expand import Expansion, catalog_spec, default_name, spec_of

EXPORT = "datasets"


def expand(
    ctx: Expansion, spec: DestinationDataflowSpec, source: Endpoint, target: Endpoint, connector: Connector | None
) -> None:
    """Add NAME/source, NAME/target[/connection] and NAME/flow: no account for the source, no transformations."""
    name, flow = ctx.document.name, spec.flow
    if connector is not None and EXPORT not in connector.facts["exports"]:
        ctx.report(
            ("target",), "no-datasets", f"{connector.name} does not export datasets", "remove source.params.datasets"
        )
        return
    for key in ("audiences", "attributes", "primaryFields", "mandatoryFields", "ownership"):
        if key in ctx.spec:
            ctx.report((key,), "unknown-key", f"a dataset export has no {key}", "remove it, or source.params.datasets")
    if flow.transformations:
        ctx.report(("flow", "transformations"), "unknown-key", "a dataset export has no transformations", "remove it")
    _schedules.export_schedule(ctx, flow.schedule_params, ("flow",))
    body: dict[str, Tree] = {
        "name": flow.name or default_name(name, ("flow",)),
        **flow.given("description"),
        "flowSpec": ctx.flow_spec(flow.flow_spec, connector, EXPORT),
        "sourceConnectionIds": [_source(ctx, source)],
        "targetConnectionIds": [destination_target(ctx, target, connector, EXPORT)],
        "transformations": [],
        **flow.given("provider_id", "schedule_params", "options", "policy"),
        "state": flow.state,
    }
    ctx.add(f"{name}/flow", "Flow", body, ("flow",), overrides=flow.overrides, staging="disabled")


def _source(ctx: Expansion, block: Endpoint) -> Ref:
    """The data lake, with the datasets to export; it needs no base connection."""
    document = ctx.document.name
    for key in ("connector", "connection"):
        if key in block.given():
            ctx.report(
                ("source", key), "unknown-key", f"the source of a dataset export takes no {key}", f"remove {key}"
            )
    lake = ctx.setting.catalog.fixed_spec("dataset-export")
    params = dict(block.params or {})
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec_of(block.connection_spec, lake) or catalog_spec(lake),
        **block.given("provider_id", "base_connection_id", "data"),
        "params": {**params, EXPORT: _datasets(ctx, params[EXPORT])},
    }
    return ctx.add(f"{document}/source", "SourceConnection", body, ("source",), overrides=block.overrides)


def _datasets(ctx: Expansion, items: Tree) -> list[Tree]:
    """The datasets in the platform's words; each once."""
    place = ("source", "params", EXPORT)
    if not isinstance(items, list) or not items:
        ctx.report(place, "bad-type", "datasets must be a list of datasets", "write - {dataSetId: …} for each")
        return []
    row = list_at(ctx.setting.selectors, f"/params/{EXPORT}")
    made: list[Tree] = []
    seen = set[str]()
    for index, item in enumerate(items):
        here = (*place, str(index))
        parsed = ctx.parse(ExportedDataset, item, here)
        if parsed is None:
            continue
        key = str(parsed.data_set_id or parsed.ref or (parsed.lookup and f"name {parsed.lookup.name}"))
        if key in seen:
            ctx.report(
                here, "duplicate-dataset", f"the dataset {key.removeprefix('name ')!r} stands here twice", "remove one"
            )
        seen.add(key)
        ident: Tree = parsed.data_set_id
        if parsed.lookup is not None:
            ident = Lookup(row.looked_up_as, parsed.lookup.name)
        elif parsed.ref is not None:
            ident = ctx.external(ExternalRef(ref=parsed.ref), row.looked_up_as, here)
        made.append({row.key_field: ident, **parsed.given("name")})
    return made
