"""The doors the engine is given: platform, store, secrets, clock, listener."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from reconciler.core.resource import Call, Reply
from reconciler.core.state.model import Books, Record
from reconciler.core.values import Clear, Fingerprint, Secret


class Api(Protocol):
    """The one door to the platform."""

    offset: int | None
    client: str

    async def send(self, call: Call, *, etag: str | None = None, accept: Collection[int] = ()) -> Reply:
        """Send `call`; raise `ApiError` unless the answer is 2xx or in `accept`."""
        ...


class Journal(Protocol):
    """Where outcomes become durable. `books` are the entries and intents with every record that is."""

    @property
    def books(self) -> Books:
        """The entries and intents; an append folds its records into them once they are durable."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Make `records` durable before returning."""
        ...


class Secrets(Protocol):
    """What a secret's value is, and whether it is still the one last sent."""

    def reveal(self, secret: Secret) -> Clear:
        """Return the clear text. Raises `SecretError` when a name has no value."""
        ...

    def fingerprint(self, secret: Secret) -> Fingerprint:
        """Return what the state keeps of it."""
        ...

    def changed(self, secret: Secret, seen: Fingerprint | None) -> bool | None:
        """Tell whether it differs from `seen`; None when that cannot be told."""
        ...


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> int:
        """Return ms since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment; no step of the system's clock moves it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person may want to see: `what` happened to `address`, `text` in words."""

    what: Literal["start", "done", "failed", "skipped", "waiting"]
    address: str
    verb: str
    text: str = ""
    ident: str = ""


class Listener(Protocol):
    """Who is told how a run goes."""

    def tell(self, event: Event) -> None:
        """Take note of `event`."""
        ...
