"""A state and its journal, wherever they are kept: read, lock, begin, append, commit, the same for every medium."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from reconciler.core.interning import Interner
from reconciler.core.problems import Problem, StateError
from reconciler.core.resource import Resource
from reconciler.core.state.model import Books, Record, State, fold
from reconciler.stores.medium import Medium
from reconciler.stores.text import checked_state, line_of, records_in

_Batch = list[tuple[Sequence[Record], bytes, "asyncio.Future[None]"]]


_READS = 10
"""How often a state is read that somebody writes meanwhile: a journal belongs to one of its serials alone."""


class Store:
    """The state of one environment on a medium. Reading takes no lock; writing wants `lock` first."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.doubt: Problem | None = None
        """The finding about a checksum that did not fit when the state was read: it stops writers, not readers."""
        self._seen: tuple[State | None, State | None] | None = None  # as kept and as folded, under this lock
        self._base: State | None = None
        self._wrote = False
        self._failed: StateError | None = None
        self.books = Books()
        """The state as it is with every durable record, from `begin` on."""
        self._waiting: _Batch = []
        self._flushing = False

    @property
    def where(self) -> str:
        """The state's place, as people are told it."""
        return self.medium.where

    # -- reading ---------------------------------------------------------------------------------------------
    def exists(self) -> bool:
        """Tell whether there is a state."""
        try:
            return self.medium.exists()
        finally:
            self._close()

    def _close(self) -> None:
        """Leave nothing open that only a writer needs."""
        if not self.medium.held:
            self.medium.unlock()

    def read(self, like: Mapping[str, Resource] | None = None) -> State | None:
        """Return the state with a left-over journal folded in, or None where there is none yet. Writes nothing.

        What it says in the words of the resources in `like` is held only once. Raises `StateError` when the state or
        its journal is broken, of a newer version, or belongs elsewhere.
        """
        try:
            return self._read(Interner(like))
        finally:
            self._close()

    def _read(self, interner: Interner) -> State | None:
        for _ in range(_READS):
            try:
                blocks = self.medium.text()
                kept, self.doubt = (None, None) if blocks is None else checked_state(blocks, self.where, interner)
                folded = kept if kept is None else fold(kept, self._leftover(kept))
            except StateError:
                if self.medium.held or self.medium.current():
                    raise
                continue
            if self.medium.held:
                self._seen = (kept, folded)
            if self.medium.held or self.medium.current():
                return folded
        what = f"{self.where} is written all the time"
        raise StateError(Problem("state-busy", what, "wait for the run that writes it"))

    def _leftover(self, state: State) -> list[Record]:
        """Return the records of the journals that follow `state`."""
        found: list[Record] = []
        for source, lines in self.medium.journals(state):
            if not lines:
                continue
            header, records = records_in(lines, source)
            lineage, serial = header["lineage"], header["serial"]
            if lineage == state.lineage and serial < state.serial:
                continue  # folded already; the process died before it could remove the journal
            if lineage != state.lineage or serial != state.serial:
                raise StateError(
                    Problem(
                        "journal-foreign",
                        f"{source} belongs to another state (lineage {lineage}, serial {serial})",
                        f"restore the {self.where} it was written beside, or move the journal away",
                    )
                )
            found += records
        return found

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float = 0) -> None:
        """Take the lock, waiting up to `timeout` seconds, and see that the state can be written at all.

        Raises `StateError` naming the holder when somebody else has it, or saying why nothing can be written: before
        anything is sent.
        """
        self._seen = self._base = self._failed = None
        try:
            self.medium.lock(command, timeout)
        finally:
            self._close()

    def unlock(self) -> None:
        """Release the lock; harmless when it is not held."""
        self._seen = None
        self.medium.unlock()

    def release(self, ident: str) -> str:
        """Take the lock `ident` from its holder, who can write no more; return what there is to say about it."""
        try:
            return self.medium.release(ident)
        finally:
            self._close()

    # -- writing ---------------------------------------------------------------------------------------------
    def begin(self, fresh: State) -> State:
        """Return the state a writer starts from: the one there, its journal folded into it, else `fresh`.

        What was read since the lock was taken is not read again. Raises `StateError`, also when the place cannot be
        written: before anything is sent.
        """
        assert self.medium.held
        if self._seen is None:
            self.read()
        assert self._seen is not None
        self.require_sound()
        kept, folded = self._seen
        state = fresh if folded is None else folded
        if state is kept and self.medium.taken_over:
            state = replace(state, serial=state.serial + 1)  # what a former holder read is no more
        if state is not kept:
            state = self.medium.save(state)
        self._take(state)
        return state

    def _take(self, state: State) -> None:
        """Begin from `state`: what follows is folded into copies of its books as it becomes durable."""
        self.medium.start(state)
        self.doubt = None
        self._seen = (state, state)
        self._base, self._wrote = state, False
        self.books = Books.of(state)

    def require_sound(self) -> None:
        """Raise `StateError` where the state that was read was edited or is torn: no run may build on it."""
        if self.doubt is not None:
            raise StateError(self.doubt)

    async def append(self, records: Sequence[Record]) -> None:
        """Make `records` durable; many callers at once share one write.

        Raises `StateError` when that cannot be done: then nothing may be sent any more.
        """
        lines = b"".join(map(line_of, records))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, lines, done))
        if not self._flushing:
            self._flushing = True
            try:
                while self._waiting:
                    batch, self._waiting = self._waiting, []
                    await self._flush(batch)
            finally:
                self._flushing = False
        await done

    async def _flush(self, batch: _Batch) -> None:
        try:
            if self._failed is not None:
                raise self._failed  # what became of the write before is not known: nothing may follow it
            lines = b"".join(part for _, part, _ in batch)
            self._wrote = True
            after = partial(self._after, [record for records, _, _ in batch for record in records])
            writing = asyncio.ensure_future(asyncio.to_thread(self.medium.add, lines, after))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])  # a thread goes on by itself: the journal is not let go before it is done
                raise
        except StateError as error:
            self._failed = error
            for _, _, done in batch:
                if not done.done():
                    done.set_exception(StateError(error.problems))
        else:
            for records, _, done in batch:
                for record in records:
                    self.books.fold(record)
                if not done.done():
                    done.set_result(None)

    def _after(self, records: Sequence[Record]) -> State:
        """Return the state as it will be with `records`."""
        assert self._base is not None
        books = self.books.copy()
        for record in records:
            books.fold(record)
        return books.after(self._base, serial=self._base.serial)

    def commit(self) -> State:
        """Write the state after all that was appended, and return it; a run that wrote nothing changes nothing.

        It is the fold of the journal, which need not be read again: every line of it was folded when it was durable.
        """
        assert self._base is not None
        if not self._wrote:
            return self._base
        state = self.medium.save(self.books.after(self._base, serial=self._base.serial + 1))
        self._take(state)
        return state

    def replace(self, wanted: State, after: State | None) -> State:
        """Put `wanted` in the place of the state `after`, under the lock; its serial becomes one that follows."""
        assert self.medium.held
        serial = max(wanted.serial, after.serial + 1 if after else 0)
        state = self.medium.save(replace(wanted, serial=serial))
        self._take(state)
        return state
