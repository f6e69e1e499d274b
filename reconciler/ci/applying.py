"""The step that applies what was merged: the reviewed plan of every pull request that is not applied yet.

A plan that is stale is made again on the main branch, and applied when its changes are the reviewed ones. Changes that
are left after that were not reviewed in this form: they are planned once more and wait for an approval.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.ci import texts
from reconciler.ci.history import History
from reconciler.ci.host import Host, Merge
from reconciler.ci.runner import Job, JobError, Signals, code_block
from reconciler.ci.state_branch import StateBranch

LOCK = 900
"""Seconds to wait for the lock of the state."""
LIMIT = 2700.0
"""Seconds after which a run stops gracefully; the templates end a job after 75 minutes."""
AWAITS = 4
"""The exit code on GitLab, where it marks the failure that a job is allowed."""
_CHANGES = 2
_TRUSTED = (".github", ".gitlab-ci.yml", "action.yml")
"""Files that decide what the plan of a fork's pull request is made of."""


@dataclass(slots=True)
class _Apply:
    job: Job
    host: Host
    branch: StateBranch
    history: History
    signals: Signals
    ends: float
    refused: dict[int, str] = field(default_factory=dict)
    """Pull requests whose plan was not applied: the text of a comment."""
    commits: dict[int, list[str]] = field(default_factory=dict)
    """The commits of the main branch that each pull request was merged as."""
    newest: int | None = None
    failed: bool = False

    def merged(self) -> int:
        """Apply the plans of the pull requests that are not applied yet, in their order; return the exit code."""
        if self.history.done():
            self.job.say(f"{self.history.target[:12]} is applied already.")
            return 0
        for commit, merge in self._merges():
            if self.signals.received:
                break
            if merge is None:
                self.job.say(f"{commit[:12]} came by no pull request, so there is no reviewed plan.")
                continue
            self.newest = merge.number
            self._one(commit, merge)
            self.branch.push()
        if self.signals.received:
            self.job.error("cancelled: the next run goes on from here")
            return 1
        return self._finish()

    def _merges(self) -> list[tuple[str, Merge | None]]:
        """Return the commits with their pull requests; a rebased pull request counts at its last commit."""
        found = [(commit, self.host.merged(commit)) for commit in self.history.unapplied(self._first)]
        for commit, merge in found:
            if merge is not None:
                self.commits.setdefault(merge.number, []).append(commit)
        return [(commit, merge) for commit, merge in found if merge is None or self.commits[merge.number][-1] == commit]

    def _first(self) -> bool:
        """Return whether there is no state yet."""
        with self.history.at(self.history.target) as checkout:
            return self.job.tool("state", "list", self.job.project, *self.job.chosen, at=checkout).returncode != 0

    def _one(self, commit: str, merge: Merge) -> None:
        folder = self.job.temp / f"reconciler-plan-{merge.number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        saved = folder / "plan.json"
        origin = f"It came from the fork {merge.source or '(deleted)'}. " if merge.fork else ""
        if merge.fork and any(self.history.changes(item, _TRUSTED) for item in self.commits[merge.number]):
            self._refuse(merge, f"{origin}It changes the pipeline, so its plan is not trusted.")
            return
        if not self.host.fetch_plan(merge, self.job.artifact, folder) or not saved.is_file():
            self._refuse(merge, f"{origin}The plan of {merge.head} is not there (any more).")
            return
        with self.history.at(commit) as checkout:
            code, text = self.tool(saved, checkout, "--replan-if-stale")
        self.job.summary(f"#### Pull request {merge.number}\n\n{_tail(text)}")
        if code:
            self.failed = True
            self._refuse(merge, "The reviewed plan was not applied.", text, saved)

    def tool(self, saved: Path, checkout: Path, *more: str) -> tuple[int, str]:
        """Apply a saved plan over the manifests in `checkout`; return the exit code and the log."""
        left = max(1.0, self.ends - time.monotonic())
        options = ("--auto-approve", "--lock-timeout", str(LOCK), "--time-limit", f"{left:.0f}")
        home = self.job.home(checkout)
        return self.job.tool_aloud(
            "apply", str(saved), *options, *more, *self.job.arguments, *self.job.chosen, at=home, signals=self.signals
        )

    def _refuse(self, merge: Merge, why: str, text: str = "", saved: Path | None = None) -> None:
        self.job.error(f"pull request {merge.number}: {why}")
        lines = [why, ""]
        if text:
            lines += [_tail(text, 20), ""]
        again = saved.with_name(f"{saved.name}.new") if saved else None
        if saved and again and again.is_file():
            told = self.job.tool("show", str(saved), "--compare", str(again), "--format", "markdown").stdout
            lines += ["The reviewed plan (first) and the new one (second):", "", told]
            shutil.copy(again, self.job.folder / f"pull-{merge.number}.json.new")
        self.refused[merge.number] = "\n".join(lines)

    def _finish(self) -> int:
        """Mark the commit as applied when nothing is left to apply; else plan what is left for an approval."""
        with self.history.at(self.history.target) as checkout:
            return self._finish_in(checkout)

    def _finish_in(self, checkout: Path) -> int:
        if not self.left(checkout):
            self.history.mark()
            return 0
        saved = self.job.folder / "plan.json.new"
        options = ("--out", str(saved), "--format", "markdown", "--detailed-exitcode", *self.job.chosen)
        done = self.job.tool("plan", self.job.project, *options, at=checkout)
        self.job.say(done.stderr)
        if done.returncode == 0:
            self.history.mark()
            return 0
        text = done.stdout if done.stdout.strip() else code_block(done.stderr[:20_000])
        if saved.is_file():
            self.job.write("commit", self.history.target)
            for name, form in (("plan.html", "html"), ("changes.json", "json")):
                self.job.write(name, self.job.tool("show", str(saved), "--format", form).stdout)
        self._report(text, approvable=saved.is_file())
        self.job.summary(text)
        self.job.output("review", "true" if saved.is_file() else "false")
        self.job.error("merged changes are not applied: review the new plan, and approve it")
        return AWAITS if self.job.gitlab and saved.is_file() else 1

    def left(self, checkout: Path) -> bool:
        """Return whether the manifests of the main branch want anything that was not applied.

        Live objects are not read: drift is for the drift job, and no reason to hold a merge up. Raises JobError where
        the manifests cannot be compared.
        """
        options = ("--no-refresh", "--no-checks", "--detailed-exitcode", "--format", "json", *self.job.chosen)
        done = self.job.tool("plan", self.job.project, *options, at=checkout)
        if done.returncode not in (0, _CHANGES) and not done.stdout.strip():
            raise JobError(f"the manifests cannot be compared with the state: {done.stderr.strip()[:2000]}")
        return done.returncode != 0

    def _report(self, text: str, *, approvable: bool) -> None:
        """Leave a comment for every pull request that was not applied; the newest has the whole new plan."""
        if self.newest is None:
            return
        self.refused.setdefault(self.newest, "Its plan was applied, but the main branch wants more than that.")
        way = f"Approve the job `approve` of [this run]({self.job.run}) to apply the new plan." if approvable else ""
        body = text.partition("-->\n")[2] if text.startswith("<!--") else text
        for number, why in self.refused.items():
            shown = body if number == self.newest else f"The new plan is in the comment of #{self.newest}.\n"
            head = f"{texts.applied_mark(self.job)}\n### Merged, not applied to {self.job.name}\n\n"
            self.job.write(f"comments/{number}.md", f"{head}{why}\n{way}\n\n{shown}"[: texts.LIMIT])


def apply(job: Job, host: Host) -> int:
    """Apply what was reviewed, and nothing else; push the state also when the run was cut off."""
    branch = StateBranch(job)
    branch.take()
    with Signals(branch.soon) as signals, branch:
        return _Apply(job, host, branch, History(job), signals, time.monotonic() + LIMIT).merged()


def approve(job: Job, host: Host) -> int:
    """Apply the plan that an apply left for an approval, exactly: a person has released this job."""
    saved = job.folder / "plan.json.new"
    if not saved.is_file():
        job.say("No plan waits for an approval.")
        return 0
    history = History(job, (job.folder / "commit").read_text(encoding="utf-8").strip())
    if history.done():
        job.say("A later run has applied all of it.")
        return 0
    branch = StateBranch(job)
    branch.take()
    with Signals(branch.soon) as signals, branch, history.at(history.target) as checkout:
        run = _Apply(job, host, branch, history, signals, time.monotonic() + LIMIT)
        code, text = run.tool(saved, checkout)
        job.summary(_tail(text))
        branch.push()
        if code == 0 and not run.left(checkout):
            history.mark()
        return code


def _tail(text: str, lines: int = 100) -> str:
    return code_block("\n".join(text.splitlines()[-lines:]))
