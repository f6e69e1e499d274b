"""What commands on manifests take: PATH and how to read it; and how to go about changing something."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from reconciler.cli.options import F, option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.app.dialogue import Dialogue
    from reconciler.app.options import ProjectOptions, WriteOptions
    from reconciler.app.session import Session
    from reconciler.cli.event_stream import Stream
    from reconciler.cli.terminal import Terminal
    from reconciler.core.plan.selection import Selection
    from reconciler.core.plan.sharding import Shard
    from reconciler.core.values import Tree


@dataclass(frozen=True, slots=True)
class Files:
    """PATH, and how its manifests are to be read."""

    path: Path
    variables: tuple[str, ...]
    var_file: tuple[Path, ...]
    allow_literal_secrets: bool

    def options(self, *, path: Path | None = None, env: str | None = None) -> ProjectOptions:
        """Return the options of the project; `path` and `env` replace PATH and `--env` where they are given."""
        return project_options(path or self.path, self.variables, self.var_file, self.allow_literal_secrets, env)

    def open(
        self,
        *,
        path: Path | None = None,
        env: str | None = None,
        dialogue: Dialogue | None = None,
        saved: Mapping[str, Tree] | None = None,
    ) -> Session:
        """Return the session for PATH, or for another `path`, and for `env` instead of `--env`.

        `saved` are the variables of a saved plan.

        Raises `ManifestError`; nothing is sent or written.
        """
        from reconciler.app.session import open_session
        from reconciler.cli.terminal import Terminal

        options = replace(self.options(path=path, env=env), saved=saved or {})
        return open_session(options, dialogue or Terminal())

    def everywhere(self, *, by_name: bool = False) -> list[str]:
        """Return the names of the environments that `--env all`, or a list as `dev,prod`, means; empty for one alone.

        With `by_name` they must be named. Raises `ManifestError` where none is declared.
        """
        from reconciler.app.session import several

        return several(self.options(), by_name=by_name)


def project_options(
    path: Path,
    variables: tuple[str, ...] = (),
    var_files: tuple[Path, ...] = (),
    allow_literal_secrets: bool = False,
    env: str | None = None,
) -> ProjectOptions:
    """Return the options of the project at `path`, the common options of the running command included."""
    from reconciler.app.options import ProjectOptions

    state_dir = option("state_dir")
    return ProjectOptions(
        path=path,
        environment=env or option("env"),
        variables=variables,
        var_files=var_files,
        state_dir=Path(state_dir) if state_dir else None,
        emulator=bool(option("emulator")),
        allow_literal_secrets=allow_literal_secrets,
    )


def open_project(path: Path, *, env: str | None = None, dialogue: Dialogue | None = None) -> Session:
    """Return the session for the project at `path`. Raises `ManifestError`; nothing is sent or written."""
    from reconciler.app.session import open_session
    from reconciler.cli.terminal import Terminal

    return open_session(project_options(path, env=env), dialogue or Terminal())


@dataclass(frozen=True, slots=True)
class Planning:
    """How a plan is made."""

    policy: tuple[Path, ...]
    replace: tuple[str, ...]
    staged: bool
    checks: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of the project a run is about."""

    targets: tuple[str, ...]
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    shard: str | None

    def selection(self) -> Selection:
        """Return it as the core knows it."""
        from reconciler.core.plan.selection import Selection

        return Selection(self.targets, self.select, self.exclude, shard_of(self.shard))


def shard_of(text: str | None) -> Shard | None:
    """Return the part of the project that `--shard` names. Raises `click.UsageError` for any other text."""
    from reconciler.core.plan.sharding import Shard

    try:
        return None if text is None else Shard.of(text)
    except ValueError as error:
        raise click.UsageError(f"--shard {error}.") from None


@dataclass(frozen=True, slots=True)
class Writing:
    """How a command that changes something is to go about it."""

    auto_approve: bool
    allow_delete: bool
    allow_protected: bool
    time_limit: float | None
    parallelism: int
    lock_timeout: float
    wait_timeout: float
    settle: float
    form: str

    def options(self) -> WriteOptions:
        """Return them as the use cases take them."""
        from reconciler.app.options import WriteOptions

        return WriteOptions(
            self.parallelism, self.lock_timeout, self.wait_timeout, self.time_limit, self.allow_delete,
            self.allow_protected,
        )  # fmt: skip

    def dialogue(self, stream: Stream | None = None) -> Terminal:
        """Return the dialogue of the command; its results are events where there is a `stream`.

        Raises a usage error where its question could not be answered.
        """
        from reconciler.cli.terminal import Terminal

        if stream is None:
            terminal = Terminal(approved=self.auto_approve)
        else:
            from reconciler.cli.event_stream import EventDialogue

            terminal = EventDialogue(stream, approved=self.auto_approve)
        terminal.require_answer()
        return terminal


def _gathered(function: F, name: str, kind: type[Any]) -> F:
    """Return `function` given one `kind` under `name` instead of the options that fill its fields."""
    fields = kind.__dataclass_fields__

    @functools.wraps(function)
    def gather(**values: Any) -> Any:
        mine = {field: values.pop(field) for field in fields}
        return function(**values, **{name: kind(**mine)})

    return cast("F", gather)


def project(function: F) -> F:
    """Add PATH and the options of commands that read manifests, as one `files`."""
    function = _gathered(function, "files", Files)
    for add in (
        click.argument("path", default=".", type=click.Path(path_type=Path), required=False),
        click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable (YAML scalar)."),
        click.option("--var-file", multiple=True, type=click.Path(path_type=Path), help="Variables from a YAML file."),
        click.option("--allow-literal-secrets", is_flag=True, help="Let secrets be written out in manifests."),
    ):
        function = add(function)
    return function


LOCK_TIMEOUT = click.option(
    "--lock-timeout", default=0.0, type=click.FloatRange(0), metavar="SECONDS", help="Seconds to wait for the lock."
)
SHARD = click.option(
    "--shard", metavar="I/N", help="Only the I-th of N parts with no reference between them: for many machines at once."
)


ALLOW_DELETE = click.option("--allow-delete", is_flag=True, help="Lift the limits of guardrails for this run.")


def selecting(function: F) -> F:
    """Add the options that narrow a run down, as one `choice`."""
    function = _gathered(function, "choice", Choice)
    for add in (
        click.option("--target", "targets", multiple=True, metavar="ADDRESS",
                     help="Only this and what is below it, and what they need."),
        click.option("--select", multiple=True, metavar="LABEL=VALUE",
                     help="Only documents with this label, and what they need; != is possible, and commas."),
        click.option("--exclude", multiple=True, metavar="ADDRESS",
                     help="Leave this out, what is below it and whoever needs it."),
        SHARD,
    ):  # fmt: skip
        function = add(function)
    return function


def planner(function: F) -> F:
    """Add the options of commands that plan changes, as one `planning`."""
    function = _gathered(function, "planning", Planning)
    for add in (
        click.option("--policy", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
                     help="Rules the plan must keep, besides those of the project file."),
        click.option("--replace", multiple=True, metavar="ADDRESS",
                     help="Delete and create this object again, although nothing differs. Repeatable."),
        click.option("--staged", is_flag=True, help="New dataflows go live only when all of it is there."),
        click.option("--checks/--no-checks", default=True,
                     help="Ask the platform about mappings, fields and audiences before anything is written."),
    ):  # fmt: skip
        function = add(function)
    return function


def writer(function: F) -> F:
    """Add the options of commands that change something, as one `writing`."""
    function = _gathered(function, "writing", Writing)
    for add in (
        click.option("-y", "--auto-approve", is_flag=True, help="Do not ask."),
        click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True,
                     help="jsonl prints one JSON object for each event as it happens."),
        click.option("--parallelism", default=10, type=click.IntRange(1, 100), metavar="N", show_default=True,
                     help="Calls at once."),
        LOCK_TIMEOUT,
        click.option("--wait-timeout", default=300.0, type=click.FloatRange(0), metavar="SECONDS", show_default=True,
                     help="Seconds to wait for the platform to finish a transition."),
        click.option("--settle", default=5.0, type=click.FloatRange(0), metavar="SECONDS", show_default=True,
                     help="Seconds after which an object missing from lists is believed not to exist."),
        click.option("--time-limit", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                     help="Stop in good order after so long, as Ctrl-C does."),
        ALLOW_DELETE,
        click.option("--allow-protected", is_flag=True,
                     help="Allow deletes and replaces in a protected environment for this run."),
    ):  # fmt: skip
        function = add(function)
    return function
