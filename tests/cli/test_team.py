"""Ten authors, one repository: random branches, merges, dropped runs and manual edits over three environments.

`RECONCILER_TEAM=30` opens that many pull requests; `RECONCILER_SEED` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.inprocess import Quick
from tests.conftest import ROOT, Request, Server

ENVIRONMENTS = ("dev", "stage", "prod")
AUTHORS = tuple(f"author-{number}" for number in range(10))
PULLS = int(os.environ.get("RECONCILER_TEAM", "4"))
TEMPLATE = (ROOT / "examples" / "customer-io" / "customer-io.yaml").read_text(encoding="utf-8")
PROJECT = """apiVersion: reconciler/v1
kind: Project
metadata: {name: team}
spec:
  guardrails: {maxDeletePercent: 100} # a removed dataflow is much of so small a project
  environments:
    dev: {sandbox: dev}
    stage: {sandbox: stage}
    prod: {sandbox: prod}
"""


def manifest(name: str, title: str, description: str) -> str:
    """Return the manifest of a dataflow."""
    text = TEMPLATE.replace("  name: customer-io\n", f"  name: {name}\n").replace("name: Streaming", f"name: {name}")
    return edited(edited(text, "title", title), "description", description)


def edited(text: str, part: str, value: str) -> str:
    """Return a manifest with another title or description of its flow."""
    before = r"(?m)(^  flow:\n    name: )" if part == "title" else r"(?m)(^  flow:\n    name: .*\n    description: )"
    return re.sub(before + ".*", rf"\g<1>{value}", text)


@dataclass
class Pull:
    """An open pull request: its number, its branch, and the edit that its author makes, on whatever main holds."""

    number: int
    edit: tuple[str, str]
    head: str = ""


@dataclass
class Team:
    """The repository, its open pull requests, and the requests that a reviewer has seen before they were sent."""

    hub: Quick
    server: Server
    dice: random.Random
    pulls: list[Pull] = field(default_factory=list)
    seen: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in ENVIRONMENTS})
    applied: int = 0
    approved: int = 0

    def open(self, number: int) -> None:
        """Let an author open a pull request."""
        name = self.dice.choice(["alpha", "beta", "gamma", f"new-{number}"])
        edit = self.dice.choice(["title", "description", "delete"] if name != "gamma" else ["title", "description"])
        self.pulls.append(Pull(number, (name, edit)))
        self.update(self.pulls[-1])

    def update(self, pull: Pull) -> None:
        """Let the author write the branch again on the newest main branch; it is planned in every environment."""
        hub, (name, edit) = self.hub, pull.edit
        hub.git("fetch", "-q", "origin")
        hub.git("checkout", "-q", "--detach", "origin/main")
        path = hub.work / f"{name}.yaml"
        author = self.dice.choice(AUTHORS)
        if edit == "delete" and path.exists():
            path.unlink()
        else:
            text = path.read_text("utf-8") if path.exists() else manifest(name, name, "first")
            path.write_text(edited(text, edit, f"{author} {pull.number} {name}"), encoding="utf-8")
        hub.git("add", "-A")
        hub.git("commit", "-q", "--allow-empty", "-m", f"{edit} {name}")
        pull.head = hub.git("rev-parse", "HEAD")
        hub.git("push", "-q", "-f", "origin", f"HEAD:refs/heads/pull-{pull.number}")
        for environment in ENVIRONMENTS:
            done = hub.run("plan", pull.head, pull.number, ENVIRONMENT=environment)
            assert done.returncode == 0, done.stdout + done.stderr
            self.see(environment, hub.folder / "artifacts" / str(99 + len(hub.data["runs"])))

    def see(self, environment: str, folder: Path) -> None:
        """Let a reviewer look at a plan."""
        for path in folder.rglob("changes.json"):
            changes = json.loads(path.read_text(encoding="utf-8"))["changes"]
            self.seen[environment] += [call for change in changes for call in change["calls"]]

    def merge(self, pull: Pull) -> str:
        """Merge a pull request, which its author writes again first where it does not fit."""
        for _ in range(3):
            try:
                commit = self.hub.merge(pull.head, pull.number)
            except Exception:
                self.hub.git("reset", "-q", "--hard")
                self.update(pull)
            else:
                self.pulls.remove(pull)
                return commit
        raise AssertionError(pull)

    def apply(self, commit: str) -> None:
        """Run the jobs of a push, in each environment; a plan that waits for an approval is read and approved."""
        for environment in ENVIRONMENTS:
            self.server.clear()
            done = self.hub.run("apply", commit, ENVIRONMENT=environment)
            self.check(environment)
            self.applied += done.returncode == 0
            if done.returncode:
                folder = self.hub.folder / "artifacts" / "apply"
                assert (folder / "plan.json.new").is_file(), done.stdout
                self.see(environment, folder)
                self.server.clear()
                approved = self.hub.run("approve", commit, ENVIRONMENT=environment)
                assert approved.returncode == 0, approved.stdout
                self.check(environment)
                self.approved += 1

    def check(self, environment: str) -> None:
        """Assert that every request that changed something was shown in a plan of this environment before."""
        for sent in self.server.writes():
            assert sent.headers["x-sandbox-name"] == environment
            assert any(_shows(call, sent) for call in self.seen[environment]), (environment, sent.path, sent.body)

    def click(self) -> None:
        """Edit an object of the production sandbox by hand."""
        sandbox = {"x-sandbox-name": "prod"}
        flows = self.server.call("GET", "/data/foundation/flowservice/flows?limit=100", **sandbox)["items"]
        if flows:
            flow = self.dice.choice(flows)
            body = [{"op": "replace", "path": "/description", "value": "by hand"}]
            path = f"/data/foundation/flowservice/flows/{flow['id']}"
            self.server.call("PATCH", path, body, **sandbox, **{"If-Match": flow["etag"]})


def _shows(call: Any, sent: Request) -> bool:
    """Return whether a request of a plan is one that was sent: ids of new objects are not known in a plan."""
    if call["method"] != sent.method:
        return False
    ours, theirs = call["path"].split("/"), sent.path.split("/")
    known = all(one == other or "{" in one or "(" in one for one, other in zip(ours, theirs, strict=False))
    return len(ours) == len(theirs) and known and _fits(call.get("body"), sent.body)


def _fits(shown: Any, sent: Any) -> bool:
    if isinstance(shown, dict) and "$ref" in shown:
        return True
    if isinstance(shown, dict) and isinstance(sent, dict):
        return shown.keys() == sent.keys() and all(_fits(shown[key], sent[key]) for key in shown)
    if isinstance(shown, list) and isinstance(sent, list):
        return len(shown) == len(sent) and all(map(_fits, shown, sent))
    return bool(shown == sent)


def test_ten_people_and_one_repository(server: Server, tmp_path: Path) -> None:
    seed = int(os.environ.get("RECONCILER_SEED") or random.randrange(2**32))
    print(f"RECONCILER_TEAM={PULLS} RECONCILER_SEED={seed}")
    hub = Quick.make(tmp_path, server)
    hub.git("rm", "-q", "flow.yaml")
    files = {f"{name}.yaml": manifest(name, "First", "first") for name in ("alpha", "beta", "gamma")}
    for name, text in {**files, "reconciler.yaml": PROJECT}.items():
        (hub.work / name).write_text(text, encoding="utf-8")
    hub.git("add", "-A")
    hub.git("commit", "-qm", "start")
    hub.git("push", "-q", "origin", "HEAD:refs/heads/main")
    team = Team(hub, server, random.Random(seed))
    team.apply(hub.git("rev-parse", "HEAD"))  # no plan was reviewed: it is approved
    assert team.approved == len(ENVIRONMENTS)
    waiting, opened = "", 0
    while opened < PULLS or team.pulls or waiting:
        step = team.dice.choice(["open", "open", "merge", "merge", "apply", "click"])
        if step == "open" and opened < PULLS:
            opened += 1
            team.open(opened)
        elif step == "merge" and team.pulls:
            waiting = team.merge(team.dice.choice(team.pulls))  # a run that waits is dropped for a newer one
        elif step == "apply" and waiting:
            team.apply(waiting)
            waiting = ""
        elif step == "click" and opened < PULLS:
            team.click()
    main = hub.git("rev-parse", "main", at=hub.bare)
    for environment in ENVIRONMENTS:
        assert hub.git("rev-parse", f"reconciler-applied/{environment}", at=hub.bare) == main
        final = team.hub.run("plan", main, 999, ENVIRONMENT=environment)
        assert final.returncode == 0, final.stdout
        folder = hub.folder / "artifacts" / str(99 + len(hub.data["runs"])) / f"reconciler-plan-{environment}"
        changes = json.loads((folder / "changes.json").read_text(encoding="utf-8"))["changes"]
        assert all(item["before"]["description"] == "by hand" for item in changes), changes
