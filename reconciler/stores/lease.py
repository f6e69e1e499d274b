"""Locks across machines: who holds one, and the thread that renews it while its holder lives."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from reconciler.core.characters import legible
from reconciler.core.problems import Problem, StateError

T = TypeVar("T")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Return seconds that pass also while the machine sleeps, where the system counts those."""
    return time.clock_gettime(_CLOCK)


LOST = "lock-lost"
VERSIONS = 20
"""How many earlier states are kept."""
TTL = 60.0
"""Seconds after which a lease that nobody renews is over."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: for people, and for the pipeline they look for it in."""

    command: str
    who: str
    host: str
    process: int
    since: str
    pipeline: str = ""
    id: str = ""

    @classmethod
    def here(cls, command: str) -> Holder:
        """Return this process as the holder of a new lock."""
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        ident = str(uuid.uuid4())
        who, host, pipeline = (legible(item) for item in (_who(), socket.gethostname(), _pipeline()))
        return cls(command, who, host, os.getpid(), since, pipeline, ident)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Holder:
        """Return the holder that `asdict` made, by this version or a later one. Raises `TypeError`."""
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})

    def __str__(self) -> str:
        where = f", {self.pipeline}" if self.pipeline else ""
        return f"{self.command} of {self.who}@{self.host}, process {self.process}, since {self.since}{where}"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lock that ends unless it is renewed. `fence` counts its holders: only what the last one writes counts.

    `ousted` are fences of holders that did not give it back themselves, and that nothing has outdated yet. `beat`
    makes each renewal another text, and so another etag.
    """

    fence: int
    holder: Holder | None = None
    ttl: float = TTL
    ousted: tuple[int, ...] = ()
    beat: int = 0
    proven: bool = False
    """Whether it was seen that writes on a condition are refused here, where the condition does not hold."""

    def text(self) -> bytes:
        """Return it as it is kept."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()

    @classmethod
    def of(cls, text: bytes, source: str) -> Lease:
        """Return the lease in a text. Raises `StateError` for anything else."""
        try:
            data = json.loads(text)
            holder = Holder.of(data["holder"]) if data["holder"] is not None else None
            ttl, ousted, proven = float(data["ttl"]), tuple(data["ousted"]), data.get("proven") is True
            return cls(int(data["fence"]), holder, ttl, ousted, int(data["beat"]), proven)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"{source} is no lock of ours: {type(error).__name__}: {error}"
            raise StateError(Problem("lock-broken", what, "see that nobody writes, then remove it")) from None

    def taken(self, holder: Holder, ttl: float) -> Lease:
        """Return the lease for the next holder; one that was not given back is ousted."""
        ousted = (*self.ousted, self.fence) if self.holder is not None else self.ousted
        return Lease(self.fence + 1, holder, ttl, ousted, proven=self.proven)

    def renewed(self) -> Lease:
        """Return it for another while."""
        return replace(self, beat=self.beat + 1)

    def given_back(self, *, clean: bool) -> Lease:
        """Return it free; without `clean` something that its holder sent may still arrive."""
        return replace(self, holder=None, ousted=self.ousted if clean else (*self.ousted, self.fence))


def locked(holder: object, more: str = "") -> StateError:
    """Return the error that somebody else has the lock."""
    advice = "wait for it to end, or pass --lock-timeout SECONDS" + more
    return StateError(Problem("locked", f"the state is locked by {holder}", advice))


def lost(where: str, why: str) -> StateError:
    """Return the error that the lock is ours no more."""
    what = f"the lock of {where} is ours no more: {why}"
    advice = "nothing more is written; what was done so far is in the state. Run it again: it goes on from there"
    return StateError(Problem(LOST, what, advice))


def by_force(ident: str) -> str:
    """Return what to do about a lock whose holder is gone."""
    return f"; if that process is gone: reconciler state unlock --id {ident}"


@dataclass(slots=True)
class Keeper:
    """Renews a lease from a thread of its own until it is stopped; it must go on while the rest is busy.

    `renew` does it once: it raises the error of `lost` when the lease is gone for good; all else is tried again.
    """

    where: str
    ttl: float
    renew: Callable[[], None]
    clock: Callable[[], float] = field(default=lambda: clock())
    _good_until: float = field(init=False)
    _lost: StateError | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, since: float) -> None:
        """Begin; the lease was taken at `since` by `clock`, or later."""
        self._good_until = since + self.ttl
        self._thread = threading.Thread(target=self._go, name="lease", daemon=True)
        self._thread.start()

    def _go(self) -> None:
        while not self._over.wait(self.ttl / 4):
            began = self.clock()
            try:
                self.renew()
            except Exception as error:
                if isinstance(error, StateError) and error.problems[0].code == LOST:
                    self._lost = error
                    return
                if self.clock() >= self._good_until:  # whatever else it was could have passed until now
                    self._lost = lost(self.where, f"it could not be renewed: {error}")
                    return
            else:
                self._good_until = began + self.ttl

    def check(self) -> None:
        """Raise `StateError` when the lease is over: another may have taken it."""
        if self._lost is not None:
            raise StateError(self._lost.problems)
        if self.clock() >= self._good_until:
            raise lost(self.where, "it was not renewed in time")

    def stop(self) -> None:
        """Renew no more, and wait until nothing is under way."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()


def wait_for(take: Callable[[], T], timeout: float, every: float = 1.0) -> T:
    """Return what `take` returns as soon as it does not raise "locked"; give up after `timeout` seconds."""
    give_up = time.monotonic() + timeout
    while True:
        try:
            return take()
        except StateError as error:
            left = give_up - time.monotonic()
            if error.problems[0].code != "locked" or left <= 0:
                raise
            time.sleep(min(every, left))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"user {os.getuid()}"


_URLS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL", "DRONE_BUILD_LINK")
"""GitLab, Jenkins, CircleCI, Buildkite, Drone."""


def _pipeline() -> str:
    """Return the address of the pipeline this runs in, as its server tells it; empty where there is none."""
    found = os.environ
    with contextlib.suppress(KeyError):
        return f"{found['GITHUB_SERVER_URL']}/{found['GITHUB_REPOSITORY']}/actions/runs/{found['GITHUB_RUN_ID']}"
    with contextlib.suppress(KeyError):
        base = f"{found['SYSTEM_COLLECTIONURI']}{found['SYSTEM_TEAMPROJECT']}"
        return f"{base}/_build/results?buildId={found['BUILD_BUILDID']}"
    return next((found[name] for name in _URLS if found.get(name)), "")
