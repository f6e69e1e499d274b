"""The project file: environments, variables, secrets, guardrails, renames; and the state's identity."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import EXAMPLES, FLOW, ROOT, Cli, Server

HEAD = "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec:\n"


def project(cli: Cli, text: str) -> None:
    cli.write("reconciler.yaml", HEAD + "".join(f"  {line}\n" for line in text.strip().splitlines()))


ENVIRONMENTS = """
environments:
  dev: {sandbox: dev, variables: {stream: clicks-dev}}
  prod: {sandbox: prod, variables: {stream: clicks}, protected: true}
variables: {region: us-east-1}
"""


def test_environments_have_states_and_sandboxes_of_their_own(live: Cli, server: Server) -> None:
    live.example("kinesis")
    project(live, ENVIRONMENTS)
    several = live("plan")
    assert several.code == 1
    assert "pass --env with one of dev, prod" in several.err
    unknown = live("plan", "--env", "prd")
    assert "did you mean 'prod'?" in unknown.err
    assert "reconciler.yaml:6:" in unknown.err
    live.ok("apply", "-y", "--env", "dev")
    live.ok("--env", "prod", "apply", "-y")
    assert {item.headers["x-sandbox-name"] for item in server.requests if FLOW in item.path} == {"dev", "prod"}
    streams = [body["params"]["stream"] for body in server.bodies("POST", f"{FLOW}/targetConnections")]
    assert streams == ["clicks-dev", "clicks"]
    assert (live.folder / "state" / "dev.json").exists()
    live.ok("plan", "--env", "dev", "--var", "stream=x", "--out", "dev.json")
    live.ok("apply", "-y", "dev.json")
    assert "for environment 'dev', not 'prod'" in live("apply", "-y", "--env", "prod", "dev.json").err
    refused = live("destroy", "-y", "--env", "prod")
    assert refused.code == 1
    assert "--allow-protected" in refused.err
    assert live("destroy", "-y", "--env", "prod", "--allow-delete").code == 1, "that lifts the guardrails alone"
    live.ok("destroy", "-y", "--env", "prod", "--allow-protected")


def test_variables_win_in_order(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.example("kinesis")

    def stream(*args: str | Path) -> str:
        plan = cli.ok("plan", "--emulator", "--format", "json", *args).json()
        (target,) = (item for item in plan["changes"] if item["kind"] == "TargetConnection")
        return str(target["after"]["params"]["stream"])

    project(cli, "environments: {dev: {}}\nvariables: {region: r, stream: from-project}")
    assert stream() == "from-project"
    project(cli, "environments: {dev: {variables: {stream: from-env}}}\nvariables: {region: r, stream: from-project}")
    assert stream("--env", "dev") == "from-env"
    monkeypatch.setenv("RECONCILER_VAR_STREAM", "from-environ")
    assert stream("--env", "dev") == "from-environ"
    cli.write("vars.yml", "stream: from-file\n")
    (cli.folder / "vars.yml").rename(cli.folder.parent / "vars.yml")
    assert stream("--env", "dev", "--var-file", cli.folder.parent / "vars.yml") == "from-file"
    assert stream("--var", "stream=from-flag", "--var-file", cli.folder.parent / "vars.yml") == "from-flag"
    bad = cli("plan", "--var", "stream")
    assert "is not NAME=VALUE" in bad.err


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("platfrom: {}", "5:3", "'platform'"),
        ("platform: {sanbox: dev}", "5:14", "'sandbox'"),
        ("guardrails: {maxDeletes: -1}", "5:28", "greater than or equal to 0"),
        ("guardrails: {maxDeletes: many}", "5:28", "whole number"),
        ("secrets: [{env: {}, file: {directory: x}}]", "5:13", "exactly one"),
        ("secrets: [{command: {run: op}}]", "5:29", "a list"),
        ("state: {backend: s4}", "5:20", "must be one of local"),
        ("moved: [{form: a, to: b}]", "5:12", "unknown key 'form'"),
        ("environments: {dev: {protected: maybe}}", "5:35", "true or false"),
    ],
)
def test_a_broken_project_file(cli: Cli, text: str, place: str, says: str) -> None:
    cli.example("customer-io")
    project(cli, text)
    for command in ("validate", "plan"):
        found = cli(command)
        assert found.code == 1
        assert f"reconciler.yaml:{place}: error:" in found.err
        assert says in found.err


def test_the_project_file_takes_variables_from_outside(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    monkeypatch.setenv("RECONCILER_VAR_TEAM_SANDBOX", "team")
    monkeypatch.setenv("RECONCILER_SECRET_AEP", "s3cret")
    project(live, 'platform: {sandbox: "${var.team-sandbox}", auth: {clientSecret: "${secret.aep}"}}')
    live.ok("apply", "-y")
    assert {item.headers["x-sandbox-name"] for item in server.requests if FLOW in item.path} == {"team"}
    assert "nothing uses" not in live.ok("validate", "--var", "team-sandbox=other").err
    project(live, 'platform: {sandbox: "${var.own}"}\nvariables: {own: dev}')
    refused = live("plan").err
    assert "reconciler.yaml:5:23: error: the variable 'own' has no value" in refused
    assert "RECONCILER_VAR_NAME" in refused
    project(live, 'platform: {sandbox: "${env.HOME}"}')
    assert "reconciler.yaml:5:23: error: ${env.HOME} is not supported" in live("plan").err


def test_a_credential_written_out_is_refused(live: Cli) -> None:
    live.example("customer-io")
    project(live, "platform: {auth: {clientSecret: hush}}")
    found = live("plan")
    assert found.code == 1
    assert "must not be written out" in found.err
    assert "hush" not in found.err


def test_secrets_from_files_and_commands(live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    live.example("kinesis")
    monkeypatch.delenv("RECONCILER_SECRET_KINESIS_ID")
    monkeypatch.delenv("RECONCILER_SECRET_KINESIS_KEY")
    vault = live.folder.parent / "vault"
    vault.mkdir()
    (vault / "kinesis-id").write_text("AKIA-from-file\n", encoding="utf-8")
    script = "import sys; print('canary-' + sys.argv[1]) if sys.argv[1] == 'kinesis-key' else sys.exit(1)"
    project(
        live,
        f"variables: {{region: r, stream: s}}\nsecrets:\n  - env: {{prefix: RECONCILER_SECRET_NOTHING_}}\n"
        f"  - file: {{directory: {vault}}}\n"
        f'  - command: {{run: ["{sys.executable}", "-c", "{script}", "{{name}}"]}}',
    )
    live.ok("apply", "-y")
    account = next(body for body in server.bodies("POST", f"{FLOW}/connections") if "auth" in body)
    assert account["auth"]["params"]["accessKeyId"] == "AKIA-from-file"
    assert account["auth"]["params"]["secretKey"] == "canary-kinesis-key"
    project(live, 'variables: {region: r, stream: s}\nsecrets: [{command: {run: ["/no/such/program", "{name}"]}}]')
    unknown = live.ok("plan")
    assert "not checked whether they changed, the secrets kinesis-id, kinesis-key have no value" in unknown.out
    assert "the command 'program' cannot be run (FileNotFoundError)" in unknown.out


def test_prevent_destroy_is_remembered(live: Cli) -> None:
    live.example("customer-io")
    live.edit(
        "customer-io.yaml",
        "  name: customer-io\n",
        '  name: customer-io\n  annotations: {reconciler/prevent-destroy: "true"}\n',
    )
    live.ok("apply", "-y")
    text = (live.folder / "customer-io.yaml").read_text(encoding="utf-8")
    (live.folder / "customer-io.yaml").unlink()
    live.example("kinesis")
    assert "apply will refuse this: customer-io/" in live.ok("plan").out
    refused = live("apply", "-y")
    assert refused.code == 1
    assert "prevent-destroy forbids" in refused.err
    assert "prevent-destroy" in live("destroy", "-y", "--allow-delete", "--allow-protected").err
    (live.folder / "kinesis.yaml").unlink()
    live.write("customer-io.yaml", text.replace('  annotations: {reconciler/prevent-destroy: "true"}\n', ""))
    live.ok("apply", "-y")
    live.ok("destroy", "-y")


def test_a_rename_in_review(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    old = live.id("customer-io/flow")
    live.edit("customer-io.yaml", "  name: customer-io\n", "  name: webhook\n")
    assert live.ok("plan", "--format", "json").json()["summary"]["create"] == 4
    project(live, "moved: [{from: customer-io, to: webhook}]")
    assert live("plan", "--detailed-exitcode").code == 0
    server.clear()
    live.ok("apply", "-y")
    assert [item for item in server.writes() if FLOW in item.path] == []
    assert live.id("webhook/flow") == old
    assert live.state["resources"]["webhook/flow"]["dependencies"] == [
        "webhook/mapping",
        "webhook/source",
        "webhook/target",
    ]
    assert live("plan", "--detailed-exitcode").code == 0


def test_a_state_is_never_used_against_another_sandbox(
    live: Cli, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    server.clear()
    monkeypatch.setenv("AEP_SANDBOX", "prod")
    for command in (("plan",), ("apply", "-y"), ("destroy", "-y"), ("drift",)):
        refused = live(*command)
        assert refused.code == 1
        assert "belongs to sandbox 'dev', not 'prod'" in refused.err
    assert [item for item in server.requests if FLOW in item.path] == []
    assert "belongs to platform" in live("plan", "--emulator").err


def test_a_moved_file_is_noted_without_a_call(live: Cli, server: Server) -> None:
    live.example("customer-io")
    live.ok("apply", "-y")
    (live.folder / "flows").mkdir()
    (live.folder / "customer-io.yaml").rename(live.folder / "flows" / "customer-io.yaml")
    server.clear()
    live.ok("apply", "-y")
    assert [item for item in server.writes() if FLOW in item.path] == []
    assert live.state["resources"]["customer-io/flow"]["file"] == "flows/customer-io.yaml"


def test_the_embedded_emulator_needs_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.example("customer-io")
    cli.ok("apply", "-y", "--emulator")
    monkeypatch.setenv("AEP_PLATFORM_URL", "emulator")
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli.state["platform"].startswith("emulator:")
    (cli.folder / "state" / "emulator.db").unlink()
    for leftover in (cli.folder / "state").glob("emulator.db-*"):
        leftover.unlink()
    assert "belongs to platform" in cli("plan").err


def test_literal_secrets_on_the_emulator(cli: Cli) -> None:
    cli.example("kinesis")
    cli.edit("kinesis.yaml", "${secret.kinesis-key}", "canary-literal-77")
    cli.edit("kinesis.yaml", "${secret.kinesis-id}", "AKIA")
    assert cli("plan").code == 1
    plan = cli.ok("plan", "--emulator")
    assert "canary-literal" not in plan.out
    refused = cli("plan", "--emulator", "--out", "plan.json")
    assert refused.code == 1
    assert "cannot be saved in a file" in refused.err
    assert not (cli.folder / "plan.json").exists()
    cli.ok("apply", "--emulator", "-y")
    assert "canary-literal" not in (cli.folder / "state" / "default.json").read_text(encoding="utf-8")
    assert cli("plan", "--emulator", "--detailed-exitcode").code == 0


def test_the_catalog_commands(cli: Cli) -> None:
    rows = cli.ok("connectors", "list", "--format", "json").json()
    assert len([row for row in rows if row["direction"] == "source"]) == 73
    assert len([row for row in rows if row["direction"] == "destination"]) == 15
    assert set(rows[0]) == {"key", "name", "category", "direction", "kind"}
    assert "customer-io" in cli.ok("connectors", "list", "--category", "marketing-automation").out
    assert "secretKey" in cli.ok("connectors", "show", "destination/amazon-kinesis").out
    assert (
        "write source/amazon-kinesis or destination/amazon-kinesis" in cli("connectors", "show", "amazon-kinesis").err
    )
    assert "did you mean 'snowflake'" in cli("connectors", "show", "snowflak").err


def test_the_emulator_command_serves(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "reconciler", "emulator", "--port", str(port), "--data", str(tmp_path / "e.db")],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert f"listens on http://127.0.0.1:{port}" in process.stderr.readline()
        with httpx.Client(transport=httpx.HTTPTransport(retries=7)) as client:
            assert "identity" in client.get(f"http://127.0.0.1:{port}/").json()
        process.terminate()


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_rename_without_moved_is_suggested(live: Cli, example: str) -> None:
    live.example(example)
    live.ok("apply", "-y")
    manifest = f"{example}.yaml"
    text = (live.folder / manifest).read_text(encoding="utf-8")
    name = re.findall(r"(?m)^metadata:\s*\{?\s*name: ([a-z0-9-]+)", text)[-1]
    live.write(manifest, re.sub(rf"(?m)^(metadata:\s*\{{?\s*name: ){name}(?=[\s}}]|$)", r"\1brand-new", text))
    for file in live.folder.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f"dataflow: {name}\n", "dataflow: brand-new\n"), encoding="utf-8")
    plan = live.ok("plan").out
    wanted = f"moved: [{{from: {name}, to: brand-new}}]"
    assert wanted in plan.replace("\n", " ")
    file = live.folder / "reconciler.yaml"
    live.write(file.name, (file.read_text(encoding="utf-8").rstrip() if file.exists() else HEAD) + f"\n  {wanted}\n")
    kept = live.changes()
    assert set(kept.values()) <= {"update"}, "what is renamed is neither deleted nor made anew"
    assert "moved:" not in live.ok("plan").out


def test_a_part_that_moves_is_suggested_by_its_address(live: Cli) -> None:
    live.example("kinesis")
    live.example("customer-io")
    live.ok("apply", "-y")
    live.edit("customer-io.yaml", "name: customer-io", "name: other")
    live.edit("customer-io.yaml", "data.identifiers.cio_id", "data.identifiers.email")
    plan = live.ok("plan").out
    assert "moved: [{from: customer-io, to: other}]" in plan, "one line that differs is an update after the move"
    live.edit("customer-io.yaml", "description: Streaming Source", "description: Another Source")
    live.edit("customer-io.yaml", "description: Streaming Target", "description: Another Target")
    plan = live.ok("plan").out
    assert "moved: [{from: customer-io, to" not in plan
    assert "moved: [{from: customer-io/flow, to: other/flow}]" in plan
    assert "kinesis" not in plan.partition("Warning")[2]


def test_two_that_are_alike_are_not_guessed_at(live: Cli) -> None:
    live.example("customer-io")
    text = (live.folder / "customer-io.yaml").read_text(encoding="utf-8")
    (live.folder / "customer-io.yaml").unlink()
    for name in ("one", "two"):
        live.write(f"{name}.yaml", text.replace("name: customer-io", f"name: {name}"))
    live.ok("apply", "-y")
    for old, new in (("one", "three"), ("two", "four")):
        live.edit(f"{old}.yaml", f"name: {old}", f"name: {new}")
    plan = live.ok("plan", "--allow-delete").out
    assert "8 to create" in plan
    assert "moved:" not in plan, "which of them became which nobody can tell"


def test_a_folder_that_is_gone_is_told(live: Cli, tmp_path: Path) -> None:
    here = tmp_path / "gone"
    here.mkdir()
    os.chdir(here)
    here.rmdir()
    try:
        done = live("plan")
    finally:
        os.chdir(live.folder)
    assert done.code == 1
    assert done.err == "error: the folder this was started in is gone: change to one that is there\n"


def test_a_folder_is_what_came_from_it(live: Cli) -> None:
    """Also what its removed manifests made, and what is asked of the state alone."""
    for name in ("a", "b"):
        text = (ROOT / "examples" / "customer-io" / "customer-io.yaml").read_text(encoding="utf-8")
        (live.folder / name / "deep").mkdir(parents=True)
        live.write(f"{name}/deep/x.yaml", text.replace("  name: customer-io\n", f"  name: {name}\n", 1))
    live.write("reconciler.yaml", "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {}\n")
    live.ok("apply", "-y")
    assert set(live.ok("outputs", "a", "--format", "json").json()) == {"a"}
    assert set(live.ok("status", "b/deep", "--format", "json").json()) == {"b"}
    (live.folder / "a" / "deep" / "x.yaml").unlink()
    found = live.ok("plan", "a", "--format", "json").json()["changes"]
    assert {item["address"] for item in found} == {f"a/{part}" for part in ("flow", "mapping", "source", "target")}
    assert live.ok("plan", "b", "--format", "json").json()["changes"] == []
