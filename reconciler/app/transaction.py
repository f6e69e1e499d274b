"""One write to a state: lock, read, check, begin, append, commit, unlock. Every writer goes through here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.app.dialogue import Dialogue
from reconciler.app.platform import Target
from reconciler.app.runtime import no_garbage_collection
from reconciler.app.session import Session
from reconciler.core.problems import Problem, StateError
from reconciler.core.resource import Resource
from reconciler.core.state.model import Record, State
from reconciler.stores.store import Store

if TYPE_CHECKING:
    from reconciler.api.client import Client


@dataclass(slots=True)
class Transaction:
    """A state under its lock.

    `state` is the state that was read, with a left-over journal folded in, or an empty one where `fresh`. Nothing is
    written before `begin` or the first `record`, so that a run with nothing to do leaves no trace.
    """

    store: Store
    state: State
    fresh: bool
    _begun: bool = False

    def begin(self) -> None:
        """Make the place ready for records. Raises `StateError` where nothing can be written."""
        if not self._begun:
            self.state = self.store.begin(self.state)
            self._begun = True

    async def record(self, records: Sequence[Record]) -> None:
        """Make `records` durable in the journal."""
        self.begin()
        if records:
            await self.store.append(records)

    def take_lineage(self, lineage: str) -> None:
        """Continue the lineage of a plan that was saved before there was any state."""
        assert self.fresh
        self.state = replace(self.state, lineage=lineage)

    def commit(self) -> State:
        """Fold the journal into the state file; without a record nothing is written."""
        return self.store.commit() if self._begun else self.state


@dataclass(frozen=True, slots=True)
class Connected:
    """A transaction with an open door to the platform."""

    api: Client
    target: Target
    transaction: Transaction


@asynccontextmanager
async def connected(
    session: Session,
    command: str,
    *,
    lock_timeout: float = 0.0,
    parallelism: int = 10,
    like: Mapping[str, Resource] | None = None,
) -> AsyncIterator[Connected]:
    """Open the platform, take the lock, and read and check the state, for as long as `command` runs.

    `like` are resources whose bodies the state may share. Raises `StateError` naming the holder of the lock, or saying
    why the state cannot be used.
    """
    async with session.platform(parallelism) as (api, target, _):
        with under_lock(session, target, command, lock_timeout, like) as transaction:
            yield Connected(api, target, transaction)


@contextmanager
def under_lock(
    session: Session,
    target: Target,
    command: str,
    lock_timeout: float = 0.0,
    like: Mapping[str, Resource] | None = None,
) -> Iterator[Transaction]:
    """Take the lock, and read and check the state of `target`. Raises `StateError` as `connected` does."""
    store = session.store()
    with locked(store, f"reconciler {command}", lock_timeout, session.dialogue):
        with no_garbage_collection():
            state = store.read(like)
        checked = session.check(state, target)
        store.require_sound()
        yield Transaction(store, checked, state is None)


@contextmanager
def offline(session: Session, command: str, lock_timeout: float = 0.0) -> Iterator[Transaction]:
    """Take the lock of the state that is there, for an edit that needs no platform. Raises `StateError` for none."""
    store = session.store()
    if not store.exists():
        raise StateError(Problem("no-state", f"there is no state at {store.where}", "see --env and --state-dir"))
    with locked(store, f"reconciler {command}", lock_timeout, session.dialogue):
        state = store.read()
        assert state is not None
        store.require_sound()
        yield Transaction(store, state, fresh=False)


@contextmanager
def locked(store: Store, command: str, wait: float, dialogue: Dialogue) -> Iterator[None]:
    """Hold the lock of a state; report a wait. Raises `StateError` naming the holder."""
    try:
        store.lock(command)
    except StateError as error:
        first = error.problems[0]
        if first.code != "locked" or wait <= 0:
            raise
        dialogue.notice(f"Waiting up to {wait:g} s: {first.what}")
        store.lock(command, wait)
    try:
        yield
    finally:
        store.unlock()
