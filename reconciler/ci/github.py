"""The commands of the GitHub action: validate, plan, comment, apply, drift."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from reconciler.ci import state_branch
from reconciler.ci.runner import Job, JobError, code_block, say

_LONGEST = 20_000
"""Characters of messages in a comment; GitHub takes 65,536 for the whole."""


def validate(job: Job) -> int:
    """Check the manifests offline; findings are shown beside the lines. Needs no credentials."""
    done = job.tool("validate", job.project, "--format", "github", *job.chosen)
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    say(done.stderr)
    return done.returncode


def test(job: Job) -> int:
    """Run the mapping tests; failures are in the log and in the summary. Needs no credentials."""
    done = job.tool("test", job.project, *job.chosen)
    say(done.stdout + done.stderr)
    if done.returncode:
        job.summary(f"### Mapping tests failed\n\n{code_block((done.stdout + done.stderr)[:_LONGEST])}")
    return done.returncode


def plan(job: Job) -> int:
    """Annotate the findings, run the mapping tests, and plan.

    The plan, its report and the text of the comment are left in the artifact's folder.

    The checkout of a fork is validated and tested only: its author must not choose what runs beside credentials. This
    step does not run `plan --snapshot` yet.
    """
    if job.environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        raise JobError(
            "plan on pull_request: pull_request_target gives the secrets of the base to the code of the head"
        )
    if job.untrusted:
        code = validate(job) or test(job)
        note = "This pull request comes from a fork: its manifests were validated and tested, and nothing was planned."
        _write(job, "plan.md", f"{_mark(job)}\n### {'Invalid' if code else 'Valid'}\n\n{note}\n")
        job.output("changes", "false")
        return code
    state_branch.take(job)
    validate(job)
    failed_tests = test(job)
    report, saved = job.folder / "plan.md", job.folder / "plan.json"
    options = ("--out", str(saved), "--format", "markdown", "--detailed-exitcode", *job.arguments, *job.chosen)
    done = job.tool("plan", job.project, *options)
    say(done.stderr)
    report.write_text(done.stdout, encoding="utf-8")
    if done.returncode not in (0, 2) and not done.stdout.strip():
        failed = f"{_mark(job)}\n### The plan failed\n\n{code_block(done.stderr[:_LONGEST])}"
        report.write_text(failed, encoding="utf-8")
    if saved.exists():
        page = job.tool("show", str(saved), "--format", "html")
        _write(job, "plan.html", page.stdout)
    job.summary(report.read_text(encoding="utf-8"))
    job.output("changes", "true" if done.returncode == 2 else "false")
    return 0 if done.returncode in (0, 2) and not failed_tests else 1


def comment(job: Job) -> int:
    """Write the text that a plan left into the comment of its environment: the job of this step has no credentials."""
    text = job.folder / "plan.md"
    if job.pull_request is None:
        raise JobError("comment needs the event of a pull request")
    if not text.is_file():
        raise JobError(f"{text.name} is missing: download the artifact {job.artifact} into {job.folder} first")
    base = f"repos/{job.repository}/issues"
    place = f"{base}/{job.pull_request.number}/comments"
    pages = job.gh_json("api", "--paginate", "--slurp", place) or []
    author = job.gh_json("api", "graphql", "-f", "query={viewer{login}}")["data"]["viewer"]["login"]
    existing = next((item["id"] for page in pages for item in page if _is_ours(job, item, author)), None)
    method, target = ("PATCH", f"{base}/comments/{existing}") if existing else ("POST", place)
    job.gh("api", "--method", method, target, "-F", f"body=@{text}")
    return 0


def _is_ours(job: Job, item: dict[str, Any], author: str) -> bool:
    """Return whether a comment is the one to write over.

    The author counts: anybody could post the mark first, let the plan be written there, and edit it afterwards.
    """
    return str(item["body"]).startswith(_mark(job)) and (item.get("user") or {}).get("login") == author


def apply(job: Job) -> int:
    """Apply the plan that was reviewed, and no other; push the state also when the run was cut off."""
    state_branch.take(job)
    try:
        return _apply(job)
    finally:
        state_branch.give(job)


def _apply(job: Job) -> int:
    head = _reviewed_head(job)
    listing = ("--commit", head, "--workflow", job.environ.get("GITHUB_WORKFLOW", ""), "--event", "pull_request")
    runs = job.gh_json("run", "list", *listing, "--status", "success", "--limit", "1", "--json", "databaseId")
    missing = JobError(f"the plan of {head} is not there (any more): plan again on a pull request")
    if not runs:
        raise missing
    job.gh("run", "download", str(runs[0]["databaseId"]), "--name", job.artifact, "--dir", str(job.folder), check=False)
    saved = job.folder / "plan.json"
    if not saved.is_file():
        raise missing
    code, text = job.tool_aloud("apply", str(saved), "--auto-approve", *job.arguments, *job.chosen)
    job.summary(code_block("\n".join(text.splitlines()[-100:])))
    return code


def _reviewed_head(job: Job) -> str:
    """Return the last commit of the pull request that was merged as this one.

    The artifacts of a fork's run are made by the fork's own workflow file, so a plan among them was not made by us.
    """
    pulls = job.gh_json("api", f"repos/{job.repository}/commits/{job.commit}/pulls") or []
    merged = next((item for item in pulls if item.get("merged_at")), None)
    if merged is None:
        raise JobError(f"{job.commit} came by no pull request, so there is no reviewed plan: apply by hand, or by one")
    source = ((merged["head"].get("repo") or {}).get("full_name") or "").lower()
    if source != job.repository.lower():
        raise JobError(
            f"#{merged['number']} came from the fork {source or '(deleted)'}: a plan made there is not trusted; "
            "open a pull request from a branch of this repository that plans it, or apply by hand"
        )
    return str(merged["head"]["sha"])


def drift(job: Job) -> int:
    """Look for drift, and keep one issue open while there is some."""
    state_branch.take(job)
    done = job.tool("drift", job.project, "--format", "markdown", *job.arguments, *job.chosen)
    say(done.stderr)
    if done.returncode not in (0, 2):
        return 1
    drifted = done.returncode == 2
    body = str(_write(job, "drift.md", done.stdout))
    job.summary(done.stdout)
    job.output("changes", "true" if drifted else "false")
    title = f"Drift in {job.name}"
    search = ("--state", "open", "--search", f'in:title "{title}"', "--json", "number,title")
    issues = job.gh_json("issue", "list", *search) or []
    number = next((str(item["number"]) for item in issues if item["title"] == title), None)
    if drifted and number:
        job.gh("issue", "edit", number, "--body-file", body)
    elif drifted:
        job.gh("issue", "create", "--title", title, "--body-file", body)
    elif number:
        job.gh("issue", "close", number, "--comment", "The platform is as it was applied again.")
    return 0


def _mark(job: Job) -> str:
    return f"<!-- reconciler plan {job.name} -->"


def _write(job: Job, name: str, text: str) -> Path:
    path = job.folder / name
    path.write_text(text, encoding="utf-8")
    return path
