"""The action's steps, run as a runner runs them: a bare repository, a pull request, an edit from outside, a merge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hub import GH_TOKEN, TOKEN, Hub, step
from tests.conftest import ROOT, Request, Server


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
    hub.merged(head, head)
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
    hub.merged(changed, changed)
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
    assert [item["pull"] for item in hub.data["comments"]] == ["1", "2", "5"]
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


def test_without_a_reviewed_plan_nothing_is_applied_before_an_approval(hub: Hub, server: Server) -> None:
    head = hub.push("main", MANIFEST)
    by_hand = hub.run("apply", head)
    assert by_hand.returncode == 1
    assert "came by no pull request" in by_hand.stdout
    hub.merged(head, head)
    lost = hub.run("apply", head)
    assert lost.returncode == 1
    assert "is not there (any more)" in lost.stdout
    assert server.writes() == []
    (comment,) = hub.data["comments"]
    assert comment["pull"] == "5"
    assert comment["body"].startswith("<!-- reconciler apply default -->\n### Merged, not applied to default\n")
    assert "4 to create" in comment["body"]
    assert "review=true" in _outputs(hub)
    # somebody approves the plan that was shown
    approved = hub.run("approve", head)
    assert approved.returncode == 0, approved.stdout
    assert "Apply: 4 created." in approved.stdout
    assert _applied(hub) == head
    again = hub.run("apply", head)
    assert again.returncode == 0


def _outputs(hub: Hub) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in hub.folder.glob("runner*/output"))


def _applied(hub: Hub) -> str:
    return hub.git("rev-parse", "reconciler-applied/default", at=hub.bare)


SECOND = MANIFEST.replace("name: customer-io\n", "name: second\n").replace("name: Streaming", "name: Second")


@pytest.fixture
def team(hub: Hub) -> Hub:
    """Two dataflows, applied, and a pull request over each; the second changes the file `second.yaml`."""
    head = hub.branch("start", MANIFEST, **{"second.yaml": SECOND})
    assert hub.run("plan", head, 1).returncode == 0
    assert hub.run("apply", hub.merge(head, 1)).returncode == 0
    return hub


def two(hub: Hub) -> tuple[str, str]:
    """Open and plan a pull request over each dataflow; return their last commits."""
    first = hub.branch("first", MANIFEST.replace("name: Streaming Dataflow", "name: First A"))
    second = hub.branch("second", MANIFEST, **{"second.yaml": SECOND.replace("name: Second Dataflow", "name: B")})
    for number, head in ((2, first), (3, second)):
        assert hub.run("plan", head, number).returncode == 0
    return first, second


def test_two_pull_requests_over_different_dataflows_are_applied_in_either_order(team: Hub, server: Server) -> None:
    heads = two(team)
    for number in (1, 0):
        done = team.run("apply", team.merge(heads[number], number + 2))
        assert done.returncode == 0, done.stdout
        assert "Apply: 1 updated." in done.stdout
    names = {item["name"] for item in server.items("flows")}
    assert names == {"First A for Customer.io", "B for Customer.io"}
    assert _applied(team) == team.git("rev-parse", "main", at=team.bare)


def test_a_run_applies_every_pull_request_that_was_merged_before_it(team: Hub, server: Server) -> None:
    """GitHub keeps only the newest of several runs that wait: the others never start."""
    heads = two(team)
    merges = [team.merge(head, number) for number, head in enumerate(heads, 2)]
    direct = team.push("main", (team.work / "flow.yaml").read_text("utf-8") + "# a comment, without a pull request\n")
    done = team.run("apply", direct)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Apply: 1 updated.") == 2
    assert _applied(team) == direct
    server.clear()
    late = team.run("apply", merges[0])  # somebody runs an older run again
    assert late.returncode == 0, late.stdout
    assert server.writes() == []
    assert _applied(team) == direct


def test_pull_requests_over_one_dataflow_are_applied_as_they_were_reviewed(team: Hub, server: Server) -> None:
    first = team.branch("first", MANIFEST.replace("name: Streaming Dataflow", "name: First A"))
    assert team.run("plan", first, 2).returncode == 0
    other = team.branch("other", MANIFEST.replace("description: Streaming Source", "description: Other"))
    assert team.run("plan", other, 3).returncode == 0
    team.merge(first, 2)
    done = team.run("apply", team.merge(other, 3))
    assert done.returncode == 0, done.stdout
    assert "the changes are the same" in done.stdout or done.stdout.count("Apply: 1 updated.") == 2
    assert "First A for Customer.io" in {item["name"] for item in server.items("flows")}
    assert sum(item["description"].startswith("Other") for item in server.items("sourceConnections")) == 1


def test_a_merge_that_fixes_a_failed_one_needs_no_approval(team: Hub, server: Server) -> None:
    bad = team.branch("bad", MANIFEST.replace("name: Streaming Dataflow", "name: Bad"))
    assert team.run("plan", bad, 2).returncode == 0

    def refuse(request: Request) -> Any:
        return (400, [], {"title": "no"}) if request.method == "PATCH" and "Bad" in str(request.body) else None

    server.before.append(refuse)
    merged = team.merge(bad, 2)
    assert team.run("apply", merged).returncode == 1
    fix = team.branch("fix", MANIFEST.replace("name: Streaming Dataflow", "name: Good"))
    assert team.run("plan", fix, 3).returncode == 0
    done = team.run("apply", team.merge(fix, 3))
    assert done.returncode == 0, done.stdout
    assert "Good for Customer.io" in {item["name"] for item in server.items("flows")}


def test_drift_opens_one_issue_and_closes_it(hub: Hub, server: Server) -> None:
    head = hub.push("main", MANIFEST)
    assert hub.run("plan", head, 1).returncode == 0
    hub.merged(head, head)
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
    names = ("applying", "github", "history", "git", "runner", "state_branch", "steps", "texts")
    text = "".join((ROOT / "reconciler" / "ci" / f"{name}.py").read_text(encoding="utf-8") for name in names)
    read = set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z_]+)\"""", text)) | {"COMMAND"}
    runner = {name for name in read if name.startswith(("GITHUB_", "RUNNER_"))}
    assert read - runner == set(step("run")["env"])
