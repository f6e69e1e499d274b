"""Whatever a description allows is sent, by schemathesis: no 5xx, and no answer the descriptions do not know.

Each case goes out twice: as it was generated, and with the ids of objects that are there in its path.
`RECONCILER_FUZZ=200` sends more of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis
import pytest
import schemathesis
import yaml

from tests.conftest import FLOW, PREP, Request, served
from tests.contract.descriptions import BASES, FOLDER, needs_descriptions
from tests.contract.not_offered import NOT_OFFERED
from tests.contract.test_coverage import offered
from tests.contract.traffic import Coverage

EXAMPLES = int(os.environ.get("RECONCILER_FUZZ", "8"))
REGISTRY = "/data/foundation/schemaregistry"
PROFILE = {"id": "8a9c3494-9708-43d7-ae3f-cda01e5030e1", "version": "1.0"}
LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
WEBHOOK = {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"}
NAMES = hypothesis.strategies.sampled_from((
    "name", "title", "type", "allOf", "$ref", "connectionSpec", "id", "version", "auth", "params", "specName",
    "flowSpec",
    "sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams", "mappings", "source",
    "destination", "sourceType", "outputSchema", "schemaRef", "tags", "expression", "ids", "activationInfo", "data",
    "mappingSet", "jsonSchema", "flowId", "queryString", "limit", "op", "path", "value", "messages", "header", "body",
    "baseConnectionId", "description", "meta:immutableTags", "@type", "xdm:sourceSchema", "xdm:sourceProperty",
))  # fmt: skip
CONTRADICTORY = {"destinations PATCH /connections/{id}"}
"""Operations whose own schemas no request can fit."""
SKIPPED = {name for names in NOT_OFFERED.values() for name in names}


@pytest.fixture(scope="module")
def emulator() -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """An emulator with an object of each kind, and their ids by the names that paths give them."""
    for client in served():
        yield client, stocked(client)


def stocked(client: httpx.Client) -> dict[str, str]:
    """Make an object of each kind; return their ids by the names that paths give them."""

    def made(path: str, body: Any) -> Any:
        answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    group = {
        "type": "object", "title": "G", "definitions": {"d": {"properties": {"x": {"type": "string"}}}},
        "allOf": [{"$ref": "#/definitions/d"}],
    }  # fmt: skip
    part = made(f"{REGISTRY}/tenant/fieldgroups", group)
    schema = made(f"{REGISTRY}/tenant/schemas", {"type": "object", "title": "S", "allOf": [{"$ref": part["$id"]}]})
    klass = made(f"{REGISTRY}/tenant/classes", {**group, "title": "C"})
    kind = made(f"{REGISTRY}/tenant/datatypes", {**group, "title": "D"})
    descriptor = made(
        f"{REGISTRY}/tenant/descriptors", {"@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema["$id"]}
    )
    (dataset,) = made("/data/foundation/catalog/dataSets", {"name": "d"})
    account = made(f"{FLOW}/connections", {"name": "c", "connectionSpec": PROFILE})["id"]
    source = made(f"{FLOW}/sourceConnections", {"name": "s", "connectionSpec": WEBHOOK, "data": {}})["id"]
    target = made(f"{FLOW}/targetConnections", {"name": "t", "connectionSpec": LAKE, "data": {}})["id"]
    flow_spec = {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"}
    ends = {"sourceConnectionIds": [source], "targetConnectionIds": [target]}
    flow = made(f"{FLOW}/flows", {"name": "f", "flowSpec": flow_spec, **ends})["id"]
    inlet = client.get(f"{FLOW}/flows/{flow}").json()["items"][0]["options"]["inletUrl"].rpartition("/")[2]
    client.post(f"/collection/{inlet}", json={}).raise_for_status()
    expression = {"type": "PQL", "format": "pql/text", "value": "a"}
    definition = {"name": "s", "schema": {"name": "_xdm.context.profile"}, "expression": expression}
    return {
        "FIELD_GROUP_ID": part["meta:altId"], "MIXIN_ID": part["meta:altId"], "SCHEMA_ID": schema["meta:altId"],
        "CLASS_ID": klass["meta:altId"], "DATA_TYPE_ID": kind["meta:altId"], "DESCRIPTOR_ID": descriptor["@id"],
        "DATASET_ID": dataset.rpartition("/")[2], "BASE_CONNECTION_ID": account, "SOURCE_CONNECTION_ID": source,
        "TARGET_CONNECTION_ID": target, "FLOW_ID": flow, "CONNECTION_ID": inlet, "CONTAINER_ID": "tenant",
        "CONNECTION_SPEC_ID": PROFILE["id"], "FLOW_SPEC_ID": flow_spec["id"], "sandboxName": "prod",
        "RUN_ID": client.get(f"{FLOW}/runs").json()["items"][0]["id"],
        "MAPPING_SET_ID": made(f"{PREP}/mappingSets", {"mappings": [{"source": "a", "destination": "b"}]})["id"],
        "AUDIENCE_ID": made("/data/core/ups/audiences", {"name": "a"})["id"],
        "SEGMENT_ID": made("/data/core/ups/segment/definitions", definition)["id"],
        "connections": account, "sourceConnections": source, "targetConnections": target, "flows": flow,
    }  # fmt: skip


def operations() -> Iterator[Any]:
    """Yield the operations of all descriptions that the emulator offers, as schemathesis reads them."""
    for name in BASES:
        document = yaml.load(
            (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        read = schemathesis.openapi.from_dict(json.loads(json.dumps(document, default=str)))
        for found in read.get_all_operations():
            operation = found.ok() if hasattr(found, "ok") and found.__class__.__name__ == "Ok" else None
            if operation is not None and f"{operation.method.upper()} {operation.path} ({name})" not in SKIPPED:
                yield pytest.param(name, operation, id=f"{name} {operation.method.upper()} {operation.path}")


@needs_descriptions
@pytest.mark.parametrize(("name", "operation"), list(operations()) if FOLDER.is_dir() else [])
def test_nothing_allowed_breaks_it(name: str, operation: Any, emulator: tuple[httpx.Client, dict[str, str]]) -> None:
    client, ids = emulator
    coverage = Coverage()

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize="RECONCILER_FUZZ" not in os.environ,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def sent(case: Any) -> None:
        for known in ({}, ids):
            exchange = _send(client, name, case, known)
            assert exchange.status < 500, f"{exchange.method} {exchange.path}: {exchange.status} {exchange.answer}"
            problems = coverage.check([exchange], requests=False)
            assert not problems, problems

    try:
        sent()
    except hypothesis.errors.Unsatisfiable:
        assert f"{name} {operation.method.upper()} {operation.path}" in CONTRADICTORY
        pytest.skip("the schema of its body fits nothing")


JSON = hypothesis.strategies.recursive(
    hypothesis.strategies.none() | hypothesis.strategies.booleans() | hypothesis.strategies.integers()
    | hypothesis.strategies.floats() | hypothesis.strategies.text(max_size=8),
    lambda inner: hypothesis.strategies.lists(inner, max_size=3) | hypothesis.strategies.dictionaries(NAMES, inner),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_nothing_at_all_breaks_it(method: str, emulator: tuple[httpx.Client, dict[str, str]]) -> None:
    """Any JSON at every endpoint that takes some: the members it knows, of types it does not expect."""
    client, _ = emulator
    paths = sorted(path.replace("*", "x") for kind, path in offered() if kind == method and "_emulator" not in path)

    @hypothesis.settings(max_examples=4 * EXAMPLES, deadline=None, database=None, derandomize=True)
    @hypothesis.given(body=JSON)
    def sent(body: Any) -> None:
        for path in paths:
            raw = json.dumps(body)
            answer = client.request(method, path, content=raw, headers={"Content-Type": "application/json"})
            assert answer.status_code < 500, f"{method} {path} {raw}: {answer.text}"

    sent()


def _send(client: httpx.Client, name: str, case: Any, ids: dict[str, str]) -> Request:
    """Send one case in a transaction of its own: what it changes is undone, so that the next finds what it needs."""
    values = {key: str(value) for key, value in (case.path_parameters or {}).items()}
    kind = case.path.split("/")[1]
    values = {key: ids.get(kind if key == "id" else key, value) for key, value in values.items()}
    path = case.path
    for key, value in values.items():
        path = path.replace(f"{{{key}}}", quote(value, safe="") or "x")
    headers = {key: str(value) for key, value in dict(case.headers or {}).items() if key.lower() == "accept"}
    if ids and case.method == "PATCH" and BASES[name] == FLOW:
        found = client.get(BASES[name] + path.rstrip("/")).json().get("items") or [{}]
        headers["If-Match"] = str(found[0].get("etag", "none"))
    body = None if case.body.__class__.__name__ == "NotSet" else case.body
    query = {key: value for key, value in dict(case.query or {}).items() if value is not None}
    url = BASES[name] + path
    answer = client.request(case.method, url, params=query, headers=_ascii(headers), json=body)
    told = answer.json() if answer.headers.get("content-type") == "application/json" else answer.text
    return Request(case.method, url.partition("?")[0], "", {}, body, answer.status_code, told)


def _ascii(headers: dict[str, str]) -> dict[str, str]:
    return {key: value.encode("ascii", "replace").decode().strip("\r\n\0 ") or "x" for key, value in headers.items()}


def test_the_operations_are_found() -> None:
    assert len(offered()) > 120
    if FOLDER.is_dir():
        assert len(list(operations())) >= 140
