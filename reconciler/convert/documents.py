"""One document for each object that can have one: dataflows with what is theirs alone, accounts, schemas, datasets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from reconciler.catalog import Connector
from reconciler.convert.calls import only_hole
from reconciler.convert.credentials import snake
from reconciler.convert.manifests import Block, CannotConvertError, Writer, auth, direction_of, own, rest
from reconciler.convert.objects import Made, spec_id
from reconciler.core.characters import counted
from reconciler.core.selector import Selectors, of_documents
from reconciler.core.trees import elements, members
from reconciler.core.values import Ref, Tree
from reconciler.documents.blocks import Account, DatasetTarget, Endpoint, FlowBlock, SourceEndpoint
from reconciler.documents.connection import ConnectionSpec
from reconciler.documents.dataset import DatasetSpec
from reconciler.documents.field_group import FieldGroupSpec
from reconciler.documents.mapping_blocks import MappingBlock
from reconciler.documents.schema import SchemaSpec

_WORDS = ("name", "description")
_END = ("connectionSpec", "baseConnectionId", *_WORDS)


def write(writer: Writer, selectors: Selectors) -> None:
    """Add the documents of all objects; `selectors` are the lists that flows hand out."""
    for item in writer.alive("Flow"):
        writer.name(item)  # dataflows have the first choice of names
    for item in writer.alive("Flow"):
        _attempt(writer, item, partial(_flow, writer, item, selectors))
    for item in writer.alive("Connection"):
        if item.key not in writer.written:
            _attempt(writer, item, partial(_connection, writer, item))
    for kind, add in (("FieldGroup", _field_group), ("Schema", _schema), ("Dataset", _dataset)):
        for item in writer.alive(kind):
            _attempt(writer, item, partial(add, writer, item))
    _others(writer)
    writer.made.documents = dict(sorted(writer.made.documents.items()))


def _attempt(writer: Writer, item: Made, add: Callable[[], None]) -> None:
    before = set(writer.written)
    try:
        add()
    except CannotConvertError as error:
        writer.written = before | {item.key}
        writer.left(item, str(error))


def _others(writer: Writer) -> None:
    """Note the objects that are in no document."""
    for item in writer.alive("SourceConnection", "TargetConnection", "MappingSet", "Descriptor"):
        if item.key in writer.written:
            continue
        if item.kind == "Descriptor":
            writer.left(item, "none of these calls creates the schema it describes")
        else:
            writer.left(item, "no dataflow that could be converted uses it")
    for item in writer.alive("AdHocSchema"):
        writer.remark(item, "its schema is made from the rows of attributes again")


# -- dataflows -------------------------------------------------------------------------------------------------------
def _flow(writer: Writer, item: Made, selectors: Selectors) -> None:
    source, target = _end(writer, item, "source"), _end(writer, item, "target")
    if _is_incoming(writer, item, source, target):
        kind, spec = "SourceDataflow", _incoming(writer, item, source, target)
    else:
        kind, spec = "DestinationDataflow", _outgoing(writer, item, source, target, selectors)
    writer.put(kind, item, spec)
    writer.written |= {end.key for end in (source, target) if isinstance(end, Made)}


def _end(writer: Writer, flow: Made, side: str) -> Made | Tree:
    idents = elements(flow.body.get(f"{side}ConnectionIds"))
    if len(idents) != 1:
        raise CannotConvertError(f"it has {counted(len(idents), f'{side} connection')}, and a manifest has one")
    found = writer.object_of(idents[0])
    if found is None:
        if isinstance(idents[0], Ref):
            raise CannotConvertError(f"its {side} connection is deleted by a later call")
        return idents[0]
    if writer.users[found.key] > 1:
        writer.remark(flow, f"it shares its {side} connection with another flow: each gets one of its own")
    return found


def _is_incoming(writer: Writer, flow: Made, source: Made | Tree, target: Made | Tree) -> bool:
    """Tell whether a flow brings data in: by its target, its source, its flow spec, then by its transformations."""
    related = writer.related
    if isinstance(target, Made):
        if spec_id(target.body) == related.lake or "dataSetId" in members(target.body.get("params")):
            return True
        if related.catalog.by_spec("destination", spec_id(target.body)):
            return False
    if isinstance(source, Made):
        if spec_id(source.body) in (related.profile, related.datasets) or _datasets(source):
            return False
        if related.catalog.by_spec("source", spec_id(source.body)):
            return True
    direction = related.direction(spec_id(flow.body, "flowSpec"))
    if direction:
        return direction == "source"
    names = {str(members(step).get("name")) for step in elements(flow.body.get("transformations"))}
    return "GeneralTransform" not in names and bool(names & {"Mapping", "Copy"})


def _datasets(source: Made | Tree) -> bool:
    """Tell whether a source connection reads datasets, to export them."""
    return isinstance(source, Made) and "datasets" in members(source.body.get("params"))


def _incoming(writer: Writer, flow: Made, source: Made | Tree, target: Made | Tree) -> Block:
    catalog = writer.related.catalog
    connector = catalog.by_spec("source", spec_id(source.body)) if isinstance(source, Made) else None
    schema: Tree = None
    end: Block = {"id": target}
    if isinstance(target, Made):
        schema = members(target.body.get("data")).get("schema")
        end = _lake(writer, target)
    spec: Block = {"source": _source(writer, writer.name(flow), source, connector), "target": end}
    steps, mapping = _steps(writer, flow, schema)
    if mapping is not None:
        spec["mapping"] = mapping
    spec["flow"] = _flow_block(flow, connector, "audiences")
    if steps:
        spec["flow"]["transformations"] = steps
    return spec


def _lake(writer: Writer, target: Made) -> Block:
    """Return the target of a source: a dataset in the data lake."""
    data, params = dict(members(target.body.get("data"))), dict(members(target.body.get("params")))
    schema = data.pop("schema", None)
    if "dataSetId" not in params:
        raise CannotConvertError("its target connection names no dataset")
    dataset = writer.reference(params.pop("dataSetId"), "dataset")
    end: Block = own(target.body, _WORDS)
    if isinstance(schema, dict):
        end["schema"] = {**writer.reference(schema.get("id"), "schema"), **own(schema, ("version",))}
    end["dataset"] = dataset
    end |= {key: value for key, value in (("data", data), ("params", params)) if value}
    if spec_id(target.body) != writer.related.lake:
        end |= own(target.body, ("connectionSpec",))
    return end | rest(target.body, DatasetTarget, (*_END, "data", "params"))


def _source(writer: Writer, document: str, source: Made | Tree, connector: Connector | None) -> Block:
    if not isinstance(source, Made):
        return {"id": source}
    block = own(source.body, _WORDS) | writer.connector_words(source.body, connector)
    block |= _account(writer, document, source, connector)
    return block | rest(source.body, SourceEndpoint, _END)


def _account(writer: Writer, document: str, end: Made, connector: Connector | None) -> Block:
    """Return the account of a connection: inline when it is this one's alone, else by its name or id."""
    value = end.body.get("baseConnectionId")
    if value is None:
        return {}
    base = writer.object_of(value)
    if base is None:
        return {"connection": writer.reference(value, "base connection")}
    spec, its = spec_id(base.body), spec_id(end.body)
    fits = not spec or spec == its or (connector is not None and spec == connector.connection_spec["id"])
    placeholders = [only_hole(ident) for ident in (spec, its)]
    if not fits and all(placeholders):
        fits = len({snake(str(name)) for name in placeholders}) == 1
    if writer.users[base.key] > 1 or not fits:
        return {"connection": {"ref": writer.name(base)}}
    writer.written.add(base.key)
    block = own(base.body, _WORDS) | auth(base, writer, document)
    return {"connection": block | rest(base.body, Account, ("connectionSpec", "auth", *_WORDS))}


def _steps(writer: Writer, flow: Made, schema: Tree) -> tuple[list[Tree], Tree]:
    """Return the transformations besides the mapping, and the mapping."""
    steps: list[Tree] = []
    mapping: Tree = None
    for step in elements(flow.body.get("transformations")):
        pin = members(members(step).get("params"))
        made = writer.object_of(pin.get("mappingId"))
        if members(step).get("name") == "Mapping" and made is not None and mapping is None:
            writer.written.add(made.key)
            mapping = _mapping(writer, made, schema)
            steps.append({"name": "Mapping"})
        else:
            steps.append(step)
    if mapping is not None and steps[-1] == {"name": "Mapping"}:
        steps.pop()  # that is where it goes by itself
    return steps, mapping


def _mapping(writer: Writer, made: Made, schema: Tree) -> Tree:
    """Return the rows, in a block where the mapping set says more."""
    body = made.body
    rows: list[Tree] = [_row(row) for row in elements(body.get("mappings"))]
    there = members(members(body.get("outputSchema")).get("schemaRef"))
    older = body.get("xdmSchema")
    ident, version = there.get("id", older if isinstance(older, Ref) else None), there.get("contentType")
    taken = ("mappings", "outputSchema", "id", *(("xdmSchema",) if isinstance(older, Ref) else ()))
    more = rest(body, MappingBlock, taken)
    end = members(schema)
    block: Block = {}
    if ident is not None and (ident != end.get("id") or version not in (None, end.get("version"))):
        block["schema"] = {**writer.reference(ident, "schema"), **({"version": version} if version else {})}
    if not block and not more:
        return rows
    return {**block, **more, "mappings": rows}


def _row(row: Tree) -> Tree:
    return {key: value for key, value in row.items() if value is not None} if isinstance(row, dict) else row


def _flow_block(flow: Made, connector: Connector | None, export: str) -> Block:
    block = own(flow.body, _WORDS)
    spec = members(flow.body.get("flowSpec"))
    steps = elements(flow.body.get("transformations"))
    usual = connector.usual_flow_spec(steps, export) if connector else None
    if spec and (usual is None or {**usual, **spec} != usual):
        block["flowSpec"] = spec
    if flow.state:
        block["state"] = flow.state
    taken = ("flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations", "state", *_WORDS)
    return block | rest(flow.body, FlowBlock, taken)


# -- destinations ----------------------------------------------------------------------------------------------------
def _outgoing(writer: Writer, flow: Made, source: Made | Tree, target: Made | Tree, selectors: Selectors) -> Block:
    catalog, name = writer.related.catalog, writer.name(flow)
    datasets = _datasets(source)
    connector = catalog.by_spec("destination", spec_id(target.body)) if isinstance(target, Made) else None
    begin = _read(writer, name, source, datasets=datasets)
    if not datasets and isinstance(source, Made) and "connection" not in begin and not _is_file_based(connector):
        begin["connection"] = None  # else a manifest makes one
    end: Block = {"id": target}
    if isinstance(target, Made):
        end = own(target.body, _WORDS) | writer.connector_words(target.body, connector)
        end |= _account(writer, name, target, connector)
        end |= rest(target.body, Endpoint, _END)
    spec: Block = {"source": begin, "target": end}
    spec["flow"] = _flow_block(flow, connector, "datasets" if datasets else "audiences")
    if not datasets:
        spec |= _selections(writer, flow, selectors)
    return spec


def _is_file_based(connector: Connector | None) -> bool:
    """Tell whether a destination takes files: the documented source of such a dataflow has no account."""
    exports = connector.facts["exports"] if connector is not None else {}
    return bool(exports.get("audiences", {}).get("schedule") == "audience-file-export")


def _read(writer: Writer, document: str, source: Made | Tree, *, datasets: bool) -> Block:
    """Return the source of a destination: the Profile Service, or datasets."""
    if not isinstance(source, Made):
        return {"id": source}
    block = own(source.body, _WORDS)
    if not datasets:
        block |= _account(writer, document, source, None)
    block |= rest(source.body, Endpoint, _END)
    if datasets:
        params = dict(members(source.body.get("params")))
        params["datasets"] = [_dataset_item(writer, item) for item in elements(params.get("datasets"))]
        block["params"] = params
    return block


def _dataset_item(writer: Writer, item: Tree) -> Tree:
    made = writer.object_of(members(item).get("dataSetId"))
    if made is None:
        return item
    return {"ref": writer.name(made), **own(members(item), ("name",))}


def _selections(writer: Writer, flow: Made, selectors: Selectors) -> Block:
    steps = elements(flow.body.get("transformations"))
    names = [str(members(step).get("name")) for step in steps]
    if names not in ([], ["GeneralTransform"]):
        raise CannotConvertError(f"its transformations are {', '.join(names)}, and a destination's is GeneralTransform")
    params = dict(members(members(steps[0]).get("params"))) if steps else {}
    spec: Block = {}
    for row in of_documents(selectors):
        outer, inner = row.steps[-2:]
        held = params.pop(outer, None)
        if held is not None:
            spec[row.document_field] = [row.written(item) for item in elements(members(held).get(inner))]
    pin = params.pop("profileMapping", None)
    made = writer.object_of(members(pin).get("mappingId"))
    if made is not None:
        writer.written.add(made.key)
        spec["attributes"] = [_row(row) for row in elements(made.body.get("mappings"))]
    elif members(pin).get("mappingId"):
        raise CannotConvertError("its mapping set is not created by these calls")
    for key in ("primaryFields", "mandatoryFields"):
        if params.get(key):
            spec[key] = params[key]
        params.pop(key, None)
    if params:
        raise CannotConvertError(f"its transformation has {', '.join(sorted(params))}")
    return spec


# -- documents of their own ------------------------------------------------------------------------------------------
def _connection(writer: Writer, item: Made) -> None:
    if not item.body.get("connectionSpec"):
        raise CannotConvertError("it names no connection spec")
    way = direction_of(item, writer)
    catalog = writer.related.catalog
    connector = catalog.by_spec(way, spec_id(item.body))
    words = writer.connector_words(item.body, connector, base=True)
    if connector is not None and "connector" in words:
        other = catalog.keys("destination" if way == "source" else "source")
        words = {"connector": f"{way}/{connector.key}" if connector.key in other else connector.key}
    spec = own(item.body, _WORDS) | words
    spec |= auth(item, writer, writer.name(item))
    writer.put("Connection", item, spec | rest(item.body, ConnectionSpec, ("connectionSpec", "auth", *_WORDS)))


def _field_group(writer: Writer, item: Made) -> None:
    writer.put("FieldGroup", item, rest(item.body, FieldGroupSpec, ()))


def _schema(writer: Writer, item: Made) -> None:
    spec = rest(item.body, SchemaSpec, ("allOf",))
    if "allOf" in item.body:
        spec["allOf"] = [_part(writer, part) for part in elements(item.body["allOf"])]
    descriptors = []
    for other in writer.alive("Descriptor"):
        if writer.object_of(other.body.get("xdm:sourceSchema")) is item:
            descriptors.append(_descriptor(writer, other.body))
            writer.written.add(other.key)
    if descriptors:
        spec["descriptors"] = descriptors
    writer.put("Schema", item, spec)


def _part(writer: Writer, part: Tree) -> Tree:
    found = members(part).get("$ref")
    return writer.reference(found, "field group") if isinstance(found, Ref) else part


def _descriptor(writer: Writer, body: Mapping[str, Tree]) -> Tree:
    block = {key: value for key, value in body.items() if key != "xdm:sourceSchema"}
    target = block.get("xdm:destinationSchema")
    return {**block, "xdm:destinationSchema": writer.reference(target, "schema")} if isinstance(target, Ref) else block


def _dataset(writer: Writer, item: Made) -> None:
    spec = rest(item.body, DatasetSpec, ("schemaRef",))
    schema = members(item.body.get("schemaRef"))
    if schema:
        spec["schemaRef"] = {**writer.reference(schema.get("id"), "schema"), **own(schema, ("contentType",))}
    writer.put("Dataset", item, spec)
