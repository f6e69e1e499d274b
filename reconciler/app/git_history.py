"""Reads commits and the files of a commit with the `git` command. Nothing is written, and no file of a commit runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.plan.drift_report import Commit

_SECONDS = 20
"""Time that one git command may take."""
_SUFFIXES = (".yaml", ".yml", ".json", ".csv")
"""Files that manifests are made of."""
_REGULAR = ("100644", "100755")
_FORMAT = "%H%x1f%ct%x1f%an%x1f%s"


class GitError(Exception):
    """The history cannot be read; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class History:
    """The first-parent history of the folder `root` of a git repository: one commit for each merge."""

    root: Path
    shallow: bool

    @classmethod
    def of(cls, root: Path) -> History:
        """Return the history of `root`. Raises `GitError` where there is none."""
        shallow = _git(root, "rev-parse", "--is-shallow-repository").decode().strip() == "true"
        return cls(root, shallow)

    def commits(self, paths: Sequence[str], limit: int) -> list[Commit]:
        """Return the newest `limit` commits that changed one of `paths`, which are relative to the root.

        Raises `GitError` in a repository without a commit.
        """
        args = ("log", "-z", "--first-parent", f"--format={_FORMAT}", f"--max-count={limit}", "--")
        text = _git(self.root, *args, *(f":(literal){path}" for path in paths)).decode("utf-8", "replace")
        found = []
        for line in filter(None, text.split("\0")):
            ident, at, author, subject = line.split("\x1f", 3)
            found.append(Commit(ident, int(at) * 1000, author, subject))
        return found

    def changed(self, paths: Sequence[str]) -> bool:
        """Tell whether one of `paths` differs from the last commit or is in none."""
        names = (f":(literal){path}" for path in paths)
        return bool(_git(self.root, "status", "--porcelain", "--no-renames", "--", *names))

    def write(self, commit: str, folder: Path) -> None:
        """Write the manifests and their data files as they were at `commit` into `folder`; links are left out."""
        listing = _git(self.root, "ls-tree", "-r", "-z", commit).decode("utf-8", "surrogateescape")
        names: dict[str, str] = {}
        for line in filter(None, listing.split("\0")):
            (mode, _, blob), name = line.partition("\t")[0].split(), line.partition("\t")[2]
            if mode in _REGULAR and name.endswith(_SUFFIXES):
                names[name] = blob
        for name, content in zip(names, _blobs(self.root, names.values()), strict=True):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _blobs(root: Path, blobs: Iterable[str]) -> Iterator[bytes]:
    out = _git(root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode())
    place = 0
    while place < len(out):
        head, _, _ = out[place : place + 200].partition(b"\n")
        size = int(head.split()[2])
        place += len(head) + 1
        yield out[place : place + size]
        place += size + 1


def _git(root: Path, *args: str, given: bytes = b"") -> bytes:
    """Return what a git command prints. Raises `GitError` where it fails, or where git is not installed."""
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", str(root), *args]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=_SECONDS, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(
            "git is not installed" if isinstance(error, FileNotFoundError) else "git did not answer"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(said[0].removeprefix("fatal: ") if said else f"git {args[0]} failed")
    return done.stdout
