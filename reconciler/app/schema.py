"""The JSON Schema of manifests, of the connectors and lists that are shipped."""

from __future__ import annotations

from typing import Any

from reconciler.catalog import shipped
from reconciler.config.editor_schema import json_schema
from reconciler.kinds.selectors import SELECTORS


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) that editors check manifests with."""
    return json_schema(shipped(), SELECTORS)
