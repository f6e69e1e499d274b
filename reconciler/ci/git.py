"""Git as the steps start it: without hooks, without prompts, with the token in the environment alone."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from reconciler.ci.runner import Job, JobError, run

_NO_SUCH_REF = 2


def git(
    job: Job, folder: Path, *args: str, check: bool = True, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, with `text` as its input. Raises JobError where it fails and `check` is set.

    The token goes through the environment: no file and no process list shows it.
    """
    settings = {
        "user.name": "reconciler", "user.email": "reconciler@localhost", "core.hooksPath": os.devnull,
        "gc.auto": "0", "safe.directory": "*", "advice.detachedHead": "false",
    }  # fmt: skip
    if job.login:
        encoded = base64.b64encode(job.login.encode()).decode()
        settings[f"http.{job.address}.extraheader"] = f"AUTHORIZATION: basic {encoded}"
    env = {key: value for key, value in job.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0"}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    done = run(["git", *args], env, folder, text)
    if done.returncode and check:
        raise JobError(f"git {args[0]} failed: {done.stderr.strip()[:2000]}")
    return done


def tip(job: Job, folder: Path, branch: str) -> str:
    """Return the commit of a branch of the repository, empty where there is no such branch.

    Raises JobError where the repository cannot be reached: an empty state would plan to create everything again.
    """
    done = git(job, folder, "ls-remote", "--exit-code", job.address, f"refs/heads/{branch}", check=False)
    if done.returncode == _NO_SUCH_REF:
        return ""
    if done.returncode:
        raise JobError(f"the branch {branch} cannot be asked for: {done.stderr.strip()[:2000]}")
    return done.stdout.split()[0]
