"""Holds the catalog against the specs a sandbox offers; those win over any line of it (flow-service.yaml, specs)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.catalog import Connector

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the catalog says: of which connector, and what; `connector` is empty for others."""

    connector: str
    what: str


def differences(
    connectors: Sequence[Connector], connection_specs: Iterable[Spec], flow_specs: Iterable[Spec]
) -> list[Difference]:
    """Return how live specs differ from the catalog, connector by connector; what it does not know stands last."""
    live = {str(spec.get("id")): spec for spec in connection_specs}
    flows = {str(spec.get("id")): spec for spec in flow_specs}
    claims: dict[str, list[Connector]] = {}
    for connector in connectors:
        for ident in {connector.connection_spec["id"], connector.end_spec["id"]}:
            claims.setdefault(ident, []).append(connector)
    found = [
        Difference(f"{connector.direction}/{connector.key}", what)
        for connector in connectors
        for what in (*_connection(connector, live, claims), *_flow(connector, flows))
    ]
    for ident, spec in live.items():
        attributes = spec.get("attributes") or {}
        if ident not in claims and (attributes.get("isSource") or attributes.get("isDestination")):
            found.append(Difference("", f"the catalog does not know {spec.get('name')!r}, connectionSpec {ident}"))
    return found


def _connection(
    connector: Connector, live: Mapping[str, Spec], claims: Mapping[str, Sequence[Connector]]
) -> Iterator[str]:
    wanted = connector.connection_spec
    spec = live.get(wanted["id"])
    if spec is None:
        yield f"its connectionSpec {wanted['id']} is not offered here"
        return
    if str(spec.get("version")) != wanted["version"]:
        yield f"its connectionSpec has version {spec.get('version')}, the catalog says {wanted['version']}"
    offered = {item["name"]: item for item in spec.get("authSpec") or () if isinstance(item, dict) and "name" in item}
    ours = connector.auth_specs
    shared = {name for other in claims[wanted["id"]] for name in other.auth_specs}  # products that share a spec
    for name in offered.keys() - shared:
        yield f"it has an auth spec {name!r} that the catalog does not know"
    for auth in connector.facts["auth"]:
        if not offered.keys() & {auth["specName"], *auth.get("alsoNamed", ())}:
            yield f"the auth spec {auth['specName']!r} is not offered here"
    for name in ours.keys() & offered.keys():
        yield from _parameters(
            name, ours[name], (offered[name].get("spec") or {}).get("properties") or {}, claims, wanted
        )


def _parameters(
    auth: str, ours: Sequence[Any], offered: Mapping[str, Any], claims: Mapping[str, Any], wanted: Mapping[str, str]
) -> Iterator[str]:
    known = {item.name: item for item in ours}
    shared = {item.name for other in claims[wanted["id"]] for item in other.auth_specs.get(auth, ())}
    for name in offered.keys() - shared:
        yield f"{auth}: the parameter {name!r} is not in the catalog"
    for name in known.keys() - offered.keys():
        yield f"{auth}: the parameter {name!r} is not offered here"
    for name in known.keys() & offered.keys():
        secret = isinstance(offered[name], dict) and offered[name].get("format") == "password"
        if secret and not known[name].secret:
            yield f"{auth}: the parameter {name!r} is a secret here, which the catalog does not say"


def _flow(connector: Connector, flows: Mapping[str, Spec]) -> Iterator[str]:
    for export in connector.exports or ("",):
        wanted = connector.flow_spec(export)
        if wanted is None:
            if not any(spec.get("name") == connector.flow_spec_name(export) for spec in flows.values()):
                yield f"no flowSpec is named {connector.flow_spec_name(export)!r} here"
            continue
        spec = flows.get(wanted["id"])
        if spec is None:
            yield f"its flowSpec {wanted['id']} is not offered here"
            continue
        ends = spec.get(f"{'source' if connector.direction == 'source' else 'target'}ConnectionSpecIds") or []
        if ends and connector.end_spec["id"] not in ends:
            yield f"its flowSpec {wanted['id']} ({spec.get('name')}) does not list it"
