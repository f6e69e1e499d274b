"""What each step does: note the intent, send, note the outcome; look when no answer came."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.abilities import (
    Asynchronous,
    Probed,
    Searchable,
    Singleton,
    Suspendable,
    is_leaving,
    suspend_call,
)
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.model import Action, Change
from reconciler.core.plan.steps import Step, Verb
from reconciler.core.problems import AmbiguousError, ApiError, ConflictError, Problem, ReconcilerError, StoppedError
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.state.model import Pending, Record, held
from reconciler.core.state.validation import is_id
from reconciler.core.values import Tree
from reconciler.engine.ledger import Ledger
from reconciler.engine.listing import from_state
from reconciler.engine.namesakes import Namesakes, name_of
from reconciler.engine.observe import read
from reconciler.engine.pages import search
from reconciler.engine.poller import Poller
from reconciler.engine.ports import Api, Clock, Journal, Listener, Secrets
from reconciler.engine.settle import bound, find
from reconciler.engine.takeover import take_over
from reconciler.engine.updater import REBASES, Updater, planned

_USERS = 10.0
"""Seconds that a delete waits for users of the object which this run did not delete itself: an earlier run may have."""


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
    namesakes: Namesakes
    suspended: set[str] = field(default_factory=set)
    _turns: dict[tuple[str, str | int], asyncio.Lock] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    """The ids of the objects that addresses hold, old objects of replaces included."""

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
        lives: Mapping[str, Live | None],
        namesakes: Namesakes,
    ) -> Executor:
        """Return the work of a run over the books of `journal` and what was read."""
        ledger = Ledger(api, journal, secrets, clock, dict(lives))
        poller = Poller(api, clock, listener, ledger, settings.wait_timeout)
        return cls(kinds, api, clock, settings, ledger, poller, Updater(api, ledger, poller), namesakes)

    # -- create ----------------------------------------------------------------------------------------------
    async def create(self, step: Step) -> str:
        """Make the object, bind it, then settle what its seed left out."""
        change = replace(step.change, ignore=())  # ignored fields are left alone after the creation, not in it
        kind = self.kinds[change.kind]
        desired = self.ledger.known(change.desired if change.initial is None else change.initial)
        call = kind.create(desired)
        seed = desired if isinstance(kind, Singleton) else kind.created_fields(call)
        before = self.ledger.entries.get(change.address)
        gone = before is not None and not step.replaces
        name = name_of(kind, seed) if isinstance(kind, Searchable) else ""
        # creates that could be taken for one another have their turns: the result of one is bound before the next
        async with self._turns.setdefault((kind.name, name or hash(repr(seed))), asyncio.Lock()):
            namesakes = await self.namesakes.of(kind, seed)
            pending = await self.ledger.intend(change, "create", seed, namesakes=namesakes, name=name)
            if isinstance(kind, Singleton):
                live = await self._claim(kind, change, desired)
            else:
                live = await self._post(kind, change, call, desired, pending)
            record = bound(change.address, pending, live, replace(before, id="") if before and gone else before)
            await self.ledger.note(record)
        await self._complete(kind, change, desired, live, seed)
        return live.id

    async def _claim(self, kind: Singleton, change: Change, desired: Tree) -> Live:
        """Make or take over a singleton; the intent is settled when the platform is known to have refused."""
        try:
            return await take_over(self.api, self.ledger, self.updater, kind, change, desired)
        except AmbiguousError:
            raise
        except (ApiError, StoppedError):
            await self.ledger.note(Record("settled", change.address))
            raise

    async def _post(self, kind: Kind, change: Change, call: Call, desired: Tree, pending: Pending) -> Live:
        """Send a create until it is known to have happened just once.

        Once an answer was lost, a refusal of a later attempt says nothing about the first: the intent stays.
        """
        unclear = False
        for last in (False, False, True):
            try:
                return self._made(kind, call, desired, pending, await self.api.send(self.ledger.clear(call)))
            except StoppedError:  # while it waited for its turn: it was not carried out
                if not unclear:
                    await self.ledger.note(Record("settled", change.address))
                raise
            except AmbiguousError:
                unclear = True
                self.poller.tell(change, "no answer to the create: looking whether the object is there")
                wait = self.settings.settle
                found = await find(self.api, kind, pending, change.address, self._taken(), self.clock, wait)
                if found is not None:
                    self.bound.add(found.id)  # at once, so that no search of another step takes it, too
                    return found
                if last:
                    raise
            except ApiError as error:
                if not unclear:
                    await self.ledger.note(Record("settled", change.address))
                raise await self._named(kind, change, call, error) from None
        raise AssertionError("the last attempt returns or raises")

    async def _named(self, kind: Kind, change: Change, call: Call, error: ApiError) -> ApiError:
        """Return a refused create with the object that has the name already, where names are unique."""
        if not isinstance(kind, Searchable) or not kind.unique_names or error.status not in (400, 409, 422):
            return error
        try:
            twins = await search(self.api, kind, kind.search(call.body))
        except ApiError:
            return error
        if not twins:
            return error
        what = f"{error.problems[0].what}; the name is taken by {twins[0].id}"
        advice = f"if that is it: reconciler import '{change.address}' {twins[0].id}"
        return ApiError(Problem("name-taken", what, advice), error.status, error.code)

    def _made(self, kind: Kind, call: Call, desired: Tree, pending: Pending, reply: Reply) -> Live:
        """Return the new object.

        An answer with the id of another object, or with one that no state can hold, is none: the object must be looked
        for. Raises `AmbiguousError` then.
        """
        live = kind.created(reply, desired)
        fault = "" if is_id(live.id) else f"{live.id[:100]!r} is not a valid id"
        if live.id in self._taken() or live.id in (pending.namesakes or ()):
            fault = f"{live.id} existed before"
        if fault:
            what = f"{call}: the platform answered something unexpected: {reply.status}, but {fault}"
            raise AmbiguousError(Problem("unexpected-answer", what, "the next run looks for the object"), reply.status)
        self.bound.add(live.id)
        return live

    def _taken(self) -> set[str]:
        """Return the ids of the objects that addresses hold; a new one is added as soon as it is known."""
        if not self.bound:
            self.bound |= {ident for _, ident in held(self.ledger.entries.values())}
        return self.bound

    async def _complete(self, kind: Kind, change: Change, desired: Tree, live: Live, seed: Tree) -> None:
        """After a create: wait, add by update what the seed left out, ask whether it works, bind for good."""
        if kind.needs_readback(desired):
            live = await self.poller.settled(kind, change, live)
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
        live = await self.poller.again(kind, change, from_state(entry))
        await self.ledger.intend(change, "update", None, live.id)
        delta = self.updater.compare(kind, change, desired, entry.applied, live, planned(change))
        if delta:
            live = await self.updater.update(kind, change, desired, entry.applied, live, delta)
        await self._bind(kind, change, desired, live, probe=True)
        return live.id

    async def _bind(self, kind: Kind, change: Change, desired: Tree, live: Live, *, probe: bool) -> None:
        """Bind the finished object; credentials the platform cannot use stay unproven."""
        failure = None
        if probe and isinstance(kind, Probed) and (question := kind.probe(live, desired)) is not None:
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
        rules = kind.rules(desired)
        live = await self.updater.update(kind, change, desired, entry.applied, live, calls)
        await self._bind(kind, change, desired, live, probe=any(rules.is_probed(item.path) for item in change.fields))
        return live.id

    # -- delete and its kin ----------------------------------------------------------------------------------
    async def delete(self, step: Step) -> str:
        """Delete the object and wait until it is gone; one that is gone already is fine."""
        change = step.change
        ident = str(step.ident)
        kind = self._kind_of(step)
        live = self.ledger.lives.get(change.address)
        known = live if live is not None and live.id == ident and not change.deposed else Live(ident)
        call = kind.delete(known)
        if call is not None and (change.calls or change.action is not Action.DELETE):
            if not change.deposed and change.action is Action.DELETE:
                await self.ledger.intend(change, "delete", None, ident)
            if call.guarded and known.etag is None:  # of the old object of a replace only the id is known
                await self._delete(kind, step, await read(self.api, kind, known))
            else:
                await self._delete(kind, step, known)
        await self.ledger.note(Record("gone", change.address, ident=ident))
        return ident

    def _kind_of(self, step: Step) -> Kind:
        """Return the kind of the object that a step stops or deletes: a document may have changed its kind since."""
        entry = self.ledger.entries.get(step.change.address)
        known = {entry.id: entry.kind, **{old.id: old.kind for old in entry.deposed}} if entry else {}
        return self.kinds[known.get(str(step.ident), step.change.kind)]

    async def _delete(self, kind: Kind, step: Step, live: Live | None) -> None:
        """Delete the object as it is now and wait until it is gone. Raises the last conflict or refusal.

        An object that the platform is deleting already is waited for. One that is still used by another object that
        was deleted just now is tried again until the platform has seen that.
        """
        change, conflicts = step.change, REBASES
        users_left = any(need.startswith(Verb.DELETE) for need in step.needs)
        limit = self.settings.wait_timeout
        give_up = self.clock.monotonic() + (limit if users_left else min(_USERS, limit))
        pause = 0.2
        while live is not None and (call := kind.delete(live)) is not None:
            if is_leaving(kind, live):
                return await self.poller.gone(kind, change, live)
            try:
                reply = await self.api.send(call, etag=live.etag, accept=(404,))
            except (ConflictError, AmbiguousError):
                conflicts -= 1
                if not conflicts:
                    raise
                self.poller.tell(change, "it changed meanwhile: reading it again")
                live = await read(self.api, kind, live)
            except ApiError as error:
                if not isinstance(kind, Asynchronous) or error.code not in kind.leaving_codes | kind.in_use_codes:
                    raise
                if error.code in kind.leaving_codes:
                    return await self.poller.gone(kind, change, live)
                if self.clock.monotonic() >= give_up:
                    raise
                self.poller.tell(change, "an object that uses it is not gone yet")
                await self.clock.sleep(pause)
                pause = min(pause * 2, 10.0)
            else:
                if reply.status not in (204, 404):
                    await self.poller.gone(kind, change, live)
                return None
        return None

    async def forget(self, step: Step) -> str:
        """Drop the entry; the object stays."""
        await self.ledger.note(Record("forgot", step.change.address))
        return str(step.ident)

    async def suspend(self, step: Step) -> str:
        """Stop the old object of a replace."""
        change = step.change
        kind = self._kind_of(step)
        live = self.ledger.lives.get(change.address)
        call = suspend_call(kind, live) if live is not None else None
        if call is not None and live is not None:
            await self.ledger.intend(change, "update", None, step.ident)
            await self.api.send(call)
            self.suspended.add(step.key)
            await self.poller.settled(kind, change, live)
            await self.ledger.note(Record("settled", change.address))
        return str(step.ident)

    async def resume(self, step: Step) -> None:
        """Start the old object of a failed replace again."""
        kind = self._kind_of(step)
        live = self.ledger.lives.get(step.change.address)
        call = kind.resume(live) if live is not None and isinstance(kind, Suspendable) else None
        if call is not None and live is not None:
            await self.api.send(call)
            await self.poller.settled(kind, step.change, live)
