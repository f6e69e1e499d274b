"""The branch that keeps the state, in a repository of its own outside the checkout.

Several environments may share the branch, and several jobs may push at once. A push puts the files that this job
changed on top of the newest commit. It is refused where another job changed the same state since it was fetched.
"""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

from reconciler.ci.git import git, tip
from reconciler.ci.runner import Job, JobError

EVERY = 10.0
"""Seconds between pushes while an apply runs: a runner that is lost without a signal loses no more."""
_ATTEMPTS = 8


class StateBranch:
    """The files of the state, as they were fetched, and pushed when they changed.

    As a context it pushes while the block runs, at once when `soon` is called, and once more at its end.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = job.state_folder
        self._git = job.temp / "reconciler-state.git"
        self._known: dict[str, str] = {}
        """The blob of each file, as the branch had it when this job fetched or pushed last."""
        self._wake, self._over = threading.Event(), False
        self._one = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failed: JobError | None = None

    def take(self) -> None:
        """Fetch the branch into the state folder, or prepare an empty one where it does not exist yet."""
        if not self.job.state_branch:
            return
        for folder in (self.folder, self._git):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        git(self.job, self._git, "init", "--quiet", "--bare")
        commit = self._fetch()
        if commit:
            self._known = self._files(commit)
            git(self.job, self._git, f"--work-tree={self.folder}", "checkout", "--quiet", commit, "--", ".")

    def _fetch(self) -> str:
        commit = tip(self.job, self._git, self.job.state_branch)
        if commit:
            ref = f"refs/heads/{self.job.state_branch}"
            git(self.job, self._git, "fetch", "--quiet", "--depth", "1", self.job.address, ref)
            commit = git(self.job, self._git, "rev-parse", "FETCH_HEAD").stdout.strip()
        return commit

    def _files(self, commit: str) -> dict[str, str]:
        if not commit:
            return {}
        lines = git(self.job, self._git, "ls-tree", "-r", "-z", commit).stdout.split("\0")
        return {name: meta.split()[2] for meta, _, name in (line.partition("\t") for line in lines if line)}

    def push(self) -> None:
        """Commit and push what changed in the state folder, if anything did.

        Raises JobError where the same state moved on in the branch; then this job's files are in a branch of its own.
        """
        if not self.job.state_branch:
            return
        with self._one:
            self._push()

    def _push(self) -> None:
        mine = self._blobs()
        changed = {name for name in {*mine, *self._known} if mine.get(name) != self._known.get(name)}
        if not changed:
            return
        for _ in range(_ATTEMPTS):
            parent = self._fetch()
            newest = self._files(parent)
            moved = {name for name in {*newest, *self._known} if newest.get(name) != self._known.get(name)}
            ours = {_state_of(name) for name in changed}
            if both := sorted(ours & {_state_of(name) for name in moved}):
                self._rescue(mine, both[0], newest)
            merged = {name: blob for name, blob in newest.items() if _state_of(name) not in ours}
            merged |= {name: blob for name, blob in mine.items() if _state_of(name) in ours}
            commit = self._commit(merged, parent)
            if self._send(commit, self.job.state_branch):
                others = {name: blob for name, blob in self._known.items() if _state_of(name) not in ours}
                self._known = others | {name: blob for name, blob in mine.items() if _state_of(name) in ours}
                return
        raise JobError(
            f"the state branch {self.job.state_branch} was busy in each of {_ATTEMPTS} attempts: run this job again"
        )

    def _blobs(self) -> dict[str, str]:
        """Return the blobs of the files in the state folder, except locks and files half written.

        A journal is read before the state that it is folded into: read the other way, both could lack a record.
        """
        blobs = {}
        names = [path.name for path in self.folder.iterdir() if path.is_file() and not path.is_symlink()]
        for name in sorted(names, key=lambda name: (not name.endswith(".journal"), name)):
            if name.startswith(".") or name.endswith((".lock", ".tmp")):
                continue
            try:
                content = (self.folder / name).read_bytes().decode("utf-8")
            except FileNotFoundError:
                continue
            done = git(self.job, self._git, "hash-object", "-w", "--stdin", "--no-filters", text=content)
            blobs[name] = done.stdout.strip()
        return blobs

    def _commit(self, files: dict[str, str], parent: str) -> str:
        listing = "".join(f"100644 blob {blob}\t{name}\0" for name, blob in sorted(files.items()))
        tree = git(self.job, self._git, "mktree", "-z", text=listing).stdout.strip()
        above = ("-p", parent) if parent else ()
        message = f"State of {self.job.name} after {self.job.commit}"
        return git(self.job, self._git, "commit-tree", tree, *above, "-m", message).stdout.strip()

    def _send(self, commit: str, branch: str) -> bool:
        target = f"{commit}:refs/heads/{branch}"
        done = git(self.job, self._git, "push", "--quiet", self.job.address, target, check=False)
        if done.returncode and not any(word in done.stderr for word in ("rejected", "failed to lock", "cannot lock")):
            raise JobError(f"the branch {branch} cannot be pushed: {done.stderr.strip()[:2000]}")
        return not done.returncode

    def _rescue(self, mine: dict[str, str], state: str, newest: dict[str, str]) -> None:
        """Push this job's files to a branch of their own, and raise JobError: two jobs wrote to one state."""
        branch = f"{self.job.state_branch}-conflict-{self.job.environ.get('GITHUB_RUN_ID') or self.job.commit[:12]}"
        commit = self._commit(mine, "")
        self._send(f"+{commit}", branch)
        theirs, ours = (self._serial(files.get(f"{state}.json")) for files in (newest, mine))
        raise JobError(
            f"another job wrote to the state {state} meanwhile (it has {theirs} now, this job has {ours}): nothing was "
            f"overwritten; the files of this job are in the branch {branch}. Let jobs that write take turns "
            "(concurrency), and see docs/state.md to merge the two"
        )

    def _serial(self, blob: str | None) -> str:
        text = git(self.job, self._git, "cat-file", "blob", blob, check=False).stdout if blob else ""
        try:
            data = json.loads(text)
            return f"serial {data['serial']} of lineage {data['lineage']}"
        except (ValueError, LookupError, TypeError):
            return "no serial"

    def __enter__(self) -> StateBranch:
        """Begin to push from time to time."""
        if self.job.state_branch:
            self._thread = threading.Thread(target=self._go, name="state-branch", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Push once more. Raises JobError where that fails."""
        self._over = True
        self.soon()
        if self._thread is not None:
            self._thread.join()
        if self._failed is not None and "another job wrote" in str(self._failed):
            raise self._failed
        self.push()

    def soon(self) -> None:
        """Push now, from the other thread."""
        self._wake.set()

    def _go(self) -> None:
        while not self._over:
            self._wake.wait(EVERY)
            self._wake.clear()
            try:
                if not self._over:
                    self.push()
            except (JobError, OSError) as error:  # the last push tries again, and tells
                self._failed = error if isinstance(error, JobError) else None
                if self._failed and "another job wrote" in str(error):
                    return


def _state_of(name: str) -> str:
    """Return the environment whose state a file belongs to: its name up to the first dot."""
    return Path(name).name.split(".")[0]
