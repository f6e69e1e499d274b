"""`Schema`: a class and field groups, maybe in Profile (schema-registry.yaml, Schemas)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.abilities import Persistent
from reconciler.core.kind import Reference
from reconciler.core.resource import Call, Live
from reconciler.core.values import Wire
from reconciler.kinds._registry import RegistryKind


class Schema(RegistryKind, Persistent):
    """Only grows once it is used; in Profile for ever, and that only when its primary identity is there (6.4)."""

    name = "Schema"
    collection = "schemas"
    retain_on_delete = True
    reference = Reference(
        {
            "": {
                "type": "object",
                "title": "Loyalty members",
                "description": "Members of the loyalty programme",
                "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
            }
        },
        replaces="what takes a part away, or leaves Profile",
        deletes="never in Profile",
    )
    deferred_fields = ("meta:immutableTags",)

    def needs_readback(self, body: Wire) -> bool:
        """What the POST leaves out is patched afterwards."""
        return any(key in body for key in self.deferred_fields)

    def update(self, live: Live, patch: Sequence[Wire], body: Wire) -> Sequence[Call]:
        """A field group is added in two places at once (xdm/api/schemas.md)."""
        steps: list[Wire] = []
        for step in patch:
            if step["path"] == "/allOf/-" and step["op"] == "add" and "$ref" in step["value"]:
                steps.append({"op": "add", "path": "/meta:extends/-", "value": step["value"]["$ref"]})
            steps.append(step)
        return super().update(live, steps, body)

    def undeletable_reason(self, body: Wire) -> str | None:
        tags = body.get("meta:immutableTags") if isinstance(body, dict) else None
        return "a schema in Profile can never be deleted, it stays there unmanaged" if "union" in (tags or ()) else None


KIND = Schema()
