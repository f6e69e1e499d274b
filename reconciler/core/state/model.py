"""What the tool remembers between runs: the state, and the journal records that fold into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from reconciler.core.values import Tree

VERSION = 2


@dataclass(frozen=True, slots=True)
class Deposed:
    """The old object of a replace, until it is deleted."""

    id: str
    kind: str
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one resource: `applied` holds the declared fields as last applied, secrets as fingerprints.

    `outputs` are values other resources may refer to besides the id. `file` is the manifest it came from,
    relative to the project root, with `/`; `labels` are those of its document.
    """

    kind: str
    id: str
    etag: str | None = None
    file: str = ""
    applied: Tree = None
    dependencies: tuple[str, ...] = ()
    protect: bool = False
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    deposed: tuple[Deposed, ...] = ()
    allow_data_loss: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """An intent whose outcome is unknown: `body` is what was about to be sent, secrets as fingerprints.

    `at` is the time of the intent in ms since the epoch by our clock, `offset` the ms to add to get the server's
    (None before the server said its time). `client` is the client id of the credential it was sent with.
    """

    action: Literal["create", "update", "delete"]
    kind: str
    at: int
    offset: int | None = None
    id: str | None = None
    name: str = ""
    body: Tree = None
    fingerprint: str = ""
    file: str = ""
    dependencies: tuple[str, ...] = ()
    protect: bool = False
    allow_data_loss: bool = False
    client: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


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
    forgot  the entry is dropped, its object stays           moved   the entry now stands under `to`
    """

    event: Event
    address: str
    entry: Entry | None = None
    pending: Pending | None = None
    ident: str | None = None
    to: str | None = None


_NO_OUTPUTS: Mapping[str, Tree] = {}
_VERSIONS: dict[int, Mapping[str, Tree]] = {}


def shared_outputs(outputs: Mapping[str, Tree] | None) -> Mapping[str, Tree]:
    """Return `outputs`; none at all, or a version and no more, as one object for all that have the same."""
    if outputs and outputs.keys() == {"version"} and type(version := outputs["version"]) is int:
        return _VERSIONS.setdefault(version, outputs)
    return outputs or _NO_OUTPUTS


def fold(state: State, records: Iterable[Record]) -> State:
    """Return `state` one serial later, as it stands after `records`; `state` itself when there are none.

    A create whose answer was lost stays pending: the object may exist, so the next run looks before it makes
    another. The cost is that of one copy, whatever the number of records.
    """
    entries, pending = dict(state.resources), dict(state.pending)
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007
        fold_into(entries, pending, record)
    if not count:
        return state
    return replace(state, serial=state.serial + 1, resources=entries, pending=pending)


def fold_into(entries: dict[str, Entry], pending: dict[str, Pending], record: Record) -> None:
    """Carry out one record on the given entries and intents, in place."""
    address = record.address
    entry = entries.get(address)
    match record.event:
        case "intent":
            assert record.pending is not None
            pending[address] = record.pending
            return
        case "bound":
            assert record.entry is not None
            entries[address] = record.entry
        case "gone" if entry is not None:
            _drop_object(entries, address, entry, record.ident)
        case "forgot":
            entries.pop(address, None)
        case "moved" if entry is not None:
            assert record.to is not None
            _move(entries, pending, address, record.to)
            return
        case _:
            pass
    pending.pop(address, None)


def _drop_object(entries: dict[str, Entry], address: str, entry: Entry, ident: str | None) -> None:
    left = tuple(old for old in entry.deposed if old.id != ident)
    if ident != entry.id:
        entries[address] = replace(entry, deposed=left)
    elif left:
        entries[address] = replace(entry, id="", etag=None, applied=None, deposed=left)
    else:
        del entries[address]


def _move(entries: dict[str, Entry], pending: dict[str, Pending], source: str, target: str) -> None:
    entries[target] = entries.pop(source)
    if source in pending:
        pending[target] = pending.pop(source)
    for name, entry in list(entries.items()):
        if source in entry.dependencies:
            renamed = tuple(sorted(target if item == source else item for item in entry.dependencies))
            entries[name] = replace(entry, dependencies=renamed)
