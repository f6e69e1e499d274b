"""Development mode: several people apply the same manifests to one sandbox, each to objects of their own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler.core.abilities import Searchable
from reconciler.core.kind import Kinds
from reconciler.core.resource import Resource
from reconciler.core.values import Tree


@dataclass(frozen=True, slots=True)
class Development:
    """The prefix of the names of all objects that are created, and whether their flows are disabled."""

    prefix: str
    disabled: bool = False


def developed(
    resources: Mapping[str, Resource], kinds: Kinds, flow: str, development: Development
) -> dict[str, Resource]:
    """Return `resources` as one developer creates them; `flow` is the name of the kind of flows.

    Names of objects that exist already, in look-ups and ids, stay as they are.
    """
    found = {}
    for address, resource in resources.items():
        kind = kinds[resource.kind]
        field = kind.name_field if isinstance(kind, Searchable) else "name"
        body: Tree = resource.body
        if isinstance(body, dict) and isinstance(name := body.get(field), str):
            body = {**body, field: development.prefix + name}
        if resource.kind == flow and development.disabled and isinstance(body, dict) and body.get("state") != "draft":
            body = {**body, "state": "disabled"}
        found[address] = resource if body is resource.body else replace(resource, body=body)
    return found
