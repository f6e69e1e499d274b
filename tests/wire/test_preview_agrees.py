"""Random expressions over HTTP: the emulator's preview gives what the local evaluator gives."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings

from reconciler import dataprep
from reconciler.dataprep.syntax import Node
from tests.conftest import HEADERS, PREP, Server
from tests.dataprep.trees import RECORDS, TREES

UNREPEATABLE = ("now(", "timestamp(", "uuid(", "guid(")


def sendable(record: dict[str, Any]) -> bool:
    """Return whether a record survives the way over JSON unchanged."""
    text = json.dumps(record)
    return "Infinity" not in text and "\\ud" not in text and all(map(math.isfinite, numbers(record)))


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        return [one for item in (value.values() if isinstance(value, dict) else value) for one in numbers(item)]
    return [value] if isinstance(value, float) else []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES, record=RECORDS.filter(sendable))
def test_the_preview_and_the_evaluator_agree(server: Server, tree: Node, record: dict[str, Any]) -> None:
    text = dataprep.to_text(tree)
    if any(call in text for call in UNREPEATABLE) or not text.isprintable():
        return
    row = {"source": text, "destination": "out", "sourceType": "EXPRESSION"}
    body = {"data": record, "mappingSet": {"mappings": [row]}}
    answer = httpx.post(f"{server.url}{PREP}/mappingSets/preview", json=body, headers=HEADERS).json()
    assert (answer["data"], [one["exception"] for one in answer["errors"]]) == local(row, record)


def local(row: dict[str, str], record: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return the record and the errors that the local evaluator gives."""
    try:
        outcome = dataprep.compile_mapping([dataprep.row_of(row)]).apply(record)
    except dataprep.MappingError as error:
        return {}, [error.message]
    return json.loads(json.dumps(dataprep.to_json(outcome.record))), [one.message for one in outcome.warnings]
