"""The code host as the steps use it: comments, issues, and the files that earlier runs left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Merge:
    """A pull request that was merged: its number, its last commit, and the repository that it came from."""

    number: int
    head: str
    source: str
    fork: bool


class Host(Protocol):
    """GitHub or GitLab. Every method raises JobError where the host refuses."""

    def put_comment(self, number: int, mark: str, text: str) -> None:
        """Write the comment of a pull request that begins with `mark`: over the one that this account wrote before."""
        ...

    def merged(self, commit: str) -> Merge | None:
        """Return the pull request that was merged as a commit of the main branch, or None."""
        ...

    def fetch_plan(self, merge: Merge, artifact: str, folder: Path) -> bool:
        """Fetch the artifact of the last run for a pull request's last commit; return whether a plan was in it."""
        ...

    def fetch_snapshot(self, artifact: str, folder: Path) -> bool:
        """Fetch the newest snapshot that a run of the main branch left; return whether there is one."""
        ...

    def keep_issue(self, title: str, body: Path | None) -> None:
        """Open or update the issue with this title, or close it where `body` is None."""
        ...
