"""The JSON Schemas: every good manifest fits, what validate refuses does not, printed documents are as promised."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.app.schemas import schema_text
from reconciler.catalog import shipped
from reconciler.config.editor_schema import field_docs, json_schema, models_in
from reconciler.config.project import ProjectSpec
from reconciler.documents.load import document_kinds
from reconciler.export.starter import starter
from reconciler.kinds.selectors import SELECTORS
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text
from tests.conftest import ROOT, Cli, Server

EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


@cache
def validator() -> Any:
    schema = json.loads(schema_text("manifest"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def findings(document: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, item.absolute_path))}: {item.message[:200]}" for item in validator().iter_errors(document)
    ]


def documents(text: str) -> list[Any]:
    return [
        item for item in read(Text("x", text)) if isinstance(item, dict) and item.get("apiVersion") == "reconciler/v1"
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_fits_the_schema(path: Path) -> None:
    for document in documents(path.read_text(encoding="utf-8")):
        assert findings(document) == []


@pytest.mark.parametrize("connector", shipped().all(), ids=lambda item: f"{item.direction}/{item.key}")
def test_every_starter_fits_the_schema(connector: Any) -> None:
    (document,) = documents(starter(connector, 1800000000))
    assert findings(document) == []


@pytest.mark.parametrize("kind", sorted(document_kinds()))
def test_the_examples_in_the_schema_are_valid_manifests(cli: Cli, kind: str) -> None:
    example = document_kinds()[kind].example
    assert findings(example) == []
    cli.write("it.yaml", json.dumps(example))
    cli.ok("validate")


GOOD = (ROOT / "examples" / "kinesis" / "kinesis.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: DestinationDataflow", "kind: DestinationFlow"),
        ("name: kinesis-summer", "name: Kinesis Summer"),
        ("  audiences:", "  audience:"),
        ("connector: amazon-kinesis", "connector: amazon-kinesi"),
        ("operator: EXISTS", "operator: IS"),
        ("    name: Summer campaign", "    name: [Summer campaign]"),
        ("    description: Summer campaign", "    state: on"),
        ("specName: Aws Kinesis authentication credentials", "specname: x"),
        ('description: ""}', 'exportmode: ""}'),
    ],
)
def test_what_validate_refuses_the_editor_underlines(cli: Cli, old: str, new: str) -> None:
    cli.example("kinesis")
    assert GOOD.count(old) >= 1
    broken = GOOD.replace(old, new)
    (document,) = documents(broken)
    assert findings(document) != []
    cli.write("kinesis.yaml", broken)
    assert cli("validate").code == 1


def test_parameters_are_checked_by_connector_and_anything_may_be_a_variable() -> None:
    connector = shipped().get("source", "amazon-s3")
    assert connector is not None
    (document,) = documents(starter(connector, 1800000000))
    document["spec"]["source"]["params"]["type"] = "folders"
    assert findings(document) != []
    document["spec"]["source"]["params"]["type"] = "${var.type}"
    document["spec"]["mapping"] = "${var.rows}"
    document["spec"]["flow"]["state"] = "${var.state}"
    assert findings(document) == []
    document["spec"]["flow"]["state"] = "${full.name}"
    assert findings(document) != []


def test_every_field_says_what_it_is_for() -> None:
    waiting: list[Any] = [ProjectSpec, *(kind.model for kind in document_kinds().values())]
    seen: set[Any] = set()
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            told = field_docs(model)
            assert [field.alias or name for name, field in model.model_fields.items()
                    if (field.alias or name) not in told] == [], model  # fmt: skip
            waiting += [inner for field in model.model_fields.values() for inner in models_in(field.annotation)]
    described = json_schema(shipped(), SELECTORS)["definitions"]["FlowBlock"]["properties"]["scheduleParams"]
    assert "startTime" in described["description"]


def printed(document: str) -> Any:
    schema = json.loads(schema_text(document))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_what_is_printed_fits_its_schema(live: Cli, server: Server) -> None:
    for name in ("kinesis", "s3-loyalty", "customer-io"):
        live.example(name)
    live.edit("customer-io.yaml", "  name: customer-io", "  name: customer-io\n  labels: {team: crm}")
    plans = [
        live.ok("plan", "--format", "json").json(),
        live.ok("plan", "--select", "team=crm", "--format", "json").json(),
    ]
    live.ok("apply", "-y")
    server.edit("flows", live.id("customer-io/flow"), {"op": "replace", "path": "/description", "value": "x"})
    live.edit("kinesis.yaml", "stream: ${var.stream}", "stream: other")
    live.edit("customer-io.yaml", "providerId: 5", "providerId: 6")
    (live.folder / "s3-loyalty.yaml").unlink()
    plans.append(live.ok("plan", "--allow-delete", "--format", "json").json())
    assert {change["action"] for plan in plans for change in plan["changes"]} >= {
        "create",
        "update",
        "replace",
        "delete",
    }
    for plan in plans:
        assert [item.message for item in printed("plan").iter_errors(plan)] == []
    drift = live("drift", "--format", "json", "--unmanaged").json()
    assert drift["drift"]
    assert [item.message for item in printed("drift").iter_errors(drift)] == []
    live.write("bad.yaml", "apiVersion: reconciler/v1\nkind: Nothing\nmetadata: {name: x}\nspec: {}\n")
    found = live("validate", "--format", "json").json()
    assert found["summary"]["errors"] == 1
    assert [item.message for item in printed("validate").iter_errors(found)] == []
    # the schemas are no open doors
    for name, document in (("plan", plans[0]), ("drift", drift), ("validate", found)):
        assert list(printed(name).iter_errors({**document, "surplus": 1})), name


def test_a_broken_project_file_is_a_finding_in_any_format(cli: Cli) -> None:
    cli.write(
        "reconciler.yaml", "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {varables: {}}\n"
    )
    for form in ("json", "sarif", "junit", "github", "gitlab"):
        told = cli("validate", "--format", form)
        assert told.code == 1
        assert "varables" in told.out
    assert cli("validate", "--format", "json").json()["findings"][0]["line"] == 4
