"""`python -I -m reconciler.ci github COMMAND` and `… gitlab-counts CHANGES COUNTS`; used by the pipelines only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.ci import github, gitlab
from reconciler.ci.runner import Job, JobError, annotation

_USAGE = "usage: python -I -m reconciler.ci github validate|plan|comment|apply|drift, or gitlab-counts CHANGES COUNTS"
_GITHUB: dict[str, Callable[[Job], int]] = {
    "validate": github.validate,
    "plan": github.plan,
    "comment": github.comment,
    "apply": github.apply,
    "drift": github.drift,
}


def main(args: Sequence[str]) -> int:
    """Run one step and return its exit code.

    The interpreter must be isolated (`-I`): otherwise a file `json.py` in the working directory, which is the checkout
    of a pull request, would run in the place of the standard library.
    """
    if not sys.flags.isolated:
        print("::error::start Python isolated: python -I -m reconciler.ci …", file=sys.stderr)
        return 1
    try:
        if len(args) == 2 and args[0] == "github" and args[1] in _GITHUB:
            return _GITHUB[args[1]](Job.of(os.environ))
        if len(args) == 3 and args[0] == "gitlab-counts":
            gitlab.write_counts(Path(args[1]), Path(args[2]))
            return 0
    except JobError as error:
        print(annotation(str(error)), flush=True)
        return 1
    print(_USAGE, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
