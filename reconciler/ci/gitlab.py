"""GitLab, through its REST API with a project access token (`RECONCILER_GITLAB_TOKEN`)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from reconciler.ci.host import Merge
from reconciler.ci.runner import Job, JobError, PullRequest

TOKEN = "RECONCILER_GITLAB_TOKEN"
PLAN_JOB, SNAPSHOT_JOB = "reconciler:plan", "reconciler:snapshot"
FOLDER = ".reconciler-out"
"""The folder of a job's artifact below the checkout; manifests are not read from it."""
_TIMEOUT = 60.0
"""Seconds until an unanswered request is given up."""


def gitlab_job(environ: Mapping[str, str]) -> Job:
    """Return the job that a GitLab runner describes. Raises JobError where a variable of the runner is missing."""
    missing = [name for name in ("CI_PROJECT_DIR", "CI_PROJECT_ID", "CI_COMMIT_SHA") if not environ.get(name)]
    if missing:
        raise JobError(f"this is not a GitLab runner: {', '.join(missing)} is not set")
    checkout = Path(environ["CI_PROJECT_DIR"])
    folder = checkout / FOLDER
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    temp = Path(f"{checkout}.tmp") / f"reconciler-{environ.get('CI_JOB_ID', '0')}"
    temp.mkdir(parents=True, exist_ok=True)
    number, source = environ.get("CI_MERGE_REQUEST_IID"), environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "")
    pull = PullRequest(int(number), source != environ.get("CI_MERGE_REQUEST_PROJECT_ID")) if number else None
    token = environ.get(TOKEN, "")
    web = environ.get("CI_JOB_URL", "")
    before = environ.get("CI_COMMIT_BEFORE_SHA", "")
    return Job(
        environ=environ, folder=folder, temp=temp, repository=environ["CI_PROJECT_ID"],
        commit=environ["CI_COMMIT_SHA"], before=before if before.strip("0") else "",
        branch=environ.get("CI_COMMIT_BRANCH", ""),
        project=environ.get("RECONCILER_PROJECT") or ".", environment=environ.get("RECONCILER_ENV", ""),
        arguments=tuple(environ.get("RECONCILER_ARGUMENTS", "").split()),
        state_branch=environ.get("RECONCILER_STATE_BRANCH", ""), pull_request=pull,
        address=f"{environ.get('CI_SERVER_URL', '')}/{environ.get('CI_PROJECT_PATH', '')}.git",
        login=f"oauth2:{token}" if token else "", run=environ.get("CI_PIPELINE_URL", web),
        report=f"{web}/artifacts/file/{FOLDER}/plan.html" if web else "", gitlab=True,
    )  # fmt: skip


class GitLab:
    """The project of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._base = f"/projects/{quote(job.repository, safe='')}"

    def _request(self, method: str, path: str, body: Mapping[str, str] | None = None) -> urllib.request.Request:
        """Return a request below the address of the API. Raises JobError where that is not one."""
        url = self._job.environ.get("CI_API_V4_URL", "").rstrip("/") + path
        if urlsplit(url).scheme not in ("http", "https"):
            raise JobError(f"CI_API_V4_URL is not the address of an API: {url}")
        return urllib.request.Request(url, urlencode(body).encode() if body is not None else None, method=method)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> bytes | None:
        """Send a request and return the answer's body, None for "not found". Raises JobError for any other failure."""
        token = self._job.environ.get(TOKEN, "")
        if not token:
            scopes = "the scopes api and write_repository"
            raise JobError(f"{TOKEN} is not set: create a project access token with {scopes}")
        request = self._request(method, path, body)
        request.add_unredirected_header("PRIVATE-TOKEN", token)  # artifacts are redirected to a store
        try:
            return _answer(request)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise JobError(f"{method} {path.partition('?')[0]} of GitLab failed: {error.code} {error.reason}") from None
        except OSError as error:
            raise JobError(f"{method} {path.partition('?')[0]} of GitLab failed: {error}") from None

    def _json(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        content = self._ask(method, path, body)
        return json.loads(content) if content else None

    def _pages(self, path: str) -> Iterator[Any]:
        """Yield the items of a list, page by page."""
        page = 1
        while True:
            items = self._json("GET", f"{path}{'&' if '?' in path else '?'}per_page=100&page={page}") or []
            yield from items
            if len(items) < 100:
                return
            page += 1

    def put_comment(self, number: int, mark: str, text: str) -> None:
        """Write a note over the one with the same mark and author: anybody could post the mark first."""
        place = f"{self._base}/merge_requests/{number}/notes"
        author = (self._json("GET", "/user") or {}).get("id")
        existing = next(
            (
                item["id"]
                for item in self._pages(place)
                if str(item["body"]).startswith(mark) and (item.get("author") or {}).get("id") == author
            ),
            None,
        )
        self._json("PUT" if existing else "POST", f"{place}/{existing}" if existing else place, {"body": text})

    def merged(self, commit: str) -> Merge | None:
        """Return the merge request that was merged as a commit."""
        requests = self._json("GET", f"{self._base}/repository/commits/{commit}/merge_requests") or []
        found = next((item for item in requests if item.get("state") == "merged"), None)
        if found is None:
            return None
        source = str(found.get("source_project_id"))
        fork = source != str(found.get("target_project_id"))
        return Merge(int(found["iid"]), str(found["sha"]), source, fork)

    def fetch_plan(self, merge: Merge, artifact: str, folder: Path) -> bool:
        """Fetch the plan of a merge request's last pipeline; a fork's pipeline ran in the fork."""
        del artifact
        if merge.fork:
            return False
        for pipeline in self._pages(f"{self._base}/merge_requests/{merge.number}/pipelines"):
            if pipeline["sha"] == merge.head and self._fetch(pipeline["id"], PLAN_JOB, "plan.json", folder):
                return True
        return False

    def _fetch(self, pipeline: int, name: str, file: str, folder: Path) -> bool:
        for job in self._pages(f"{self._base}/pipelines/{pipeline}/jobs?scope[]=success"):
            if self._named(job["name"], name):
                content = self._ask("GET", f"{self._base}/jobs/{job['id']}/artifacts/{FOLDER}/{file}")
                if content is not None:
                    (folder / file).write_bytes(content)
                    return True
        return False

    def _named(self, found: str, name: str) -> bool:
        """Return whether a job has a name; jobs of a matrix have their environment in brackets behind it."""
        return found in (name, f"{name}: [{self._job.environment}]")

    def fetch_snapshot(self, artifact: str, folder: Path) -> bool:
        """Fetch the snapshot of the last job of the main branch that left one.

        The job token suffices. In a pipeline of the fork it is refused, unless the project lets the fork's jobs in.
        """
        del artifact
        environ = self._job.environ
        project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or self._job.repository
        branch = environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or environ.get("CI_DEFAULT_BRANCH", "main")
        name = quote(SNAPSHOT_JOB, safe="")
        path = f"/jobs/artifacts/{quote(branch, safe='')}/raw/{FOLDER}/reconciler.snapshot?job={name}"
        request = self._request("GET", f"/projects/{quote(project, safe='')}{path}")
        request.add_unredirected_header("JOB-TOKEN", environ.get("CI_JOB_TOKEN", ""))
        try:
            content = _answer(request)
        except urllib.error.HTTPError:
            return False
        (folder / "reconciler.snapshot").write_bytes(content)
        return True

    def keep_issue(self, title: str, body: Path | None) -> None:
        """Open, update or close the issue with a title."""
        place = f"{self._base}/issues"
        listed = self._pages(f"{place}?state=opened&in=title&search={quote(title, safe='')}")
        number = next((item["iid"] for item in listed if item["title"] == title), None)
        if body is None:
            if number:
                self._json("PUT", f"{place}/{number}", {"state_event": "close"})
        else:
            text = {"title": title, "description": body.read_text(encoding="utf-8")}
            self._json("PUT" if number else "POST", f"{place}/{number}" if number else place, text)


def _answer(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        content: bytes = answer.read()
        return content


def write_counts(changes: Path, counts: Path) -> None:
    """Read `show --format json` from `changes`; write how much is created, updated and deleted to `counts`.

    A replace counts as a create and a delete, because the widget knows only three numbers.
    """
    summary = json.loads(changes.read_text(encoding="utf-8"))["summary"]
    replaced = summary["replace"]
    widget = {
        "create": summary["create"] + replaced,
        "update": summary["update"],
        "delete": summary["delete"] + replaced,
    }
    counts.write_text(json.dumps(widget), encoding="utf-8")
