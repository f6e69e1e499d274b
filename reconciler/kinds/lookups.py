"""Objects that exist and are not ours, found by name: one exact match, or an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from reconciler.core.abilities import Listable, whole_number
from reconciler.core.answers import LIST, Answer, ListOf, Object, rows
from reconciler.core.kind import Finder, Finders, Row
from reconciler.core.resource import Call, Reply
from reconciler.core.values import Wire
from reconciler.kinds._flow_service import BASE
from reconciler.kinds._registry import BASE as REGISTRY
from reconciler.kinds.base_connection import KIND as CONNECTION
from reconciler.kinds.dataset import KIND as DATASET
from reconciler.kinds.dataset import SHAPE as DATASETS
from reconciler.kinds.field_group import KIND as FIELD_GROUP
from reconciler.kinds.schema import KIND as SCHEMA

_PAGE = 100
_NAMED = Object(ids=("id",))
_ITEMS = Answer(rows("items", _NAMED))
_AUDIENCES = Answer(Object(needs=rows("children", _NAMED).needs, may=(("_page", Object()),)))
_TITLED = Answer(rows("results", Object(ids=("$id",))))
_AUTH = Object(may=(("spec", Object(may=(("properties", Object()),))),))
_SPEC = Object(
    ids=("id",),
    may=(
        ("attributes", Object()),
        ("authSpec", ListOf(_AUTH)),
        ("sourceConnectionSpecIds", LIST),
        ("targetConnectionSpecIds", LIST),
    ),
)


def _connections(name: str, start: int) -> Call:
    del start
    text = name.replace('"', '\\"')
    query = (("property", f'name=="{text}"'), ("limit", str(_PAGE)))
    return Call("GET", f"{BASE}/connections", query=query, answer=_ITEMS)


def _connection_rows(body: Wire) -> Sequence[Row]:
    return [Row(item["id"], item.get("name", ""), item.get("description", "")) for item in body["items"]]


def _audiences(name: str, start: int) -> Call:
    # `name` is a case-insensitive "contains" there: the exact comparison is ours
    query = (("name", name), ("start", str(start)), ("limit", str(_PAGE)))
    return Call("GET", "/data/core/ups/audiences", query=query, answer=_AUDIENCES)


def _audience_rows(body: Wire) -> Sequence[Row]:
    return [Row(item["id"], item.get("name", ""), item.get("originName", "")) for item in body["children"]]


def _audience_total(body: Wire) -> int | None:
    return whole_number((body.get("_page") or {}).get("totalCount"))


def _titled(collection: str, name: str) -> Call:
    accept = (("Accept", "application/vnd.adobe.xed-id+json"),)
    query = (("property", f"title=={name}"),)
    return Call("GET", f"{REGISTRY}/tenant/{collection}", query=query, headers=accept, answer=_TITLED)


def _schemas(name: str, start: int) -> Call:
    del start  # a title is unique in a sandbox
    return _titled("schemas", name)


def _field_groups(name: str, start: int) -> Call:
    del start
    return _titled("fieldgroups", name)


def _schema_rows(body: Wire) -> Sequence[Row]:
    """Everybody who refers to a schema wants its `$id`."""
    return [Row(item["$id"], item.get("title", ""), item.get("version", "")) for item in body["results"]]


def _datasets(name: str, start: int) -> Call:
    query = (("name", name), ("start", str(start)), ("limit", str(_PAGE)), ("properties", "name,schemaRef"))
    return Call("GET", "/data/foundation/catalog/dataSets", query=query, answer=Answer(DATASETS))


def _dataset_rows(body: Wire) -> Sequence[Row]:
    """Catalog answers with a map by id; the objects in it have none."""
    return [
        Row(ident, item.get("name", ""), (item.get("schemaRef") or {}).get("id", "")) for ident, item in body.items()
    ]


def _dataset(ident: str, start: int) -> Call:
    del start  # one dataset
    return Call("GET", f"/data/foundation/catalog/dataSets/{quote(ident, safe='')}", answer=Answer(DATASETS))


def _schema_of_dataset_rows(body: Wire) -> Sequence[Row]:
    """Return the schema of each dataset, under the dataset's id."""
    return [
        Row(schema, ident, "") for ident, item in body.items() if (schema := (item.get("schemaRef") or {}).get("id"))
    ]


def _flow_specs(name: str, start: int) -> Call:
    del start  # specs come in one page (flow-service.yaml)
    text = name.replace('"', '\\"')
    return Call("GET", f"{BASE}/flowSpecs", query=(("property", f'name=="{text}"'),), answer=_ITEMS)


def _flow_spec_rows(body: Wire) -> Sequence[Row]:
    return [Row(item["id"], item.get("name", ""), item.get("version", "")) for item in body["items"]]


def _listed(kind: Listable) -> Callable[[Reply | None, int], Call | None]:
    return lambda after, seen: kind.page(after, "", seen)


def _all_audiences(after: Reply | None, seen: int) -> Call | None:
    if after is not None and len(_audience_rows(after.body)) < _PAGE:
        return None
    return Call(
        "GET", "/data/core/ups/audiences", query=(("start", str(seen)), ("limit", str(_PAGE))), answer=_AUDIENCES
    )


def _all_flow_specs(after: Reply | None, seen: int) -> Call | None:
    del seen
    return SPECS[1] if after is None else None


SPECS = tuple(
    Call("GET", f"{BASE}/{name}", answer=Answer(rows("items", _SPEC))) for name in ("connectionSpecs", "flowSpecs")
)
"""The calls that read what a sandbox offers; specs are not paged (flow-service.yaml)."""

FINDERS: Finders = {
    "FlowSpec": Finder(_flow_specs, _flow_spec_rows),
    "Connection": Finder(_connections, _connection_rows),
    "Audience": Finder(_audiences, _audience_rows, _PAGE, _audience_total),
    "Schema": Finder(_schemas, _schema_rows),
    "FieldGroup": Finder(_field_groups, _schema_rows),
    "Dataset": Finder(_datasets, _dataset_rows, _PAGE),
    "SchemaOfDataset": Finder(_dataset, _schema_of_dataset_rows),
}

LISTINGS: Mapping[str, tuple[Callable[[Reply | None, int], Call | None], Finder]] = {
    "FlowSpec": (_all_flow_specs, FINDERS["FlowSpec"]),
    "Connection": (_listed(CONNECTION), FINDERS["Connection"]),
    "Audience": (_all_audiences, FINDERS["Audience"]),
    "Schema": (_listed(SCHEMA), FINDERS["Schema"]),
    "FieldGroup": (_listed(FIELD_GROUP), FINDERS["FieldGroup"]),
    "Dataset": (_listed(DATASET), FINDERS["Dataset"]),
    "SchemaOfDataset": (_listed(DATASET), FINDERS["SchemaOfDataset"]),
}
"""For each kind that can be looked up: how all of its objects are listed, and how the pages are read."""
