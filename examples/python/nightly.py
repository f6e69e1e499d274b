"""Apply a project from a plain script: print what changes, refuse deletes, apply, and print the endpoint URLs.

python examples/python/nightly.py PATH [ENVIRONMENT]
"""

from __future__ import annotations

import sys

import reconciler


def main(path: str, env: str | None = None, *, emulator: bool = False) -> int:
    """Apply the project at `path` unless its plan deletes something; return the exit code."""
    try:
        project = reconciler.load(path, env=env, emulator=emulator)
        plan = project.plan()
        for change in plan.changes:
            print(f"{change.action:8} {change.kind:18} {change.address}: {change.reason}")
        if plan.summary["delete"] or plan.summary["replace"]:
            print("The plan deletes objects: apply it by hand.", file=sys.stderr)
            return 1
        project.apply(plan, lock_timeout=60)
    except reconciler.ReconcilerError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    for name, output in project.outputs().items():
        print(name, output.state, output.inlet_url or "")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
