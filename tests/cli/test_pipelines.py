"""The action's steps, run as a runner runs them: a bare repository, a pull request, an edit from outside, a merge."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.ci.runner import JobError, github_job
from reconciler.ci.state_branch import StateBranch
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
    # a reviewer approves the plan that was shown
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
    late = team.run("apply", merges[0])  # an older run is started again
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


# -- the branch of the state -------------------------------------------------------------------------------------------
def branches(hub: Hub, count: int = 2, **more: str) -> list[StateBranch]:
    """Return the state branch as several jobs fetched it at the same time."""
    found = []
    for _ in range(count):
        runner = hub.runner("main")
        branch = StateBranch(github_job(hub.environ(runner, "f" * 40) | more))
        branch.take()
        found.append(branch)
    return found


def write(branch: StateBranch, name: str, serial: int) -> None:
    text = json.dumps({"serial": serial, "lineage": "l"})
    (branch.folder / name).write_text(text, encoding="utf-8")


def test_jobs_of_two_environments_push_to_one_branch_at_once(hub: Hub) -> None:
    first, second = branches(hub)
    write(first, "dev.json", 1)
    write(second, "prod.json", 7)
    first.push()
    second.push()
    third = branches(hub, 1)[0]
    assert sorted(path.name for path in third.folder.iterdir()) == ["dev.json", "prod.json"]
    (second.folder / "prod.json").unlink()
    second.push()
    assert hub.git("ls-tree", "--name-only", "reconciler-state", at=hub.bare) == "dev.json"


def test_a_state_that_moved_in_the_branch_is_not_overwritten(hub: Hub) -> None:
    first, second = branches(hub)
    write(first, "prod.json", 4)
    first.push()
    write(second, "prod.json", 5)
    write(second, "prod.journal", 6)
    with pytest.raises(JobError, match=r"the state prod meanwhile \(it has serial 4 of lineage l now, .* serial 5"):
        second.push()
    assert json.loads(hub.git("show", "reconciler-state:prod.json", at=hub.bare))["serial"] == 4
    kept = hub.git("show", "reconciler-state-conflict-77:prod.json", at=hub.bare)
    assert json.loads(kept)["serial"] == 5


def test_the_state_is_pushed_while_an_apply_runs_and_locks_are_not(hub: Hub) -> None:
    """A runner that is lost without a signal has pushed its journal a while ago."""
    (branch,) = branches(hub, 1)
    with branch:
        write(branch, "default.journal", 1)
        write(branch, "default.lock", 1)
        branch.soon()
        while "default.journal" not in hub.git("ls-tree", "-r", "--name-only", "--full-tree", *_tip(hub), at=hub.bare):
            threading.Event().wait(0.02)
    assert hub.git("ls-tree", "--name-only", "reconciler-state", at=hub.bare) == "default.journal"


def _tip(hub: Hub) -> tuple[str, ...]:
    known = hub.git("branch", "--list", "reconciler-state", at=hub.bare)
    return ("reconciler-state",) if known else ("main",)


def test_a_fork_is_planned_from_the_snapshot_and_applied_when_main_plans_the_same(team: Hub, server: Server) -> None:
    assert team.run("snapshot", team.git("rev-parse", "main", at=team.bare)).returncode == 0
    evil = team.folder / "evil"
    evil.mkdir()
    (evil / "reconciler.snapshot").write_text("{}", encoding="utf-8")
    team.snapshot(evil, repository=43)  # a run of the fork left an artifact with the same name
    head = team.branch("fork", MANIFEST.replace("name: Streaming Dataflow", "name: F"))
    bare = {"AEP_ACCESS_TOKEN": "", "AEP_API_KEY": "", "AEP_PLATFORM_URL": "", "AEP_ORG_ID": "", "AEP_SANDBOX": ""}
    server.clear()
    planned = team.run("plan", head, 4, source="mallory/r", STATE_BRANCH="", **bare)
    assert planned.returncode == 0, planned.stdout
    assert server.requests == []
    body = team.data["comments"][-1]["body"]
    assert "1 to update" in body
    assert "Made from a snapshot, without credentials." in body
    merged = team.merge(head, 4, source="mallory/r")
    done = team.run("apply", merged)
    assert done.returncode == 0, done.stdout
    assert "the changes are the same" in done.stdout
    assert "F for Customer.io" in {item["name"] for item in server.items("flows")}
    # a fork that changes the pipeline itself could have shown anything
    other = team.branch("evil", MANIFEST, **{".github/workflows/reconciler.yml": "name: reconciler\n"})
    assert team.run("plan", other, 5, source="mallory/r", STATE_BRANCH="", **bare).returncode == 0
    late = team.branch("late", MANIFEST.replace("name: Streaming Dataflow", "name: G"), base=other)
    assert team.run("plan", late, 6, source="mallory/r", STATE_BRANCH="", **bare).returncode == 0
    server.clear()
    refused = team.run("apply", team.merge(late, 6, source="mallory/r"))
    assert refused.returncode == 1
    assert "It came from the fork mallory/r. It changes the pipeline, so its plan is not trusted." in refused.stdout
    assert server.writes() == []


def test_the_comment_says_what_merging_does_and_which_secrets_it_needs(hub: Hub) -> None:
    kinesis = (ROOT / "examples" / "kinesis" / "kinesis.yaml").read_text(encoding="utf-8")
    head = hub.push("feature", kinesis)
    done = hub.run("plan", head, 1, RECONCILER_SECRET_KINESIS_ID="canary-id", RECONCILER_VAR_REGION="r",
                   RECONCILER_VAR_STREAM="s")  # fmt: skip
    assert done.returncode == 0, done.stdout
    (comment,) = hub.data["comments"]
    address = f"{hub.folder}/o/r/actions/runs/77"
    head_line = f"Commit `{head[:12]}` · [run]({address}) · [HTML report and saved plan]({address}#artifacts)"
    assert head_line in comment["body"]
    assert "Merging applies exactly these changes to `default`." in comment["body"]
    assert "- `kinesis-id`: `RECONCILER_SECRET_KINESIS_ID` is set in this job" in comment["body"]
    assert "- `kinesis-key`: `RECONCILER_SECRET_KINESIS_KEY` is not set in this job" in comment["body"]
    assert "canary" not in comment["body"]


def test_several_environments_are_one_comment(hub: Hub) -> None:
    runner = hub.runner("main")
    for name in ("dev", "prod"):
        folder = runner / "reconciler-out" / f"reconciler-plan-{name}"
        folder.mkdir(parents=True)
        details = "\n<details>" + "x" * 70_000
        (folder / "plan.md").write_text(f"<!-- reconciler plan {name} -->\n### Plan for `{name}`\n{details}", "utf-8")
    env = hub.environ(runner, "f" * 40, 1) | {"COMMAND": "comment", "ENVIRONMENT": "dev,prod"}
    for _ in range(2):
        assert hub.step(env, runner).returncode == 0
    (comment,) = hub.data["comments"]
    assert comment["body"].startswith("<!-- reconciler plan dev,prod -->\n### Plan for `dev`")
    assert "### Plan for `prod`" in comment["body"]
    assert len(comment["body"]) < 65_536


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
    merged = hub.push("main", MANIFEST.replace(text, "Merged and not applied"))
    assert hub.run("drift", merged).returncode == 0
    assert [issue["open"] for issue in hub.data["issues"]] == [False, True]
    assert "customer-io/flow" in hub.data["issues"][1]["body"]


def test_the_action_sets_every_variable_that_its_step_reads() -> None:
    names = ("applying", "github", "history", "git", "runner", "state_branch", "steps", "texts")
    text = "".join((ROOT / "reconciler" / "ci" / f"{name}.py").read_text(encoding="utf-8") for name in names)
    read = set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z_]+)\"""", text)) | {"COMMAND"}
    runner = {name for name in read if name.startswith(("GITHUB_", "RUNNER_"))}
    assert read - runner == set(step("run")["env"])
