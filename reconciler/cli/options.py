"""Options every command takes, before and after its name; what is said last wins.

Loaded at every start: it imports nothing that click does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_KEPT = "reconciler.options"


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Remember an option that was given, at the group or at the command, in one place."""
    kept = ctx.meta.setdefault(_KEPT, {})
    name = str(param.name)
    if isinstance(value, tuple):
        kept[name] = (*kept.get(name, ()), *value)
    elif value is not None and (value or name not in kept):
        kept[name] = value
    return value


def option(name: str, default: Any = None) -> Any:
    """Return a common option of the running command, wherever it was written."""
    value = click.get_current_context().meta.get(_KEPT, {}).get(name)
    return default if value is None else value


def default_option(name: str, value: Any) -> None:
    """Set a common option that was not given."""
    click.get_current_context().meta.setdefault(_KEPT, {}).setdefault(name, value)


def common(function: F) -> F:
    """Add the options that every command takes."""
    for add in (
        click.option("--env", "env", metavar="NAME", help="The environment to work on."),
        click.option("--emulator", is_flag=True, help="Use the embedded emulator instead of the platform."),
        click.option("--state-dir", metavar="DIR", envvar="RECONCILER_STATE_DIR", help="Where the state is kept."),
        click.option("--verbose", is_flag=True, help="Show every call on stderr, and more of each change."),
        click.option("--no-color", is_flag=True, help="No colours, also on a terminal."),
    ):
        function = _hook(add)(function)
    return function


def _hook(option: Callable[[F], F]) -> Callable[[F], F]:
    def attach(function: F) -> F:
        made = option(function)
        parameter = made.__click_params__[-1]  # type: ignore[attr-defined]  # click keeps them there until @command
        parameter.callback = _keep
        parameter.expose_value = False
        return made

    return attach
