"""The published descriptions as checks: which operation a request is, and whether request and answer fit it.

Two descriptions cover some operations (flow-service.yaml and destinations.yaml): one that fits is enough. The files
have known defects; what has to be forgiven stands in deviations.py, with its reason, and nowhere else.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.conftest import SHARED

FOLDER = SHARED / "contract" / "openapi"
needs_descriptions = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the published descriptions lie beside the project, not in it"
)
BASES = {
    "flow-service": "/data/foundation/flowservice",
    "destinations": "/data/foundation/flowservice",
    "data-prep": "/data/foundation/conversion",
    "catalog": "/data/foundation/catalog",
    "schema-registry": "/data/foundation/schemaregistry",
    "dataset-service": "/data/foundation/dataset",
    "segmentation": "/data/core/ups",
    "sandbox": "/data/foundation",
    "streaming-ingestion": "",
    "ad-hoc-activation": "/data/core/activation/disflowprovider",
}
METHODS = ("get", "post", "put", "patch", "delete")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


@dataclass(frozen=True)
class Operation:
    """One operation of one description."""

    file: str
    method: str
    path: str
    facts: dict[str, Any] = field(hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.file})"

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """The paths that are this operation, with or without the trailing slash."""
        parts = re.split(r"\{[^}]+\}", self.place)
        return re.compile("([^/]+)".join(re.escape(part) for part in parts) + "/?")

    @property
    def place(self) -> str:
        """The path with that of the service before it, without a trailing slash."""
        return (BASES[self.file] + self.path).rstrip("/")

    @property
    def literal(self) -> int:
        """How much of the path is fixed: of two that match, the more literal one is meant."""
        return len(re.sub(r"\{[^}]+\}", "", self.path))

    @property
    def statuses(self) -> dict[str, dict[str, Any]]:
        """The answers, by status as text."""
        return {str(status): facts or {} for status, facts in self.facts.get("responses", {}).items()}


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit a description."""

    operation: Operation
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.operation} {self.where}: {self.message}"


class Description:
    """One file, its schemas turned into what a validator of JSON Schema understands."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
        self.broken: set[str] = set()
        self._compiled: dict[int, Any] = {}
        self.operations = [
            Operation(self.name, method.upper(), place, {**facts, "parameters": self._parameters(item, facts)})
            for place, item in self.document["paths"].items()
            for method, facts in item.items()
            if method in METHODS
        ]

    def _parameters(self, item: dict[str, Any], facts: dict[str, Any]) -> list[dict[str, Any]]:
        listed = [*item.get("parameters", []), *facts.get("parameters", [])]
        return [self.pointed(one["$ref"]) if "$ref" in one else one for one in listed]

    def pointed(self, reference: str) -> Any:
        """Return what a reference inside the file points to; remembers broken ones."""
        here: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
        if here is None:
            self.broken.add(reference)
            return {}
        return here

    def media(self, facts: dict[str, Any]) -> dict[str, Any] | None:
        """Return the JSON part of a body: schema and examples; None where it has none."""
        if "$ref" in facts:
            facts = self.pointed(facts["$ref"])
        if "schema" in facts:  # Swagger 2.0
            return facts
        content = facts.get("content") or {}
        found = content.get("application/json") or next(iter(content.values()), None)
        return found if isinstance(found, dict) else None

    def body(self, operation: Operation) -> dict[str, Any] | None:
        """Return the request body of an operation."""
        for parameter in operation.facts["parameters"]:
            if parameter.get("in") == "body":
                return parameter if isinstance(parameter, dict) else None
        return self.media(operation.facts.get("requestBody") or {})

    def errors(self, schema: Any, value: Any) -> Iterator[str]:
        """Yield what of `value` does not fit `schema`, innermost alternatives included."""
        if not isinstance(schema, dict):
            return
        validator = self._compiled.get(id(schema))
        if validator is None:
            validator = self._compiled[id(schema)] = jsonschema_rs.Draft202012Validator(self.converted(schema))
        for error in validator.iter_errors(value):
            yield f"/{'/'.join(str(step) for step in error.instance_path)}: {error.message[:300]}"

    def converted(self, schema: Any) -> Any:
        """Return a schema as JSON Schema, with everything it refers to under `$defs`."""
        needed: dict[str, Any] = {}
        made = self._convert(schema, needed)
        while missing := [name for name, value in needed.items() if value is None]:
            for name in missing:
                needed[name] = {}
                needed[name] = self._convert(self.pointed(name), needed)
        names = {name: f"d{index}" for index, name in enumerate(needed)}
        whole = {**made, "$defs": {names[name]: value for name, value in needed.items()}}
        return _renamed(whole, {name: f"#/$defs/{short}" for name, short in names.items()})

    def _convert(self, node: Any, needed: dict[str, Any]) -> Any:
        if not isinstance(node, dict):
            return {}
        if isinstance(node.get("$ref"), str):
            needed.setdefault(node["$ref"], None)
            return {"$ref": node["$ref"]}
        made: dict[str, Any] = {}
        for key, value in node.items():
            if key in ("properties", "patternProperties") and isinstance(value, dict):
                made[key] = {name: self._convert(one, needed) for name, one in value.items()}
            elif key in ("items", "not") or (key == "additionalProperties" and isinstance(value, dict)):
                made[key] = self._convert(value, needed)
            elif key in ("allOf", "anyOf", "oneOf") and isinstance(value, list):
                # alternatives in these files overlap: one that fits is enough
                made["anyOf" if key == "oneOf" else key] = [self._convert(one, needed) for one in value]
            elif key == "type" and value in _TYPES:
                made[key] = [value, "null"] if node.get("nullable") else value
            elif (
                (key == "required" and isinstance(value, list))
                or key in ("enum", "pattern", "additionalProperties")
                or key.startswith(("min", "max"))
            ):
                made[key] = value
        return made


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: names[value] if key == "$ref" and isinstance(value, str) else _renamed(value, names)
        for key, value in node.items()
    }


@functools.cache
def descriptions() -> dict[str, Description]:
    """Return all descriptions, by name."""
    return {name: Description(FOLDER / f"{name}.yaml") for name in BASES}


@functools.cache
def operations(method: str, path: str) -> tuple[Operation, ...]:
    """Return the operations a request is: one of each description that knows it."""
    found: dict[str, Operation] = {}
    for operation in _by_shape().get((method, path.rstrip("/").count("/")), ()):
        if operation.pattern.fullmatch(path):
            best = found.get(operation.file)
            if best is None or operation.literal > best.literal:
                found[operation.file] = operation
    return tuple(found.values())


@functools.cache
def _by_shape() -> dict[tuple[str, int], list[Operation]]:
    """Return all operations by method and number of slashes in the path."""
    shapes: dict[tuple[str, int], list[Operation]] = {}
    for description in descriptions().values():
        for operation in description.operations:
            shapes.setdefault((operation.method, operation.place.count("/")), []).append(operation)
    return shapes


def request_findings(operation: Operation, headers: Iterable[str], query: Iterable[str], body: Any) -> list[Finding]:
    """Return what of a request does not fit an operation."""
    description = descriptions()[operation.file]
    parameters = operation.facts["parameters"]
    given = {name.lower() for name in headers}
    found = [
        Finding(operation, "request", f"the header {item['name']} is missing")
        for item in parameters
        if item.get("in") == "header" and item.get("required") and item["name"].lower() not in given
    ]
    known = {item["name"] for item in parameters if item.get("in") == "query"}
    found += [
        Finding(operation, "request", f"the query parameter {name} is not documented")
        for name in query
        if name not in known
    ]
    media = description.body(operation)
    if media is not None and body is not None:
        found += [Finding(operation, "request", text) for text in description.errors(media.get("schema"), body)]
    elif media is None and body is not None:
        found.append(Finding(operation, "request", "a body is not documented"))
    return found


def answer_findings(operation: Operation, status: int, body: Any) -> list[Finding]:
    """Return what of an answer does not fit an operation."""
    description = descriptions()[operation.file]
    facts = operation.statuses.get(str(status))
    if facts is None:
        return [Finding(operation, str(status), "the status is not documented")]
    media = description.media(facts)
    if media is None or body is None:
        return []
    return [Finding(operation, str(status), text) for text in description.errors(media.get("schema"), body)]
