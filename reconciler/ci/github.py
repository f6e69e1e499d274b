"""GitHub, through its command line gh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.ci.host import Merge
from reconciler.ci.runner import Job, JobError, run


class GitHub:
    """The repository of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._base = f"repos/{job.repository}"

    def _gh(self, *args: str, check: bool = True) -> str:
        """Run gh for this repository and return what it printed. Raises JobError where it fails and `check` is set."""
        env = {**self._job.environ, "GH_REPO": self._job.repository, "GH_PROMPT_DISABLED": "1"}
        try:
            done = run(["gh", *args], env)
        except FileNotFoundError:
            raise JobError("gh is not on the PATH: install the GitHub CLI on the runner") from None
        if done.returncode and check:
            raise JobError(f"gh {' '.join(args[:2])} failed: {done.stderr.strip()[:2000]}")
        return done.stdout

    def _json(self, *args: str) -> Any:
        """Run gh and return the JSON document that it printed; None for no output."""
        text = self._gh(*args)
        return json.loads(text) if text.strip() else None

    def put_comment(self, number: int, mark: str, text: str) -> None:
        """Write a comment over the one with the same mark and author.

        The author counts: anybody could post the mark first, let the plan be written there, and edit it afterwards.
        """
        place = f"{self._base}/issues/{number}/comments"
        pages = self._json("api", "--paginate", "--slurp", place) or []
        author = self._json("api", "graphql", "-f", "query={viewer{login}}")["data"]["viewer"]["login"]
        existing = next((item["id"] for page in pages for item in page if _is_ours(item, mark, author)), None)
        target = f"{self._base}/issues/comments/{existing}" if existing else place
        body = self._job.write("comment.md", text)
        self._gh("api", "--method", "PATCH" if existing else "POST", target, "-F", f"body=@{body}")

    def merged(self, commit: str) -> Merge | None:
        """Return the pull request that was merged as a commit. A deleted head repository counts as a fork."""
        pulls = self._json("api", f"{self._base}/commits/{commit}/pulls") or []
        found = next((item for item in pulls if item.get("merged_at")), None)
        if found is None:
            return None
        source = str((found["head"].get("repo") or {}).get("full_name") or "")
        fork = source.lower() != self._job.repository.lower()
        return Merge(int(found["number"]), str(found["head"]["sha"]), source, fork)

    def fetch_plan(self, merge: Merge, artifact: str, folder: Path) -> bool:
        """Fetch the plan of a pull request's last run.

        A fork can open a pull request with the same commit, so the repository that a run belongs to counts, too.
        """
        query = f"head_sha={merge.head}&event=pull_request&status=success&per_page=100"
        runs = (self._json("api", f"{self._base}/actions/runs?{query}") or {}).get("workflow_runs", [])
        workflow = self._job.environ.get("GITHUB_WORKFLOW", "")
        for item in runs:
            source = str((item.get("head_repository") or {}).get("full_name") or "")
            if item.get("name") == workflow and source.lower() == merge.source.lower() and source:
                self._download(str(item["id"]), artifact, folder)
                if (folder / "plan.json").is_file():
                    return True
        return False

    def fetch_snapshot(self, artifact: str, folder: Path) -> bool:
        """Fetch the newest snapshot of the main branch of this repository: an artifact of a fork has the same name."""
        repository = self._json("api", self._base)
        query = f"name={quote(artifact, safe='')}&per_page=100"
        listed = (self._json("api", f"{self._base}/actions/artifacts?{query}") or {}).get("artifacts", [])
        for item in listed:
            origin = item.get("workflow_run") or {}
            main = origin.get("head_branch") == repository["default_branch"]
            if main and origin.get("head_repository_id") == repository["id"] and not item.get("expired"):
                self._download(str(origin["id"]), artifact, folder)
                return (folder / "reconciler.snapshot").is_file()
        return False

    def _download(self, ident: str, artifact: str, folder: Path) -> None:
        self._gh("run", "download", ident, "--name", artifact, "--dir", str(folder), check=False)

    def keep_issue(self, title: str, body: Path | None) -> None:
        """Open, update or close the issue with a title."""
        search = ("--state", "open", "--search", f'in:title "{title}"', "--json", "number,title")
        issues = self._json("issue", "list", *search) or []
        number = next((str(item["number"]) for item in issues if item["title"] == title), None)
        if body is None:
            if number:
                self._gh("issue", "close", number, "--comment", "The platform is as it was applied again.")
        elif number:
            self._gh("issue", "edit", number, "--body-file", str(body))
        else:
            self._gh("issue", "create", "--title", title, "--body-file", str(body))


def _is_ours(item: dict[str, Any], mark: str, author: str) -> bool:
    return str(item["body"]).startswith(mark) and (item.get("user") or {}).get("login") == author
