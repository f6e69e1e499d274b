"""Data usage labels of datasets: as a field of a dataset and as documents, from create to destroy, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.api import retry
from tests.conftest import Cli, Request, Server

LABELS = "/data/foundation/dataset/datasets"
CATALOG = "/data/foundation/catalog/dataSets"
TENANT = "ORG@AdobeOrg\x1fdev"
SCHEMA = "https://ns.adobe.com/emulator/schemas/1"

FIELD = """\
apiVersion: reconciler/v1
kind: Schema
metadata: {name: people}
spec: {title: People, class: profile}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: data}
spec:
  name: People data
  schemaRef: {ref: people}
  labels: [C1, I1]
"""
BLOCK = """\
  labels:
    labels: [C1]
    optionalLabels:
      - {option: {schemaPath: /properties/personalEmail}, labels: [I1, C2]}
      - {option: {schemaPath: /properties/person}, labels: [S1]}
"""
DOCUMENT = """\
apiVersion: reconciler/v1
kind: DatasetLabels
metadata: {name: usage}
spec:
  dataset: {id: DATASET}
  labels: [C1, C2]
"""
INLINE = f"""\
apiVersion: reconciler/v1
kind: SourceDataflow
metadata: {{name: clicks}}
spec:
  source: {{connector: customer-io, data: {{format: json}}}}
  target:
    schema: {{id: {SCHEMA}}}
    dataset: {{name: Clicks, labels: [C1]}}
  mapping: [{{source: mail, destination: _emulator.email}}]
"""


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.001)


def path_of(ident: str) -> str:
    """Return the path of the labels of a dataset."""
    return f"{LABELS}/{ident}/labels"


def labels(server: Server, ident: str) -> Any:
    """Return the labels of a dataset as they are there."""
    return server.call("GET", path_of(ident))


def relabel(server: Server, ident: str, body: Any) -> None:
    """Change labels in the storage, as the UI does at any time: in the midst of a request, too."""
    turn = (server.storage.get(TENANT, "labels", ident) or {"turn": 0})["turn"]
    server.storage.put(TENANT, "labels", {"id": ident, "turn": turn + 1, "body": body}, made=0)


def made_elsewhere(server: Server, name: str = "Theirs", **body: Any) -> str:
    """Make a dataset outside, with labels if `body` names any; return its id."""
    made = server.call("POST", CATALOG, {"name": name, "schemaRef": {"id": SCHEMA, "contentType": "x;version=1"}})
    ident = str(made[0]).rpartition("/")[2]
    if body:
        server.call("POST", path_of(ident), body)
    return ident


def document(live: Cli, ident: str, text: str = DOCUMENT) -> None:
    """Write a DatasetLabels document about the dataset `ident`."""
    live.write("usage.yaml", text.replace("DATASET", ident))


def sent(server: Server) -> list[tuple[str, Any]]:
    """Return method and body of every write to labels."""
    return [(item.method, item.body) for item in server.writes() if item.path.endswith("/labels")]


# -- where they are declared -----------------------------------------------------------------------------------------
def test_labels_of_a_dataset_of_its_own(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD)
    live.ok("apply", "-y")
    ident = live.id("data")
    assert labels(server, ident) == {"labels": ["C1", "I1"], "optionalLabels": []}
    assert live.state["resources"]["data/labels"]["id"] == ident
    assert live.state["resources"]["data/labels"]["etag"] == '"1"'
    assert live.changes() == {}


def test_labels_of_fields_name_the_schema_of_their_dataset(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD.replace("  labels: [C1, I1]\n", BLOCK))
    live.ok("apply", "-y")
    found = labels(server, live.id("data"))
    version = "application/vnd.adobe.xed-full+json;version=1"
    assert found["optionalLabels"][0]["option"] == {
        "id": live.id("people"), "contentType": version, "schemaPath": "/properties/personalEmail",
    }  # fmt: skip
    assert live.changes() == {}
    live.edit("all.yaml", "[I1, C2]", "[C2, I1]")
    assert live.changes() == {}, "the order of labels means nothing"
    live.edit("all.yaml", "[C2, I1]", "[C2]")
    assert live.changes() == {"data/labels": "update"}
    live.ok("apply", "-y")
    found = labels(server, live.id("data"))
    assert [item["labels"] for item in found["optionalLabels"]] == [["C2"], ["S1"]]
    assert live.changes() == {}


def test_labels_of_a_dataset_inside_a_dataflow(live: Cli, server: Server) -> None:
    live.write("clicks.yaml", INLINE)
    live.ok("apply", "-y")
    assert labels(server, live.id("clicks/target/dataset"))["labels"] == ["C1"]
    assert live.id("clicks/target/dataset/labels") == live.id("clicks/target/dataset")
    assert live.changes() == {}


@pytest.mark.parametrize("by", ["id: DATASET", "lookup: {name: Theirs}", "ref: data"])
def test_a_document_names_its_dataset(live: Cli, server: Server, by: str) -> None:
    ident = made_elsewhere(server)
    live.write("all.yaml", FIELD.replace("  labels: [C1, I1]\n", ""))
    document(live, ident, DOCUMENT.replace("id: DATASET", by))
    live.ok("apply", "-y")
    of = live.id("data") if by == "ref: data" else ident
    assert live.id("usage") == of
    assert labels(server, of)["labels"] == ["C1", "C2"]
    assert live.changes() == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DOCUMENT.replace("[C1, C2]", "[]"), "at least one label must be given"),
        (DOCUMENT.replace("id: DATASET", "ref: nothing"), "no Dataset document is named 'nothing'"),
        (DOCUMENT.replace("labels:", "label:"), "did you mean 'labels'?"),
        (DOCUMENT + "  optionalLabels: [{option: {schemaPath: /a}, labels: [C1]}]\n", "the field names no schema"),
        (
            DOCUMENT + "  optionalLabels: [{option: {id: a, schema: {id: b}, schemaPath: /a}, labels: [C1]}]\n",
            "id and schema exclude each other",
        ),
        (FIELD.replace("[C1, I1]", "{optionalLabels: [{option: {schemaPath: /a}, labels: [C1]}, "
                       "{option: {schemaPath: /a}, labels: [C2]}]}"), "a second entry for /a"),
        (FIELD + "---\n" + DOCUMENT.replace("id: DATASET", "ref: data"),
         "data/labels declares the DatasetLabels of the same Dataset already"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(live: Cli, text: str, says: str) -> None:
    live.write("all.yaml", text)
    found = live("validate")
    assert found.code == 1
    assert says in found.err + found.out


# -- create, take over, update, delete -------------------------------------------------------------------------------
def test_existing_labels_are_taken_over_and_the_plan_says_so(live: Cli, server: Server) -> None:
    option = {"id": SCHEMA, "contentType": "x;version=1", "schemaPath": "/properties/a"}
    fields = [{"option": option, "labels": ["S2"]}]
    ident = made_elsewhere(server, labels=["C1", "C9"], optionalLabels=fields)
    document(live, ident)
    told = live.ok("plan")
    assert f"the dataset {ident} has labels already (C1, C9, labels of /properties/a)" in told.out + told.err
    server.clear()
    live.ok("apply", "-y")
    assert [method for method, _ in sent(server)] == ["PUT"]
    assert labels(server, ident) == {"labels": ["C1", "C2"], "optionalLabels": fields}, "what is not declared stays"
    assert live.state["pending"] == {}
    assert live.changes() == {}


def test_what_is_there_as_declared_is_bound_without_a_write(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server, labels=["C2", "C1"])
    document(live, ident)
    server.clear()
    live.ok("apply", "-y")
    assert sent(server) == []
    assert live.id("usage") == ident


def test_emptied_labels_count_as_none_and_are_filled_again(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server, labels=[])
    document(live, ident)
    assert "labels already" not in live.ok("plan").out
    live.ok("apply", "-y")
    assert labels(server, ident)["labels"] == ["C1", "C2"]
    assert live.changes() == {}


@pytest.mark.parametrize("status", [403, 409])
def test_labels_set_between_the_look_and_the_create(live: Cli, server: Server, status: int) -> None:
    ident = made_elsewhere(server)
    document(live, ident)

    def meanwhile(request: Request) -> Any:
        if request.method == "POST" and request.path == path_of(ident):
            server.before.clear()
            relabel(server, ident, {"labels": ["C7"], "optionalLabels": []})
            return status, [], {"code": f"PES-{status}", "message": "The labels entity already exists"}
        return None

    server.before.append(meanwhile)
    live.ok("apply", "-y")
    assert labels(server, ident)["labels"] == ["C1", "C2"]
    assert live.changes() == {}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("verdict", ["drop", (503, [], {"message": "later"})], ids=["dropped", "503"])
def test_a_create_without_an_answer(live: Cli, server: Server, moment: str, verdict: Any) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    hits: list[str] = []

    def fault(request: Request) -> Any:
        if request.method == "POST" and request.path == path_of(ident) and not hits:
            hits.append(request.path)
            return verdict
        return None

    getattr(server, moment).append(fault)
    live.ok("apply", "-y", "--settle", "0.1")
    assert hits
    assert labels(server, ident)["labels"] == ["C1", "C2"]
    assert live.state["pending"] == {}
    assert live.changes() == {}


def test_a_create_that_is_never_answered_is_settled_by_the_next_run(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    document(live, ident)

    def silent(request: Request) -> Any:
        return "drop" if request.path == path_of(ident) and request.method == "POST" else None

    server.before.append(silent)
    assert live("apply", "-y", "--settle", "0.1").code == 1
    assert live.state["pending"]["usage"]["action"] == "create"
    server.before.clear()
    relabel(server, ident, {"labels": ["C1"], "optionalLabels": []})  # as if the last attempt had been carried out late
    assert live.changes() == {"usage": "update"}
    live.ok("apply", "-y")
    assert labels(server, ident)["labels"] == ["C1", "C2"]
    assert live.state["pending"] == {}


def test_an_update_carries_the_etag_and_meets_a_conflict(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    live.edit("usage.yaml", "[C1, C2]", "[C1, C2, C3]")

    def meanwhile(request: Request) -> Any:
        if request.method == "PUT" and request.path == path_of(ident):
            server.before.clear()
            relabel(server, ident, {"labels": ["C2", "C1"], "optionalLabels": []})
        return None

    server.before.append(meanwhile)
    server.clear()
    live.ok("apply", "-y")
    puts = [item for item in server.requests if item.method == "PUT"]
    assert [item.status for item in puts] == [409, 200]
    assert [item.headers["if-match"] for item in puts] == ['"1"', '"2"']
    assert labels(server, ident)["labels"] == ["C1", "C2", "C3"]
    assert live.changes() == {}


@pytest.mark.parametrize("status", [409, 412])
def test_a_stale_etag_is_read_again_whatever_the_status(live: Cli, server: Server, status: int) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    live.edit("usage.yaml", "[C1, C2]", "[C3]")

    def refuse(request: Request) -> Any:
        if request.method == "PUT":
            server.before.clear()
            return status, [], {"code": f"PES-{status}", "message": "If-Match does not match"}
        return None

    server.before.append(refuse)
    live.ok("apply", "-y")
    assert labels(server, ident)["labels"] == ["C3"]


def test_a_policy_violation_is_a_refusal_and_no_conflict(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    live.edit("usage.yaml", "[C1, C2]", "[C3]")
    violation = {"enforcementRef": "/marketingActions/core/exportToThirdParty", "violatedPolicies": [{"name": "No C3"}]}
    tries: list[str] = []

    def refuse(request: Request) -> Any:
        if request.method == "PUT":
            tries.append(request.path)
            return 409, [], {"code": "PES-409", "message": "Policy conflict error", "violations": [violation]}
        return None

    server.before.append(refuse)
    found = live("apply", "-y")
    assert found.code == 1
    assert "policy 'No C3'" in found.err
    assert len(tries) == 1


def test_labels_that_leave_a_manifest_are_emptied_with_the_etag(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD)
    live.ok("apply", "-y")
    ident = live.id("data")
    live.edit("all.yaml", "  labels: [C1, I1]\n", "")
    assert live.changes() == {"data/labels": "delete"}
    server.clear()
    live.ok("apply", "-y")
    assert sent(server) == [("PUT", {"labels": [], "optionalLabels": []})]
    assert set(live.state["resources"]) == {"people", "data"}
    assert labels(server, ident) == {"labels": [], "optionalLabels": []}
    assert live.changes() == {}


@pytest.mark.parametrize("how", ["stale", "drop-before", "drop-after"])
def test_a_delete_is_repeated_on_what_is_there_now(live: Cli, server: Server, how: str) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    hits: list[str] = []

    def fault(request: Request) -> Any:
        if request.method != "PUT" or hits:
            return None
        hits.append(request.path)
        if how == "stale":
            relabel(server, ident, {"labels": ["C9"], "optionalLabels": []})
            return None
        return "drop"

    (server.after if how == "drop-after" else server.before).append(fault)
    live.ok("destroy", "-y")
    assert hits
    assert live.state["resources"] == live.state["pending"] == {}
    assert labels(server, ident) == {"labels": [], "optionalLabels": []}


def test_another_dataset_is_a_replace(live: Cli, server: Server) -> None:
    one, two = made_elsewhere(server, "One"), made_elsewhere(server, "Two", labels=["C5"])
    document(live, one)
    live.ok("apply", "-y")
    document(live, two)
    assert live.changes() == {"usage": "replace"}
    live.ok("apply", "-y")
    assert labels(server, one)["labels"] == []
    assert labels(server, two)["labels"] == ["C1", "C2"]
    assert live.id("usage") == two
    assert live.changes() == {}


def test_a_deleted_dataset_has_no_labels(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    server.call("DELETE", f"{CATALOG}/{ident}")
    live.ok("destroy", "-y")
    assert live.state["resources"] == {}


def test_labels_stay_with_data_that_stays(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD)
    live.ok("apply", "-y")
    ident = live.id("data")
    plan = live.ok("plan", "--destroy", "--format", "json").json()
    found = {item["address"]: item for item in plan["changes"]}
    assert found["data/labels"]["action"] == "forget"
    assert "it is a part of data" in found["data/labels"]["reason"]
    live.ok("destroy", "-y")
    assert labels(server, ident)["labels"] == ["C1", "I1"]


# -- drift, import, adopt, unmanaged ---------------------------------------------------------------------------------
def test_drift_is_found_and_put_right(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD)
    live.ok("apply", "-y")
    relabel(server, live.id("data"), {"labels": ["C1", "C9"], "optionalLabels": []})
    found = live("drift", "--format", "json")
    assert found.code == 2
    (item,) = found.json()["drift"]
    assert (item["address"], item["kind"], item["status"]) == ("data/labels", "DatasetLabels", "changed")
    assert {field["path"] for field in item["fields"]} == {"/labels/I1", "/labels/C9"}
    live.ok("apply", "-y")
    assert labels(server, live.id("data"))["labels"] == ["C1", "I1"]
    relabel(server, live.id("data"), {"labels": [], "optionalLabels": []})
    (item,) = live("drift", "--format", "json").json()["drift"]
    assert item["status"] == "missing"
    assert live.changes() == {"data/labels": "create"}
    live.ok("apply", "-y")
    assert labels(server, live.id("data"))["labels"] == ["C1", "I1"]


def test_import_binds_by_the_dataset(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server, labels=["C1", "C2"])
    document(live, ident)
    live.ok("import", "usage", ident)
    assert live.id("usage") == ident
    assert live.changes() == {}
    missing = made_elsewhere(server, "Without")
    live.ok("state", "rm", "usage")
    assert f"there is no DatasetLabels with the id {missing}" in live("import", "usage", missing).err


def test_a_lost_state_is_rebuilt(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD)
    live.ok("apply", "-y")
    ident = live.id("data")
    for file in (live.folder / "state").iterdir():
        file.unlink()
    live.ok("state", "rebuild", "-y")
    assert live.id("data/labels") == ident
    assert live.changes() == {}


def test_adopt_takes_what_shows_the_declared_and_doubts_the_rest(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server, labels=["C1", "C2"])
    document(live, ident)
    live.ok("adopt", "-y")
    assert live.id("usage") == ident
    other = made_elsewhere(server, "Other", labels=["C8"])
    live.write("other.yaml", DOCUMENT.replace("usage", "other").replace("DATASET", other))
    found = live("adopt", "-y")
    assert "other" in found.out + found.err
    assert "other" not in live.state["resources"]


def test_unmanaged_labels_of_managed_datasets_are_told(live: Cli, server: Server) -> None:
    live.write("all.yaml", FIELD.replace("  labels: [C1, I1]\n", ""))
    live.ok("apply", "-y")
    assert live.ok("drift", "--unmanaged", "--format", "json").json()["unmanaged"] == []
    ident = live.id("data")
    server.call("POST", path_of(ident), {"labels": ["C4"]})
    (found,) = live.ok("drift", "--unmanaged", "--format", "json").json()["unmanaged"]
    assert (found["kind"], found["id"]) == ("DatasetLabels", ident)
    assert "kinds this version does not know" not in live("doctor").out


def test_a_plan_that_was_saved_is_stale_when_labels_moved_on(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    document(live, ident)
    live.ok("apply", "-y")
    live.edit("usage.yaml", "[C1, C2]", "[C3]")
    live.ok("plan", "--out", "plan.json")
    relabel(server, ident, {"labels": ["C9"], "optionalLabels": []})
    assert "was changed since the plan was made" in live("apply", "-y", "plan.json").err


def test_ignored_labels_are_left_alone(live: Cli, server: Server) -> None:
    ident = made_elsewhere(server)
    text = DOCUMENT.replace("{name: usage}", "{name: usage, annotations: {reconciler/ignore-changes: /labels}}")
    option = f"{{id: {SCHEMA}, schemaPath: /properties/a}}"
    text += f"  optionalLabels: [{{option: {option}, labels: [S1]}}]\n"
    document(live, ident, text)
    live.ok("apply", "-y")
    there = labels(server, ident)
    relabel(server, ident, {**there, "labels": ["C9"]})
    assert live.changes() == {}
    live.edit("usage.yaml", "labels: [S1]", "labels: [S2]")
    live.ok("apply", "-y")
    assert labels(server, ident)["labels"] == ["C9"]
    assert labels(server, ident)["optionalLabels"][0]["labels"] == ["S2"]
