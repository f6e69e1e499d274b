"""The published JSON Schemas: of manifests, and of what commands print with --format json."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

DOCUMENTS = ("manifest", "plan", "drift", "validate", "events")


def schema_text(document: str) -> str:
    """Return the schema of `document` (one of `DOCUMENTS`) as JSON; it names every registered kind."""
    if document == "manifest":
        from reconciler.catalog import shipped
        from reconciler.config.editor_schema import json_schema
        from reconciler.kinds.selectors import SELECTORS

        return json.dumps(json_schema(shipped(), SELECTORS), indent=1, ensure_ascii=False) + "\n"
    schema = _published(document)
    if document == "events":  # an entry of a drift report is the same in both
        schema["$defs"] |= _published("drift")["$defs"]
    if "kind" in schema.get("$defs", {}):
        from reconciler.kinds import kinds

        schema["$defs"]["kind"]["enum"] = list(kinds())
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _published(document: str) -> dict[str, Any]:
    text = files("reconciler.render").joinpath("schemas", f"{document}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
