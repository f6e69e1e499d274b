"""The branch that keeps the state, in a repository of its own outside the checkout."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess

from reconciler.ci.runner import Job, JobError

_NO_SUCH_BRANCH = 2


def take(job: Job) -> None:
    """Fetch the state branch into the state folder, or prepare an empty one where the branch does not exist yet.

    Raises JobError where the repository cannot be reached: an empty state would plan to create everything again.
    """
    if not job.state_branch:
        return
    shutil.rmtree(job.state_folder, ignore_errors=True)
    job.state_folder.mkdir(parents=True)
    _git(job, "init", "--quiet")
    ref = f"refs/heads/{job.state_branch}"
    asked = _git(job, "ls-remote", "--exit-code", _address(job), ref, check=False)
    if asked.returncode == _NO_SUCH_BRANCH:
        return
    if asked.returncode:
        raise JobError(f"the state branch {job.state_branch} cannot be asked for: {asked.stderr.strip()}")
    _git(job, "fetch", "--quiet", "--depth", "1", _address(job), ref)
    _git(job, "checkout", "--quiet", "--detach", "FETCH_HEAD")


def give(job: Job) -> None:
    """Commit and push what changed in the state folder, if anything did."""
    if not job.state_branch:
        return
    _git(job, "add", "--all", ".")
    if not _git(job, "status", "--porcelain").stdout.strip():
        return
    _git(job, "commit", "--quiet", "-m", f"State after {job.commit}")
    _git(job, "push", "--quiet", _address(job), f"HEAD:refs/heads/{job.state_branch}")


def _address(job: Job) -> str:
    return f"{_server(job)}/{job.repository}"


def _server(job: Job) -> str:
    return job.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")


def _git(job: Job, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git in the state folder. The token goes through the environment: no file and no process list shows it."""
    settings = {"user.name": "reconciler", "user.email": "reconciler@localhost", "core.hooksPath": os.devnull}
    if token := job.environ.get("GH_TOKEN"):
        encoded = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        settings[f"http.{_server(job)}/.extraheader"] = f"AUTHORIZATION: basic {encoded}"
    env = {key: value for key, value in job.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0"}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    done = subprocess.run(
        ["git", *args], cwd=job.state_folder, env=env, check=False, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    if done.returncode and check:
        raise JobError(f"git {args[0]} of the state branch failed: {done.stderr.strip()}")
    return done
