"""`FieldGroup`: fields for schemas to take in (schema-registry.yaml, Field groups)."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.kind import Reference
from reconciler.kinds._registry import RegistryKind


class FieldGroup(RegistryKind):
    """Grows like the schemas that use it (6.5); can be deleted when none does."""

    name = "FieldGroup"
    collection = "fieldgroups"
    # linked so in Adobe's notebooks (github.com/Adobe-Marketing-Cloud/aep-cloud-ml-ecosystem, Week1Notebook.py)
    _RULES = replace(RegistryKind._RULES, page="schema/mixin/browse/{id}")
    reference = Reference(
        {
            "": {
                "type": "object",
                "title": "Loyalty fields",
                "description": "Fields of the loyalty programme",
                "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
                "definitions": {"loyalty": {"properties": {"_tenant": {"type": "object"}}}},
                "allOf": [{"$ref": "#/definitions/loyalty"}],
            }
        },
        replaces="what takes a field away, retypes or narrows it",
        deletes="when no schema uses it",
    )


KIND = FieldGroup()
