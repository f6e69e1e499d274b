"""Dataset exports: a `DestinationDataflow` whose source names datasets (api-facts 7.1, 7.5; export-datasets.md)."""

from __future__ import annotations

from reconciler.catalog import Connector
from reconciler.core.values import Lookup, Ref, Tree
from reconciler.manifests import _schedules
from reconciler.manifests._destination import DestinationDataflowSpec, destination_target
from reconciler.manifests.blocks import Borrowed, End, ExportedDataset
from reconciler.manifests.expand import Workshop, default_name, spec_of

EXPORT = "datasets"


def expand(shop: Workshop, spec: DestinationDataflowSpec, source: End, connector: Connector | None) -> None:
    """Add NAME/source, NAME/target[/connection] and NAME/flow: no account for the source, no transformations."""
    name, flow = shop.document.name, spec.flow
    if connector is not None and EXPORT not in connector.facts["exports"]:
        shop.say(
            ("target",), "no-datasets", f"{connector.name} does not export datasets", "remove source.params.datasets"
        )
        return
    for key in ("audiences", "attributes", "primaryFields", "mandatoryFields", "ownership"):
        if key in shop.spec:
            shop.say((key,), "unknown-key", f"a dataset export has no {key}", "remove it, or source.params.datasets")
    if flow.transformations:
        shop.say(("flow", "transformations"), "unknown-key", "a dataset export has no transformations", "remove it")
    _schedules.export_schedule(shop, flow.schedule_params, ("flow",))
    body: dict[str, Tree] = {
        "name": flow.name or default_name(name, ("flow",)),
        **flow.given("description"),
        "flowSpec": shop.flow_spec(flow.flow_spec, connector, EXPORT),
        "sourceConnectionIds": [_source(shop, source)],
        "targetConnectionIds": [destination_target(shop, spec.target, connector, EXPORT)],
        "transformations": [],
        **flow.given("schedule_params", "options"),
        "state": flow.state,
    }
    shop.add(f"{name}/flow", "Flow", body, ("flow",), overrides=flow.overrides, staging="disabled")


def _source(shop: Workshop, block: End) -> Ref:
    """The data lake, with the datasets to export; it needs no base connection."""
    document = shop.document.name
    for key in ("connector", "connection"):
        if key in block.given():
            shop.say(("source", key), "unknown-key", f"the source of a dataset export takes no {key}", f"remove {key}")
    lake = shop.setting.catalog.fixed_spec("dataset-export")
    params = dict(block.params or {})
    body: dict[str, Tree] = {
        "name": block.name or default_name(document, ("source",)),
        **block.given("description"),
        "connectionSpec": spec_of(block.connection_spec, lake) or lake,
        **block.given("data"),
        "params": {**params, EXPORT: _datasets(shop, params[EXPORT])},
    }
    return shop.add(f"{document}/source", "SourceConnection", body, ("source",), overrides=block.overrides)


def _datasets(shop: Workshop, items: Tree) -> list[Tree]:
    """The datasets in the platform's words; each once."""
    place = ("source", "params", EXPORT)
    if not isinstance(items, list) or not items:
        shop.say(place, "bad-type", "datasets must be a list of datasets", "write - {dataSetId: …} for each")
        return []
    made, seen = [], set[str]()
    for index, item in enumerate(items):
        here = (*place, str(index))
        parsed = shop.parse(ExportedDataset, item, here)
        if parsed is None:
            continue
        key = str(parsed.data_set_id or parsed.ref or (parsed.lookup and f"name {parsed.lookup.name}"))
        if key in seen:
            shop.say(
                here, "duplicate-dataset", f"the dataset {key.removeprefix('name ')!r} stands here twice", "remove one"
            )
        seen.add(key)
        ident: Tree = parsed.data_set_id
        if parsed.lookup is not None:
            ident = Lookup("Dataset", parsed.lookup.name)
        elif parsed.ref is not None:
            ident = shop.borrowed(Borrowed(ref=parsed.ref), "Dataset", here)
        made.append({"dataSetId": ident, **parsed.given("name")})
    return made
