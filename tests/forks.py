"""Commands in processes of their own, without the cost of starting them: a process that has everything imported forks.

A test that kills a process needs a real one, hundreds of times. Each fork has its own folder, environment and output;
only modules are shared, of which none has run yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

_SERVER = """
import json, os, pkgutil, signal, sys, traceback
import click.testing, httpx2, orjson, rich.console, rich.progress
import reconciler
for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
    # no library with threads of its own is imported before a fork
    if not module.name.startswith(("reconciler.emulator", "reconciler.stores.objects", "reconciler.stores.postgres")):
        __import__(module.name)
def child(order):
    signal.alarm(90)  # a command that hangs is killed
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], 577), (2, order["err"], 577)):
        os.dup2(os.open(name, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", closefd=False), open(2, "w", closefd=False)
    sys.argv = ["command", *order["arguments"]]
    code = 0
    try:
        exec(compile(order["code"], "command", "exec"), {"__name__": "__main__"})
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else bool(error.code)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        child(json.loads(line))
    print(pid, file=answers, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)
"""
_RUN = "import sys; from reconciler.__main__ import run; sys.exit(run(sys.argv[1:]))"


class Running:
    """A command that runs; a fault may ask for its process before the test has heard of it."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._begun = threading.Event()

    def began(self, pid: int) -> None:
        """Note the process."""
        self._pid = pid
        self._begun.set()

    @property
    def pid(self) -> int:
        """The id of the process; waits until it is known."""
        assert self._begun.wait(30)
        assert self._pid is not None
        return self._pid


@dataclass
class Forks:
    """A process that forks for each command, one at a time."""

    _process: subprocess.Popen[str]

    def run(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *arguments: str,
        code: str = _RUN,
        running: Running | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `code`, or `reconciler`, in a folder; return its exit code (negative: killed by a signal) and output."""
        out, err = (folder.parent / f"{folder.name}.{name}" for name in ("out", "err"))
        order = {
            "code": code, "arguments": arguments, "folder": str(folder), "environment": dict(environment),
            "out": str(out), "err": str(err),
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        (running or Running()).began(int(self._process.stdout.readline()))
        status = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(list(arguments), status, out.read_text("utf-8"), err.read_text("utf-8"))


@contextmanager
def forks() -> Iterator[Forks]:
    """Start the process that forks, and end it."""
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Forks(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
