"""Moves a state from one store to another, under both locks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reconciler.cli.everywhere import in_turn
from reconciler.cli.output import lock
from reconciler.cli.wiring import Session, open_session, several
from reconciler.config.state_settings import StateSettings, settings_in
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.core.state.model import State
from reconciler.stores.store import Store


def migrate(path: Path, source: str, wait: float, *, keep: bool) -> int:
    """Move the states of the environments that are meant; return the exit code."""
    settings = settings_in(source)
    names = several(path)
    if not names:
        return _moved(open_session(path), settings, wait, keep=keep, alone=True)
    return in_turn(names, lambda name: _moved(open_session(path, env=name), settings, wait, keep=keep, alone=False))


def _moved(session: Session, settings: StateSettings, wait: float, *, keep: bool, alone: bool) -> int:
    source, target = session.store_in(settings), session.store()
    if source.where == target.where:
        advice = "say with --from where the state is, and in the project file where it is to be"
        raise ManifestError(
            Problem("same-place", f"the state is to move from {source.where} to the same place", advice)
        )
    if not source.exists():
        there = target.read()
        if there is None and not alone:
            click.echo(f"There is no state, neither at {source.where} nor at {target.where}.")
            return 0
        if there is None:
            raise StateError(Problem("no-state", f"there is no state at {source.where}", "say with --from where it is"))
        click.echo(f"There is no state at {source.where}; {target.where} holds {len(there.resources)} resources.")
        return 0
    lock(target, "reconciler state migrate", wait)
    try:
        lock(source, "reconciler state migrate", wait)
        try:
            return _carried(source, target, keep=keep)
        finally:
            source.unlock()
    finally:
        target.unlock()


def _carried(source: Store, target: Store, *, keep: bool) -> int:
    """Copy, compare, and put the old one away."""
    state = source.read()
    assert state is not None
    state = source.begin(state)
    there = target.read()
    if there is not None and _content(there) != _content(state):
        what = f"{target.where} has a state already: serial {there.serial} of {there.lineage}"
        advice = "remove it, or put this one in its place with: reconciler state pull, reconciler state push --force"
        raise StateError(Problem("taken", what, advice))
    if there is None:
        target.replace(state, None)
        written = target.read()
        if written is None or _content(written) != _content(state):
            what = f"what {target.where} gives back is not what was written"
            raise StateError(Problem("not-verified", what, f"the state is still at {source.where}; try again"))
    left = "" if keep else f" The old one is {source.medium.retire()}."
    click.echo(f"{target.where} holds {len(state.resources)} resources now, serial {state.serial}.{left}")
    return 0


def _content(state: State) -> tuple[Any, ...]:
    """Return what must be the same in both places; a serial may grow on the way."""
    place = (state.lineage, state.environment, state.platform, state.organization, state.sandbox)
    return (*place, dict(state.resources), dict(state.pending))
