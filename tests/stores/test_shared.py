"""A project whose state is on a server: its whole life, machines that die, and moving from place to place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.stores.store import Store
from tests.conftest import ROOT, SECRETS, Cli, Server
from tests.stores.conftest import S3_SECRET, Backend, project
from tests.wire.kills import SCENARIOS, matrix


def test_the_main_job(live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("kinesis")
    project(live, monkeypatch, remote)
    assert live("plan", "--detailed-exitcode").code == 2
    assert remote.read() is None, "a plan writes nothing"
    live.ok("apply", "-y")
    assert live("plan", "--detailed-exitcode").code == 0
    assert live("drift").code == 0
    live.edit("kinesis.yaml", "Summer", "Winter")
    live.ok("apply", "-y")
    state = remote.read()
    assert state is not None
    assert not state.pending
    assert json.loads(live.ok("state", "pull").out)["serial"] == state.serial
    assert "kinesis-summer/flow" in live.ok("state", "list").out
    assert "resources, serial" in live("doctor").out
    live.ok("state", "mv", "kinesis-summer", "kinesis-winter")
    assert "kinesis-winter/flow" in live.ok("state", "list").out
    live.ok("state", "mv", "kinesis-winter", "kinesis-summer")
    live.ok("destroy", "-y")
    state = remote.read()
    assert state is not None
    assert not state.resources
    assert not (live.folder / "state").exists(), "nothing is kept on this machine"
    rest = remote.at_rest()
    for secret in (*(value for name, value in SECRETS.items() if "KINESIS_KEY" in name), S3_SECRET):
        assert secret.encode() not in rest


def test_a_saved_plan_goes_from_one_machine_to_another(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    project(live, monkeypatch, remote)
    live.ok("plan", "--out", "saved.plan")
    live.ok("apply", "saved.plan", "-y")
    assert "since the plan was made" in live("apply", "saved.plan", "-y").err
    assert live("plan", "--detailed-exitcode").code == 0


def test_who_holds_the_lock_is_told_and_can_be_released(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    project(live, monkeypatch, remote)
    live.ok("apply", "-y")
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example.com/jobs/17")
    holder = remote.store()
    holder.lock("reconciler apply")
    refused = live("apply", "-y")
    assert refused.code == 1
    assert "locked by reconciler apply of" in refused.err
    assert "https://ci.example.com/jobs/17" in refused.err
    ident = refused.err.split("--id ")[1].split(")")[0].strip()
    assert live("state", "unlock").code == 1
    assert "locked by" in live("doctor").out
    assert "can write no more" in live.ok("state", "unlock", "--id", ident).out
    live.ok("apply", "-y")
    assert "not locked" in live.ok("state", "unlock").out
    holder.unlock()


@pytest.mark.parametrize("scenario", os.environ.get("RECONCILER_KILLS", "customer-io").split(","))
def test_a_machine_that_dies_anywhere_loses_nothing(remote: Backend, scenario: str, tmp_path: Path) -> None:
    """More of them: RECONCILER_KILLS=customer-io,kinesis,batch,replace."""
    if remote.name in ("gcs", "azure", "gitlab") and "RECONCILER_KILLS" not in os.environ:
        pytest.skip("what is ours is the same as for S3; RECONCILER_KILLS=customer-io has them, too")
    rows = list(matrix(SCENARIOS[scenario], tmp_path, remote))
    assert {row.moment for row in rows} == {"sending", "committed", "answered", "journal", "state"}
    assert [row for row in rows if row.found] == []


# -- moving ----------------------------------------------------------------------------------------------------------
def test_a_state_moves_to_a_server_and_back(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    before = live.state
    project(live, monkeypatch, remote)
    nothing = live("plan", "--detailed-exitcode")
    assert nothing.code == 2, "the new place is empty"
    moved = live.ok("state", "migrate")
    assert "4 resources" in moved.out
    assert not (live.folder / "state" / "default.json").exists()
    assert (live.folder / "state" / "default.json.moved").exists()
    assert live("plan", "--detailed-exitcode").code == 0
    assert json.loads(live.ok("state", "pull").out)["resources"] == before["resources"]
    assert "4 resources" in live.ok("state", "migrate").out, "once more does no harm"
    live.write("reconciler.yaml", json.dumps({
        "apiVersion": "reconciler/v1", "kind": "Project", "metadata": {"name": "shared"}, "spec": {},
    }))  # fmt: skip
    live.ok("state", "migrate", "--from", json.dumps(remote.settings))
    assert live.state["resources"] == before["resources"]
    assert live("plan", "--detailed-exitcode").code == 0
    assert remote.read() is None


def test_all_environments_move_at_once(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    names = {name: {"sandbox": name} for name in ("dev", "stage", "prod")}
    project(live, monkeypatch, Backend("local", {"backend": "local"}, live.folder), environments=names)
    live.ok("apply", "-y", "--env", "dev,stage")
    project(live, monkeypatch, remote, environments=names)
    moved = live.ok("state", "migrate", "--env", "all")
    assert moved.out.count("4 resources") == 2
    assert "no state, neither" in moved.out
    assert live("plan", "--env", "dev,stage", "--detailed-exitcode").code == 0


def test_a_state_is_pulled_and_pushed(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    project(live, monkeypatch, remote)
    live.ok("apply", "-y")
    live.write("old.json", live.ok("state", "pull").out)
    live.edit("customer-io.yaml", "Streaming Dataflow", "Dataflow")
    live.ok("apply", "-y")
    refused = live("state", "push", "old.json")
    assert refused.code == 1
    assert "it is older" in refused.err
    live.ok("state", "push", "old.json", "--force")
    assert live("drift").code == 2, "by the old state somebody changed the flow"
    other = json.loads((live.folder / "old.json").read_text()) | {"lineage": "another", "serial": 99}
    live.write("other.json", json.dumps(other))
    assert "it is another state" in live("state", "push", "other.json").err


def test_a_migration_is_refused_where_another_state_is(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    project(live, monkeypatch, remote)
    live.ok("apply", "-y", "--target", "customer-io/source")
    monkeypatch.setenv("AEP_SANDBOX", "other")
    live.ok("apply", "-y", "--state-dir", "state")
    kept = (live.folder / "state" / "default.json").read_bytes()
    refused = live("state", "migrate")
    assert refused.code == 1
    assert "has a state already" in refused.err
    assert (live.folder / "state" / "default.json").read_bytes() == kept


def test_a_migration_waits_for_nobody_and_goes_on_after_a_kill(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    project(live, monkeypatch, remote)
    holder = remote.store()
    holder.lock("reconciler apply")
    assert "locked by" in live("state", "migrate").err
    holder.unlock()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("reconciler.stores.local.Folder.retire", die)
        assert live("state", "migrate").code == 130
    assert (live.folder / "state" / "default.json").exists()
    live.ok("state", "migrate")
    assert not (live.folder / "state" / "default.json").exists()
    assert live("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{backend: s4}", "backend"),
        ("[", "--from:2:1: error: not valid YAML"),
        ("{backend: s3}", "needs bucket"),
        ("{backend: local, bucket: b}", "bucket is of another backend than local"),
        ("{backend: s3, bucket: b, secretAccessKey: plain}", "must not be written out"),
        ("local", "same place"),
        ("{backend: local, path: elsewhere}", "no state at"),
    ],
)
def test_what_cannot_be_migrated_is_told(cli: Cli, source: str, told: str) -> None:
    result = cli("state", "migrate", "--from", source)
    assert result.code == 1
    assert told in result.err
    assert "Traceback" not in result.err


# -- several at once -------------------------------------------------------------------------------------------------
def test_environments_are_planned_applied_and_compared_together(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    names = {name: {"sandbox": name} for name in ("dev", "stage", "prod")}
    project(live, monkeypatch, remote, environments=names)
    assert live("plan", "--env", "dev,stage", "--detailed-exitcode").code == 2
    applied = live.ok("apply", "-y", "--env", "dev,stage")
    assert applied.out.count("4 created") == 2
    assert live("plan", "--env", "dev,stage", "--detailed-exitcode").code == 0
    assert live("plan", "--env", "all", "--detailed-exitcode").code == 2
    assert live("drift", "--env", "dev,stage,prod").code == 0
    both = live("drift", "--env", "dev,stage", "--format", "json")
    assert set(both.json()["environments"]) == {"dev", "stage"}
    assert remote.store("stage").read() is not None
    assert remote.store("prod").read() is None
    assert "not declared" in live("drift", "--env", "dev,nope").err


def test_what_fails_in_one_environment_goes_no_further(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    project(live, monkeypatch, remote, environments={name: {"sandbox": name} for name in ("dev", "stage")})
    holder: Store = remote.store("dev")
    holder.lock("reconciler apply")
    result = live("apply", "-y", "--env", "dev,stage")
    holder.unlock()
    assert result.code == 1
    assert "dev: error: the state is locked" in result.err
    assert "Not begun: stage." in result.err
    assert remote.store("stage").read() is None


def dataflows(live: Cli, count: int) -> None:
    """Write so many with no reference between them: the example, and others like it."""
    live.example("customer-io")
    text = (live.folder / "customer-io.yaml").read_text()
    for number in range(count - 1):
        live.write(f"more-{number}.yaml", text.replace("name: customer-io", f"name: more-{number}", 1))


def test_parts_are_applied_one_by_one_and_make_the_whole(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(live, monkeypatch, remote)
    dataflows(live, 9)
    every = set(live.changes())
    parts = [set(live.changes("--shard", f"{number}/3")) for number in (1, 2, 3)]
    assert set.union(*parts) == every
    assert sum(map(len, parts)) == len(every)
    for number in (1, 2, 3):
        live.ok("apply", "-y", "--shard", f"{number}/3")
    assert live("plan", "--detailed-exitcode").code == 0
    server.edit("flows", remote.store().read().resources["more-3/flow"].id,  # type: ignore[union-attr]
                {"op": "replace", "path": "/description", "value": "by hand"})  # fmt: skip
    codes = [live("drift", "--shard", f"{number}/3").code for number in (1, 2, 3)]
    assert sorted(codes) == [0, 0, 2]
    assert "is no part of a whole" in live("plan", "--shard", "4/3").err


@pytest.mark.processes
def test_parts_that_are_applied_at_once_take_turns(
    live: Cli, server: Server, remote: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three machines: each waits for the lock, plans by the state the one before left, and does its part."""
    project(live, monkeypatch, remote)
    dataflows(live, 6)
    command = [sys.executable, "-m", "reconciler", "apply", "-y", "--lock-timeout", "120", "--shard"]
    runs = [
        subprocess.Popen(
            [*command, f"{number}/3"], cwd=live.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    for one in runs:
        _, err = one.communicate(timeout=150)
        assert one.returncode == 0, err
    assert live("plan", "--detailed-exitcode").code == 0
    assert server.storage.count("ORG@AdobeOrg\x1fdev", "flows") == 6
