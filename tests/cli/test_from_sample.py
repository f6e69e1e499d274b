"""`init --from-sample`: documents proposed from sample data validate and pass their own test."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import dataprep
from reconciler.export.from_sample import proposal
from tests.conftest import Cli
from tests.dataprep.trees import RECORDS

ORDERS = [
    {
        "order_id": "A-1", "created_at": "2026-01-02T03:04:05Z", "customer": {"e-mail": "a@b.c", "since": "24.12.2020"},
        "total": 5, "lines": [{"sku": "x", "count": 1}], "tags": ["a"], "note": "${x}", "first name": "Ann",
        "ok": "yes",
    },
    {"order_id": "A-2", "created_at": "2026-01-02T03:04:05Z", "total": 5.5, "lines": [], "customer": None},
]  # fmt: skip


def documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document["spec"] for document in yaml.safe_load_all(text)}


def test_orders_become_a_project_that_passes(cli: Cli) -> None:
    cli.write("shop-orders.jsonl", "".join(json.dumps(order) + "\n" for order in ORDERS))
    done = cli.ok("init", "--from-sample", "shop-orders.jsonl", "--tenant", "_acme", "--pipeline", "none")
    assert "wrote  shop-orders.yaml" in done.out
    validated = cli.ok("validate")
    assert validated.out == ""
    assert cli.ok("test").out == "PASS  shop-orders-test › the first record of the sample\n"
    assert set(cli.changes("--emulator").values()) == {"create"}
    assert "kept   shop-orders.yaml" in cli.ok("init", "--from-sample", "shop-orders.jsonl", "--tenant", "_acme").out


def test_types_and_names_are_inferred() -> None:
    found = documents(proposal(ORDERS, "orders", "_acme"))
    fields = found["FieldGroup"]["definitions"]["fields"]["properties"]["_acme"]["properties"]
    assert fields["total"]["type"] == "number"
    assert fields["ok"]["type"] == "boolean"
    assert fields["firstName"] == {"type": "string", "title": "First name"}
    assert fields["customer"]["properties"]["since"]["format"] == "date-time"
    assert fields["lines"]["items"]["properties"]["count"]["type"] == "integer"
    rows = {row["destination"]: row["source"] for row in found["SourceDataflow"]["mapping"]}
    assert rows["_id"] == "order_id"
    assert rows["timestamp"] == "created_at"
    assert rows["_acme.customer.since"] == 'date(customer.since, "dd.M.yyyy")'
    assert rows["_acme.lines[*].count"] == "lines[*].count"
    assert found["Schema"]["class"] == "experienceevent"


def test_csv_texts_are_typed_by_their_content(cli: Cli) -> None:
    cli.write("p.csv", "id,day,price,code\n1,12/31/2025,1.5,007\n")
    cli.ok("init", "--from-sample", "p.csv", "--pipeline", "none")
    cli.ok("validate")
    cli.ok("test")
    found = documents((cli.folder / "p.yaml").read_text(encoding="utf-8"))
    fields = found["FieldGroup"]["definitions"]["fields"]["properties"]["_tenant"]["properties"]
    assert fields["day"]["format"] == "date-time"
    assert fields["price"]["type"] == "number"
    assert fields["code"]["type"] == "string", "leading zeros are no number"
    assert found["Schema"]["class"] == "profile"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [("a.json", "[]", "has no record"), ("a.xml", "", "not a format of samples"), ("a.json", "{", "not JSON")],
)
def test_a_sample_that_cannot_be_used_is_named(cli: Cli, file: str, text: str, words: str) -> None:
    cli.write(file, text)
    done = cli("init", "--from-sample", file)
    assert done.code == 1
    assert words in done.err
    assert "--tenant is a name" in cli("init", "--from-sample", file, "--tenant", "acme").err


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS.filter(bool), min_size=1, max_size=3))
def test_any_records_give_documents_whose_mapping_compiles(records: list[dict[str, Any]]) -> None:
    found = documents(proposal(records, "x", "_t"))
    rows = [dataprep.row_of(row) for row in found["SourceDataflow"]["mapping"]]
    dataprep.compile_mapping(rows)
    assert len({row.destination for row in rows}) == len(rows)
    assert found["MappingTest"]["cases"][0]["given"] is not None
