"""What each step does: note the intent, send, note the outcome; look when no answer came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.model import Change
from reconciler.core.plan.steps import Step
from reconciler.core.problems import AmbiguousError, ApiError, Problem, ReconcilerError, StoppedError
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.state.model import Pending, Record, State
from reconciler.core.values import Tree
from reconciler.engine.ledger import Ledger
from reconciler.engine.poller import Poller
from reconciler.engine.ports import Api, Clock, Journal, Listener, Secrets
from reconciler.engine.settle import bound, find
from reconciler.engine.updater import Updater, planned


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of one run: calls at once, seconds to wait for a transition, and for a lagging list."""

    parallelism: int = 10
    wait_timeout: float = 300.0
    settle: float = 5.0


@dataclass(slots=True)
class Executor:
    """The doing of one run."""

    kinds: Kinds
    api: Api
    clock: Clock
    settings: Settings
    ledger: Ledger
    poller: Poller
    updater: Updater
    suspended: set[str] = field(default_factory=set)

    @classmethod
    def begin(
        cls,
        kinds: Kinds,
        api: Api,
        journal: Journal,
        secrets: Secrets,
        clock: Clock,
        listener: Listener,
        settings: Settings,
        state: State,
        lives: Mapping[str, Live | None],
    ) -> Executor:
        """Return the work of a run that starts from `state` and what was read."""
        ledger = Ledger(api, journal, secrets, clock, dict(state.resources), dict(state.pending), dict(lives))
        poller = Poller(api, clock, listener, ledger, settings.wait_timeout)
        return cls(kinds, api, clock, settings, ledger, poller, Updater(api, ledger, poller))

    # -- create ----------------------------------------------------------------------------------------------
    async def create(self, step: Step) -> str:
        """Make the object, bind it, then settle what its seed left out."""
        change = replace(step.change, ignore=())  # ignored fields are left alone after the creation, not in it
        kind = self.kinds[change.kind]
        desired = self.ledger.known(change.desired if change.initial is None else change.initial)
        call = kind.create(desired)
        seed = kind.created_fields(call)
        before = self.ledger.entries.get(change.address)
        gone = before is not None and not step.replaces
        pending = await self.ledger.intend(change, "create", seed)
        live = await self._post(kind, change, call, pending)
        record = bound(change.address, pending, live, replace(before, id="") if before and gone else before)
        await self.ledger.note(record)
        await self._complete(kind, change, desired, live, seed)
        return live.id

    async def _post(self, kind: Kind, change: Change, call: Call, pending: Pending) -> Live:
        """Send a create until it is known to have happened just once."""
        for last in (False, False, True):
            try:
                return self._made(kind, call, await self.api.send(self.ledger.clear(call)))
            except StoppedError:  # while it waited for its turn: it was not carried out
                await self.ledger.note(Record("settled", change.address))
                raise
            except AmbiguousError:
                self.poller.tell(change, "no answer to the create: looking whether the object is there")
                taken = {entry.id for entry in self.ledger.entries.values()}
                late = (self.clock.now() - pending.at) / 1000
                found = await find(
                    self.api, kind, pending, change.address, taken, self.clock, self.settings.settle + late
                )
                if found is not None:
                    return found
                if last:
                    raise
            except ApiError as error:
                await self.ledger.note(Record("settled", change.address))
                raise await self._named(kind, change, call, error) from None
        raise AssertionError("the last attempt returns or raises")

    async def _named(self, kind: Kind, change: Change, call: Call, error: ApiError) -> ApiError:
        """Return a refused create with the object that has the name already, where names are unique."""
        search = kind.search(call.body)
        if not kind.unique_names or search is None or error.status not in (400, 409, 422):
            return error
        try:
            twins = kind.found(await self.api.send(search))
        except ApiError:
            return error
        if not twins:
            return error
        what = f"{error.problems[0].what}; the name is taken by {twins[0].id}"
        advice = f"if that is it: reconciler import '{change.address}' {twins[0].id}"
        return ApiError(Problem("name-taken", what, advice), error.status, error.code)

    @staticmethod
    def _made(kind: Kind, call: Call, reply: Reply) -> Live:
        """Return the new object; an answer without its id is no answer: the object must be looked for."""
        try:
            return kind.created(reply, call.body)
        except (LookupError, TypeError, ValueError, AttributeError):
            what = f"{call}: {reply.status} without an id in the answer"
            raise AmbiguousError(Problem("no-id", what, "the next run looks for the object"), reply.status) from None

    async def _complete(self, kind: Kind, change: Change, desired: Tree, live: Live, seed: Tree) -> None:
        """After a create: wait, add by update what the seed left out, ask whether it works, bind for good."""
        if kind.needs_readback(desired):
            live = await self.poller.settled(kind, change, live.id)
            delta = self.updater.compare(kind, change, desired, self.ledger.remembered(seed), live)
            if delta:
                live = await self.updater.update(kind, change, desired, self.ledger.remembered(seed), live, delta)
        await self._bind(kind, change, desired, live, probe=change.initial is None)

    async def finish(self, step: Step) -> str:
        """Do what had to wait until others were made: publish, enable, or what a schema's descriptors allow."""
        change = step.change
        kind = self.kinds[change.kind]
        entry = self.ledger.entries[change.address]
        desired = self.ledger.known(change.desired)
        live = await self.poller.again(kind, change, entry.id)
        await self.ledger.intend(change, "update", None, live.id)
        delta = self.updater.compare(kind, change, desired, entry.applied, live, planned(change))
        if delta:
            live = await self.updater.update(kind, change, desired, entry.applied, live, delta)
        await self._bind(kind, change, desired, live, probe=True)
        return live.id

    async def _bind(self, kind: Kind, change: Change, desired: Tree, live: Live, *, probe: bool) -> None:
        """Bind the finished object; credentials the platform cannot use stay unproven."""
        question = kind.probe(live.id, desired) if probe else None
        failure = None
        if question is not None:
            failure = kind.probe_failure(await self.api.send(question))
        applied = self.ledger.remembered(desired, unproven=failure is not None)
        await self.ledger.note(Record("bound", change.address, entry=self.ledger.entry(change, live, applied)))
        if failure is not None:
            raise ReconcilerError(Problem("probe-failed", failure, "correct the credentials and apply again"))

    # -- update ----------------------------------------------------------------------------------------------
    async def update(self, step: Step) -> str:
        """Change the object as planned; rebased when it moved on elsewhere in the meantime."""
        change = step.change
        kind = self.kinds[change.kind]
        desired = self.ledger.known(change.desired if change.initial is None else change.initial)
        live = self.ledger.lives.get(change.address)
        assert live is not None
        entry = self.ledger.entries[change.address]
        await self.ledger.intend(change, "update", None, live.id)
        calls = [replace(call, body=self.ledger.known(call.body)) for call in change.calls]
        live = await self.updater.update(kind, change, desired, entry.applied, live, calls)
        await self._bind(kind, change, desired, live, probe=any(item.path[:1] == ("auth",) for item in change.fields))
        return live.id

    # -- delete and its kin ----------------------------------------------------------------------------------
    async def delete(self, step: Step) -> str:
        """Delete the object and wait until it is gone; one that is gone already is fine."""
        change = step.change
        ident = str(step.ident)
        kind = self.kinds[change.kind]
        call = kind.delete(ident)
        if call is not None and (change.calls or change.action != "delete"):
            if not change.deposed and change.action == "delete":
                await self.ledger.intend(change, "delete", None, ident)
            reply = await self.api.send(call, accept=(404,))
            if reply.status not in (204, 404):
                await self.poller.gone(kind, change, ident)
        await self.ledger.note(Record("gone", change.address, ident=ident))
        return ident

    async def forget(self, step: Step) -> str:
        """Drop the entry; the object stays."""
        await self.ledger.note(Record("forgot", step.change.address))
        return str(step.ident)

    async def suspend(self, step: Step) -> str:
        """Stop the old object of a replace."""
        change = step.change
        kind = self.kinds[change.kind]
        live = self.ledger.lives.get(change.address)
        call = kind.suspend(live) if live is not None else None
        if call is not None:
            await self.ledger.intend(change, "update", None, step.ident)
            await self.api.send(call)
            self.suspended.add(step.key)
            await self.poller.settled(kind, change, str(step.ident))
            await self.ledger.note(Record("settled", change.address))
        return str(step.ident)

    async def resume(self, step: Step) -> None:
        """Start the old object of a failed replace again."""
        kind = self.kinds[step.change.kind]
        live = self.ledger.lives.get(step.change.address)
        call = kind.resume(live) if live is not None else None
        if call is not None:
            await self.api.send(call)
            await self.poller.settled(kind, step.change, str(step.ident))
