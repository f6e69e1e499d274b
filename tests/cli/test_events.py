"""`--format jsonl`: a line for each event as it happens, nothing else on stdout, and a summary at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from reconciler.app.schemas import schema_text
from tests.cli.test_project import project
from tests.conftest import FLOW, SECRETS, Cli, Request, Server

EVENT = jsonschema.Draft202012Validator(json.loads(schema_text("events")))
QUICK = ("--settle", "0.1")


def events(text: str) -> list[dict[str, Any]]:
    """Return the events in an output, each held against the published schema."""
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    for event in found:
        EVENT.validate(event)
    assert found[0]["type"] == "start"
    return found


def whole(text: str) -> list[dict[str, Any]]:
    """Return the events of a command that was not killed: the last one alone is a summary."""
    found = events(text)
    assert [event["type"] for event in found].index("summary") == len(found) - 1
    return found


def test_the_life_of_a_dataflow(live: Cli, server: Server) -> None:
    live.example("kinesis")
    made = live.ok("apply", "-y", "--format", "jsonl", *QUICK)
    found = whole(made.out)
    assert {event["environment"] for event in found[1:]} == {"default"}
    planned = [event["address"] for event in found if event["type"] == "change"]
    steps = [event for event in found if event["type"] == "step"]
    assert {event["address"] for event in steps} == set(planned)
    started = [(event["address"], event["action"]) for event in steps if event["status"] == "started"]
    done = [(event["address"], event["action"]) for event in steps if event["status"] == "done"]
    assert sorted(started) == sorted(done)
    flow = next(event for event in steps if event["address"] == "kinesis-summer/flow" and event["status"] == "done")
    assert flow["id"] == live.id("kinesis-summer/flow")
    assert (found[-1]["result"], found[-1]["exitCode"]) == ("ok", 0)
    assert found[-1]["counts"]["create"] == len(planned) == 5
    assert not any(secret in made.out for secret in SECRETS.values())
    assert "created" in made.err, "progress for people is on stderr"

    server.edit("flows", live.id("kinesis-summer/flow"), {"op": "replace", "path": "/description", "value": "x"})
    drifted = live("drift", "--format", "jsonl")
    found = whole(drifted.out)
    assert "kinesis-summer/flow" in {event["drift"]["address"] for event in found if event["type"] == "drift"}
    assert (drifted.code, found[-1]["exitCode"], found[-1]["result"]) == (2, 2, "changes")
    assert found[-1]["counts"]["changed"] == 1

    gone = whole(live.ok("destroy", "-y", "--format", "jsonl").out)
    assert gone[-1]["counts"]["delete"] == 5
    nothing = whole(live.ok("destroy", "-y", "--format", "jsonl").out)
    assert nothing[-1] | {"time": ""} == {
        "type": "summary", "time": "", "environment": "default", "command": "destroy", "result": "ok", "exitCode": 0,
        "counts": {}, "left": [],
    }  # fmt: skip


def test_a_step_that_fails(live: Cli, server: Server) -> None:
    live.example("customer-io")
    canary = "tiger"  # shorter than what is taken out of results
    live.write("reconciler.yaml", "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\nspec: {}\n")

    def refused(seen: Request) -> Any:
        if seen.method == "POST" and seen.path == f"{FLOW}/targetConnections":
            from reconciler.secrets.redaction import redact

            redact.hide(canary)
            return 400, [], {"message": f"no \u2028 {canary}"}
        return None

    server.before.append(refused)
    failed = live("apply", "-y", "--format", "jsonl", *QUICK)
    found = whole(failed.out)
    assert (failed.code, found[-1]["exitCode"], found[-1]["result"]) == (1, 1, "failed")
    assert found[-1]["counts"] == {"create": 2, "failed": 1, "skipped": 1}
    assert found[-1]["left"] == ["customer-io/flow"]
    errors = [event for event in found if event["type"] == "error"]
    assert [event["address"] for event in errors] == ["customer-io/target"]
    assert "(sensitive)" in errors[0]["message"]
    assert canary not in failed.out


@pytest.mark.parametrize(
    ("args", "code", "result"),
    [
        (("apply", "-y"), "unknown-key", "failed"),
        (("drift",), "unknown-key", "failed"),
        (("apply",), "usage", "failed"),
        (("destroy",), "usage", "failed"),
        (("drift", "--patch"), "usage", "failed"),
        (("drift", "--env", "all"), "no-env", "failed"),
    ],
)
def test_an_error_before_the_run(cli: Cli, args: tuple[str, ...], code: str, result: str) -> None:
    cli.example("customer-io")
    cli.edit("customer-io.yaml", "  flow:", "  flw: {}\n  flow:")
    ended = cli(*args, "--format", "jsonl", "--emulator")
    found = whole(ended.out)
    assert ended.code == found[-1]["exitCode"] == 1
    assert found[-1]["result"] == result
    first = next(event for event in found if event["type"] == "error")
    assert first["code"] == code, first
    assert first["message"] in ended.err, "it is told on stderr, too"
    if code == "unknown-key":
        assert (first["file"], first["line"]) != (None, None)


def test_a_plan_that_a_guardrail_refuses(live: Cli) -> None:
    live.example("customer-io")
    live.ok("apply", "-y", *QUICK)
    live.example("kinesis")
    project(live, "guardrails: {maxDeletes: 0}\nvariables: {region: r, stream: s}")
    (live.folder / "customer-io.yaml").unlink()
    refused = live("apply", "-y", "--format", "jsonl", "--no-checks")
    found = whole(refused.out)
    assert (refused.code, found[-1]["result"]) == (1, "refused"), refused.err
    assert any(event["type"] == "change" and event["action"] == "delete" for event in found), "the plan is shown"


def test_several_environments(live: Cli) -> None:
    live.example("customer-io")
    project(live, "environments: {dev: {sandbox: dev}, prod: {sandbox: prod, protected: true}}")
    found = whole(live.ok("apply", "-y", "--env", "dev,prod", "--format", "jsonl", *QUICK).out)
    assert found[-1]["environments"] == {"dev": 0, "prod": 0}
    assert found[-1]["environment"] is None
    assert {event["environment"] for event in found if event["type"] == "step"} == {"dev", "prod"}
    found = whole(live.ok("drift", "--env", "all", "--format", "jsonl").out)
    assert found[-1]["environments"] == {"dev": 0, "prod": 0}
    both = live("apply", "-y", "--env", "nope,dev", "--format", "jsonl")
    found = whole(both.out)
    assert found[-1]["environments"] == {"nope": 1}
    assert found[-1]["exitCode"] == both.code == 1


COMMAND = [sys.executable, "-m", "reconciler", "apply", "-y", "--format", "jsonl"]


def test_a_killed_run_has_written_what_it_did(live: Cli, server: Server) -> None:
    live.example("customer-io")
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=live.folder, env=buffered
    ) as process:

        def kill(seen: Request) -> Any:
            if seen.method == "POST" and seen.path == f"{FLOW}/flows":
                process.kill()
                process.wait()
                return "drop"
            return None

        server.before.append(kill)
        printed, _ = process.communicate(timeout=60)
    server.before.clear()
    found = events(printed.decode())
    assert found[-1]["type"] == "step", "each line was flushed, and no summary claims an end"
    assert (found[-1]["address"], found[-1]["status"]) == ("customer-io/flow", "started")
    again = whole(live.ok("apply", "-y", "--format", "jsonl", *QUICK).out)
    assert [event["address"] for event in again if event["type"] == "step"] == ["customer-io/flow"] * 2


def test_a_closed_pipe_does_not_stop_the_run(live: Cli) -> None:
    live.example("customer-io")
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=live.folder) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert b"4 created" in said
    assert live.id("customer-io/flow")
