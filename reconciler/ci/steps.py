"""The steps of a pipeline, on any code host: validate, test, plan, comment, snapshot, drift."""

from __future__ import annotations

import sys

from reconciler.ci import texts
from reconciler.ci.gitlab import write_counts
from reconciler.ci.host import Host
from reconciler.ci.runner import Job, JobError, code_block
from reconciler.ci.state_branch import StateBranch

LONGEST = 20_000
"""Characters of messages in a comment; GitHub takes 65,536 for the whole."""


def validate(job: Job, host: Host | None = None) -> int:
    """Check the manifests offline; findings are shown beside the lines. Needs no credentials."""
    del host
    form = "text" if job.gitlab else "github"
    done = job.tool("validate", job.project, "--format", form, *job.chosen)
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    job.say(done.stderr)
    return done.returncode


def test(job: Job) -> int:
    """Run the mapping tests; failures are in the log and in the summary. Needs no credentials."""
    done = job.tool("test", job.project, *job.chosen)
    job.say(done.stdout + done.stderr)
    if done.returncode:
        job.summary(f"### Mapping tests failed\n\n{code_block((done.stdout + done.stderr)[:LONGEST])}")
    return done.returncode


def plan(job: Job, host: Host) -> int:
    """Annotate the findings, run the mapping tests, and plan.

    The plan, its report and the text of the comment are left in the artifact's folder. The checkout of a fork is
    planned from the snapshot of the main branch, where there is one: its author must not choose what runs beside
    credentials.
    """
    if job.environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
        raise JobError(
            "plan on pull_request: pull_request_target gives the secrets of the base to the code of the head"
        )
    snapshot: tuple[str, ...] = ()
    if job.untrusted:
        if host.fetch_snapshot(f"reconciler-snapshot-{job.name}", job.temp):
            snapshot = ("--snapshot", str(job.temp / "reconciler.snapshot"))
    else:
        StateBranch(job).take()
    invalid = validate(job)
    failed_tests = test(job)
    if job.untrusted and not snapshot:
        note = "This pull request comes from a fork: its manifests were validated and tested, and nothing was planned."
        job.write("plan.md", f"{texts.mark(job)}\n### {'Invalid' if invalid or failed_tests else 'Valid'}\n\n{note}\n")
        job.summary(note)
        job.output("changes", "false")
        return invalid or failed_tests
    code = _plan(job, snapshot)
    job.output("changes", "true" if code == 2 else "false")
    return 0 if code in (0, 2) and not failed_tests else 1


def _plan(job: Job, snapshot: tuple[str, ...]) -> int:
    saved = job.folder / "plan.json"
    options = ("--out", str(saved), "--format", "markdown", "--detailed-exitcode", *job.arguments, *job.chosen)
    done = job.tool("plan", job.project, *options, *snapshot)
    job.say(done.stderr)
    text = done.stdout
    if done.returncode not in (0, 2) and not text.strip():
        text = f"{texts.mark(job)}\n### The plan failed\n\n{code_block(done.stderr[:LONGEST])}"
    needed: tuple[str, ...] = ()
    if saved.exists():
        job.write("plan.html", job.tool("show", str(saved), "--format", "html").stdout)
        changes = job.write("changes.json", job.tool("show", str(saved), "--format", "json").stdout)
        write_counts(changes, job.folder / "counts.json")
        needed = texts.secrets_of(changes)
    text = texts.with_facts(job, text, needed, snapshot=bool(snapshot), failed=not saved.exists())
    job.write("plan.md", text)
    job.summary(text)
    return done.returncode


def comment(job: Job, host: Host) -> int:
    """Write what a plan or an apply left into the pull request: the job of this step has no credentials.

    Plans of several environments are one comment.
    """
    if job.pull_request is None:
        for path in sorted(job.folder.rglob("comments/*.md")):
            host.put_comment(int(path.stem), texts.applied_mark(job), path.read_text(encoding="utf-8"))
        return 0
    parts = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(job.folder.rglob("plan.md"))}
    if not parts:
        raise JobError(f"plan.md is missing: download the artifact {job.artifact} into {job.folder} first")
    host.put_comment(job.pull_request.number, texts.mark(job), texts.joined(job, list(parts.values())))
    return 0


def snapshot(job: Job, host: Host) -> int:
    """Write the snapshot that pull requests from forks are planned from."""
    del host
    StateBranch(job).take()
    file = job.folder / "reconciler.snapshot" if job.gitlab else job.temp / "reconciler-snapshot/reconciler.snapshot"
    file.parent.mkdir(exist_ok=True)
    done = job.tool("snapshot", job.project, "--out", str(file), *job.chosen)
    job.say(done.stdout + done.stderr)
    return done.returncode


def drift(job: Job, host: Host) -> int:
    """Look for drift and for merged changes that are not applied, and keep one issue open while there are some."""
    StateBranch(job).take()
    done = job.tool("drift", job.project, "--format", "markdown", "--fail-on", "pending", *job.arguments, *job.chosen)
    job.say(done.stderr)
    if done.returncode not in (0, 2):
        return 1
    drifted = done.returncode == 2
    body = job.write("drift.md", done.stdout)
    job.summary(done.stdout)
    job.output("changes", "true" if drifted else "false")
    host.keep_issue(f"Drift in {job.name}", body if drifted else None)
    return 0
