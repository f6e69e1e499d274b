"""Poller for the platform: until a transition is over, until a deleted object is gone."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.abilities import is_settled, operation_failure
from reconciler.core.kind import Kind
from reconciler.core.observations import state_of
from reconciler.core.plan.model import Change
from reconciler.core.problems import Problem, ReconcilerError
from reconciler.core.resource import Live
from reconciler.engine.ledger import Ledger
from reconciler.engine.listing import from_state
from reconciler.engine.observe import read
from reconciler.engine.ports import Api, Clock, Event, Listener


@dataclass(slots=True)
class Poller:
    """Reads an object again and again, at growing intervals, for up to `limit` seconds."""

    api: Api
    clock: Clock
    listener: Listener
    ledger: Ledger
    limit: float

    async def again(self, kind: Kind, change: Change, known: Live) -> Live:
        """Return the object read once more. Raises `ReconcilerError` when it is gone."""
        if kind.write_once:
            return from_state(self.ledger.entries[change.address])
        live = await read(self.api, kind, known)
        if live is None:
            raise ReconcilerError(
                Problem(
                    "vanished", f"{known.id} was deleted by somebody else meanwhile", "plan again", None, change.address
                )
            )
        return live

    async def settled(self, kind: Kind, change: Change, known: Live) -> Live:
        """Read until no transition is going on. Raises with the platform's own error, or when it takes too long."""
        give_up = self.clock.monotonic() + self.limit
        pause = 0.2
        while True:
            live = await self.again(kind, change, known)
            if is_settled(kind, live):
                break
            if self.clock.monotonic() >= give_up:
                raise ReconcilerError(
                    Problem(
                        "still-changing",
                        f"it is still {state_of(kind, live)!r} after {self.limit:g} s",
                        "everything made so far is in the state; apply again later, or pass a longer --wait-timeout",
                    )
                )
            self.tell(change, f"the platform says {state_of(kind, live)}")
            await self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)
        failure = operation_failure(kind, live)
        if failure:
            raise ReconcilerError(Problem("operation-failed", failure, "correct the cause and apply again"))
        return live

    async def gone(self, kind: Kind, change: Change, known: Live) -> None:
        """Read until the object is gone. Raises `ReconcilerError` when it takes too long."""
        give_up = self.clock.monotonic() + self.limit
        pause = 0.2
        while await read(self.api, kind, known) is not None:
            if self.clock.monotonic() >= give_up:
                raise ReconcilerError(
                    Problem("still-there", f"{known.id} is still there after its delete", "apply again later")
                )
            self.tell(change, "deleted, not gone yet")
            await self.clock.sleep(pause)
            pause = min(pause * 2, 10.0)

    def tell(self, change: Change, why: str) -> None:
        """Say why it takes a while."""
        self.listener.tell(Event("waiting", change.address, "", why))
