"""What a store asks of the place where it keeps a state: the part that differs from place to place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from reconciler.core.state.model import State
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

    @property
    def taken_over(self) -> bool:
        """Whether the lock was taken from somebody who did not give it back, whom the next `save` outdates."""
        ...

    def prepared(self) -> bool:
        """Tell whether there is a place at all: to look for a lock must not make one."""
        ...

    def exists(self) -> bool:
        """Tell whether there is a state."""
        ...

    def text(self) -> Blocks | None:
        """Return the text of the state; None where there is none yet."""
        ...

    def current(self) -> bool:
        """Tell whether the state is still the one whose text was given last."""
        ...

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the name and the whole lines of each journal that may follow `state`, oldest first."""
        ...

    def lock(self, command: str, timeout: float) -> None:
        """Take the lock, waiting up to `timeout` seconds, and see that all a run writes can be written."""
        ...

    def unlock(self) -> None:
        """Release the lock, and what is open; harmless when it is not held."""
        ...

    def release(self, ident: str) -> str:
        """Take the lock `ident` from its holder, who can write no more; return what there is to say about it."""
        ...

    def start(self, state: State) -> None:
        """Begin a journal that follows `state`, which is what is kept now; older ones are over."""
        ...

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        """Append to the journal; where there can be none, keep the whole state as it is `after` these lines."""
        ...

    def save(self, state: State) -> State:
        """Put `state` in the place of what was read, if that is still there; the previous one is kept.

        Return it as it is kept: where every write needs a serial of its own, with a higher one.
        """
        ...

    def retire(self) -> str:
        """Put the state away, for it moved elsewhere; return where it can still be found."""
        ...
