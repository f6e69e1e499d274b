"""The preview of a mapping over sample records (data-prep.yaml, POST /mappingSets/preview)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.resource import Call
from reconciler.core.values import Ref, Wire
from reconciler.kinds.checks import PREP
from reconciler.kinds.mapping_set import ROWS


def output_schema_of(body: Wire, ids: Mapping[str, str]) -> dict[str, Wire] | None:
    """Return the output schema of a mapping, None while its id is unknown; `ids` are the schemas' by address."""
    reference = (body.get("outputSchema") or {}).get("schemaRef") or {}
    ident = reference.get("id")
    if isinstance(ident, Ref):
        ident = ids.get(ident.address)
    return {"schemaRef": {**reference, "id": ident}} if isinstance(ident, str) else None


def preview(body: Wire, schema: dict[str, Wire] | None, records: Sequence[Wire]) -> Call:
    """Return the call that maps `records` by the rows of `body`, into the types of `schema` where it is known."""
    mapping: dict[str, Wire] = {ROWS: list(body[ROWS])}
    if schema is not None:
        mapping["outputSchema"] = schema
    return Call("POST", f"{PREP}/mappingSets/preview", {"data": list(records), "mappingSet": mapping}, read_only=True)
