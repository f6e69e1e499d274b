"""Connection and flow specs as the platform lists them, made from the connector files in `specs/`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "array": "array", "object": "object"}


class Specs:
    """Everything under one `specs/` folder, read when first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cached_property
    def connection(self) -> dict[str, Json]:
        """Connection specs by id; where products share one, their auth specs stand side by side."""
        found: dict[str, Json] = {}
        for name, facts in self._platform["connectionSpecs"].items():
            found[facts["id"]] = _connection_spec(facts["id"], facts.get("name", name), facts["version"], {})
        for facts in self._connectors:
            for spec in (facts["connectionSpec"], facts.get("sourceConnectionSpec")):
                if spec is not None:
                    made = _connection_spec(spec["id"], facts["name"], spec["version"], facts)
                    found[spec["id"]] = _merge(found.get(spec["id"]), made)
        return found

    @functools.cached_property
    def flow(self) -> dict[str, Json]:
        """Flow specs by id."""
        found: dict[str, Json] = {}
        for direction, items in self._platform["flowSpecs"].items():
            for facts in items:
                ident = facts.get("id")
                if ident is None:
                    continue
                found[ident] = {
                    "id": ident,
                    "name": facts.get("name", f"{direction}-{ident[:8]}"),
                    "providerId": facts.get("providerId", ""),
                    "version": facts["version"],
                    "sourceConnectionSpecIds": facts.get("sourceConnectionSpecIds", []),
                    "targetConnectionSpecIds": facts.get("targetConnectionSpecIds", []),
                    "transformationSpecs": [{"name": name} for name in facts.get("transformations", [])],
                    "attributes": {"isSourceFlow": direction == "sources"},
                }
        for facts in self._connectors:
            for spec in _flow_specs(facts):
                found.setdefault(
                    spec["id"],
                    {**spec, "name": facts["name"], "attributes": {"isSourceFlow": facts["direction"] == "source"}},
                )
        return found

    def secret_parameters(self, ident: str, auth: str) -> set[str]:
        """Return the names of an auth spec's parameters that are passwords."""
        for item in self.connection.get(ident, {}).get("authSpec", []):
            if item["name"] == auth:
                return {name for name, facts in item["spec"]["properties"].items() if facts.get("format") == "password"}
        return set()

    @functools.cached_property
    def _platform(self) -> Json:
        return _read(self._root / "platform.yaml")

    @functools.cached_property
    def _connectors(self) -> list[Json]:
        return [
            _read(path)
            for folder in ("sources", "destinations")
            for path in sorted((self._root / folder).glob("*.yaml"))
        ]


def _read(path: Path) -> Json:
    loaded: Json = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    return loaded


def _flow_specs(facts: Json) -> list[Json]:
    specs = [facts["flowSpec"]] if "flowSpec" in facts else [item["flowSpec"] for item in facts["exports"].values()]
    return [dict(spec) for spec in specs if "id" in spec]


def _connection_spec(ident: str, name: str, version: str, facts: Json) -> Json:
    return {
        "id": ident,
        "name": name,
        "providerId": facts.get("providerId", ""),
        "version": version,
        "authSpec": [
            {
                "name": auth["specName"],
                "type": "Basic",
                "spec": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "properties": {item["name"]: _property(item) for item in auth["params"]},
                    "required": [item["name"] for item in auth["params"] if item.get("required")],
                },
            }
            for auth in facts.get("auth", [])
        ],
        "attributes": {
            "isSource": facts.get("direction") == "source",
            "isDestination": facts.get("direction") == "destination",
            "category": facts.get("category", "platform"),
        },
        "streaming": facts.get("inletUrlFrom"),
    }


def _property(item: Json) -> Json:
    made: Json = {"type": _JSON_TYPES.get(item.get("type", ""), "string")}
    if item.get("secret"):
        made["format"] = "password"
    return made


def _merge(old: Json | None, new: Json) -> Json:
    if old is None:
        return new
    known = {item["name"] for item in old["authSpec"]}
    old["authSpec"] += [item for item in new["authSpec"] if item["name"] not in known]
    for flag in ("isSource", "isDestination"):
        old["attributes"][flag] = old["attributes"][flag] or new["attributes"][flag]
    return old
