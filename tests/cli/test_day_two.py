"""After the first apply: `status` (does data flow), `doctor` (what is wrong here), `adopt` and `outputs`."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.app import doctor
from reconciler.core.runs import Dataflow, DataflowRun
from reconciler.kinds._runs import run_of
from reconciler.render import status as rendered
from reconciler.stores.local import local_store
from tests.conftest import FLOW, Cli, Request, Server
from tests.wire.test_faults import Once

HOUR = 3_600_000


def now() -> int:
    return time.time_ns() // 1_000_000


def run(server: Server, flow: str, ago: int, status: str, **metrics: Any) -> None:
    """Let a flow have run, `ago` ms ago."""
    at = now() - ago
    body = {
        "flowId": flow,
        "sandbox": "dev",
        "organization": "ORG@AdobeOrg",
        "startedAt": at,
        "metrics": {
            "durationSummary": {"startedAtUTC": at, "completedAtUTC": at + 1000},
            "statusSummary": {"status": status, "errors": metrics.pop("errors", [])},
            **metrics,
        },
    }
    server.call("POST", "/_emulator/runs", body)


# -- status -------------------------------------------------------------------------------------------------------
def test_how_dataflows_fare(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    records = {"inputRecordCount": 1200, "outputRecordCount": 1190, "failedRecordCount": 10}
    sizes = {"inputBytes": 2_500_000, "outputBytes": 900}
    run(server, flow, 2 * HOUR, "success", recordSummary=records, sizeSummary=sizes)
    errors = [{"code": "INGEST-1206-400", "message": "not in the schema"}]
    run(server, flow, HOUR, "FAILED", errors=errors, recordSummary={"failedRecordCount": 3})
    server.clear()
    text = live.ok("status").out
    assert f"customer-io  enabled  {flow}" in text
    assert "records: 1,200 in, 1,190 out, 10 failed; 2.5 MB in, 900 B out" in text
    assert "    INGEST-1206-400 not in the schema" in text
    assert text.index("  failed  ") < text.index("  success  "), "the newest first"
    assert "kinesis-summer  enabled" in text
    assert "no run yet" in text
    assert "no record came out since" in text
    assert [item for item in server.writes() if FLOW in item.path] == []
    found = live.ok("status", "--format", "json", "--runs", "1").json()
    assert set(found) == {"customer-io", "kinesis-summer"}
    assert found["customer-io"]["flowId"] == flow
    assert found["customer-io"]["lastOperation"]["operation"] == "enable"
    (last,) = found["customer-io"]["runs"]
    assert (last["status"], last["records"]["failed"], last["errors"]) == (
        "failed", 3, ["INGEST-1206-400 not in the schema"],
    )  # fmt: skip
    assert list(live.ok("status", "kinesis.yaml", "--format", "json").json()) == ["kinesis-summer"]


def test_what_cron_wants_to_know(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    flow = live.id("customer-io/flow")
    data = {"recordSummary": {"outputRecordCount": 5}}
    run(server, flow, 30 * HOUR, "success", **data)
    assert live("status", "--fail-on", "error", "--fail-on", "stale=2d").code == 0
    stale = live("status", "--fail-on", "stale=24h")
    assert stale.code == 2
    assert "Not as it should be: customer-io" in stale.err
    run(server, flow, HOUR, "success", recordSummary={"outputRecordCount": 0})
    assert live("status", "--fail-on", "stale=24h").code == 2, "a run of nothing is silence"
    run(server, flow, HOUR // 2, "failed")
    assert live("status", "--fail-on", "error").code == 2
    run(server, flow, HOUR // 4, "inProgress")
    assert live("status", "--fail-on", "error").code == 2, "what runs now has not succeeded yet"
    run(server, flow, 0, "success", **data)
    assert live("status", "--fail-on", "error", "--fail-on", "stale=24h").code == 0
    server.call("POST", f"{FLOW}/flows/{flow}/action?op=disable")
    assert live("status", "--fail-on", "stale=1s").code == 0, "nobody waits for one that is disabled"
    server.call("DELETE", f"{FLOW}/flows/{flow}")
    gone = live("status", "--fail-on", "error")
    assert gone.code == 2
    assert "it was deleted outside" in gone.out
    for wrong in ("stale", "stale=1w", "stale=0h", "failure"):
        refused = live("status", "--fail-on", wrong)
        assert refused.code == 1
        assert "neither error nor stale=SPAN" in refused.err


def test_a_failed_operation_is_told_in_the_platforms_words(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")

    def failed(seen: Request) -> Any:
        if seen.path != f"{FLOW}/flows/{flow}":
            return None
        errors = [{"code": "CONNECTOR-1001-500", "message": "cannot reach the stream"}]
        operation = {"operation": "enable", "status": {"value": "failed", "errors": errors}}
        return 200, [], {"items": [{"id": flow, "state": "enabled", "lastOperation": operation, "createdAt": 1}]}

    server.before.append(failed)
    told = live("status", "--fail-on", "error")
    assert told.code == 2
    assert "CONNECTOR-1001-500 cannot reach the stream" in told.out


def test_watching_ends_with_ctrl_c(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    looks = []
    command = [sys.executable, "-m", "reconciler", "status", "--watch", "--interval", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:

        def interrupt(seen: Request) -> None:
            if seen.path == f"{FLOW}/runs":
                looks.append(1)
                if len(looks) == 3:
                    process.send_signal(signal.SIGINT)

        server.before.append(interrupt)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.count("customer-io  enabled") >= 2


@pytest.mark.parametrize("word", ["success", "COMPLETED", "Success"])
def test_words_for_success(word: str) -> None:
    assert run_of({"metrics": {"statusSummary": {"status": word}}}).outcome == "success"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, DataflowRun("", "unknown")),
        ({"id": "r", "metrics": {}}, DataflowRun("r", "unknown")),
        ({"metrics": {"statusSummary": {"status": "PARTIAL_FAILURE"}}}, DataflowRun("", "partial")),
        ({"metrics": {"statusSummary": {"status": "IN_PROGRESS"}}}, DataflowRun("", "running")),
        ({"metrics": {"durationSummary": {"stoppedAtUTC": 5}}}, DataflowRun("", "unknown", None, 5)),
        (
            {"createdAt": 3, "metrics": {"recordSummary": {"failedInfo": [{"code": "A", "message": "b", "count": 2}]}}},
            DataflowRun("", "unknown", 3, errors=("A b (2 times)",)),
        ),
        (
            {"metrics": {"recordSummary": {"inputRecordCount": "7", "outputRecordCount": "many"}}},
            DataflowRun("", "unknown", records_in=7),
        ),
        ({"metrics": {"statusSummary": {"errors": ["plain"]}}}, DataflowRun("", "unknown", errors=("plain",))),
    ],
)
def test_any_member_of_a_run_may_be_missing(body: dict[str, Any], expected: DataflowRun) -> None:
    assert run_of(body) == expected


def test_spans_and_sizes_as_people_read_them() -> None:
    assert [rendered.ago(ms) for ms in (0, 999, 61_000, 90_061_000)] == ["0 s", "0 s", "1 min 1 s", "1 d 1 h"]
    assert [rendered.size(n) for n in (0, 999, 1500, 5 * 10**12)] == ["0 B", "999 B", "1.5 kB", "5.0 TB"]
    flow = Dataflow("a", "1", "enabled", {}, None, None)
    assert not flow.stale(now(), 1), "nothing is said about how long it is there"


# -- doctor -------------------------------------------------------------------------------------------------------
def checks(cli: Cli, *args: str) -> dict[str, tuple[str, str]]:
    """Return what doctor says, by check; of several findings the worst counts."""
    found: dict[str, tuple[str, str]] = {}
    for item in cli("doctor", "--format", "json", *args).json():
        if item["check"] not in found or item["status"] != "ok":
            found[item["check"]] = (item["status"], item["what"] + (f" | {item['next']}" if item["next"] else ""))
    return found


def test_a_healthy_project(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    server.clear()
    healthy = live.ok("doctor")
    lines = [line for line in healthy.out.splitlines() if not line.startswith(" ")]
    assert all(line.startswith("ok") for line in lines), healthy.out
    names = (
        "manifests", "platform", "token", "sandbox", *doctor.SERVICES, "clock", "state", "lock", "catalog",
        "network", "used objects",
    )  # fmt: skip
    assert set(checks(live)) == set(names)
    assert [item for item in server.writes() if FLOW in item.path] == []
    assert live.ok("doctor", "--emulator", "--state-dir", "other").code == 0


def test_what_is_wrong_and_what_to_do(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    server.before.append(Once("GET", "/data/foundation/conversion", (403, [], {"message": "not for you"}), times=99))
    found = checks(live)
    assert found["Data Prep"][0] == "wrong"
    assert "403 not for you" in found["Data Prep"][1]
    assert "product profile" in found["Data Prep"][1]
    assert found["Flow Service"][0] == "ok"
    server.before.clear()

    sick = live.folder / "sick.yaml"
    sick.write_text("apiVersion: reconciler/v1\nkind: Nothing\nmetadata: {name: x}\nspec: {}\n", encoding="utf-8")
    assert checks(live)["manifests"][0] == "wrong"
    sick.unlink()

    monkeypatch.setenv("AEP_SANDBOX", "nowhere")
    server.before.append(Once("GET", "/data/foundation/sandbox-management/", (200, [], {"sandboxes": [
        {"name": "dev", "state": "active"}, {"name": "old", "state": "deleting"}]}), times=9))  # fmt: skip
    assert checks(live)["sandbox"] == (
        "wrong",
        "the credential has no access to the sandbox 'nowhere' | active sandboxes: dev, old; set AEP_SANDBOX, "
        "or pass --env",
    )  # fmt: skip
    assert checks(live)["state"][0] == "wrong", "it belongs to another sandbox"
    monkeypatch.setenv("AEP_SANDBOX", "old")
    assert checks(live)["sandbox"][1].startswith("the sandbox 'old' is not active, but deleting")
    server.before.clear()
    server.before.append(Once("GET", "/data/foundation/sandbox-management/", (403, [], {}), times=9))
    assert checks(live)["sandbox"][0] == "warning", "not everybody may list sandboxes"
    server.before.clear()

    monkeypatch.setenv("AEP_CLIENT_SECRET", "wrong")
    assert checks(live)["token"][0] == "wrong"
    monkeypatch.delenv("AEP_CLIENT_SECRET")
    assert "AEP_CLIENT_SECRET" in checks(live)["platform"][1]


def test_the_state_and_the_machine(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    assert checks(live)["state"][1].startswith("none yet")
    live.ok("apply", "-y")
    held = local_store(live.folder / "state", "default")
    held.lock("a long apply")
    assert checks(live)["lock"][0] == "warning"
    assert "locked by a long apply" in checks(live)["lock"][1]
    held.unlock()
    path = live.folder / "state" / "default.json"
    text = path.read_text()
    state = json.loads(text)
    state["pending"] = {"customer-io/flow": {"action": "create", "kind": "Flow", "at": 1, "body": {}}}
    path.write_text(json.dumps(state))
    assert "left intents for customer-io/flow" in checks(live)["state"][1]
    path.write_text(text[:-20])
    assert checks(live)["state"][0] == "wrong"
    assert "backup" in checks(live)["state"][1]
    path.write_text(text)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 300 * 86_400)
    found = checks(live)
    assert found["clock"][0] == "warning"
    assert "s ahead" in found["clock"][1]
    assert found["catalog"][0] == "warning"
    assert "connectors refresh" in found["catalog"][1]


# -- adopt --------------------------------------------------------------------------------------------------------
def test_what_matches_is_adopted(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    entries = live.state["resources"]
    shutil.rmtree(live.folder / "state")
    server.clear()
    adopted = live.ok("adopt", "kinesis.yaml", "-y")
    assert "5 objects bound" in adopted.out
    assert {name: item["id"] for name, item in live.state["resources"].items()} == {
        name: item["id"] for name, item in entries.items() if name.startswith("kinesis")
    }
    assert live.changes("kinesis.yaml") == {}
    live.ok("adopt", "-y")
    assert live.changes() == {}
    assert "Nothing to bind." in live.ok("adopt", "-y").out
    assert [item for item in server.writes() if FLOW in item.path] == []


def test_what_only_has_the_name_is_left_to_import(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    flow = live.id("kinesis-summer/flow")
    server.edit("flows", flow, {"op": "replace", "path": "/description", "value": "another"})
    shutil.rmtree(live.folder / "state")
    told = live("adopt", "-y")
    assert f"of that name, but different: {flow} (reconciler import 'kinesis-summer/flow' ID)" in told.err
    assert "kinesis-summer/flow" not in live.state["resources"]


# -- outputs ------------------------------------------------------------------------------------------------------
def test_outputs_for_a_shell(live: Cli, tmp_path: Path) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    script = tmp_path / "out.env"
    script.write_text(live.ok("outputs", "--format", "env").out, encoding="utf-8")
    shell = f". {script}; echo $CUSTOMER_IO_FLOW_ID $CUSTOMER_IO_STATE $CUSTOMER_IO_INLET_URL $CUSTOMER_IO_SOURCE_ID"
    told = subprocess.run(["sh", "-c", shell], text=True, capture_output=True, check=True).stdout.split()
    found = live.ok("outputs", "--format", "json").json()["customer-io"]
    assert told == [found["flowId"], "enabled", found["inletUrl"], found["ids"]["customer-io/source"]]
