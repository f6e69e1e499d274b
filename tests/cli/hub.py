"""A host of repositories in small: repository, runners, comments, artifacts and issues, and a stand-in for gh."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from tests.conftest import ROOT, Server

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BOT = "github-actions[bot]"
TOKEN = "canary-token-77"
GH_TOKEN = "ghs_canary-of-the-runner"
GH = '''#!{python} -I
"""As much of `gh` as the action uses, over one JSON file."""
import json, os, shutil, sys
from pathlib import Path

store = Path(os.environ["FAKE_GH"])
data = json.loads(store.read_text())
args = sys.argv[1:]
option = lambda name: args[args.index(name) + 1] if name in args else None
field = lambda name: Path(next(a for a in args if a.startswith(name + "=@"))[len(name) + 2:]).read_text()
data["log"].append(args)
assert os.environ["GH_REPO"] == "o/r" and os.environ["GH_TOKEN"]
if args[:2] == ["api", "graphql"]:
    print(json.dumps({{"data": {{"viewer": {{"login": "{bot}"}}}}}}))
elif args[0] == "api":
    path = next(a for a in args if a.startswith("repos/o/r"))
    if path.endswith("/comments") and option("--method") is None:
        print(json.dumps([[c for c in data["comments"] if str(c.get("pull", 1)) == path.split("/")[-2]]]))
    elif path.endswith("/comments"):
        comment = {{"id": len(data["comments"]) + 7, "body": field("body"), "user": {{"login": "{bot}"}}}}
        comment["pull"] = path.split("/")[-2]
        data["comments"].append(comment)
    elif "/issues/comments/" in path:
        next(c for c in data["comments"] if path.endswith(f"/{{c['id']}}"))["body"] = field("body")
    elif path.endswith("/pulls"):
        pull = data["heads"].get(path.split("/")[-2])
        print(json.dumps([{{**pull, "merged_at": None, "head": {{"sha": "f" * 40}}}}, pull] if pull else []))
    elif "/actions/runs?" in path:
        sha = path.partition("head_sha=")[2].partition("&")[0]
        print(json.dumps({{"workflow_runs": [run for run in data["runs"] if run["head_sha"] == sha][::-1]}}))
    elif "/actions/artifacts?" in path:
        print(json.dumps({{"artifacts": data["snapshots"][::-1]}}))
    elif path == "repos/o/r":
        print(json.dumps({{"id": 42, "default_branch": "main"}}))
elif args[:2] == ["run", "download"]:
    kept = Path(data["artifacts"]) / args[2] / option("--name")
    if not kept.is_dir():
        sys.exit("no valid artifacts found to download")
    shutil.copytree(kept, option("--dir"), dirs_exist_ok=True)
elif args[:2] == ["issue", "list"]:
    print(json.dumps([i for i in data["issues"] if i["open"]]))
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


def step(name: str) -> dict[str, Any]:
    """Return a step of the action by its id."""
    found: dict[str, Any] = next(item for item in ACTION["runs"]["steps"] if item.get("id") == name)
    return found


def clean() -> dict[str, str]:
    """Return the environment of the tests without settings of this tool, of runners and of git."""
    away = ("AEP_", "RECONCILER_", "GITHUB_", "GIT_", "GH_", "PYTHON", "PIP_")
    return {key: value for key, value in os.environ.items() if not key.startswith(away)}


def shell(script: str, env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a step's script as the runner does for `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=dict(env), check=False, capture_output=True, text=True, timeout=300)


@dataclass
class Hub:
    """The host, below a folder of the test; `server` is the platform."""

    folder: Path
    server: Server

    @classmethod
    def make(cls, folder: Path, server: Server) -> Self:
        """Return a host with one repository, o/r, whose main branch holds an empty manifest."""
        hub = cls(folder, server)
        empty: dict[str, Any] = {"log": [], "comments": [], "heads": {}, "runs": [], "issues": [], "snapshots": []}
        text = json.dumps({**empty, "artifacts": str(folder / "artifacts")})
        (folder / "hub.json").write_text(text, encoding="utf-8")
        (folder / "bin").mkdir()
        (folder / "artifacts").mkdir()
        gh = folder / "bin" / "gh"
        gh.write_text(GH.format(python=sys.executable, bot=BOT), encoding="utf-8")
        gh.chmod(0o755)
        (folder / "o").mkdir()
        hub.git("init", "-q", "--bare", str(hub.bare), at=folder)
        hub.git("clone", "-q", str(hub.bare), str(hub.work), at=folder)
        hub.push("main", "# nothing yet\n")
        return hub

    @property
    def bare(self) -> Path:
        """The repository."""
        return self.folder / "o" / "r"

    @property
    def work(self) -> Path:
        """The clone somebody works in."""
        return self.folder / "work"

    @property
    def data(self) -> Any:
        """The comments, issues and runs of the host."""
        return json.loads((self.folder / "hub.json").read_text(encoding="utf-8"))

    def know(self, **more: Any) -> None:
        """Change what the host holds."""
        (self.folder / "hub.json").write_text(json.dumps({**self.data, **more}), encoding="utf-8")

    def git(self, *args: str, at: Path | None = None) -> str:
        """Run git and return what it printed."""
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
        done = subprocess.run(
            ["git", *author, *args], cwd=at or self.work, check=True, capture_output=True, text=True, env=clean()
        )
        return done.stdout.strip()

    def push(self, branch: str, text: str, **files: str) -> str:
        """Commit a manifest, and more files by their path, to a branch; push it, and return the commit."""
        for name, content in {"flow.yaml": text, **files}.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        self.git("add", "-A", "-f")
        self.git("commit", "-qm", f"on {branch}")
        self.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def runner(self, commit: str) -> Path:
        """Return the folder of a fresh runner with a commit checked out in `repo`, and the tool installed."""
        runner = self.folder / f"runner{len(list(self.folder.glob('runner*')))}"
        self.git("clone", "-q", str(self.bare), str(runner / "repo"), at=self.folder)
        self.git("checkout", "-q", commit, at=runner / "repo")
        python = runner / "reconciler" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        return runner

    def environ(self, runner: Path, commit: str, number: int | None = None, source: str = "o/r") -> dict[str, str]:
        """Return the environment of a step: what the runner and the action set, and the credentials of the platform."""
        event: dict[str, Any] = {}
        if number:
            head = {"sha": commit, "repo": {"full_name": source} if source else None}
            event = {"pull_request": {"number": number, "head": head}}
        (runner / "event.json").write_text(json.dumps(event), encoding="utf-8")
        return clean() | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(runner / "output"), "GITHUB_SHA": commit,
            "GITHUB_WORKFLOW": "reconciler", "GITHUB_EVENT_PATH": str(runner / "event.json"),
            "GITHUB_EVENT_NAME": "pull_request" if number else "push", "GITHUB_SERVER_URL": str(self.folder),
            "GITHUB_RUN_ID": "77", "GITHUB_REF_NAME": "5/merge" if number else "main",
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"), "GITHUB_REPOSITORY": "o/r",
            "FAKE_GH": str(self.folder / "hub.json"), "PROJECT": ".", "ENVIRONMENT": "", "ARGUMENTS": "",
            "STATE_BRANCH": "reconciler-state", "GH_TOKEN": GH_TOKEN,
            "AEP_PLATFORM_URL": self.server.url, "AEP_ACCESS_TOKEN": TOKEN, "AEP_API_KEY": "key",
            "AEP_ORG_ID": "ORG@AdobeOrg", "AEP_SANDBOX": "dev",
        }  # fmt: skip

    def merged(self, commit: str, head: str, number: int = 5, source: str = "o/r") -> None:
        """Let a commit of the main branch be the merge of a pull request with the last commit `head`."""
        repo = {"full_name": source} if source else None
        pull = {"number": number, "merged_at": "2026-01-01T00:00:00Z", "head": {"sha": head, "repo": repo}}
        self.know(heads={**self.data["heads"], commit: pull})

    def merge(self, head: str, number: int = 5, source: str = "o/r") -> str:
        """Merge a pull request into the main branch with a merge commit, and return that."""
        self.git("fetch", "-q", "origin")
        self.git("checkout", "-q", "--detach", "origin/main")
        self.git("merge", "-q", "--no-ff", "-m", f"Merge #{number}", head)
        self.git("push", "-q", "origin", "HEAD:refs/heads/main")
        commit = self.git("rev-parse", "HEAD")
        self.merged(commit, head, number, source)
        return commit

    def branch(self, name: str, text: str, base: str = "origin/main", **files: str) -> str:
        """Commit a manifest to a new branch that begins at `base`, and return the commit."""
        self.git("fetch", "-q", "origin")
        self.git("checkout", "-q", "--detach", base)
        return self.push(name, text, **files)

    def run(
        self, command: str, commit: str, number: int | None = None, source: str = "o/r", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Check a commit out on a fresh runner and run the action's step; keep what it leaves as an artifact.

        A plan and an apply are followed by the job that comments, which has no credentials of the platform.
        """
        runner = self.runner(commit)
        env = self.environ(runner, commit, number, source) | {"COMMAND": command} | more
        if command == "approve":
            shutil.copytree(self.folder / "artifacts" / "apply", runner / "reconciler-out")
        done = self.step(env, runner / "repo")
        out = runner / "reconciler-out"
        said = (number and (out / "plan.md").exists()) or (out / "comments").exists()
        if command in ("plan", "apply") and said:
            bare = {key: value for key, value in env.items() if not key.startswith("AEP_")} | {"COMMAND": "comment"}
            told = self.step(bare, runner)
            assert told.returncode == 0, told.stdout + told.stderr
        if command == "plan" and done.returncode == 0:
            ident = 100 + len(self.data["runs"])
            kept = self.folder / "artifacts" / str(ident) / f"reconciler-plan-{env['ENVIRONMENT'] or 'default'}"
            kept.parent.mkdir()
            shutil.copytree(out, kept)
            run = {"id": ident, "head_sha": commit, "name": "reconciler", "head_repository": {"full_name": source}}
            self.know(runs=[*self.data["runs"], run])
        if command == "apply":
            shutil.rmtree(self.folder / "artifacts" / "apply", ignore_errors=True)
            shutil.copytree(out, self.folder / "artifacts" / "apply")
        if command == "snapshot" and done.returncode == 0:
            self.snapshot(runner / "reconciler-snapshot")
        return done

    def step(self, env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the step of the action in the environment of a runner."""
        return shell(step("run")["run"], env, folder)

    def snapshot(self, folder: Path, branch: str = "main", repository: int = 42) -> None:
        """Keep the snapshot in a folder as an artifact of a run of a branch."""
        ident = 1000 + len(self.data["snapshots"])
        shutil.copytree(folder, self.folder / "artifacts" / str(ident) / "reconciler-snapshot-default")
        origin = {"id": ident, "head_branch": branch, "head_repository_id": repository}
        self.know(snapshots=[*self.data["snapshots"], {"expired": False, "workflow_run": origin}])
