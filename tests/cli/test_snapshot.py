"""Snapshots: the plan from one equals the live plan made without secrets, and nothing confidential is in the file."""

from __future__ import annotations

import json
import os
import random
import re
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import HTTPStatusError

from tests.cli.test_drift import edit
from tests.cli.test_project import project
from tests.conftest import ROOT, SECRETS, Cli, Server

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/*.yaml") if path.stem == path.parent.name)
HEAD = "planned from the snapshot"
PLANS = ("plan", "--format", "json")


def without(monkeypatch: pytest.MonkeyPatch, *prefixes: str) -> pytest.MonkeyPatch:
    """Return a context in which no variable with one of `prefixes` is set."""
    for name in list(os.environ):
        if name.startswith(prefixes):
            monkeypatch.delenv(name)
    return monkeypatch


def plans(live: Cli, *args: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the live plan without values of secrets, and the plan from a snapshot of the same moment."""
    live.ok("snapshot", "--out", "now.snapshot")
    with pytest.MonkeyPatch.context() as patch:
        without(patch, "RECONCILER_SECRET_")
        there = live(*PLANS, "--no-checks", *args)
        without(patch, "AEP_")
        patch.setenv("AEP_PLATFORM_URL", "http://127.0.0.1:9")
        patch.setenv("RECONCILER_RESTRICTED", "1")
        made = live(*PLANS, "--snapshot", "now.snapshot", *args)
        text = live("plan", "--snapshot", "now.snapshot", *args)
    assert (made.code, text.code) == (there.code, there.code), made.err
    assert HEAD in text.out + text.err
    found = made.json()
    assert [item for item in found["warnings"] if item.startswith(HEAD)] == found["warnings"][:1]
    found["warnings"] = found["warnings"][1:]
    expected = there.json()
    for item in expected["drift"]:
        item |= {"updatedBy": None, "updatedClient": None}  # neither users nor clients are in a snapshot
    return expected, found


def same(live: Cli, *args: str) -> dict[str, Any]:
    """Return the plan, which is the same live and from a snapshot."""
    expected, found = plans(live, *args)
    assert found == expected
    return found


def edited(server: Server, live: Cli) -> int:
    """Change every object that can be changed outside; return their number."""
    count = 0
    for entry in live.state["resources"].values():
        try:
            edit(server, entry["kind"], entry["id"])
            count += 1
        except (AssertionError, HTTPStatusError):
            continue  # nothing to edit in this kind, or refused
    return count


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_plan_equals_a_live_plan_without_secrets(
    live: Cli, server: Server, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEP_CLIENT_ID", "canary-user-41")  # the emulator names it as the user
    live.example(example)
    assert same(live)["summary"]["create"] > 0  # nothing is applied
    live.ok("apply", "-y", "--settle", "0.1")
    assert same(live)["summary"]["update"] == 0  # all is as applied
    same(live, "--destroy")
    assert edited(server, live) > 0
    assert same(live)["drift"]
    flows = [entry["id"] for entry in live.state["resources"].values() if entry["kind"] == "Flow"]
    for ident in flows:
        server.call("DELETE", f"/data/foundation/flowservice/flows/{ident}")
    if flows:
        assert same(live)["summary"]["create"] > 0
    file = live.folder / f"{example}.yaml"
    file.write_text(re.sub("(description|title): ([A-Za-z])", r"\1: New \2", file.read_text()))
    same(live)
    assert_confidential(live, server)


def users(server: Server) -> set[str]:
    """Return the names of users in all answers of the platform."""
    found, waiting = set(), [item.answer for item in server.requests]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
            found |= {str(value) for key, value in item.items() if key in USER_FIELDS and isinstance(value, str)}
    assert found
    return found


USER_FIELDS = ("createdBy", "updatedBy", "modifiedBy", "createdUser", "updatedUser", "xdm:createdUserId",
               "xdm:lastModifiedUserId")  # fmt: skip


def assert_confidential(live: Cli, server: Server) -> None:
    """Nothing in the file is a secret, a fingerprint or the name of a user."""
    live.ok("snapshot", "--out", "now.snapshot")
    text = (live.folder / "now.snapshot").read_text()
    for value in SECRETS.values():
        assert value not in text
    state = json.dumps(live.state)
    assert "scrypt:" not in text
    assert "hmac-sha256" not in text
    if "scrypt:" in state:
        assert "withheld::" in text
    for name in users(server):
        assert f'"{name}"' not in text
    assert "createdBy" not in text
    assert "updatedBy" not in text
    assert "createdUser" not in text
    assert "xdm:createdUserId" not in text


def test_the_file_is_stable_and_private(live: Cli) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    told = live.ok("snapshot", "--out", "a.snapshot")
    live.ok("snapshot", "--out", "b.snapshot")
    first, second = (json.loads((live.folder / name).read_text()) for name in ("a.snapshot", "b.snapshot"))
    assert stat.S_IMODE((live.folder / "a.snapshot").stat().st_mode) == 0o600
    assert "bytes" in told.err
    assert json.dumps({**first, "takenAt": 0}) == json.dumps({**second, "takenAt": 0})


def test_it_answers_look_ups_that_no_manifest_made(live: Cli, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    live.ok("snapshot", "--out", "now.snapshot")
    account = live.id("kinesis-summer/target/connection")
    body = server.call("GET", f"/data/foundation/flowservice/connections/{account}")["items"][0]
    live.write("_unused.yaml", "")
    (live.folder / "kinesis.yaml").rename(live.folder / "_kinesis.yaml")
    text = (live.folder / "_kinesis.yaml").read_text()
    start = text.index("    connection:\n", text.index("  target:"))
    end = text.index("    data:", start)
    live.write("kinesis.yaml", text[:start] + f"    connection: {{lookup: {{name: {body['name']}}}}}\n" + text[end:])
    expected = live(*PLANS, "--no-checks")
    found = live(*PLANS, "--snapshot", "now.snapshot")
    assert found.code == expected.code == 0, found.err
    assert found.json()["changes"] == expected.json()["changes"]
    live.edit("kinesis.yaml", body["name"], "Nobody")
    missing = live("plan", "--snapshot", "now.snapshot")
    assert missing.code == 1
    assert "Connection named 'Nobody': there is none" in missing.err


def test_it_sends_nothing_and_runs_nothing(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    live.ok("snapshot", "--out", "now.snapshot")
    project(live, "secrets: [{command: {run: [touch, ran]}}]\nplatform: {auth: {clientSecret: '${secret.x}'}}")
    live.edit("customer-io.yaml", "description: Streaming Dataflow for Customer.io", "description: New")
    count = len(server.requests)
    found = live("plan", "--snapshot", "now.snapshot", "--detailed-exitcode")
    assert found.code == 2, found.err
    assert len(server.requests) == count
    assert not (live.folder / "ran").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "not a usable snapshot"), ("{}", "not a usable snapshot"), ("[" * 100_000, "not a usable snapshot"),
     ('{"format": "reconciler-snapshot", "formatVersion": 1, "takenAt": 1e999}', "not a usable snapshot"),
     ('{"format": "reconciler-snapshot", "formatVersion": 1, "takenAt": 1e18, "tool": ""}', "takenAt is not a time"),
     ('{"format": "reconciler-snapshot", "formatVersion": 99}', "newer reconciler")],
)  # fmt: skip
def test_what_is_no_snapshot_is_told(live: Cli, text: str, says: str) -> None:
    live.example("customer-io")
    live.write("x.snapshot", text)
    found = live("plan", "--snapshot", "x.snapshot")
    assert found.code == 1
    assert says in found.err


def test_a_plan_from_a_snapshot_is_of_its_environment(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    live.ok("snapshot", "--out", "now.snapshot")
    assert live("plan", "--snapshot", "now.snapshot", "--env", "prod").code == 1
    monkeypatch.setenv("AEP_SANDBOX", "other")
    assert "of the sandbox 'dev', not 'other'" in live("plan", "--snapshot", "now.snapshot").err


# -- restricted mode -------------------------------------------------------------------------------------------------
def test_a_restricted_run_runs_no_provider(live: Cli, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    live.edit(
        "reconciler.yaml", "spec:\n", "spec:\n  secrets: [{command: {run: [touch, ran]}}, {file: {directory: /etc}}]\n"
    )
    monkeypatch.setenv("RECONCILER_RESTRICTED", "1")
    assert live("plan").code == 0
    assert not (live.folder / "ran").exists()


@pytest.mark.parametrize(
    ("spec", "variable"),
    [
        ("platform: {url: 'https://evil.example.com'}", "AEP_PLATFORM_URL"),
        ("platform: {auth: {imsUrl: 'https://evil.example.com'}}", "AEP_IMS_URL"),
        ("state: {backend: http, address: 'https://evil.example.com/s'}", "RECONCILER_STATE_DIR"),
        ("state: {backend: postgres, url: 'postgres://evil.example.com/s'}", "RECONCILER_STATE_DIR"),
    ],
)
def test_addresses_of_the_project_file_are_refused(
    live: Cli, monkeypatch: pytest.MonkeyPatch, spec: str, variable: str
) -> None:
    live.example("customer-io")
    project(live, spec)
    monkeypatch.setenv("RECONCILER_RESTRICTED", "1")
    if variable != "RECONCILER_STATE_DIR":
        monkeypatch.delenv(variable)
    found = live("plan")
    assert found.code == 1
    assert variable in found.err


def test_a_restricted_run_reads_nothing_outside(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    outside = live.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("canary-outside: [\n")
    monkeypatch.setenv("RECONCILER_RESTRICTED", "1")
    for make in ("link.yaml", "overlays/default/link.yaml"):
        path = live.folder / make
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(outside / "secret.yaml")
        found = live("validate")
        assert "canary" not in found.err + found.out
        assert "outside" in found.err + found.out
        path.unlink()
    project(live, "policies: {files: [../outside/secret.yaml]}")
    found = live("plan")
    assert found.code == 1
    assert "outside the project root" in found.err
    project(live, "state: {path: ../outside}")
    assert "outside the project root" in live("plan").err


def test_a_pull_request_prints_no_secret_of_the_environment(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    live.edit("customer-io.yaml", "description: Streaming Dataflow for Customer.io", 'description: "${env.GH_TOKEN}"')
    monkeypatch.setenv("GH_TOKEN", "ghs_CANARY")
    found = live("plan")
    assert found.code == 1
    assert "RECONCILER_VAR_GH_TOKEN" in found.err
    assert "ghs_CANARY" not in found.err + found.out


SAME = "Streaming Dataflow for Customer.io"


def test_a_secret_in_a_variable_is_hidden_but_a_declared_text_is_not(
    live: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    monkeypatch.setenv("RECONCILER_SECRET_X", SAME)
    assert SAME in live.ok("plan").out  # an author who guesses a secret learns nothing
    live.edit("customer-io.yaml", f"description: {SAME}", 'description: "${var.d}"')
    live.edit("customer-io.yaml", f"name: {SAME}", "name: Other")
    monkeypatch.setenv("RECONCILER_VAR_D", SAME)
    for form in ("text", "json", "markdown", "html"):
        assert SAME not in live.ok("plan", "--format", form).out


def test_a_damaged_snapshot_is_never_an_internal_error(live: Cli) -> None:
    live.example("kinesis")
    live.ok("apply", "-y")
    live.ok("snapshot", "--out", "now.snapshot")
    text = (live.folder / "now.snapshot").read_text(encoding="utf-8")
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    places = chance.sample(list(_places(json.loads(text))), 40)
    for place in [("objects", 0, "body"), ("objects", 0, "kind"), *places]:
        data = parent = json.loads(text)
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = chance.choice(["x", 7, [], {}, None])
        live.write("now.snapshot", json.dumps(data))
        result = live("plan", "--snapshot", "now.snapshot")
        assert result.code in (0, 1), (seed, place)
        assert "internal error" not in result.err, (seed, place, result.err)


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))
