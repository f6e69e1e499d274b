"""Merged and not applied: `drift` and `status` report it, with their commits where there is a history."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.cli.test_guardrails import CONNECTION
from tests.cli.test_project import project
from tests.conftest import ROOT, Cli, Server

SCHEMA = json.loads((ROOT / "reconciler" / "render" / "schemas" / "drift.json").read_text(encoding="utf-8"))


def git(folder: Path, *args: str, at: int = 1_700_000_000) -> str:
    env = {
        "PATH": os.environ["PATH"], "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000",
    }  # fmt: skip
    name = ("-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", str(folder), *name, *args], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(cli: Cli, subject: str, at: int) -> str:
    git(cli.folder, "add", "-A", ":!state")
    git(cli.folder, "commit", "-q", "-m", subject, at=at)
    return git(cli.folder, "rev-parse", "HEAD")


def describe(cli: Cli, words: str, name: str = "c") -> None:
    cli.write(f"{name}.yaml", CONNECTION.replace("NAME", name) + f"  description: {words}\n")


@pytest.fixture
def merged(live: Cli) -> Cli:
    """A repository in which `c` was applied at its first commit, and changed in the second and the third."""
    git(live.folder, "init", "-q")
    describe(live, "one")
    commit(live, "First", 1_700_000_000)
    live.ok("apply", "-y")
    describe(live, "two")
    commit(live, "Second", 1_700_000_100)
    describe(live, "three")
    commit(live, "Third", 1_700_000_200)
    return live


def pending(cli: Cli, *args: str) -> list[dict[str, Any]]:
    report = cli.ok("drift", "--format", "json", *args).json()
    jsonschema.validate(report, SCHEMA)
    found: list[dict[str, Any]] = report["pending"]
    return found


def told(items: list[dict[str, Any]]) -> list[tuple[str, str, int | None, list[str]]]:
    """Return each change in short: address, action, since, subjects."""
    return [
        (item["address"], item["action"], item.get("since"), [part["subject"] for part in item.get("commits", ())])
        for item in items
    ]


def test_the_commits_since_the_last_apply(merged: Cli) -> None:
    (found,) = pending(merged)
    assert told([found]) == [("c", "update", 1_700_000_100_000, ["Third", "Second"])]
    assert found["commits"][0] == {
        "id": git(merged.folder, "rev-parse", "HEAD"), "at": 1_700_000_200_000, "author": "Ada Lovelace",
        "subject": "Third",
    }  # fmt: skip
    text = merged.ok("drift").out
    assert "No drift" in text
    assert "Pending: 1 change is in the manifests and was not applied." in text
    assert "  c  since 2023-11-14 22:15 UTC" in text
    assert "Second (Ada Lovelace, 2023-11-14 22:15 UTC)" in text
    assert "    update c\n" in text
    shown = merged.ok("drift", "--format", "markdown").out
    assert "**Pending:** 1 change is in the manifests and was not applied." in shown
    assert "- `c` since 2023-11-14 22:15 UTC: update `c`" in shown
    assert "Second" in shown
    merged.ok("apply", "-y")
    assert pending(merged) == []
    assert "Pending" not in merged.ok("drift", "--fail-on", "pending").out


def test_pending_fails_only_where_it_is_asked(merged: Cli) -> None:
    failed = merged("drift", "--format", "junit", "--fail-on", "pending")
    assert failed.code == 2
    assert ElementTree.fromstring(failed.out).attrib["failures"] == "1"
    suite = ElementTree.fromstring(merged("drift", "--format", "junit").out)
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("0", "2"), "the secret, and what is pending"
    sarif = json.loads(merged.ok("drift", "--format", "sarif", "--metrics", "metrics.prom").out)
    (result,) = sarif["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("pending", "note")
    assert 'reconciler_pending_changes{environment="default",sandbox="dev"} 1' in (
        merged.folder / "metrics.prom"
    ).read_text(encoding="utf-8")
    assert merged("drift", "--fail-on", "drift").code == 1, "a usage error"
    project(merged, "environments: {a: {sandbox: dev}, b: {sandbox: dev}}")
    assert merged("drift", "--env", "all", "--fail-on", "pending").code == 2


def test_new_and_removed_documents(merged: Cli) -> None:
    merged.ok("apply", "-y")
    describe(merged, "new", "d")
    commit(merged, "Add d", 1_700_000_300)
    describe(merged, "newer", "d")
    commit(merged, "Word d better", 1_700_000_400)
    (merged.folder / "c.yaml").unlink()
    commit(merged, "Remove c", 1_700_000_500)
    assert told(pending(merged)) == [
        ("d", "create", 1_700_000_300_000, ["Word d better", "Add d"]),
        ("c", "delete", 1_700_000_500_000, ["Remove c"]),
    ]


def test_a_change_of_a_variable_and_of_an_overlay(live: Cli) -> None:
    git(live.folder, "init", "-q")
    project(live, "variables: {words: one}\nenvironments: {dev: {sandbox: dev}}")
    describe(live, '"${var.words}"')
    commit(live, "First", 1_700_000_000)
    live.ok("apply", "-y", "--env", "dev")
    project(live, "variables: {words: two}\nenvironments: {dev: {sandbox: dev}}")
    commit(live, "Reword", 1_700_000_100)
    assert told(pending(live, "--env", "dev")) == [("c", "update", 1_700_000_100_000, ["Reword"])]
    live.ok("apply", "-y", "--env", "dev")
    live.write("overlays/dev/c.yaml", "apiVersion: reconciler/v1\nkind: Connection\nmetadata: {name: c}\n"
               "spec: {description: three}\n")  # fmt: skip
    commit(live, "Overlay", 1_700_000_200)
    assert told(pending(live, "--env", "dev")) == [("c", "update", 1_700_000_200_000, ["Overlay"])]


def test_a_merge_is_one_commit(merged: Cli) -> None:
    merged.ok("apply", "-y")
    git(merged.folder, "switch", "-q", "-c", "side")
    describe(merged, "four")
    commit(merged, "On the side", 1_600_000_000)
    git(merged.folder, "switch", "-q", "main")
    git(merged.folder, "merge", "-q", "--no-ff", "-m", "Merge pull request 7", "side", at=1_700_000_900)
    assert told(pending(merged)) == [("c", "update", 1_700_000_900_000, ["Merge pull request 7"])]


def test_a_change_that_is_not_committed(live: Cli) -> None:
    git(live.folder, "init", "-q")
    describe(live, "one")
    commit(live, "First", 1_700_000_000)
    live.ok("apply", "-y")
    describe(live, "two")
    report = live.ok("drift", "--format", "json").json()
    assert told(report["pending"]) == [("c", "update", None, [])]
    assert report["notes"] == ["a pending change is not committed yet"]


def test_a_shallow_clone_says_so(merged: Cli) -> None:
    state = merged.folder.parent / "state"
    shutil.move(merged.folder / "state", state)
    clone = merged.folder.parent / "clone"
    git(merged.folder, "clone", "-q", "--depth", "1", f"file://{merged.folder}", str(clone))
    os.chdir(clone)
    report = merged.ok("drift", "--format", "json", "--state-dir", state).json()
    assert told(report["pending"]) == [("c", "update", None, [])]
    (note,) = report["notes"]
    assert "the clone is shallow, fetch the whole history" in note


def test_a_folder_without_git_says_so(live: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(live, "one")
    live.ok("apply", "-y")
    assert live.ok("drift", "--format", "json").json()["notes"] == [], "nothing is pending"
    describe(live, "two")
    report = live.ok("drift", "--format", "json").json()
    assert told(report["pending"]) == [("c", "update", None, [])]
    assert "not a git repository" in report["notes"][0]
    monkeypatch.setenv("PATH", str(live.folder))
    assert "git is not installed" in live.ok("drift").out


def test_what_changed_outside_is_not_pending(live: Cli, server: Server) -> None:
    describe(live, "one")
    live.ok("apply", "-y")
    server.edit("connections", live.id("c"), {"op": "replace", "path": "/description", "value": "clicked"})
    report = live("drift", "--format", "json", "--fail-on", "pending").json()
    assert [item["address"] for item in report["drift"] if item["status"] == "changed"] == ["c"]
    assert report["pending"] == [], "an apply would only revert it"
    describe(live, "two")
    report = live("drift", "--format", "json").json()
    assert told(report["pending"]) == [("c", "update", None, [])], "the manifest wants something new, too"


def test_status_shows_it(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    assert "pending" not in live.ok("status").out
    assert live.ok("status", "--format", "json").json()["customer-io"]["pending"] == []
    live.edit("customer-io.yaml", "description: Streaming Dataflow", "description: Another Dataflow")
    describe(live, "one")
    seen = live.ok("status").out
    assert "  pending, not applied: update customer-io/flow\n" in seen
    assert seen.endswith("c\n  pending, not applied: create c\n")
    assert live.ok("status", "--format", "json").json()["customer-io"]["pending"] == [
        {"address": "customer-io/flow", "action": "update"}
    ]
    live.edit("c.yaml", "spec:", "spce:")
    broken = live.ok("status")
    assert "customer-io  enabled" in broken.out
    assert "Pending changes are not known: c.yaml:" in broken.err
