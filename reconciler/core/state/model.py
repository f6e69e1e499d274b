"""The memory of the tool between runs: the state, and the journal records that fold into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from reconciler.core.provenance import UNKNOWN, HasProvenance, Provenance
from reconciler.core.values import Tree

VERSION = 2


@dataclass(frozen=True, slots=True)
class Deposed:
    """The old object of a replace, until it is deleted."""

    id: str
    kind: str
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry(HasProvenance):
    """The last known facts of a resource: `applied` holds the declared fields as last applied, secrets as fingerprints.

    `outputs` are values other resources may refer to besides the id.
    """

    kind: str
    id: str
    etag: str | None = None
    provenance: Provenance = UNKNOWN
    applied: Tree = None
    dependencies: tuple[str, ...] = ()
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    deposed: tuple[Deposed, ...] = ()


def held(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """Yield the kind and the id of every object that `entries` hold, old objects of replaces included."""
    for entry in entries:
        if entry.id:
            yield entry.kind, entry.id
        for old in entry.deposed:
            yield old.kind, old.id


@dataclass(frozen=True, slots=True)
class Pending(HasProvenance):
    """An intent whose outcome is unknown: `body` is what was about to be sent, secrets as fingerprints.

    `at` is the time of the intent in ms since the epoch by our clock. `namesakes` are the ids of the objects that
    could be taken for a new one and existed before, None where that is not known. `client` is the client id of the
    credential it was sent with.
    """

    action: Literal["create", "update", "delete"]
    kind: str
    at: int
    namesakes: tuple[str, ...] | None = None
    id: str | None = None
    name: str = ""
    body: Tree = None
    fingerprint: str = ""
    provenance: Provenance = UNKNOWN
    dependencies: tuple[str, ...] = ()
    client: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything remembered about one environment. `platform` is the URL, or the identity of an emulator."""

    lineage: str
    environment: str
    platform: str
    organization: str
    sandbox: str
    serial: int = 0
    resources: Mapping[str, Entry] = field(default_factory=dict)
    pending: Mapping[str, Pending] = field(default_factory=dict)


Event = Literal["intent", "bound", "settled", "gone", "forgot", "moved"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal: what happened to `address`.

    intent  about to ask the platform for `pending`          bound   `entry` is now what we know
    settled the intent had no effect, or is over             gone    object `ident` no longer exists
    forgot  the entry is dropped, its object stays           moved   entry and intent are at the address `to` now
    """

    event: Event
    address: str
    entry: Entry | None = None
    pending: Pending | None = None
    ident: str | None = None
    to: str | None = None


@dataclass(slots=True)
class Books:
    """The entries and intents of a state by address, into which records are folded in place."""

    entries: dict[str, Entry] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State) -> Books:
        """Return the books of `state`, to be changed without changing it."""
        return cls(dict(state.resources), dict(state.pending))

    def copy(self) -> Books:
        """Return books that can be changed without changing these."""
        return Books(dict(self.entries), dict(self.pending))

    def after(self, state: State, *, serial: int) -> State:
        """Return `state` with these entries and intents, at `serial`."""
        return replace(state, serial=serial, resources=self.entries, pending=self.pending)

    def fold(self, record: Record) -> None:
        """Carry out one record."""
        address = record.address
        entry = self.entries.get(address)
        match record.event:
            case "intent":
                assert record.pending is not None
                self.pending[address] = record.pending
                return
            case "bound":
                assert record.entry is not None
                self.entries[address] = record.entry
            case "gone" if entry is not None:
                _drop_object(self.entries, address, entry, record.ident)
            case "forgot":
                self.entries.pop(address, None)
            case "moved":
                assert record.to is not None
                _move(self.entries, self.pending, address, record.to)
                return
            case _:
                pass
        self.pending.pop(address, None)


def fold(state: State, records: Iterable[Record]) -> State:
    """Return `state` one serial later, with `records` carried out; `state` itself when there are none.

    A create whose answer was lost stays pending: the object may exist, so the next run looks before it makes
    another. The cost is that of one copy, whatever the number of records.
    """
    books = Books.of(state)
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007
        books.fold(record)
    return books.after(state, serial=state.serial + 1) if count else state


def _drop_object(entries: dict[str, Entry], address: str, entry: Entry, ident: str | None) -> None:
    left = tuple(old for old in entry.deposed if old.id != ident)
    if ident != entry.id:
        entries[address] = replace(entry, deposed=left)
    elif left:
        entries[address] = replace(entry, id="", etag=None, applied=None, deposed=left)
    else:
        del entries[address]


def _move(entries: dict[str, Entry], pending: dict[str, Pending], source: str, target: str) -> None:
    """Rename an address, with its intent and in the dependencies of others. An address may have an intent alone."""
    if source not in entries and source not in pending:
        return
    if source in entries:
        entries[target] = entries.pop(source)
    if source in pending:
        pending[target] = pending.pop(source)

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(target if name == source else name for name in names))

    for name, entry in list(entries.items()):
        if any(source in old.dependencies for old in entry.deposed):
            deposed = tuple(replace(old, dependencies=renamed(old.dependencies)) for old in entry.deposed)
            entry = entries[name] = replace(entry, deposed=deposed)
        if source in entry.dependencies:
            entries[name] = replace(entry, dependencies=renamed(entry.dependencies))
    for name, intent in list(pending.items()):
        if source in intent.dependencies:
            pending[name] = replace(intent, dependencies=renamed(intent.dependencies))
