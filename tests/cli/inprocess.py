"""Steps of the pipelines in this process: the command line and gh are called instead of started."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from reconciler.__main__ import run as command_line
from reconciler.ci import runner
from reconciler.ci.__main__ import step as ci_step
from tests.cli.hub import BOT, GH, Hub

_GH = compile(GH.format(python=sys.executable, bot=BOT), "gh", "exec")


@contextmanager
def _as_child(env: Mapping[str, str], folder: Path | str | None) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Let the block run with the environment, the folder and the streams of a child."""
    before, place = dict(os.environ), Path.cwd()
    out, err = io.StringIO(), io.StringIO()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder or place)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield out, err
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)


def _gh(args: Sequence[str]) -> int:
    argv = sys.argv
    sys.argv = ["gh", *args]
    try:
        exec(_GH, {})
    except SystemExit:
        return 1
    finally:
        sys.argv = argv
    return 0


def _run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    if command[0] not in (sys.executable, "gh"):
        return subprocess.run(command, **options)
    with _as_child(options["env"], options.get("cwd")) as (out, err):
        code = _gh(command[1:]) if command[0] == "gh" else command_line(list(command[4:]))
    return subprocess.CompletedProcess(list(command), code, out.getvalue(), err.getvalue())


class _Popen:
    """A child that has ended when it is asked for its first line."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        done = _run(command, **options)
        self.stdout = (done.stdout + done.stderr).splitlines(keepends=True)
        self.returncode = done.returncode

    def __enter__(self) -> _Popen:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send_signal(self, number: int) -> None:
        """Do nothing: it has ended."""


class _Subprocess:
    run = staticmethod(_run)
    Popen = _Popen
    DEVNULL, PIPE, STDOUT = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT


class Quick(Hub):
    """A host whose runners take no process of their own for Python."""

    def step(self, env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the step of the action in this process."""
        before = runner.subprocess
        runner.subprocess = _Subprocess  # type: ignore[assignment]
        try:
            with _as_child(env, folder) as (out, err):
                code = ci_step("github", env["COMMAND"], dict(env))
        finally:
            runner.subprocess = before
        return subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue())
