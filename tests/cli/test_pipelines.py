"""The action's steps, run as a runner runs them: a bare repository, a pull request, an edit from outside, a merge."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.hub import GH_TOKEN, TOKEN, Hub, step
from tests.conftest import ROOT, Server


@pytest.fixture
def hub(server: Server, tmp_path: Path) -> Hub:
    """A bare repository with an empty main branch, and a clone of it."""
    return Hub.make(tmp_path, server)


MANIFEST = (ROOT / "examples" / "customer-io" / "customer-io.yaml").read_text(encoding="utf-8")


def test_from_pull_request_to_merge(hub: Hub, server: Server) -> None:
    # a pull request is planned, and its comment kept current
    first = hub.push("feature", MANIFEST.replace("connector: customer-io", "connector: customer-i"))
    broken = hub.run("plan", first, 1)
    assert broken.returncode == 1
    assert "::error file=flow.yaml,line=11,col=16::no source connector 'customer-i' in the catalog" in broken.stdout
    (comment,) = hub.data["comments"]
    assert comment["body"].startswith("<!-- reconciler plan default -->\n### The plan failed")
    head = hub.push("feature", MANIFEST)
    planned = hub.run("plan", head, 1)
    assert planned.returncode == 0, planned.stderr
    (comment,) = hub.data["comments"]
    assert "4 to create" in comment["body"]
    assert server.writes() == []
    # it is merged: the reviewed plan is applied, the state is pushed
    hub.know(heads={head: head})
    applied = hub.run("apply", head)
    assert applied.returncode == 0, applied.stderr + applied.stdout
    assert "Apply: 4 created." in applied.stdout
    state = json.loads(hub.git("show", "reconciler-state:default.json", at=hub.bare))
    assert len(state["resources"]) == 4
    # another one is reviewed; meanwhile somebody edits what it changes
    changed = hub.push("feature2", MANIFEST.replace("name: Streaming Dataflow", "name: A Dataflow"))
    assert "1 to update" in _comment_after(hub, changed, 2)
    flow = state["resources"]["customer-io/flow"]["id"]
    server.edit("flows", flow, {"op": "replace", "path": "/description", "value": "clicked"})
    hub.know(heads={changed: changed})
    writes = len(server.writes())
    stale = hub.run("apply", changed)
    assert stale.returncode == 1
    assert "was changed since the plan was made" in stale.stdout
    assert [item for item in server.writes()[writes:] if "flows" in item.path] == []
    # planned again it shows both, and goes through
    assert "Changed outside since the last apply" in _comment_after(hub, changed, 2)
    again = hub.run("apply", changed)
    assert again.returncode == 0, again.stderr
    assert "Apply: 1 updated." in again.stdout
    assert len(hub.data["comments"]) == 1
    told = json.dumps(hub.data) + again.stdout + again.stderr
    assert TOKEN not in told
    assert GH_TOKEN not in told


def _comment_after(hub: Hub, commit: str, number: int) -> str:
    done = hub.run("plan", commit, number)
    assert done.returncode == 0, done.stderr
    return str(hub.data["comments"][-1]["body"])


def test_a_failed_mapping_test_fails_the_job_and_leaves_the_plan(hub: Hub) -> None:
    case = "{name: one, given: {metric: 5}, expect: {_extconndev: {metricx: 6}}}"
    head = "---\napiVersion: reconciler/v1\nkind: MappingTest\nmetadata: {name: t}\n"
    test = f"{head}spec: {{dataflow: customer-io, cases: [{case}]}}\n"
    done = hub.run("plan", hub.push("feature", MANIFEST + test), 1)
    assert done.returncode == 1
    assert "FAIL  t › one" in done.stdout
    (summary,) = hub.folder.glob("runner0/summary.md")
    assert "### Mapping tests failed" in summary.read_text(encoding="utf-8")
    (comment,) = hub.data["comments"]
    assert "4 to create" in comment["body"]


def test_without_a_reviewed_plan_nothing_is_applied(hub: Hub, server: Server) -> None:
    head = hub.push("main", MANIFEST)
    by_hand = hub.run("apply", head)
    assert by_hand.returncode == 1
    assert "came by no pull request" in by_hand.stdout
    hub.know(heads={head: head})
    lost = hub.run("apply", head)
    assert lost.returncode == 1
    assert "plan again on a pull request" in lost.stdout
    assert server.writes() == []


def test_drift_opens_one_issue_and_closes_it(hub: Hub, server: Server) -> None:
    head = hub.push("main", MANIFEST)
    assert hub.run("plan", head, 1).returncode == 0
    hub.know(heads={head: head})
    assert hub.run("apply", head).returncode == 0
    assert hub.run("drift", head).returncode == 0
    assert hub.data["issues"] == []
    state = json.loads(hub.git("show", "reconciler-state:default.json", at=hub.bare))
    flow = state["resources"]["customer-io/flow"]["id"]
    for value in ("one", "two"):
        server.edit("flows", flow, {"op": "replace", "path": "/description", "value": value})
        assert hub.run("drift", head).returncode == 0
        (issue,) = hub.data["issues"]
        assert issue["title"] == "Drift in default"
        assert value in issue["body"]
    text = "Streaming Dataflow for Customer.io"
    server.edit("flows", flow, {"op": "replace", "path": "/description", "value": text})
    assert hub.run("drift", head).returncode == 0
    assert hub.data["issues"][0]["open"] is False


def test_the_action_sets_every_variable_that_its_step_reads() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "reconciler" / "ci").glob("*.py")))
    read = set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z_]+)\"""", text)) | {"COMMAND"}
    runner = {name for name in read if name.startswith(("GITHUB_", "RUNNER_"))}
    assert read - runner == set(step("run")["env"])
