"""The action's script, run as a runner runs it: a bare repository, a pull request, an edit from outside, a merge."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Server

SCRIPT = ROOT / ".github" / "reconciler.sh"
GH = '''#!{python}
"""As much of `gh` as the action uses, over one JSON file."""
import json, os, re, shutil, subprocess, sys
from pathlib import Path

store = Path(os.environ["FAKE_GH"])
data = json.loads(store.read_text())
args = sys.argv[1:]
option = lambda name: args[args.index(name) + 1] if name in args else None
field = lambda name: Path(next(a for a in args if a.startswith(name + "=@"))[len(name) + 2:]).read_text()
data["log"].append(args)
if args[0] == "api":
    path = next(a for a in args if a.startswith("repos/"))
    if path.endswith("/comments") and option("--method") is None:
        mark = re.search(r'startswith\\("(.*)"\\)', option("--jq"))[1]
        print("\\n".join(str(c["id"]) for c in data["comments"] if c["body"].startswith(mark)))
    elif path.endswith("/comments"):
        data["comments"].append({{"id": len(data["comments"]) + 7, "body": field("body")}})
    elif "/issues/comments/" in path:
        next(c for c in data["comments"] if path.endswith(f"/{{c['id']}}"))["body"] = field("body")
    elif path.endswith("/pulls"):
        print(data["heads"].get(path.split("/")[-2], ""))
elif args[:2] == ["run", "list"] and option("--workflow") == "reconciler":
    print(data["runs"].get(option("--commit"), ""))
elif args[:2] == ["run", "download"]:
    shutil.copytree(Path(data["artifacts"]) / args[2] / option("--name"), option("--dir"), dirs_exist_ok=True)
elif args[:2] == ["issue", "list"]:
    title = re.search(r'title == "(.*)"\\)', option("--jq"))[1]
    print(next((i["number"] for i in data["issues"] if i["open"] and i["title"] == title), ""))
elif args[:2] == ["issue", "create"]:
    body = Path(option("--body-file")).read_text()
    data["issues"].append({{"number": len(data["issues"]) + 1, "open": True, "title": option("--title"), "body": body}})
elif args[:2] == ["issue", "edit"]:
    next(i for i in data["issues"] if str(i["number"]) == args[2])["body"] = Path(option("--body-file")).read_text()
elif args[:2] == ["issue", "close"]:
    next(i for i in data["issues"] if str(i["number"]) == args[2])["open"] = False
else:
    sys.exit(f"not faked: {{args}}")
store.write_text(json.dumps(data))
'''


@dataclass
class Hub:
    """A host of repositories in small: a bare repository, runners, comments, artifacts and issues."""

    folder: Path
    server: Server

    @property
    def work(self) -> Path:
        """The clone somebody works in."""
        return self.folder / "work"

    @property
    def data(self) -> Any:
        """What the host knows."""
        return json.loads((self.folder / "hub.json").read_text(encoding="utf-8"))

    def know(self, **more: Any) -> None:
        """Teach the host something."""
        (self.folder / "hub.json").write_text(json.dumps({**self.data, **more}), encoding="utf-8")

    def git(self, *args: str, at: Path | None = None) -> str:
        """Run git and return what it printed."""
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
        done = subprocess.run(
            ["git", *who, *args], cwd=at or self.work, check=True, capture_output=True, text=True, env=_clean()
        )
        return done.stdout.strip()

    def push(self, branch: str, text: str) -> str:
        """Commit a manifest to a branch, push it, and return the commit."""
        (self.work / "flow.yaml").write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-qm", f"on {branch}")
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def run(self, command: str, commit: str, number: int | None = None) -> subprocess.CompletedProcess[str]:
        """Check a commit out on a fresh runner and run the action's script; keep what a plan leaves as an artifact."""
        runner = self.folder / f"runner{len(list(self.folder.glob('runner*')))}"
        self.git("clone", "-q", str(self.folder / "hub.git"), str(runner / "repo"), at=self.folder)
        self.git("checkout", "-q", commit, at=runner / "repo")
        env = _clean() | {
            "PATH": f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(runner / "output"), "GITHUB_SHA": commit,
            "GITHUB_WORKFLOW": "reconciler",
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"), "GITHUB_REPOSITORY": "o/r",
            "FAKE_GH": str(self.folder / "hub.json"), "COMMAND": command, "PROJECT": ".", "ENVIRONMENT": "",
            "ARGUMENTS": "", "STATE_BRANCH": "reconciler-state", "PULL_REQUEST": str(number or ""),
            "AEP_PLATFORM_URL": self.server.url, "AEP_ACCESS_TOKEN": "canary-token-77", "AEP_API_KEY": "key",
            "AEP_ORG_ID": "ORG@AdobeOrg", "AEP_SANDBOX": "dev",
        }  # fmt: skip
        done = subprocess.run(
            [str(SCRIPT)], cwd=runner / "repo", env=env, check=False, capture_output=True, text=True, timeout=120
        )
        if command == "plan" and (runner / "reconciler-out" / "plan.json").exists():
            ident = 100 + len(self.data["runs"])
            kept = self.folder / "artifacts" / str(ident) / "reconciler-plan-default"
            kept.parent.mkdir()
            (runner / "reconciler-out").rename(kept)
            self.know(runs={**self.data["runs"], commit: ident})
        return done


def _clean() -> dict[str, str]:
    away = ("AEP_", "RECONCILER_", "GITHUB_", "GIT_")
    return {key: value for key, value in os.environ.items() if not key.startswith(away)}


@pytest.fixture
def hub(server: Server, tmp_path: Path) -> Hub:
    """A bare repository with an empty main branch, and a clone of it."""
    hub = Hub(tmp_path, server)
    nothing = {
        "log": [],
        "comments": [],
        "heads": {},
        "runs": {},
        "issues": [],
        "artifacts": str(tmp_path / "artifacts"),
    }
    (tmp_path / "hub.json").write_text(json.dumps(nothing), encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "artifacts").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text(GH.format(python=sys.executable), encoding="utf-8")
    gh.chmod(0o755)
    hub.git("init", "-q", "--bare", str(tmp_path / "hub.git"), at=tmp_path)
    hub.git("clone", "-q", str(tmp_path / "hub.git"), str(hub.work), at=tmp_path)
    hub.push("main", "# nothing yet\n")
    return hub


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
    state = json.loads(hub.git("show", "reconciler-state:default.json", at=hub.folder / "hub.git"))
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
    assert "was changed since the plan was made" in stale.stderr
    assert [item for item in server.writes()[writes:] if "flows" in item.path] == []
    # planned again it shows both, and goes through
    assert "Changed outside since the last apply" in _comment_after(hub, changed, 2)
    again = hub.run("apply", changed)
    assert again.returncode == 0, again.stderr
    assert "Apply: 1 updated." in again.stdout
    assert len(hub.data["comments"]) == 1
    assert "canary-token" not in json.dumps(hub.data) + again.stdout + again.stderr


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
    assert "FAIL  t › one" in done.stderr
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
    state = json.loads(hub.git("show", "reconciler-state:default.json", at=hub.folder / "hub.git"))
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


def test_the_action_and_its_script_agree() -> None:
    """Every variable the script reads is set by the action, or by the runner."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (run,) = [step for step in action["runs"]["steps"] if step.get("id") == "run"]
    text = SCRIPT.read_text(encoding="utf-8")
    runner = {
        "RUNNER_TEMP",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_REPOSITORY",
        "GITHUB_SHA",
        "GITHUB_WORKFLOW",
    }
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", text)) - {"RECONCILER_STATE_DIR"}
    assert read - runner <= set(run["env"])
    assert set(run["env"]) - read == {"GH_TOKEN"}
