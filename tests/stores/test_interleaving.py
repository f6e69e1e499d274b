"""Two writers on an object store, their requests in any order: what was told to be durable is, and only once.

The first holder is as one that was paused: it learns of nothing, and its own clock says that its lease is good.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from reconciler.core.problems import StateError
from reconciler.core.state.model import Entry, Record, State
from reconciler.stores import objects
from reconciler.stores.lease import Keeper
from reconciler.stores.objects import Bucket
from reconciler.stores.store import Store

FRESH = State("lineage", "default", "p", "o", "s")


class Turns:
    """Lets one thread at a time go on to its next request, picked at random when all that live wait for their turn."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._alive: set[int] = set()
        self._waiting: set[int] = set()
        self._next: int | None = None

    @contextmanager
    def one_of(self) -> Iterator[None]:
        """A thread takes part."""
        with self._changed:
            self._alive.add(threading.get_ident())
        try:
            yield
        finally:
            with self._changed:
                self._alive.discard(threading.get_ident())
                self._choose()

    def wait(self) -> None:
        """Wait for the turn; a thread that takes no part goes on at once."""
        me = threading.get_ident()
        with self._changed:
            if me not in self._alive:
                return
            self._waiting.add(me)
            self._choose()
            if not self._changed.wait_for(lambda: self._next == me, timeout=30):
                raise AssertionError("nobody goes on")
            self._next = None
            self._waiting.discard(me)

    def _choose(self) -> None:
        if self._next is None and self._alive and self._waiting == self._alive:
            self._next = self._random.choice(sorted(self._waiting))
            self._changed.notify_all()


class Library:
    """The library, each of whose requests waits for its turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(obstore, name)

        def turned(*args: Any, **kwargs: Any) -> Any:
            self._turns.wait()
            found = call(*args, **kwargs)
            return list(found) if name == "list" else found

        return turned


def written(store: Store, name: str) -> None:
    """Append in this thread, as the store does in one of its own."""
    entry = Entry("Flow", name, applied={"name": name})
    lines = objects_line(Record("bound", name, entry=entry))
    store.medium.add(lines, lambda: FRESH)
    store._wrote = True
    store.books.entries[name] = entry


def objects_line(record: Record) -> bytes:
    from reconciler.stores.text import line_of

    return line_of(record)


def work(turns: Turns, store: Store, prefix: str, told: list[str], *, lock: bool) -> None:
    """Begin, append, commit, until something is refused; `told` are the names that were told to be durable."""
    with turns.one_of():
        try:
            if lock:
                store.lock("reconciler second")
            store.begin(store.read() or FRESH)
            for number in range(4):
                name = f"{prefix}{number}"
                written(store, name)
                told.append(name)
                if number == 1:
                    store.commit()
            store.commit()
        except StateError:
            pass
        else:
            told.append(prefix)


def look(turns: Turns, store: Store, told: tuple[list[str], list[str]], missed: list[str]) -> None:
    """Read without a lock: all that was durable before is seen."""
    with turns.one_of():
        for _ in range(3):
            before = [name for names in told for name in names if len(name) > 1]
            try:
                state = store.read()
            except StateError as error:
                missed += [] if error.problems[0].code == "state-busy" else [str(error)]
                continue
            missed += [name for name in before if state is None or name not in state.resources]


@pytest.mark.parametrize("start", range(0, 400, 20))
@pytest.mark.parametrize("empty", [True, False], ids=["nothing", "something"])
def test_nothing_told_is_lost(start: int, empty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "start", lambda *_: None)
    monkeypatch.setattr(Keeper, "check", lambda *_: None)
    monkeypatch.setattr(Bucket, "_left", lambda *_: -1.0)
    for seed in range(start, start + 20):
        memory = MemoryStore()
        turns = Turns(seed)
        monkeypatch.setattr(objects, "obstore", Library(turns))
        first, second = (Store(Bucket(memory, "memory:/", "default")) for _ in range(2))
        if not empty:
            before = Store(Bucket(memory, "memory:/", "default"))
            before.lock("reconciler before")
            before.begin(FRESH)
            before.unlock()
        first.lock("reconciler first")
        told: tuple[list[str], list[str]] = ([], [])
        threads = [
            threading.Thread(target=work, args=(turns, first, "a", told[0]), kwargs={"lock": False}),
            threading.Thread(target=work, args=(turns, second, "b", told[1]), kwargs={"lock": True}),
        ]
        missed: list[str] = []
        reader = Store(Bucket(memory, "memory:/", "default"))
        threads.append(threading.Thread(target=look, args=(turns, reader, told, missed)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not missed, seed
        after = Store(Bucket(memory, "memory:/", "default")).read()
        assert after is not None or not any(told), seed
        if after is not None:
            assert {name for names in told for name in names if len(name) > 1} <= set(after.resources), seed
            asyncio.run(_goes_on(memory))


async def _goes_on(memory: MemoryStore) -> None:
    """Whatever happened, the next one can write."""
    store = Store(Bucket(memory, "memory:/", "default"))
    store.lock("reconciler third")
    store.begin(FRESH)
    await store.append([Record("bound", "c", entry=Entry("Flow", "c"))])
    assert "c" in store.commit().resources
    store.unlock()
