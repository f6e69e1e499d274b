"""Commits of the main branch that are not applied yet.

The branch `reconciler-applied/ENVIRONMENT` names the last commit of the main branch whose manifests are applied. A code
host may drop all but the newest of several waiting runs, so a run applies the pull requests of every commit after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.ci.git import git, tip
from reconciler.ci.runner import Job, JobError

_FIRST = 50
"""Commits that the first run of an environment looks at."""


class History:
    """The history of the main branch, in the checkout of the job."""

    def __init__(self, job: Job, target: str = "") -> None:
        self._job = job
        self._checkout = Path.cwd()
        self._branch = f"reconciler-applied/{job.name}"
        self._complete()
        self.target = target or self._newest()
        """The commit to apply: the newest of the branch, so that an older run that is started again does no harm."""

    def _newest(self) -> str:
        branch = self._job.branch
        newest = tip(self._job, self._checkout, branch) if branch else ""
        if not newest or newest == self._job.commit:
            return self._job.commit
        self._fetch(newest)
        return newest if self._precedes(self._job.commit, newest) else self._job.commit

    def _fetch(self, commit: str) -> None:
        if not self._has(commit):
            git(self._job, self._checkout, "fetch", "--quiet", self._job.address, commit)

    def _precedes(self, first: str, second: str) -> bool:
        return not git(self._job, self._checkout, "merge-base", "--is-ancestor", first, second, check=False).returncode

    def unapplied(self, first: Callable[[], bool]) -> list[str]:
        """Return the commits that are not applied yet, oldest first; `first` tells whether there is no state."""
        marked = self._marked()
        if marked:
            return self._list(f"{marked}..{self.target}")
        if first():
            return self._list("-n", str(_FIRST), self.target)
        before = self._job.before.strip("0") and self._job.before
        if before and self._has(before):
            return self._list(f"{before}..{self.target}")
        return [self.target]

    def done(self) -> bool:
        """Return whether the target, or a later commit, is applied already."""
        marked = self._marked()
        return bool(marked) and self._precedes(self.target, marked)

    def _marked(self) -> str:
        marked = tip(self._job, self._checkout, self._branch)
        if marked:
            self._fetch(marked)
        return marked

    def _complete(self) -> None:
        """Fetch the commits that a shallow checkout lacks."""
        shallow = git(self._job, self._checkout, "rev-parse", "--is-shallow-repository").stdout.strip()
        if shallow == "true":
            git(self._job, self._checkout, "fetch", "--quiet", "--unshallow", self._job.address, self._job.commit)

    def _has(self, commit: str) -> bool:
        return not git(self._job, self._checkout, "cat-file", "-e", f"{commit}^{{commit}}", check=False).returncode

    def _list(self, *args: str) -> list[str]:
        return git(self._job, self._checkout, "rev-list", "--first-parent", "--reverse", *args).stdout.split()

    def changes(self, commit: str, paths: Sequence[str]) -> bool:
        """Return whether a commit of the main branch changed one of these files, or a file below these folders."""
        args = ("diff-tree", "-r", "-m", "--first-parent", "--root", "--name-only", "--no-commit-id", commit, "--")
        return bool(git(self._job, self._checkout, *args, *paths).stdout.strip())

    def mark(self) -> None:
        """Name the target as applied, unless a later commit is already."""
        refs = f"{self.target}:refs/heads/{self._branch}"
        pushed = git(self._job, self._checkout, "push", "--quiet", self._job.address, refs, check=False)
        if pushed.returncode and not self.done():
            raise JobError(
                f"the branch {self._branch} cannot be moved to {self.target}: {pushed.stderr.strip()[:500]}. If the "
                f"history of the main branch was rewritten, delete the branch {self._branch}"
            )

    @contextmanager
    def at(self, commit: str) -> Iterator[Path]:
        """Yield a folder with the files of a commit."""
        if commit == self._job.commit:
            yield self._checkout
            return
        folder = self._job.temp / f"reconciler-at-{commit[:12]}"
        shutil.rmtree(folder, ignore_errors=True)
        git(self._job, self._checkout, "worktree", "prune")
        git(self._job, self._checkout, "worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
