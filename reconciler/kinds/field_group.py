"""`FieldGroup`: fields for schemas to take in (schema-registry.yaml, Field groups; api-facts 6.3)."""

from __future__ import annotations

from reconciler.kinds._registry import RegistryKind


class FieldGroup(RegistryKind):
    """Grows like the schemas that use it (6.5); can be deleted when none does."""

    name = "FieldGroup"
    collection = "fieldgroups"


KIND = FieldGroup()
