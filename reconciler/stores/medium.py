"""What a store asks of the place where it keeps a state: the part that differs from place to place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from reconciler.core.state import State
from reconciler.stores.text import Blocks


class Medium(Protocol):
    """One place for the state of one environment, its journal and its lock. Whatever goes wrong is a `StateError`.

    Writing wants the lock. What `add` returned from is durable, and so is what `save` returned from; both refuse when
    the lock is no longer ours, whatever happened meanwhile.
    """

    where: str
    """The state's place, as people are told it."""

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        ...

    def prepared(self) -> bool:
        """Tell whether there is a place at all: to look for a lock must not make one."""
        ...

    def text(self) -> Blocks | None:
        """Return the text of the state; None where there is none yet."""
        ...

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the name and the whole lines of each journal that may follow `state`, oldest first."""
        ...

    def lock(self, command: str, timeout: float) -> None:
        """Take the lock, waiting up to `timeout` seconds, and see that all a run writes can be written."""
        ...

    def unlock(self) -> None:
        """Release the lock; harmless when it is not held."""
        ...

    def release(self, ident: str) -> str:
        """Take the lock `ident` from its holder, who can write no more; return what there is to say about it."""
        ...

    def start(self, state: State) -> None:
        """Begin a journal that follows `state`, which is what is kept now; older ones are over."""
        ...

    def add(self, lines: bytes) -> None:
        """Append to the journal."""
        ...

    def save(self, state: State) -> None:
        """Put `state` in the place of what was read, if that is still there; the previous one is kept."""
        ...
