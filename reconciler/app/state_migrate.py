"""Moves a state from one store to another, under both locks."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.app.session import Session
from reconciler.app.transaction import locked
from reconciler.config.state_settings import StateSettings
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.core.state.model import Entry, Pending, State
from reconciler.stores.store import Store


@dataclass(frozen=True, slots=True)
class Migrated:
    """Where a state is now, and where it was. `state` is None where there is none in either place.

    `moved` is false where it was in the new place already, `kept_at` the place of the old copy where it was put away.
    """

    source: str
    target: str
    state: State | None
    moved: bool = False
    kept_at: str = ""


def migrate(session: Session, settings: StateSettings, lock_timeout: float, *, keep: bool, required: bool) -> Migrated:
    """Move the state from the store that `settings` describe to the one of the project file.

    The new copy is read again and compared before the old one is put away; with `keep` it stays. Raises
    `StateError` if a `required` state does not exist, or if the new place holds another one.
    """
    source, target = session.store_in(settings), session.store()
    if source.where == target.where:
        advice = "say with --from where the state is, and in the project file where it is to be"
        raise ManifestError(
            Problem("same-place", f"the state is to move from {source.where} to the same place", advice)
        )
    if not source.exists():
        present = target.read()
        if present is None and required:
            raise StateError(Problem("no-state", f"there is no state at {source.where}", "say with --from where it is"))
        return Migrated(source.where, target.where, present)
    with (
        locked(target, "reconciler state migrate", lock_timeout, session.dialogue),
        locked(source, "reconciler state migrate", lock_timeout, session.dialogue),
    ):
        return _carried(source, target, keep=keep)


def _carried(source: Store, target: Store, *, keep: bool) -> Migrated:
    """Copy, compare, and put the old one away."""
    state = source.read()
    assert state is not None
    state = source.begin(state)
    present = target.read()
    if present is not None and _content(present) != _content(state):
        what = f"{target.where} has a state already: serial {present.serial} of {present.lineage}"
        advice = "remove it, or put this one in its place with: reconciler state pull, reconciler state push --force"
        raise StateError(Problem("taken", what, advice))
    if present is None:
        target.replace(state, None)
        written = target.read()
        if written is None or _content(written) != _content(state):
            what = f"what {target.where} gives back is not what was written"
            raise StateError(Problem("not-verified", what, f"the state is still at {source.where}; try again"))
    return Migrated(source.where, target.where, state, True, "" if keep else source.medium.retire())


def _content(state: State) -> tuple[tuple[str, ...], dict[str, Entry], dict[str, Pending]]:
    """Return what must be the same in both places; a serial may grow on the way."""
    place = (state.lineage, state.environment, state.platform, state.organization, state.sandbox)
    return place, dict(state.resources), dict(state.pending)
