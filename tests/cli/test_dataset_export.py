"""Dataset exports: documented bodies, datasets swapped in place, findings with their place."""

from __future__ import annotations

import pytest

from tests.conftest import FLOW, Cli, Server

MANIFEST = "dataset-export.yaml"


@pytest.fixture
def export(live: Cli) -> Cli:
    """The example in a project of its own."""
    live.example("dataset-export")
    return live


def test_the_documented_bodies_go_out(export: Cli, server: Server) -> None:
    export.ok("apply", "-y")
    (source,) = server.bodies("POST", f"{FLOW}/sourceConnections")
    assert source == {
        "name": "Sales datasets",
        "connectionSpec": {"id": "23598e46-f560-407b-88d5-ea6207e49db0", "version": "1.0"},
        "params": {
            "datasets": [
                {"dataSetId": "616d53e0a6de2719486fb024", "name": "Company Dataset"},
                {"dataSetId": "972a43e0b3fe2419923bb037", "name": "Employee Dataset"},
            ]
        },
    }, "the data lake needs no account"
    (flow,) = server.bodies("POST", f"{FLOW}/flows")
    assert flow["flowSpec"] == {"id": "269ba276-16fc-47db-92b0-c1049a3c131f", "version": "1.0"}
    assert flow["transformations"] == []
    assert flow["scheduleParams"]["timeUnit"] == "day"
    assert len(server.bodies("POST", f"{FLOW}/connections")) == 1
    assert export("plan", "--detailed-exitcode").code == 0
    assert export("drift").code == 0
    export.ok("destroy", "-y")
    assert server.items("flows") == server.items("sourceConnections") == server.items("connections") == []


def test_other_datasets_are_a_new_source_connection_and_a_patch(export: Cli, server: Server) -> None:
    """A change of the list never replaces the dataflow: a new source connection, and the flow is pointed at it."""
    export.ok("apply", "-y")
    flow, old = export.id("dataset-export/flow"), export.id("dataset-export/source")
    export.edit(MANIFEST, "        - {dataSetId: 972a43e0b3fe2419923bb037, name: Employee Dataset}\n", "")
    plan = export.ok("plan", "--format", "json").json()
    assert {item["address"]: item["action"] for item in plan["changes"]} == {
        "dataset-export/source": "replace",
        "dataset-export/flow": "update",
    }
    server.clear()
    export.ok("apply", "-y")
    new = export.id("dataset-export/source")
    assert new != old
    assert export.id("dataset-export/flow") == flow
    writes = [(item.method, item.path) for item in server.writes() if item.path.startswith("/data")]
    assert writes == [
        ("POST", f"{FLOW}/sourceConnections"),
        ("PATCH", f"{FLOW}/flows/{flow}"),
        ("DELETE", f"{FLOW}/sourceConnections/{old}"),
    ]
    (patch,) = server.bodies("PATCH", f"{FLOW}/flows/{flow}")
    assert patch == [{"op": "replace", "path": "/sourceConnectionIds", "value": [new]}]
    assert export("plan", "--detailed-exitcode").code == 0


def test_the_order_of_datasets_means_nothing(export: Cli, server: Server) -> None:
    export.ok("apply", "-y")
    first = "        - {dataSetId: 616d53e0a6de2719486fb024, name: Company Dataset}\n"
    second = "        - {dataSetId: 972a43e0b3fe2419923bb037, name: Employee Dataset}\n"
    export.edit(MANIFEST, first + second, second + first)
    assert export("plan", "--detailed-exitcode").code == 0


def test_a_schedule_goes_whole(export: Cli, server: Server) -> None:
    export.ok("apply", "-y")
    export.edit(MANIFEST, "timeUnit: day\n      interval: 1", "timeUnit: hour\n      interval: 6")
    export.ok("apply", "-y")
    (patch,) = server.bodies("PATCH", f"{FLOW}/flows/{export.id('dataset-export/flow')}")
    assert [(step["op"], step["path"], step["value"]["interval"]) for step in patch] == [
        ("replace", "/scheduleParams", 6)
    ]
    assert export("plan", "--detailed-exitcode").code == 0


def test_a_dataset_by_name(export: Cli, server: Server) -> None:
    (reference,) = server.call("POST", "/data/foundation/catalog/dataSets", {"name": "Company"})
    export.edit(MANIFEST, "{dataSetId: 616d53e0a6de2719486fb024, name: Company Dataset}", "{lookup: {name: Company}}")
    export.ok("apply", "-y")
    (source,) = server.bodies("POST", f"{FLOW}/sourceConnections")
    assert source["params"]["datasets"][0] == {"dataSetId": reference.rpartition("/")[2]}
    assert export("plan", "--detailed-exitcode").code == 0


SCHEDULE = """    scheduleParams:
      exportMode: FIRST_FULL_THEN_INCREMENTAL
      timeUnit: day
      interval: 1
      startTime: 1900000000
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (SCHEDULE, "", ":29:5: error: a dataset export needs a schedule"),
        ("timeUnit: day", "timeUnit: week", ":32:17: error: timeUnit must be one of hour, day, not 'week'"),
        ("      startTime: 1900000000\n", "", "error: scheduleParams needs the parameter 'startTime'"),
        ("interval: 1", "interval: 5", ":33:17: warning: an interval of 5 with timeUnit day is not documented"),
        (
            "connector: amazon-s3\n",
            "connector: amazon-kinesis\n",
            ":15:5: error: Amazon Kinesis does not export datasets",
        ),
        ("datasetFileType: PARQUET", "fileType: CSV", "error: Amazon S3 needs the parameter 'datasetFileType'"),
        ("  flow:\n", "  audiences: [{id: a}]\n  flow:\n", ":28:14: error: a dataset export has no audiences"),
        (
            "    name: Sales datasets\n",
            "    connection: {ref: x}\n",
            "error: the source of a dataset export takes no connection",
        ),
        (
            "616d53e0a6de2719486fb024",
            "972a43e0b3fe2419923bb037",
            ":13:11: error: the dataset '972a43e0b3fe2419923bb037' stands",
        ),
        ("dataSetId: 616d53e0a6de2719486fb024,", "", ":12:11: error: exactly one of dataSetId, ref and lookup"),
        ("dataSetId: 616d53e0a6de2719486fb024", "ref: company", "error: no Dataset document is named"),
    ],
)
def test_findings(export: Cli, server: Server, old: str, new: str, says: str) -> None:
    export.edit(MANIFEST, old, new)
    found = export("validate")
    assert says in found.out, found.out
    assert found.code == (0 if "warning" in says else 1)
    assert not [item for item in server.requests if item.path.startswith("/data")]
