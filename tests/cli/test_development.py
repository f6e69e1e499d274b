"""Development mode: one sandbox, names and states of their own for each developer."""

from __future__ import annotations

import pytest

from tests.cli.test_project import project
from tests.conftest import Cli, Server

MODE = 'environments: {dev: {sandbox: dev, development: {prefix: "${var.me}-", state: disabled}}, prod: {sandbox: dev}}'


def test_two_developers_share_a_sandbox(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("customer-io")
    project(live, MODE)
    dev = ("--env", "dev")
    for me in ("ada", "grace"):
        monkeypatch.setenv("RECONCILER_VAR_ME", me)
        live.ok("apply", "-y", *dev)
        assert (live.folder / "state" / f"dev_{me}.json").exists()
        assert live("plan", "--detailed-exitcode", *dev).code == 0
        assert live.ok("drift", *dev).code == 0
    flows = {item["name"]: item["state"] for item in server.items("flows")}
    assert flows == {f"{me}-Streaming Dataflow for Customer.io": "disabled" for me in ("ada", "grace")}
    for kind in ("sourceConnections", "targetConnections"):
        assert all(item["name"].startswith(("ada-", "grace-")) for item in server.items(kind))
    live.ok("apply", "-y", "--env", "prod")
    assert {item["name"]: item["state"] for item in server.items("flows")}[
        "Streaming Dataflow for Customer.io"
    ] == "enabled"
    live.ok("destroy", "-y", *dev)
    assert len(server.items("flows")) == 2, "ada's and that of prod"


def test_a_saved_plan_is_of_one_developer(live: Cli, server: Server) -> None:
    live.example("customer-io")
    project(live, MODE)
    live.ok("plan", "--env", "dev", "--var", "me=ada", "--out", "saved")
    live.ok("apply", "-y", "saved")
    assert (live.folder / "state" / "dev_ada.json").exists()
    assert [item["name"] for item in server.items("flows")] == ["ada-Streaming Dataflow for Customer.io"]


def test_look_ups_are_not_prefixed(live: Cli, server: Server) -> None:
    live.example("customer-io")
    project(live, MODE)
    live.write("found.yaml", "apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {name: found}\n"
               "spec: {name: Found, schemaRef: {id: 'https://ns.adobe.com/t/schemas/1'}}\n")  # fmt: skip
    plan = live.ok("plan", "--env", "dev", "--var", "me=ada", "--format", "json").json()
    names = {item["address"]: item["after"].get("name") for item in plan["changes"]}
    assert names["found"] == "ada-Found"
    live.ok("apply", "-y", "--env", "prod", "found.yaml")
    live.edit("customer-io.yaml", "dataset: {id: 63ec807d3f5ce91bd2d06c65}", "dataset: {lookup: {name: Found}}")
    live.ok("plan", "--env", "dev", "--var", "me=ada")
    compared = live.ok("promote", "dev", "prod", "--detailed-exitcode", "--var", "me=ada")
    assert "ada-" not in compared.out


def test_a_prefix_is_a_name(live: Cli) -> None:
    live.example("customer-io")
    project(live, MODE)
    for me in ("''", "Ada", "a b", "ada/.."):
        refused = live("plan", "--env", "dev", "--var", f"me={me}")
        assert refused.code == 1
        assert "reconciler.yaml:5:60: error: invalid prefix" in refused.err


def test_the_variable_is_needed_in_that_environment_alone(live: Cli) -> None:
    live.example("customer-io")
    project(live, MODE)
    live.ok("plan", "--env", "prod")
    refused = live("plan", "--env", "dev")
    assert refused.code == 1
    assert "the variable 'me' has no value" in refused.err
