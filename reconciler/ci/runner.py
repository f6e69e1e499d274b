"""A job on a GitHub runner: its settings, its files, and the child processes it starts."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEPT_FROM_TOOL = (
    "GH_TOKEN", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY", "BASH_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP",
)  # fmt: skip
"""Variables that the tool does not need. Secret commands of the project file inherit its environment."""


_TOOL = (sys.executable, "-I", "-m", "reconciler")


class JobError(Exception):
    """A step cannot go on; the message is shown as an annotation."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The pull request of the event: its number, and whether its commits come from another repository."""

    number: int
    fork: bool


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of a step, from the variables of the runner and of action.yml."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    """Where the plan, its reports and the comment are written; the artifact of a plan."""
    repository: str
    commit: str
    project: str
    environment: str
    arguments: tuple[str, ...]
    state_branch: str
    pull_request: PullRequest | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Job:
        """Return the job that the environment describes. Raises JobError where a variable of the runner is missing."""
        missing = [name for name in ("RUNNER_TEMP", "GITHUB_REPOSITORY", "GITHUB_SHA") if not environ.get(name)]
        if missing:
            raise JobError(f"this is not a GitHub runner: {', '.join(missing)} is not set")
        folder = Path(environ["RUNNER_TEMP"]) / "reconciler-out"
        folder.mkdir(parents=True, exist_ok=True)
        event = environ.get("GITHUB_EVENT_PATH", "")
        return cls(
            environ=environ,
            folder=folder,
            repository=environ["GITHUB_REPOSITORY"],
            commit=environ["GITHUB_SHA"],
            project=environ.get("PROJECT") or ".",
            environment=environ.get("ENVIRONMENT", ""),
            arguments=tuple(environ.get("ARGUMENTS", "").split()),
            state_branch=environ.get("STATE_BRANCH", ""),
            pull_request=_pull_request(Path(event), environ["GITHUB_REPOSITORY"]) if event else None,
        )

    @property
    def name(self) -> str:
        """The environment's name, as comments, issues and artifacts show it."""
        return self.environment or "default"

    @property
    def artifact(self) -> str:
        """The name of the artifact that holds a plan; action.yml uploads it under the same name."""
        return f"reconciler-plan-{self.name}"

    @property
    def state_folder(self) -> Path:
        """Where the state branch is checked out."""
        return Path(self.environ["RUNNER_TEMP"]) / "reconciler-state"

    @property
    def untrusted(self) -> bool:
        """Whether the checkout comes from another repository."""
        return self.pull_request is not None and self.pull_request.fork

    def tool(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the command line, isolated, and return what it printed."""
        return _run([*_TOOL, *args], self._tool_environ())

    def tool_aloud(self, *args: str) -> tuple[int, str]:
        """Run the command line, isolated, and copy both its streams to the log; return its exit code and the text.

        A signal to this process is passed on, so that a cancelled apply finishes its calls and keeps its state.
        """
        with commands_off():
            process = subprocess.Popen(
                [*_TOOL, *args], env=self._tool_environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            lines = []
            with process, _signals_to(process):
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    print(line, end="", flush=True)
        return process.returncode, "".join(lines)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The option that chooses the environment, if one is chosen."""
        return ("--env", self.environment) if self.environment else ()

    def _tool_environ(self) -> dict[str, str]:
        """Return the environment of the command line.

        For an untrusted checkout `RECONCILER_RESTRICTED` is set: no secret provider runs, and addresses in the project
        file are ignored.
        """
        env = {key: value for key, value in self.environ.items() if key not in _KEPT_FROM_TOOL}
        if self.state_branch:
            env["RECONCILER_STATE_DIR"] = str(self.state_folder)
        if self.untrusted:
            env["RECONCILER_RESTRICTED"] = "1"
        return env

    def gh(self, *args: str, check: bool = True) -> str:
        """Run gh for this repository and return what it printed. Raises JobError where it fails and `check` is set."""
        try:
            done = _run(["gh", *args], {**self.environ, "GH_REPO": self.repository, "GH_PROMPT_DISABLED": "1"})
        except FileNotFoundError:
            raise JobError("gh is not on the PATH: install the GitHub CLI on the runner") from None
        if done.returncode and check:
            raise JobError(f"gh {' '.join(args[:2])} failed: {done.stderr.strip()[:2000]}")
        return done.stdout

    def gh_json(self, *args: str) -> Any:
        """Run gh and return the JSON document that it printed; None for no output."""
        text = self.gh(*args)
        return json.loads(text) if text.strip() else None

    def output(self, name: str, value: str) -> None:
        """Set an output of the step; neither the name nor the value has line breaks."""
        self._append("GITHUB_OUTPUT", f"{name}={value}\n")

    def summary(self, text: str) -> None:
        """Add Markdown to the summary of the job."""
        self._append("GITHUB_STEP_SUMMARY", text.rstrip("\n") + "\n")

    def _append(self, variable: str, text: str) -> None:
        if path := self.environ.get(variable):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)


def _pull_request(event: Path, repository: str) -> PullRequest | None:
    """Return the pull request of an event. A deleted head repository counts as a fork."""
    try:
        found = json.loads(event.read_text(encoding="utf-8")).get("pull_request")
    except (OSError, ValueError) as error:
        raise JobError(f"the event of the run cannot be read: {error}") from None
    if not found:
        return None
    head = (found.get("head") or {}).get("repo") or {}
    return PullRequest(int(found["number"]), str(head.get("full_name", "")).lower() != repository.lower())


def _run(command: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=dict(env), check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


@contextmanager
def _signals_to(process: subprocess.Popen[str]) -> Iterator[None]:
    before = {
        number: signal.signal(number, lambda received, _frame: process.send_signal(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def commands_off() -> Iterator[None]:
    """Make the runner ignore workflow commands on stdout until the block ends.

    The word that ends it is random, so nothing that is printed in between can contain it. All output of a step goes to
    stdout: the runner reads the two streams side by side, and their order to each other is not certain.
    """
    word = secrets.token_hex(16)
    print(f"::stop-commands::{word}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{word}::", flush=True)


def say(text: str) -> None:
    """Write a child's output to the log, where no line of it is a workflow command."""
    if text.strip():
        with commands_off():
            print(text.rstrip("\n"), flush=True)


def annotation(text: str) -> str:
    """Return a workflow command that shows an error on the run."""
    return "::error::" + text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def code_block(text: str) -> str:
    """Return text as an indented code block of Markdown, which nothing inside of it can close."""
    return "".join(f"    {line}\n" for line in text.splitlines())
