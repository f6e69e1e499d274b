"""Connection and flow specs in the platform's form, made from the files in `specs/` (flow-service.yaml)."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_TYPES = {"integer", "number", "boolean", "array", "object"}
_DRAFT = "http://json-schema.org/draft-07/schema#"
_MAPPING = {"type": "object", "properties": {"mappingId": {"type": "string"}, "mappingVersion": {"type": "string"}}}
_OPTIONS = {
    "errorDiagnosticsEnabled": {"title": "Error diagnostics", "type": "boolean", "default": False},
    "partialIngestionPercent": {"title": "Partial ingestion threshold", "type": "number", "exclusiveMinimum": 0},
}


class Specs:
    """Everything under one `specs/` folder, read when first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cached_property
    def connection(self) -> dict[str, Json]:
        """Connection specs by id; where products share one, their auth specs stand side by side."""
        found: dict[str, Json] = {}
        for name, facts in self.platform["connectionSpecs"].items():
            found[facts["id"]] = _connection_spec(facts["id"], facts.get("name", name), facts["version"], {})
        for facts in self._connectors:
            for spec in (facts["connectionSpec"], facts.get("sourceConnectionSpec")):
                if spec is not None:
                    made = _connection_spec(spec["id"], spec.get("name", facts["name"]), spec["version"], facts)
                    found[spec["id"]] = _merge(found.get(spec["id"]), made)
        return found

    @functools.cached_property
    def flow(self) -> dict[str, Json]:
        """Flow specs by id; the ends a flow spec takes are those its list has and those connectors use it with."""
        found: dict[str, Json] = {}
        for direction, items in self.platform["flowSpecs"].items():
            for facts in items:
                ident = _ident(facts)
                found[ident] = self._flow_spec({**facts, "id": ident}, incoming=direction == "sources")
        for facts in self._connectors:
            incoming = facts["direction"] == "source"
            for spec, source in self._uses(facts):
                spec = {**spec, "id": _ident(spec)}
                made = found.setdefault(
                    spec["id"], self._flow_spec({**spec, "name": spec.get("name", facts["name"])}, incoming=incoming)
                )
                _join(made["sourceConnectionSpecIds"], source)
                target = self.platform["connectionSpecs"]["data-lake"] if incoming else facts["connectionSpec"]
                _join(made["targetConnectionSpecIds"], target["id"])
        return found

    def schedule(self, ident: str) -> str | None:
        """Return the schedule a flow spec wants: a key of `schedules` in platform.yaml, `none`, or None: not known."""
        return self._schedules.get(ident)

    def limits(self, schedule: str) -> Json:
        """Return what is known of one sort of schedule."""
        found: Json = self.platform["schedules"][schedule]
        return found

    def secret_parameters(self, ident: str, auth: str) -> set[str]:
        """Return the names of an auth spec's parameters that are passwords."""
        for item in self.connection.get(ident, {}).get("authSpec", []):
            if item["name"] == auth:
                return {name for name, facts in item["spec"]["properties"].items() if facts.get("format") == "password"}
        return set()

    def open_parameters(self, ident: str, auth: str) -> set[str]:
        """Return the names of an auth spec's parameters that are known and no passwords."""
        for item in self.connection.get(ident, {}).get("authSpec", []):
            if item["name"] == auth:
                return set(item["spec"]["properties"]) - self.secret_parameters(ident, auth)
        return set()

    def auth_name(self, ident: str, given: str) -> str | None:
        """Return the name of an auth spec as it is read back, or None: some documents create under other names."""
        other = self._other_names.get((ident, given))
        return other or (given if any(item["name"] == given for item in self.connection[ident]["authSpec"]) else None)

    def inlet_from(self, ident: str) -> str | None:
        """Return which object of a streaming source gets the inlet: `flow`, `base-connection` or None."""
        return self._inlets.get(ident)

    @functools.cached_property
    def platform(self) -> Json:
        """The ids that are the same in every organization."""
        return _read(self._root / "platform.yaml")

    @functools.cached_property
    def _other_names(self) -> dict[tuple[str, str], str]:
        return {
            (facts["connectionSpec"]["id"], other): auth["specName"]
            for facts in self._connectors
            for auth in facts.get("auth", [])
            for other in auth.get("alsoNamed", [])
        }

    @functools.cached_property
    def _inlets(self) -> dict[str, str]:
        return {
            facts["connectionSpec"]["id"]: facts["inletUrlFrom"]
            for facts in self._connectors
            if "inletUrlFrom" in facts
        }

    @functools.cached_property
    def _schedules(self) -> dict[str, str]:
        found = {}
        for items in self.platform["flowSpecs"].values():
            found.update({facts["id"]: facts["schedule"] for facts in items if "id" in facts and "schedule" in facts})
        for facts in self._connectors:
            if facts["direction"] == "source":
                use = facts["schedule"]
                found.setdefault(facts["flowSpec"]["id"], "none" if use["use"] == "none" else use.get("kind", ""))
            for export in facts.get("exports", {}).values():
                if "id" in export.get("flowSpec", {}) and export.get("schedule") == "dataset-export":
                    found.setdefault(export["flowSpec"]["id"], "dataset-export")
        return {ident: kind for ident, kind in found.items() if kind}

    @functools.cached_property
    def _connectors(self) -> list[Json]:
        return [
            _read(path)
            for folder in ("sources", "destinations")
            for path in sorted((self._root / folder).glob("*.yaml"))
        ]

    def _uses(self, facts: Json) -> list[tuple[Json, str]]:
        """Return each flow spec a connector is used with, and the connection spec of the source end."""
        if facts["direction"] == "source":
            end: Json = facts.get("sourceConnectionSpec") or facts["connectionSpec"]
            return [(facts["flowSpec"], end["id"])]
        return [
            (export["flowSpec"], self.platform["connectionSpecs"][export["source"]]["id"])
            for export in facts["exports"].values()
        ]

    def _flow_spec(self, facts: Json, *, incoming: bool) -> Json:
        made: Json = {
            "id": facts["id"],
            "name": facts.get("name", f"{'source' if incoming else 'destination'}-{facts['id'][:8]}"),
            "providerId": facts.get("providerId", ""),
            "version": facts.get("version", "1.0"),
            "sourceConnectionSpecIds": list(facts.get("sourceConnectionSpecIds", [])),
            "targetConnectionSpecIds": list(facts.get("targetConnectionSpecIds", [])),
            "transformationSpecs": [
                {"name": name, **({"spec": {"$schema": _DRAFT, **_MAPPING}} if name == "Mapping" else {})}
                for name in facts.get("transformations", [])
            ],
            "attributes": {"isSourceFlow": incoming},
        }
        if facts.get("options"):
            properties = {name: _OPTIONS[name] for name in facts["options"] if name in _OPTIONS}
            made["optionSpec"] = {
                "name": "OptionSpec", "spec": {"$schema": _DRAFT, "type": "object", "properties": properties},
            }  # fmt: skip
        if facts.get("schedule", "none") != "none":
            made["scheduleSpec"] = {
                "name": "PeriodicSchedule", "type": "Periodic",
                "spec": _schema(self.limits(facts["schedule"])["params"]),
            }  # fmt: skip
        return made


def _read(path: Path) -> dict[str, Any]:
    loaded: Json = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    return loaded


def _ident(facts: Json) -> str:
    """Return the id of a flow spec. Where no document gives one, a client has to look it up by name: it gets ours."""
    return str(facts.get("id") or uuid.uuid5(uuid.NAMESPACE_DNS, facts["name"]))


def _join(known: list[str], ident: str) -> None:
    if ident not in known:
        known.append(ident)


def _connection_spec(ident: str, name: str, version: str, facts: Json) -> Json:
    made: Json = {
        "id": ident,
        "name": name,
        "providerId": facts.get("providerId", ""),
        "version": version,
        "authSpec": [
            {"name": auth["specName"], "type": auth["specName"], "spec": _schema(auth["params"])}
            for auth in facts.get("auth", [])
        ],
        "attributes": {
            "isSource": facts.get("direction") == "source",
            "isDestination": facts.get("direction") == "destination",
            "category": facts.get("category", "platform"),
            "connectorName": facts.get("name", name),
        },
    }
    if "source" in facts:
        made["sourceSpec"] = {"type": facts.get("kind", ""), "spec": _schema(facts["source"]["params"])}
    if "target" in facts:
        made["targetSpec"] = {"type": facts.get("kind", ""), "spec": _schema(facts["target"]["params"])}
    return made


def _schema(params: list[Json]) -> Json:
    return {
        "$schema": _DRAFT,
        "type": "object",
        "properties": {item["name"]: _property(item) for item in params},
        "required": [item["name"] for item in params if item.get("required")],
    }


def _property(item: Json) -> Json:
    kind = item.get("type", "string")
    made: Json = {"type": kind if kind in _JSON_TYPES else "string"}
    if item.get("secret"):
        made["format"] = "password"
    if item.get("values"):
        made["enum"] = list(item["values"])
    if "default" in item:
        made["default"] = item["default"]
    return made


def _merge(old: Json | None, new: Json) -> Json:
    if old is None:
        return new
    known = {item["name"]: item["spec"] for item in old["authSpec"]}
    for item in new["authSpec"]:
        if item["name"] not in known:
            old["authSpec"].append(item)
            continue
        spec = known[item["name"]]  # two products, one way to log in: what either has, and what both require
        spec["properties"] = {**item["spec"]["properties"], **spec["properties"]}
        spec["required"] = [name for name in spec["required"] if name in item["spec"]["required"]]
    for flag in ("isSource", "isDestination"):
        old["attributes"][flag] = old["attributes"][flag] or new["attributes"][flag]
    for part in ("sourceSpec", "targetSpec"):
        if part in new:
            old.setdefault(part, new[part])
    return old
