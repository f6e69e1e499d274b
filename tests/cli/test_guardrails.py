"""Brakes: a folder without manifests, too many deletes, and the two permissions that lift them."""

from __future__ import annotations

import json

from tests.cli.test_project import project
from tests.conftest import Cli, Server

CONNECTION = """apiVersion: reconciler/v1
kind: Connection
metadata: {name: NAME}
spec:
  name: NAME
  connector: source/amazon-s3
  auth: {specName: Access Key, params: {s3AccessKey: "${secret.s3-key}", s3SecretKey: "${secret.s3-secret}"}}
"""


def connections(cli: Cli, count: int, folder: str = ".") -> list[str]:
    """Write manifests of connections, the cheapest objects there are, and return their files."""
    names = [f"c-{number}" for number in range(count)]
    for name in names:
        cli.write(f"{folder}/{name}.yaml", CONNECTION.replace("NAME", name))
    return [f"{folder}/{name}.yaml" for name in names]


def applied(cli: Cli, count: int) -> list[str]:
    """Apply so many connections and return their files."""
    files = connections(cli, count)
    cli.ok("apply", "-y")
    return files


def remove(cli: Cli, files: list[str]) -> None:
    for name in files:
        (cli.folder / name).unlink()


def test_an_empty_folder_deletes_nothing(live: Cli, server: Server) -> None:
    remove(live, applied(live, 2))
    server.clear()
    for args in (["plan"], ["apply", "-y"], ["apply", "-y", "--refresh-only"], ["drift"], ["plan", "--allow-delete"],
                 ["plan", "--out", "saved"], ["drift", "--format", "json"]):  # fmt: skip
        refused = live(*args)
        assert refused.code == 1
        assert "error: there is no manifest under" in refused.err
        assert refused.out == ""
    assert server.requests == [], "nothing is asked either"
    assert live.ok("plan", "--destroy", "--format", "json").json()["summary"]["delete"] == 2
    assert live.ok("validate").code == 0
    live.ok("destroy", "-y")
    assert live.state["resources"] == {}


def test_a_path_without_manifests(live: Cli) -> None:
    project(live, "variables: {}")
    connections(live, 1)
    live.write("team/one.yaml", CONNECTION.replace("NAME", "team"))
    live.write("empty/notes.txt", "")
    live.ok("apply", "-y")
    (live.folder / "team" / "one.yaml").unlink()
    plan = live.ok("plan", "team", "--format", "json").json()
    assert [(item["address"], item["action"]) for item in plan["changes"]] == [("team", "delete")]
    for args in (["plan", "empty"], ["apply", "-y", "empty"], ["drift", "empty"]):
        refused = live(*args)
        assert refused.code == 1
        assert "there is no manifest under empty, and no entry of the state came from it" in refused.err
    live.ok("destroy", "-y", "empty")
    assert set(live.state["resources"]) == {"c-0", "team"}


def test_many_deletes_are_refused_by_default(live: Cli, server: Server) -> None:
    files = applied(live, 8)
    remove(live, files[:5])
    assert live.ok("plan", "--format", "json").json()["summary"]["delete"] == 5, "few"
    remove(live, files[5:6])
    server.clear()
    for args in (["plan", "--out", "saved"], ["apply", "-y"]):
        refused = live(*args)
        assert refused.code == 1
        assert "the plan deletes or replaces 6 of 8 objects in scope (75 %)" in refused.err
        assert "the default of guardrails.maxDeletePercent (30 %)" in refused.err
        assert "--allow-delete" in refused.err
        assert refused.err.count("guardrails.maxDeletePercent (30 %)") == 1
    assert not (live.folder / "saved").exists()
    assert server.writes() == []
    shown = live("plan", "--format", "markdown")
    assert shown.code == 1
    assert "This plan cannot be applied" in shown.out
    drift = live("drift")
    assert drift.code == 0, "drift applies nothing"
    project(live, "guardrails: {maxDeletePercent: 80}")
    live.ok("plan")
    project(live, "guardrails: {maxDeletePercent: 80, maxDeletes: 5}")
    refused = live("apply", "-y")
    assert "the plan deletes or replaces 6 objects, more than guardrails.maxDeletes (5)" in refused.err
    live.ok("apply", "-y", "--allow-delete")
    assert set(live.state["resources"]) == {"c-6", "c-7"}


def test_a_saved_plan_records_the_permission_and_shows_it(live: Cli) -> None:
    remove(live, applied(live, 7)[:6])
    note = "the guardrails are lifted for this plan (--allow-delete)"
    plan = live.ok("plan", "--out", "saved", "--allow-delete")
    assert note in plan.out
    for form, words in (("text", note), ("html", note), ("markdown", "lifted for this plan (`--allow-delete`)")):
        assert words in live.ok("show", "saved", "--format", form).out
    assert live.ok("show", "saved", "--format", "json").json()["allowDelete"] is True
    text = (live.folder / "saved").read_text(encoding="utf-8")
    stripped = json.loads(text)
    del stripped["allowDelete"]
    live.write("stripped", json.dumps(stripped))
    refused = live("apply", "-y", "stripped")
    assert refused.code == 1
    assert "guardrails.maxDeletePercent" in refused.err
    live.ok("apply", "-y", "saved")
    assert set(live.state["resources"]) == {"c-6"}


def test_removed_audiences_count(live: Cli) -> None:
    live.example("event-hubs")
    live.ok("apply", "-y")
    live.edit("event-hubs.yaml", "    - {id: 7841ba61-23c1-4bb3-a495-00d695fe1e93, name: Loyalty members}\n", "")
    live.ok("plan")
    project(live, "guardrails: {maxDeletes: 0}")
    assert "removes 1 audience, more than guardrails.maxDeletes (0)" in live("apply", "-y").err
    project(live, "guardrails: {maxDeletePercent: 10}")
    assert "removes 1 of 2 audiences in scope (50 %)" in live("plan").err


def test_a_protected_environment_is_announced(live: Cli) -> None:
    project(live, "environments: {prod: {sandbox: dev, protected: true}}")
    files = connections(live, 2)
    live.ok("apply", "-y", "--env", "prod")
    remove(live, files[:1])
    planned = live.ok("plan", "--env", "prod", "--out", "saved")
    assert "apply will refuse this: environment 'prod' is protected" in " ".join(planned.out.split())
    refused = live("apply", "-y", "saved")
    assert refused.code == 1
    assert "--allow-protected" in refused.err
    live.ok("apply", "-y", "saved", "--allow-protected")
