"""The jobs of the GitLab template against a small GitLab: from a merge request to the apply, drift and forks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.lab import JOB_TOKEN, PROJECT_TOKEN, Lab
from tests.conftest import ROOT, Server

MANIFEST = (ROOT / "examples" / "customer-io" / "customer-io.yaml").read_text(encoding="utf-8")


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Iterator[Lab]:
    """A project with an empty main branch, and a clone of it."""
    with Lab.serve(tmp_path, server) as lab:
        yield lab


def reviewed(lab: Lab, text: str, number: int) -> str:
    """Plan a merge request, write its comment, and return its last commit."""
    head = lab.branch(f"branch-{number}", text)
    for job in ("plan", "comment"):
        done = lab.job(job, head, number)
        assert done.returncode == 0, done.stdout
    return head


def test_from_merge_request_to_drift(lab: Lab, server: Server) -> None:
    head = reviewed(lab, MANIFEST, 1)
    (note,) = lab.notes
    assert note["body"].startswith("<!-- reconciler plan default -->\n### Plan")
    assert "4 to create" in note["body"]
    assert f"Commit `{head[:12]}` · [run](https://lab.example/o/r/-/pipelines/4)" in note["body"]
    assert (
        "[HTML report and saved plan](https://lab.example/o/r/-/jobs/3/artifacts/file/.reconciler-out/plan.html)"
        in (note["body"])
    )
    assert lab.job("comment", head, 1).returncode == 0  # it is written over
    assert len(lab.notes) == 1
    assert server.writes() == []
    applied = lab.job("apply", lab.merge(head, 1))
    assert applied.returncode == 0, applied.stdout
    assert "Apply: 4 created." in applied.stdout
    # a user edits the flow: an issue is opened, kept current, and closed
    main = lab.git("rev-parse", "main", at=lab.bare)
    (flow,) = server.items("flows")
    for value in ("by hand", "again", flow["description"]):
        server.edit("flows", flow["id"], {"op": "replace", "path": "/description", "value": value})
        assert lab.job("drift", main).returncode == 0
        (issue,) = lab.issues
        assert issue["title"] == "Drift in default"
        assert (issue["state"] == "opened") == (value != flow["description"])
    told = json.dumps([lab.notes, lab.issues]) + applied.stdout
    assert PROJECT_TOKEN not in told
    assert JOB_TOKEN not in told


def test_a_stale_plan_waits_for_an_approval(lab: Lab, server: Server) -> None:
    assert lab.job("apply", lab.merge(reviewed(lab, MANIFEST, 1), 1)).returncode == 0
    head = reviewed(lab, MANIFEST.replace("name: Streaming Dataflow", "name: A"), 2)
    (flow,) = server.items("flows")
    server.edit("flows", flow["id"], {"op": "replace", "path": "/description", "value": "by hand"})
    merged = lab.merge(head, 2)
    server.clear()
    refused = lab.job("apply", merged)
    assert refused.returncode == 4, refused.stdout
    assert server.writes() == []
    assert lab.job("report", merged).returncode == 0
    told = lab.notes[-1]
    assert told["merge"] == "2"
    assert "### Merged, not applied to default" in told["body"]
    assert "by hand" in told["body"]
    approved = lab.job("approve", merged)
    assert approved.returncode == 0, approved.stdout
    assert {item["name"] for item in server.items("flows")} == {"A for Customer.io"}
    assert lab.git("rev-parse", "reconciler-applied/default", at=lab.bare) == merged


def test_a_fork_is_planned_from_the_snapshot_of_the_main_branch(lab: Lab, server: Server) -> None:
    merged = lab.merge(reviewed(lab, MANIFEST, 1), 1)
    assert lab.job("apply", merged).returncode == 0
    fork = lab.branch("fork", MANIFEST.replace("name: Streaming Dataflow", "name: A"))
    server.clear()
    assert "nothing was planned" in lab.job("fork", fork, 2, source="2").stdout + _left(lab, fork)
    assert lab.job("snapshot", merged).returncode == 0
    server.clear()
    done = lab.job("fork", fork, 2, source="2")
    assert done.returncode == 0, done.stdout
    assert server.requests == []
    assert "1 to update" in _left(lab, fork)
    assert "Made from a snapshot" in _left(lab, fork)


def _left(lab: Lab, commit: str) -> str:
    return (lab.artifact("fork", commit) / "plan.md").read_text(encoding="utf-8")
