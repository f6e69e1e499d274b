"""The published JSON Schemas: of manifests, and of what commands print with --format json."""

from __future__ import annotations

import json
from importlib.resources import files


def schema_text(document: str) -> str:
    """Return the schema of `document` (manifest, plan, drift or validate) as JSON; it names every registered kind."""
    if document == "manifest":
        from reconciler.catalog import shipped
        from reconciler.config.editor_schema import json_schema
        from reconciler.kinds.selectors import SELECTORS

        return json.dumps(json_schema(shipped(), SELECTORS), indent=1, ensure_ascii=False) + "\n"
    text = files("reconciler.render").joinpath("schemas", f"{document}.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    if "kind" in schema.get("$defs", {}):
        from reconciler.kinds import kinds

        schema["$defs"]["kind"]["enum"] = list(kinds())
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
