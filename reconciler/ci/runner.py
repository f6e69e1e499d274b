"""A job on a runner of GitHub or GitLab: its settings, its files, and the child processes it starts."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_KEPT_FROM_TOOL = (
    "GH_TOKEN", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY", "RECONCILER_GITLAB_TOKEN", "CI_JOB_TOKEN", "BASH_ENV", "PYTHONPATH", "PYTHONHOME",
    "PYTHONSTARTUP",
)  # fmt: skip
"""Variables that the tool does not need. Secret commands of the project file inherit its environment."""
_TOOL = (sys.executable, "-I", "-m", "reconciler")
PATIENCE = 6.0
"""Seconds after a first signal until the child must stop at once: runners kill ten seconds after it."""


class JobError(Exception):
    """A step cannot go on; the message is shown as an annotation."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The pull request of the event: its number, and whether its commits come from another repository."""

    number: int
    fork: bool


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of a step, from the variables of the runner and of the pipeline's file."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    """Where the plan, its reports and the comments are written; the artifact of a plan."""
    temp: Path
    """A folder that ends with the job."""
    repository: str
    commit: str
    before: str
    """The commit of the branch before the push of the event; empty for any other event."""
    branch: str
    """The branch that the commit was pushed to; empty for a pull request."""
    project: str
    environment: str
    arguments: tuple[str, ...]
    state_branch: str
    pull_request: PullRequest | None
    address: str
    """Where git fetches from and pushes to."""
    login: str = field(repr=False)
    """User and token of that address, `user:token`, or empty."""
    run: str
    """The address of this run on the web."""
    report: str
    """The address of the artifact with the HTML report."""
    gitlab: bool = False

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
        """Where the files of the state branch are."""
        return self.temp / "reconciler-state"

    @property
    def untrusted(self) -> bool:
        """Whether the checkout comes from another repository."""
        return self.pull_request is not None and self.pull_request.fork

    @property
    def chosen(self) -> tuple[str, ...]:
        """The option that chooses the environment, if one is chosen."""
        return ("--env", self.environment) if self.environment else ()

    def home(self, checkout: Path) -> Path:
        """Return the folder from which a saved plan is applied: a saved plan finds its project there."""
        path = checkout / self.project
        return path if path.is_dir() else path.parent

    def tool(self, *args: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line, isolated, in the folder `at`, and return what it printed."""
        return run([*_TOOL, *args], self._tool_environ(), at)

    def tool_aloud(self, *args: str, at: Path, signals: Signals) -> tuple[int, str]:
        """Run the command line, isolated, and copy both its streams to the log; return its exit code and the text.

        `signals` passes signals to this process on, so that a cancelled apply finishes its calls and keeps its state.
        """
        with self.commands_off():
            process = subprocess.Popen(
                [*_TOOL, *args], env=self._tool_environ(), cwd=at, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", start_new_session=True,
            )  # fmt: skip
            lines = []
            with process, signals.passed_to(process):
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    print(line, end="", flush=True)
        return process.returncode, "".join(lines)

    def _tool_environ(self) -> dict[str, str]:
        """Return the environment of the command line.

        For an untrusted checkout `RECONCILER_RESTRICTED` is set: no secret provider runs, and addresses in the project
        file are ignored.
        """
        env = {key: value for key, value in self.environ.items() if key not in _KEPT_FROM_TOOL}
        if self.state_branch or self.untrusted:
            env["RECONCILER_STATE_DIR"] = str(self.state_folder)
        if self.untrusted:
            env["RECONCILER_RESTRICTED"] = "1"
        return env

    def output(self, name: str, value: str) -> None:
        """Set an output of the step; neither the name nor the value has line breaks."""
        self._append("GITHUB_OUTPUT", f"{name}={value}\n")

    def summary(self, text: str) -> None:
        """Add Markdown to the summary of the job."""
        self._append("GITHUB_STEP_SUMMARY", text.rstrip("\n") + "\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the artifact and return its path."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def say(self, text: str) -> None:
        """Write a child's output to the log, where no line of it is a workflow command."""
        if text.strip():
            with self.commands_off():
                print(text.rstrip("\n"), flush=True)

    def error(self, text: str) -> None:
        """Show an error on the run."""
        print(f"ERROR: {text}" if self.gitlab else annotation(text), flush=True)

    @contextmanager
    def commands_off(self) -> Iterator[None]:
        """Make the runner ignore workflow commands on stdout until the block ends.

        The word that ends it is random, so nothing that is printed in between can contain it. All output of a step
        goes to stdout: the runner reads the two streams side by side, and their order to each other is not certain.
        """
        if self.gitlab:
            yield
            return
        word = secrets.token_hex(16)
        print(f"::stop-commands::{word}", flush=True)
        try:
            yield
        finally:
            print(f"\n::{word}::", flush=True)

    def _append(self, variable: str, text: str) -> None:
        if path := self.environ.get(variable):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)


def github_job(environ: Mapping[str, str]) -> Job:
    """Return the job that a GitHub runner describes. Raises JobError where a variable of the runner is missing."""
    missing = [name for name in ("RUNNER_TEMP", "GITHUB_REPOSITORY", "GITHUB_SHA") if not environ.get(name)]
    if missing:
        raise JobError(f"this is not a GitHub runner: {', '.join(missing)} is not set")
    temp = Path(environ["RUNNER_TEMP"])
    folder = temp / "reconciler-out"
    folder.mkdir(parents=True, exist_ok=True)
    repository = environ["GITHUB_REPOSITORY"]
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    address = f"{environ.get('GITHUB_SERVER_URL', 'https://github.com').rstrip('/')}/{repository}"
    ident = environ.get("GITHUB_RUN_ID", "")
    pull = event.get("pull_request")
    pull_request, head = None, environ["GITHUB_SHA"]
    if isinstance(pull, dict):
        source = pull.get("head") or {}
        owner = str((source.get("repo") or {}).get("full_name", ""))  # a deleted head repository counts as a fork
        pull_request = PullRequest(int(pull["number"]), owner.lower() != repository.lower())
        head = str(source.get("sha") or head)
    token = environ.get("GH_TOKEN", "")
    return Job(
        environ=environ, folder=folder, temp=temp, repository=repository, commit=head,
        before=str(event.get("before") or ""),
        branch="" if pull_request else environ.get("GITHUB_REF_NAME", ""), project=environ.get("PROJECT") or ".",
        environment=environ.get("ENVIRONMENT", ""), arguments=tuple(environ.get("ARGUMENTS", "").split()),
        state_branch=environ.get("STATE_BRANCH", ""), pull_request=pull_request, address=address,
        login=f"x-access-token:{token}" if token else "", run=f"{address}/actions/runs/{ident}" if ident else "",
        report=f"{address}/actions/runs/{ident}#artifacts" if ident else "",
    )  # fmt: skip


def _event(path: str) -> dict[str, object]:
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(f"the event of the run cannot be read: {error}") from None
    return event if isinstance(event, dict) else {}


def run(
    command: Sequence[str], env: Mapping[str, str], at: Path | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a child with `text` as its input, apart from the signals that this process gets; return what it printed."""
    return subprocess.run(
        command, env=dict(env), cwd=at, check=False, input=text or "", capture_output=True, text=True, encoding="utf-8",
        errors="replace", start_new_session=True,
    )  # fmt: skip


class Signals:
    """Signals while a step writes: the first lets the child finish its calls, and the step keeps the state.

    A runner that cancels a job sends SIGINT or SIGTERM, and SIGKILL some ten seconds later.
    """

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self.received = False
        self.told = told
        """Called at the first signal."""
        self._process: subprocess.Popen[str] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        """Handle the signals until the block ends."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        first, self.received = not self.received, True
        self._send(number)
        if first:
            self.told()
            timer = threading.Timer(PATIENCE, self._send, (signal.SIGTERM,))
            timer.daemon = True
            timer.start()

    def _send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    @contextmanager
    def passed_to(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Pass signals on to a child until the block ends."""
        self._process = process
        if self.received:  # it came before the child was known
            process.send_signal(signal.SIGTERM)
        try:
            yield
        finally:
            self._process = None


def annotation(text: str) -> str:
    """Return a workflow command that shows an error on the run."""
    return "::error::" + text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def code_block(text: str) -> str:
    """Return text as an indented code block of Markdown, which nothing inside of it can close."""
    return "".join(f"    {line}\n" for line in text.splitlines())
