"""Takes snapshots, and answers calls from one: the platform of a plan without a network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from reconciler.core.abilities import Versioned
from reconciler.core.compare.lens import normalized
from reconciler.core.kind import Finder, Finders, Kinds, Row
from reconciler.core.problems import ApiError, Problem, StateError
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.snapshot import Conceal, Observed, Snapshot, public_body, public_entry
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Wire
from reconciler.engine.gather import gather
from reconciler.engine.listing import from_state
from reconciler.engine.observe import fetch
from reconciler.engine.ports import Api

Listing = Callable[[Reply | None, int], Call | None]
"""Returns the call for the page after a reply (None for the first), given the number of rows seen so far."""
_LOOK_UP = "snapshot/names/"
_AGAIN = "write it again with: reconciler snapshot"


async def take_snapshot(
    api: Api,
    kinds: Kinds,
    state: State,
    listings: Mapping[str, tuple[Listing, Finder]],
    *,
    conceal: Conceal,
    hide: Callable[[str], str],
    now: int,
    tool: str,
) -> Snapshot:
    """Return the snapshot of the objects in `state` and of all names that can be looked up.

    `listings` name the calls that list all objects of a kind, and the finder that reads the answers. `now` is in s
    since the epoch. `conceal` takes credentials out of a body, `hide` takes known secrets out of a text.
    """
    entries = [entry for _, entry in sorted(state.resources.items()) if entry.id and not kinds[entry.kind].write_once]
    seen: dict[str, Observed] = {}
    bodies: list[Wire] = []

    async def look(entry: Entry, version: Wire = None) -> None:
        reader = _Reader(api)
        live = await fetch(reader, kinds[entry.kind], from_state(entry), version)
        if live is not None:
            bodies.append(live.body)
        body = public_body(
            reader.reply.body, (entry.applied, normalized(kinds[entry.kind], entry.applied)), conceal, hide
        )
        status = reader.reply.status if live is not None else 404
        found = Observed(
            entry.kind, entry.id, status, body if live else None, reader.reply.headers.get("etag"), version
        )
        seen[f"{entry.kind} {entry.id} {version}"] = found

    await gather(*(look(entry) for entry in entries))
    pinned = []
    for entry in entries:
        kind = kinds[entry.kind]
        if isinstance(kind, Versioned) and (version := kind.pinned(from_state(entry), bodies)) is not None:
            pinned.append((entry, version))
    await gather(*(look(entry, version) for entry, version in pinned))
    rows = await gather(*(_rows(api, *listing, hide) for listing in listings.values()))
    shown = {address: public_entry(entry, conceal, hide) for address, entry in state.resources.items()}
    return Snapshot(
        now, tool, replace(state, resources=shown, pending={}), tuple(seen.values()),
        dict(zip(listings, rows, strict=True)),
    )  # fmt: skip


class _Reader:
    """Keeps the last reply of an Api."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.offset, self.client = api.offset, api.client
        self.reply = Reply(404)

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        self.reply = await self._api.send(call, etag=etag, accept=accept)
        return self.reply


async def _rows(api: Api, listing: Listing, finder: Finder, hide: Callable[[str], str]) -> Sequence[Row]:
    rows: dict[str, Row] = {}
    seen, call = 0, listing(None, 0)
    while call is not None:
        reply = await api.send(call)
        page = finder.rows(reply.body)
        seen += len(page)
        rows |= {row.id: replace(row, name=hide(row.name), detail=hide(row.detail)) for row in page}
        call = listing(reply, seen)
    return tuple(rows.values())


class SnapshotApi:
    """Answers reads of the objects in a snapshot, and look-ups of names; any other call is an error.

    Raises `StateError` for a snapshot with an answer that the platform cannot have given.
    """

    offset: int | None = None
    client = ""

    def __init__(self, snapshot: Snapshot, kinds: Kinds) -> None:
        self._names = snapshot.names
        self._reads: dict[tuple[object, ...], Reply] = {}
        for item in snapshot.objects:
            headers = {"etag": item.etag} if item.etag is not None else {}
            call = kinds[item.kind].read(Live(item.id), item.version)
            if fault := _fault(item, call):
                raise StateError(Problem("snapshot-broken", f"the snapshot's {item.kind} {item.id}: {fault}", _AGAIN))
            self._reads[_key(call)] = Reply(item.status, item.body, headers)

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        """Return the answer of the snapshot. Raises `ApiError` where it has none."""
        del etag
        kind = call.path.removeprefix(_LOOK_UP)
        if kind != call.path and kind in self._names:
            wanted = dict(call.query)["name"]
            return Reply(200, [row for row in self._names[kind] if row.name == wanted])
        reply = self._reads.get(_key(call))
        if reply is None:
            what = f"{call}: the snapshot cannot answer this call"
            raise ApiError(Problem("not-in-snapshot", what, "take a new snapshot, or plan with credentials"))
        if reply.status >= 400 and reply.status not in accept:
            raise ApiError(Problem("refused", f"{call}: {reply.status} in the snapshot"), reply.status)
        return reply

    def finders(self, kinds: Collection[str]) -> Finders:
        """Return finders of `kinds` whose calls this Api answers."""
        return {kind: Finder(_page_of(kind), _rows_of) for kind in kinds}


def _fault(item: Observed, call: Call) -> str:
    """Return how an answer differs from the documented one of its call, as for an answer of the platform."""
    if item.status >= 400 or call.answer is None:
        return ""
    return call.answer.fault(item.body)


def _key(call: Call) -> tuple[object, ...]:
    """Return the part of a call that identifies the object it reads."""
    return call.method, call.path, call.query


def _page_of(kind: str) -> Callable[[str, int], Call]:
    return lambda name, _: Call("GET", f"{_LOOK_UP}{kind}", query=(("name", name),))


def _rows_of(body: Wire) -> Sequence[Row]:
    rows: Sequence[Row] = body
    return rows
