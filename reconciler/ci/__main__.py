"""`python -I -m reconciler.ci github COMMAND` and `… gitlab COMMAND`; used by the pipelines only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from reconciler.ci import applying, steps
from reconciler.ci.github import GitHub
from reconciler.ci.gitlab import GitLab, gitlab_job
from reconciler.ci.host import Host
from reconciler.ci.runner import Job, JobError, annotation, github_job

STEPS: dict[str, Callable[[Job, Host], int]] = {
    "validate": steps.validate,
    "plan": steps.plan,
    "comment": steps.comment,
    "apply": applying.apply,
    "approve": applying.approve,
    "snapshot": steps.snapshot,
    "drift": steps.drift,
}
_HOSTS = ("github", "gitlab")
_USAGE = f"usage: python -I -m reconciler.ci {'|'.join(_HOSTS)} {'|'.join(STEPS)}"


def main(args: Sequence[str]) -> int:
    """Run one step and return its exit code.

    The interpreter must be isolated (`-I`): otherwise a file `json.py` in the working directory, which is the checkout
    of a pull request, would run in the place of the standard library.
    """
    if not sys.flags.isolated:
        print("::error::start Python isolated: python -I -m reconciler.ci …", file=sys.stderr)
        return 1
    if len(args) != 2 or args[0] not in _HOSTS or args[1] not in STEPS:
        print(_USAGE, file=sys.stderr)
        return 1
    return step(args[0], args[1], os.environ)


def step(host: str, command: str, environ: os._Environ[str] | dict[str, str]) -> int:
    """Run a step in the environment of a runner and return its exit code."""
    try:
        if host == "github":
            job = github_job(environ)
            return STEPS[command](job, GitHub(job))
        job = gitlab_job(environ)
        return STEPS[command](job, GitLab(job))
    except JobError as error:
        print(f"ERROR: {error}" if host == "gitlab" else annotation(str(error)), flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
