"""A GitLab server in small: merge requests, notes, pipelines, artifacts and issues, and jobs of the template."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.cli.hub import Hub, clean, shell
from tests.conftest import ROOT, Server

TEMPLATE = yaml.safe_load((ROOT / "examples" / "pipelines" / "gitlab.yml").read_text(encoding="utf-8"))
PROJECT_TOKEN = "glpat-canary-of-the-project"
JOB_TOKEN = "canary-of-the-job"
BOT_ID = 9
CREDENTIALS = ("aep-plan", "aep-drift", "aep-apply")


@dataclass
class Lab(Hub):
    """The server; `notes`, `merges` and `issues` are what it holds, `address` is that of its API."""

    notes: list[dict[str, Any]] = field(default_factory=list)
    merges: dict[str, dict[str, Any]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    @classmethod
    @contextmanager
    def serve(cls, folder: Path, server: Server) -> Iterator[Lab]:
        """Serve a host with one project, o/r, while the block runs."""
        lab = cls.make(folder, server)
        (folder / "o" / "r.git").symlink_to(lab.bare)
        handler = type("Handler", (_Handler,), {"lab": lab})
        http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        lab.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield lab
        finally:
            http.shutdown()
            http.server_close()

    def merged(self, commit: str, head: str, number: int = 5, source: str = "1") -> None:
        """Let a commit of the main branch be the merge of a merge request."""
        project = 1 if source in ("o/r", "1") else 2
        self.merges[commit] = {
            "iid": number, "sha": head, "state": "merged", "source_project_id": project, "target_project_id": 1,
        }  # fmt: skip

    def artifact(self, job: str, commit: str) -> Path:
        """Return the folder of the artifact that a job left for a commit."""
        return self.folder / "artifacts" / f"{job}-{commit}"

    def job(
        self, name: str, commit: str, number: int | None = None, source: str = "1", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script of a job of the template, with the variables of its environment and the artifacts it needs."""
        job = TEMPLATE[f"reconciler:{name}"]
        runner = self.runner(commit)
        scope = (job.get("environment") or {}).get("name", "")
        env = clean() | TEMPLATE["variables"] | job.get("variables", {}) | self._variables(runner, commit)
        if number:
            env |= {
                "CI_MERGE_REQUEST_IID": str(number), "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": source,
                "CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            }  # fmt: skip
        else:
            env["CI_COMMIT_BRANCH"] = "main"
        if scope in CREDENTIALS:
            env |= {key: value for key, value in self.environ(runner, commit).items() if key.startswith("AEP_")}
        if scope in ("aep-comment", "aep-drift", "aep-apply"):
            env["RECONCILER_GITLAB_TOKEN"] = PROJECT_TOKEN
        for needed in job.get("needs", ()):
            shutil.copytree(self.artifact(needed.partition(":")[2], commit), runner / "repo" / ".reconciler-out")
        code, out = 0, ""
        for line in job["script"]:
            done = shell(line, env | more, runner / "repo")
            code, out = done.returncode, out + done.stdout + done.stderr
            if code:
                break
        self._keep(name, commit, runner / "repo" / ".reconciler-out", number, code)
        return subprocess.CompletedProcess([], code, out, "")

    def _variables(self, runner: Path, commit: str) -> dict[str, str]:
        return {
            "PATH": f"{runner / 'reconciler' / 'bin'}:{clean()['PATH']}", "CI_PROJECT_DIR": str(runner / "repo"),
            "CI_PROJECT_ID": "1", "CI_COMMIT_SHA": commit, "CI_SERVER_URL": str(self.folder),
            "CI_PROJECT_PATH": "o/r", "CI_API_V4_URL": self.address, "CI_DEFAULT_BRANCH": "main", "CI_JOB_ID": "3",
            "CI_JOB_URL": "https://lab.example/o/r/-/jobs/3", "CI_PIPELINE_URL": "https://lab.example/o/r/-/pipelines/4",
            "CI_JOB_TOKEN": JOB_TOKEN, "RECONCILER_STATE_DIR": str(self.folder / "state"),
        }  # fmt: skip

    def _keep(self, name: str, commit: str, folder: Path, number: int | None, code: int) -> None:
        if folder.is_dir():
            shutil.rmtree(self.artifact(name, commit), ignore_errors=True)
            shutil.copytree(folder, self.artifact(name, commit))
        if code == 0:
            self.pipelines.append({"id": len(self.pipelines) + 1, "sha": commit, "job": name, "merge": number})


class _Handler(BaseHTTPRequestHandler):
    lab: Lab

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = {key: value[0] for key, value in parse_qs(self.rfile.read(length).decode()).items()}
        path = unquote(parts.path)
        job = self.headers.get("JOB-TOKEN") == JOB_TOKEN and "/jobs/artifacts/" in path
        if self.headers.get("PRIVATE-TOKEN") != PROJECT_TOKEN and not job:
            return self._answer(401, {})
        answer = self._route(self.command, path.removeprefix("/projects/1"), query, body)
        return self._answer(404, {}) if answer is None else self._answer(200, answer)

    def __getattr__(self, name: str) -> Any:
        if name in ("do_GET", "do_POST", "do_PUT"):
            return self._serve
        raise AttributeError(name)

    def _answer(self, status: int, answer: Any) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, method: str, path: str, query: dict[str, str], body: dict[str, str]) -> Any:  # noqa: C901
        lab = self.lab
        if path == "/user":
            return {"id": BOT_ID}
        if found := re.fullmatch(r"/merge_requests/(\d+)/notes", path):
            if method == "GET":
                return [item for item in lab.notes if item["merge"] == found[1]]
            lab.notes.append({"id": len(lab.notes) + 1, "merge": found[1], "author": {"id": BOT_ID}, **body})
            return lab.notes[-1]
        if found := re.fullmatch(r"/merge_requests/\d+/notes/(\d+)", path):
            lab.notes[int(found[1]) - 1] |= body
            return {}
        if found := re.fullmatch(r"/repository/commits/(\w+)/merge_requests", path):
            return [lab.merges[found[1]]] if found[1] in lab.merges else []
        if found := re.fullmatch(r"/merge_requests/(\d+)/pipelines", path):
            return [item for item in reversed(lab.pipelines) if str(item["merge"]) == found[1]]
        if found := re.fullmatch(r"/pipelines/(\d+)/jobs", path):
            pipeline = lab.pipelines[int(found[1]) - 1]
            return [{"id": pipeline["id"], "name": f"reconciler:{pipeline['job']}"}]
        if found := re.fullmatch(r"/jobs/(\d+)/artifacts/\.reconciler-out/([\w.]+)", path):
            pipeline = lab.pipelines[int(found[1]) - 1]
            return _content(lab.artifact(pipeline["job"], pipeline["sha"]) / found[2])
        if found := re.fullmatch(r"/jobs/artifacts/main/raw/\.reconciler-out/([\w.]+)", path):
            left = [item for item in lab.pipelines if f"reconciler:{item['job']}" == query["job"]]
            return _content(lab.artifact(left[-1]["job"], left[-1]["sha"]) / found[1]) if left else None
        if path == "/issues" and method == "GET":
            return [item for item in lab.issues if item["state"] == "opened"]
        if path == "/issues":
            lab.issues.append({"iid": len(lab.issues) + 1, "state": "opened", **body})
            return lab.issues[-1]
        if found := re.fullmatch(r"/issues/(\d+)", path):
            issue = lab.issues[int(found[1]) - 1]
            issue |= {"state": "closed"} if body.get("state_event") == "close" else body
            return issue
        return None


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
