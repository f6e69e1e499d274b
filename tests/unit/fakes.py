"""The ports of the engine in memory: a small platform, a journal, a clock that takes no time, secrets, a listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import jsonpatch

from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Plan
from reconciler.core.plan.planner import plan
from reconciler.core.problems import AmbiguousError, ApiError, ConflictError, Problem
from reconciler.core.provenance import UNKNOWN, Provenance
from reconciler.core.resource import Call, Live, Reply, Resource
from reconciler.core.state.model import Books, Entry, Record, State
from reconciler.core.values import Clear, Fingerprint, Secret
from reconciler.engine.apply import Outcome, Run
from reconciler.engine.executor import Settings
from reconciler.engine.ports import Event
from reconciler.engine.stop import Stop
from reconciler.kinds import kinds

FLOWS = "/data/foundation/flowservice"
START = 1_000_000_000_000
"""When every test begins, in ms since the epoch."""


@dataclass
class FakeClock:
    """A clock that only sleeping moves on."""

    time: int = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += round(seconds * 1000)
        await asyncio.sleep(0)


@dataclass
class FakeJournal:
    """Keeps what was appended, folded into `books`; `batches` as it came."""

    books: Books = field(default_factory=Books)
    batches: list[Sequence[Record]] = field(default_factory=list)

    async def append(self, records: Sequence[Record]) -> None:
        self.batches.append(tuple(records))
        await asyncio.sleep(0)
        for record in records:
            self.books.fold(record)

    @property
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch]

    def events(self) -> list[str]:
        """Return the records in words."""
        return [f"{record.event} {record.address}" for record in self.records]


class FakeSecrets:
    """Secrets whose value is their name; none changes."""

    def reveal(self, secret: Secret) -> Clear:
        return Clear(f"clear {secret.template}")

    def fingerprint(self, secret: Secret) -> Fingerprint:
        return Fingerprint(f"sent::{secret.template}")

    def changed(self, secret: Secret, seen: Fingerprint | None) -> bool | None:
        return seen != self.fingerprint(secret)


@dataclass
class FakeListener:
    """Keeps the events."""

    events: list[Event] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def words(self) -> list[str]:
        """Return the events without the waiting."""
        return [f"{item.what} {item.verb} {item.address}" for item in self.events if item.what != "waiting"]


def refusal(status: int = 400, text: str = "refused") -> ApiError:
    return ApiError(Problem("api", text), status)


def no_answer() -> AmbiguousError:
    return AmbiguousError(Problem("no-answer", "no answer came"))


@dataclass
class Fault:
    """Something that goes wrong at the next call of a method whose path and query contain a text.

    With `after` the call is carried out first, as when only its answer is lost.
    """

    method: str
    text: str
    error: Exception
    after: bool = False
    times: int = 1


@dataclass
class Platform:
    """A Flow Service in memory, as far as an apply needs it: create, read, list by name, patch, actions, delete."""

    clock: FakeClock = field(default_factory=FakeClock)
    offset: int | None = 0
    client: str = "client"
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    before: Callable[[Call], None] | None = None
    busy: int = 0
    most: int = 0

    def put(self, collection: str, ident: str, body: Mapping[str, Any]) -> Live:
        """Put an object there, and return it as a plan reads it."""
        made = {"state": "enabled", "createdAt": self.clock.time, "updatedAt": self.clock.time, **body,
                "id": ident, "etag": '"1"'}  # fmt: skip
        self.objects[f"{collection}/{ident}"] = made
        return Live(ident, dict(made), '"1"')

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            return self._answer(call, etag, accept)
        finally:
            self.busy -= 1

    def _answer(self, call: Call, etag: str | None, accept: Collection[int]) -> Reply:
        query = "&".join(f"{name}={value}" for name, value in call.query)
        words = f"{call.path.removeprefix(FLOWS).lstrip('/')}{'?' if query else ''}{query}"
        self.calls.append(f"{call.method} {words}")
        if self.before is not None:
            self.before(call)
        fault = next((item for item in self.faults if item.method == call.method and item.text in words), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            if not fault.after:
                raise fault.error
        reply = self._done(call, etag)
        if fault is not None:
            raise fault.error
        if reply.status >= 400 and reply.status not in accept:
            raise refusal(reply.status, f"{words}: {reply.status}")
        return reply

    def _done(self, call: Call, etag: str | None) -> Reply:
        collection, _, ident = call.path.removeprefix(FLOWS + "/").partition("/")
        ident, _, action = ident.partition("/")
        if not ident:
            return self._list(collection, call) if call.method == "GET" else self._create(collection, call)
        found = self.objects.get(f"{collection}/{ident}")
        if action == "test":
            return Reply(200, {"result": True})
        if found is None:
            return Reply(404, {})
        if call.method == "GET":
            return Reply(200, {"items": [dict(found)]})
        if call.method == "DELETE":
            del self.objects[f"{collection}/{ident}"]
            return Reply(204)
        if call.method == "PATCH":
            if etag != found["etag"]:
                raise ConflictError(Problem("conflict", "the etag is stale"), 412)
            found = jsonpatch.apply_patch(found, call.body)
        else:
            state = {"disable": "disabled"}.get(dict(call.query)["op"], "enabled")
            found = {**found, "state": state}
        found["etag"] = f'"{int(found["etag"].strip(chr(34))) + 1}"'
        self.objects[f"{collection}/{ident}"] = found
        return Reply(200, {"id": ident, "etag": found["etag"]})

    def _list(self, collection: str, call: Call) -> Reply:
        name = dict(call.query).get("property", "").partition("==")[2].strip('"')
        items = [dict(item) for path, item in self.objects.items() if path.startswith(f"{collection}/")]
        return Reply(200, {"items": [item for item in items if not name or item["name"] == name]})

    def _create(self, collection: str, call: Call) -> Reply:
        ident = f"{collection}-{1 + sum(1 for path in self.objects if path.startswith(collection + '/'))}"
        state = "draft" if ("mode", "draft") in call.query else "enabled"
        self.put(collection, ident, {**call.body, "state": state, "createdClient": self.client})
        return Reply(201, {"id": ident, "etag": '"1"'})


def connection(address: str, **body: Any) -> Resource:
    """Return an account without credentials."""
    return Resource(address, "Connection", {"name": address, "connectionSpec": {"id": "s", "version": "1.0"}, **body})


def with_provenance(said: Mapping[str, Any], before: Provenance = UNKNOWN) -> dict[str, Any]:
    """Return the fields of an entry, intent or resource, with those of its provenance put into one."""
    names = {item.name for item in fields(Provenance)}
    plain = {name: value for name, value in said.items() if name not in names}
    origin = {name: value for name, value in said.items() if name in names}
    return {**plain, "provenance": replace(before, **origin)}


def state_of(entries: Mapping[str, Entry] | None = None) -> State:
    return State("lineage", "default", "p", "o", "s", 1, entries or {})


def plan_of(
    resources: Sequence[Resource], state: State, lives: Mapping[str, Live | None] | None = None, **options: Any
) -> Plan:
    """Return the plan of some resources; every state entry is in scope."""
    wanted = {item.address: item for item in resources}
    world = PlanInput(wanted, state, lives or {}, kinds(), FakeSecrets().changed, tuple(state.resources), **options)
    return plan(world)


@dataclass
class Bench:
    """One apply over the fakes."""

    platform: Platform = field(default_factory=Platform)
    journal: FakeJournal = field(default_factory=FakeJournal)
    listener: FakeListener = field(default_factory=FakeListener)
    settings: Settings = field(default_factory=lambda: Settings(settle=2.0, wait_timeout=5.0))

    def apply(
        self,
        made: Plan,
        state: State | None = None,
        lives: Mapping[str, Live | None] | None = None,
        stop: Callable[[Stop], None] | None = None,
    ) -> Outcome:
        """Carry out a plan; `stop` is given what asks the run to stop."""

        async def main() -> Outcome:
            asked = Stop()
            self.journal.books = Books.of(state or state_of())
            if stop is not None:
                stop(asked)
            return await Run(
                made, state or state_of(), lives or {}, kinds(), self.platform, self.journal, FakeSecrets(),
                self.platform.clock, self.listener, self.settings, asked,
            ).go()  # fmt: skip

        return asyncio.run(main())
