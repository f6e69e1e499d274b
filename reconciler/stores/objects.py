"""State in an object store (S3 and what speaks like it, Google Cloud Storage, Azure Blob) by conditional writes alone.

<environment>.json                                  the state, replaced only while it is the one that was read
<environment>.lock                                  the lease; its holders are counted (`fence`)
<environment>.journal/<serial>-<fence>/<number>     what happened since that serial, a write each, none written twice
<environment>.versions/<serial>.json                states before

Nobody can write into a journal another continues: who takes over a lease puts a last entry, a seal, where its former
holder would write next. Of the two only one can create that name.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import State
from reconciler.stores.lease import TTL, VERSIONS, Holder, Keeper, Lease, by_force, clock, locked, lost, wait_for
from reconciler.stores.text import Blocks, header_of, parts_of, serial_in, state_text

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

_SEALS_STAY = timedelta(days=7)
"""How long a seal keeps out a holder that was paused."""
_AT_ONCE = 16
"""Entries of a journal that are read at the same time."""
_CONFLICTS = 5
"""Times that a write is sent which others are in the way of."""
_CREATE: Any = "create"
_GONE = (NotFoundError, FileNotFoundError)


_SEGMENT = re.compile(r"/(\d{10})-(\d{10})/(\d{8})")


class _Segment(NamedTuple):
    """One entry of a journal, and when it was written by the store's clock."""

    serial: int
    fence: int
    number: int
    name: str
    at: datetime


class Bucket:
    """A folder of an object store as a `Medium`."""

    def __init__(
        self, store: ObjectStore, where: str, environment: str, *, ttl: float = TTL, versions: int = VERSIONS
    ) -> None:
        self.where = f"{where}/{environment}.json"
        self._store = store
        self._state, self._lock = f"{environment}.json", f"{environment}.lock"
        self._journal, self._versions = f"{environment}.journal", f"{environment}.versions"
        self._ttl, self._keep = ttl, versions
        self._read: dict[str, str] | None = None  # which object was read, for the write that replaces it
        self._lease: Lease | None = None
        self._ousted: tuple[int, ...] = ()
        self._mark: dict[str, str] = {}
        self._keeper: Keeper | None = None
        self._clean = True
        self._header, self._folder, self._writer, self._number = b"", "", "", 0

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._lease is not None

    @property
    def taken_over(self) -> bool:
        """Whether there is a former holder that must be outdated."""
        return bool(self._ousted)

    def prepared(self) -> bool:
        """An object store needs no preparing."""
        return True

    # -- reading ---------------------------------------------------------------------------------------------
    def exists(self) -> bool:
        """Tell whether there is a state."""
        return self._head(self._state) is not None

    def current(self) -> bool:
        """Tell whether the state is still the one whose text was given last."""
        found = self._head(self._state)
        mark = None if found is None else _mark(found)
        return bool(mark == self._read)

    def text(self) -> Blocks | None:
        """Return the text of the state, or None where there is none yet."""
        found = self._get(self._state)
        self._read = None if found is None else found[1]
        if found is not None:
            return parts_of(found[0])
        for segment in self._segments():
            entry = self._get(segment.name)
            if entry is not None and len(entry[0].splitlines()) > 1:
                what = f"{self.where} is gone, but its journal {segment.name} is still there"
                advice = f"restore it from {self._versions}/, or remove the journal"
                raise StateError(Problem("state-missing", what, advice))
        return None

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the entries of the journals that follow `state`; nobody else adds to them any more under our lock."""
        for fence in self._ousted:
            self._seal(state, fence)
        names = [item.name for item in self._segments() if item.serial >= state.serial]
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a long run that was cut off left thousands
            for name, found in zip(names, pool.map(self._get, names), strict=True):
                if found is not None:
                    yield name, found[0].splitlines()

    def _segments(self) -> list[_Segment]:
        """Return all entries of journals, in order; what else lies there is none of ours."""
        with self._told("cannot be listed"):
            pages = obstore.list(self._store, prefix=self._journal)
            found = [(str(item["path"]), item["last_modified"]) for page in pages for item in page]
        named = ((_SEGMENT.fullmatch(name.removeprefix(self._journal)), name, at) for name, at in found)
        return sorted(_Segment(int(part[1]), int(part[2]), int(part[3]), name, at) for part, name, at in named if part)

    def _seal(self, state: State, fence: int) -> None:
        """Take the next name of a former holder's journal, so that it cannot write another entry."""
        while True:
            there = [item.number for item in self._segments() if (item.serial, item.fence) == (state.serial, fence)]
            name = f"{self._folder_of(state, fence)}/{max(there, default=0) + 1:08}"
            if self._create(name, header_of(state, fence=fence, sealed=True)):
                return

    def _folder_of(self, state: State, fence: int) -> str:
        return f"{self._journal}/{state.serial:010}-{fence:010}"

    # -- locking ---------------------------------------------------------------------------------------------
    def lock(self, command: str, timeout: float) -> None:
        """Take the lease, and renew it until `unlock`. To write it shows that the place can be written."""
        holder = Holder.here(command)
        began = wait_for(lambda: self._take(holder), timeout)
        self._clean = True
        try:
            self._prove()
        except BaseException:
            self.unlock()
            raise
        self._keeper = Keeper(self.where, self._ttl, self._renew)
        self._keeper.start(began)

    def _take(self, holder: Holder) -> float:
        """Take the lease if it is free, or over; return the time by our clock from which on it is ours."""
        found = self._get(self._lock)
        began = clock()
        if found is None:
            lease, mode = Lease(1, holder, self._ttl), _CREATE
        else:
            old = Lease.of(found[0], f"{self.where}, lock")
            if old.holder is not None and (left := self._left(old)) > 0:
                hint = by_force(old.holder.id)
                raise locked(f"{old.holder}, for {left:.0f} s more unless it renews that", hint)
            lease, mode = old.taken(holder, self._ttl), found[1]
        mark = self._put(self._lock, lease.text(), mode)
        if mark is None:
            raise locked("somebody who took it this moment")
        self._lease, self._mark, self._ousted, self._writer = lease, mark, lease.ousted, holder.id
        return began

    def _prove(self) -> None:
        """See once that the store refuses what its conditions forbid: without that nothing here would hold.

        Raises `StateError` for one that takes no notice of them.
        """
        assert self._lease is not None
        if self._lease.proven:
            return
        stale, text = self._mark, b"this must not be written"
        self._renew()
        for mode in (_CREATE, stale):
            if self._put(self._lock, text, mode) is not None:
                self._lease = None
                with self._told("cannot be cleared"):
                    obstore.delete(self._store, self._lock)
                what = f"{self.where}: the store takes no notice of conditions on writes (If-None-Match, If-Match)"
                advice = "update it, or keep the state elsewhere: two runs at once would undo each other's work"
                raise StateError(Problem("no-conditions", what, advice))
        self._lease = replace(self._lease, proven=True)
        self._renew()

    def _left(self, lease: Lease) -> float:
        """Return the seconds a lease has left, by the clock of the server alone: ours may be wrong."""
        probe = f"{self._lock}.{uuid.uuid4()}"
        with self._told("cannot be written"):
            obstore.put(self._store, probe, b"")
            now = obstore.head(self._store, probe)["last_modified"]
            obstore.delete(self._store, probe)
            return lease.ttl - (now - obstore.head(self._store, self._lock)["last_modified"]).total_seconds()

    def _renew(self) -> None:
        assert self._lease is not None
        lease = replace(self._lease.renewed(), ousted=self._ousted)
        mark = self._put(self._lock, lease.text(), self._mark)
        if mark is None:
            raise lost(self.where, "another took it over, or it was released by force")
        self._lease, self._mark = lease, mark

    def unlock(self) -> None:
        """Give the lease back; harmless when it is not held."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._lease is not None:
            lease = replace(self._lease, ousted=self._ousted).given_back(clean=self._clean)
            self._lease, self._ousted = None, ()
            try:
                self._put(self._lock, lease.text(), self._mark)  # refused where another has taken it over
            except StateError:
                return  # it ends by itself

    def release(self, ident: str) -> str:
        """Take the lease `ident` from its holder; without an id, say who that is."""
        found = self._get(self._lock)
        lease = Lease.of(found[0], f"{self.where}, lock") if found is not None else None
        if found is None or lease is None or lease.holder is None:
            return "The state is not locked."
        if ident != lease.holder.id:
            if not ident:
                raise locked(lease.holder, by_force(lease.holder.id))
            what = f"the lock is {lease.holder.id}, not {ident}: {lease.holder}"
            raise StateError(Problem("other-lock", what, "look again who holds it"))
        if self._put(self._lock, lease.given_back(clean=False).text(), found[1]) is None:
            raise StateError(Problem("other-lock", "the lock changed this moment", "look again who holds it"))
        return f"Released the lock of {lease.holder}. It can write no more."

    # -- writing ---------------------------------------------------------------------------------------------
    def start(self, state: State) -> None:
        """Begin a journal that follows `state`, and clear away what is folded into it."""
        assert self._lease is not None
        self._folder, self._number = self._folder_of(state, self._lease.fence), 0
        self._header = header_of(state, fence=self._lease.fence)
        old = [item for item in self._segments() if item.serial < state.serial]
        # the last of each may be a seal, and what it keeps out may still wake up
        last = set({(item.serial, item.fence): item.name for item in old}.values())
        recent = datetime.now(UTC) - _SEALS_STAY
        own = self._lease.fence
        gone = [item.name for item in old if item.at < recent or item.name not in last or item.fence == own]
        if gone:
            with self._told("cannot be cleared"):
                obstore.delete(self._store, gone)

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        """Write the next entry of the journal, under a name that nobody can have taken but who outdated us."""
        del after
        assert self._keeper is not None
        self._keeper.check()
        name, text = f"{self._folder}/{self._number + 1:08}", self._header + lines
        self._clean = False  # until it is known what became of it
        if not self._create(name, text):
            raise lost(self.where, f"{name} was written by another")
        self._clean = True
        self._number += 1

    def save(self, state: State) -> State:
        """Replace the state if it is still the one that was read; the one before goes to the versions."""
        assert self._keeper is not None
        self._keeper.check()
        if self._read is not None:
            self._remember()
        # what says who wrote it is no other's text: so whoever finds it there knows that it was the same request
        text = b"".join(state_text(state, writer=f"{self._writer} {state.serial}"))
        self._clean = False
        mark = self._put(self._state, text, "create" if self._read is None else self._read)
        if mark is None:
            raise lost(self.where, "the state was written by another")
        self._clean, self._read = True, mark
        self._ousted = ()  # what they would write wants a state that is no more
        return state

    def _remember(self) -> None:
        """Copy the state to the versions, and let the oldest go."""
        found = self._get(self._state)
        if found is None:
            return
        with self._told("cannot be copied"):
            obstore.copy(self._store, self._state, f"{self._versions}/{serial_in(found[0]):010}.json")
            pages = obstore.list(self._store, prefix=self._versions)
            there = sorted(str(item["path"]) for page in pages for item in page)
            if len(there) > self._keep:
                obstore.delete(self._store, there[: -self._keep])

    def retire(self) -> str:
        """Put the state where no run looks for it, as it moved elsewhere; return where it is now."""
        assert self._keeper is not None
        self._keeper.check()
        name = f"{self._versions}/moved-{time.time_ns()}.json"
        with self._told("cannot be moved"):
            obstore.rename(self._store, self._state, name)
        self._read = None
        return name

    # -- the store -------------------------------------------------------------------------------------------
    def _get(self, name: str) -> tuple[bytes, dict[str, str]] | None:
        """Return an object and what identifies just this one; None where there is none."""
        with self._told("cannot be read"):
            try:
                found = obstore.get(self._store, name)
                return bytes(found.bytes()), _mark(found.meta)
            except _GONE:
                return None

    def _head(self, name: str) -> ObjectMeta | None:
        with self._told("cannot be read"):
            try:
                return obstore.head(self._store, name)
            except _GONE:
                return None

    def _create(self, name: str, text: bytes) -> bool:
        """Write an object that must not be there; tell whether it is ours."""
        return self._put(name, text, "create") is not None

    def _put(self, name: str, text: bytes, mode: Any) -> dict[str, str] | None:
        """Write an object on a condition; return what identifies it, or None where the condition does not hold.

        A request whose answer was lost may have been carried out, and then it is its own repetition that is refused:
        so what is there is looked at. One that is refused although its condition holds met another request on its way
        (S3's 409, ConditionalRequestConflict) and is sent again.
        """
        with self._told("cannot be written"):
            for _ in range(_CONFLICTS):
                try:
                    return _mark(obstore.put(self._store, name, text, mode=mode))
                except (AlreadyExistsError, PreconditionError, *_GONE) as error:
                    if mode == "create" and isinstance(error, _GONE):
                        raise  # it is the bucket that is not there
                    found = self._get(name)
                    if found is not None and found[0] == text:
                        return found[1]
                    if mode != (found[1] if found is not None else "create"):
                        return None
            return None

    def _told(self, what: str) -> _Told:
        return _Told(f"{self.where} {what}")


class _Told:
    """Turns what the library raises into a `StateError`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BaseError | OSError | ValueError):
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            advice = "check bucket, region, credentials and network; what was done so far is kept"
            raise StateError(Problem("store-unreachable", f"{self._what}: {first}", advice)) from None


def _mark(meta: Mapping[str, object]) -> dict[str, str]:
    """Return what a conditional write wants to know of the object it replaces."""
    return {key: str(meta[key]) for key in ("e_tag", "version") if meta.get(key)}
