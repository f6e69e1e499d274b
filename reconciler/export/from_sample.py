"""A first field group, schema, dataflow and test from sample data: a starting point that validates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any

from reconciler.dataprep import Context, Record, Value, compile_mapping, row_of, steps_text, to_json
from reconciler.dataprep.datereader import DEFAULT_PATTERNS, is_iso, parse_date
from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.lexer import is_identifier
from reconciler.dataprep.paths import ALL, Step
from reconciler.dataprep.xdm import FALSE, TRUE
from reconciler.documents.xdm_fields import CLASSES
from reconciler.yamltext.dump import yaml_text

API_VERSION = "reconciler/v1"
SAMPLED = 1000
"""Records that types are inferred from."""

_EVENT_CLASS = "https://ns.adobe.com/xdm/context/experienceevent"
_PROFILE_CLASS = "https://ns.adobe.com/xdm/context/profile"
_IDS = ("id", "_id", "event_id", "eventid", "message_id", "record_id", "uuid", "order_id")
_TIMES = ("timestamp", "time", "event_time", "created_at", "occurred_at", "datetime", "date")
_SIMILAR = 0.8
"""Similarity from which a field counts as the record's ID or time."""

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PATTERNS = tuple(pattern for pattern in DEFAULT_PATTERNS if re.search(r"[-/.]", pattern))
"""Date formats with separators: a text of digits alone is a number."""


@dataclass(slots=True)
class _Field:
    """One leaf of the sample data, and the kinds and date formats that all its values have."""

    steps: tuple[Step, ...]
    kinds: set[str] = field(default_factory=set)
    patterns: list[str] | None = None

    @property
    def kind(self) -> str:
        """The XDM type that fits all values."""
        if len(self.kinds) == 1:
            return next(iter(self.kinds))
        return "number" if self.kinds == {"integer", "number"} else "string"


def proposal(records: Iterable[Record], name: str, tenant: str) -> str:
    """Return manifests as YAML text for records like the given ones.

    `name` is the stem of the documents' names, `tenant` the tenant's field with its underscore. Raises ValueError where
    the sample has no record.
    """
    fields: dict[tuple[Step, ...], _Field] = {}
    first: Record | None = None
    for record in records:
        first = first if first is not None else record
        for key, value in record.items():
            _note(fields, (key,), value)
    if first is None:
        raise ValueError("there is no record")
    found = [one for one in fields.values() if not _has_children(one, fields)]
    ident, time = _likeliest(found, _IDS), _likeliest([one for one in found if one.kind == "date-time"], _TIMES)
    rows = _rows(found, tenant, ident, time)
    event = time is not None
    properties = _fields_schema(tenant, [one for one in found if one is not ident and one is not time])
    standard = CLASSES[_EVENT_CLASS if event else _PROFILE_CLASS]
    resolved = {**standard, "type": "object", "properties": {**standard["properties"], **properties}}
    documents = [
        _field_group(name, properties, event=event),
        _schema(name, event=event),
        _dataflow(name, rows),
        _test(name, first, rows, resolved),
    ]
    return "---\n".join(yaml_text(document) for document in documents)


def _has_children(one: _Field, fields: Mapping[tuple[Step, ...], _Field]) -> bool:
    """Whether other records have an object or array where this field is."""
    length = len(one.steps)
    return any(len(steps) > length and steps[:length] == one.steps for steps in fields)


# -- inference ---------------------------------------------------------------------------------------------------
def _note(fields: dict[tuple[Step, ...], _Field], steps: tuple[Step, ...], value: Value) -> None:
    if value is None:
        fields.setdefault(steps, _Field(steps))
    elif isinstance(value, dict):
        for key, item in value.items():
            _note(fields, (*steps, key), item)
    elif isinstance(value, list):
        for item in value:
            _note(fields, (*steps, ALL), item)
    else:
        one = fields.setdefault(steps, _Field(steps))
        one.kinds.add(_kind(one, value))


def _kind(one: _Field, value: Value) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case datetime():
            return "date-time"
        case str():
            return _kind_of_text(one, value)
    return "string"


def _kind_of_text(one: _Field, text: str) -> str:
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return "integer"
    if re.fullmatch(r"-?\d+\.\d+", text):
        return "number"
    if text.lower() in ("true", "false", "yes", "no", "on", "off") and text in TRUE | FALSE:
        return "boolean"
    if is_iso(text):
        return "date-time"
    matching = [pattern for pattern in (one.patterns or _PATTERNS) if _matches(text, pattern)]
    if matching:
        one.patterns = matching
        return "date-time"
    return "string"


def _matches(text: str, pattern: str) -> bool:
    try:
        parse_date(text, pattern)
    except EvaluationError:
        return False
    return True


def _likeliest(fields: list[_Field], names: tuple[str, ...]) -> _Field | None:
    best: tuple[float, _Field] | None = None
    for one in fields:
        if ALL in one.steps:
            continue
        last = str(one.steps[-1]).lower()
        likeness = max(SequenceMatcher(None, last, name).ratio() - 0.01 * place for place, name in enumerate(names))
        if likeness >= _SIMILAR and (best is None or likeness > best[0]):
            best = (likeness, one)
    return best[1] if best else None


# -- documents ---------------------------------------------------------------------------------------------------
def _target(one: _Field, tenant: str) -> tuple[Step, ...]:
    """The XDM path of a field: the same names in camel case, below the tenant's field."""
    return (tenant, *(step if isinstance(step, int) else _camel(step) for step in one.steps))


def _camel(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word if not place else word[0].upper() + word[1:] for place, word in enumerate(words)) or "field"
    return joined if not joined[0].isdigit() else f"field{joined}"


def _rows(fields: list[_Field], tenant: str, ident: _Field | None, time: _Field | None) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    if ident is not None:
        rows.append(_row(ident, "_id"))
    elif time is not None:
        rows.append({"source": "uuid()", "sourceType": "EXPRESSION", "destination": "_id"})
    if time is not None:
        rows.append(_row(time, "timestamp"))
    seen = {row["destination"] for row in rows}
    for one in fields:
        destination = steps_text(_target(one, tenant))
        if one is ident or one is time or destination in seen:
            continue
        seen.add(destination)
        rows.append(_row(one, destination))
    return rows


def _row(one: _Field, destination: str) -> dict[str, str]:
    if one.kind == "date-time" and one.patterns and ALL not in one.steps:
        path = ".".join(_expression_name(str(step)) for step in one.steps)
        source = f'date({path}, "{one.patterns[0]}")'
        return {"source": source, "sourceType": "EXPRESSION", "destination": destination}
    return {"source": steps_text(one.steps), "destination": destination}


def _expression_name(name: str) -> str:
    return name if is_identifier(name) else "${" + re.sub(r"([.\\}])", r"\\\1", name) + "}"


def _document(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def _fields_schema(tenant: str, fields: list[_Field]) -> dict[str, Any]:
    """The fields below the tenant's, as `properties` of a field group."""
    root: dict[str, Any] = {"type": "object", "properties": {}}
    for one in fields:
        _declare(root, _target(one, tenant), one.kind)
    if not root["properties"]:
        _declare(root, (tenant, "note"), "string")
    properties: dict[str, Any] = root["properties"]
    return properties


def _field_group(name: str, properties: dict[str, Any], *, event: bool) -> dict[str, Any]:
    return _document("FieldGroup", f"{name}-fields", {
        "title": f"Fields of {name.replace('-', ' ')}",
        "meta:intendedToExtend": [_EVENT_CLASS if event else _PROFILE_CLASS],
        "definitions": {"fields": {"properties": properties}},
    })  # fmt: skip


def _declare(node: dict[str, Any], steps: tuple[Step, ...], kind: str) -> None:
    for step in steps:
        if isinstance(step, int):
            node["type"] = "array"
            node.pop("properties", None)
            node = node.setdefault("items", {})
        else:
            node.setdefault("type", "object")
            node = node.setdefault("properties", {}).setdefault(step, {})
    if kind == "date-time":
        node.update(type="string", format="date-time")
    else:
        node["type"] = kind
    last = next(step for step in reversed(steps) if isinstance(step, str))
    node["title"] = last[0].upper() + re.sub(r"(?<=[a-z])([A-Z])", lambda match: " " + match[1].lower(), last[1:])


def _schema(name: str, *, event: bool) -> dict[str, Any]:
    return _document("Schema", f"{name}-schema", {
        "title": name.replace("-", " ").capitalize(),
        "class": "experienceevent" if event else "profile",
        "fieldGroups": [{"ref": f"{name}-fields"}],
    })  # fmt: skip


def _dataflow(name: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    title = name.replace("-", " ").capitalize()
    return _document("SourceDataflow", name, {
        "source": {
            "connector": "http-api-streaming",
            "connection": {
                "auth": {
                    "specName": "Streaming Connection",
                    "params": {"sourceId": name, "dataType": "raw", "name": title},
                },
            },
            "data": {"format": "json"},
        },
        "target": {"schema": {"ref": f"{name}-schema"}, "dataset": {"name": title}},
        "mapping": rows,
        "flow": {"name": title},
    })  # fmt: skip


def _test(name: str, record: Record, rows: list[dict[str, str]], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A test of the first record, with the result that the mapping gives now."""
    outcome = compile_mapping(map(row_of, rows), schema).apply(record, Context(now=_NOW))
    case: dict[str, Any] = {
        "name": "the first record of the sample",
        "given": _literal(to_json(dict(record))),
        "exactly": _literal(to_json(outcome.record)),
    }
    if outcome.warnings:
        case["warnings"] = [warning.destination for warning in outcome.warnings]
    if outcome.rejected:
        case["rejected"] = True
    return _document("MappingTest", f"{name}-test", {"dataflow": name, "cases": [case]})


def _literal(value: Value) -> Value:
    """The value with `${` escaped, so that nothing in it is filled in."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    return value
