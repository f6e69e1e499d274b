"""From state, manifests and the platform to a plan, and the live objects it was made from."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from reconciler.core.compare.diff import SecretChanged
from reconciler.core.kind import Finders, Kinds
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Plan
from reconciler.core.plan.planner import plan
from reconciler.core.plan.staleness import (
    current,
    stale_entries,
    stale_identity,
    stale_objects,
    with_provenance,
)
from reconciler.core.problems import ReconcilerError, StaleError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import State
from reconciler.engine.gather import gather_three
from reconciler.engine.listing import from_state
from reconciler.engine.observe import look_up, observe
from reconciler.engine.ports import Api, Secrets

Lives = Mapping[str, Live | None]


async def refresh(
    api: Api,
    kinds: Kinds,
    finders: Finders,
    state: State,
    resources: Mapping[str, Resource],
    scope: Collection[str],
    secrets: Secrets,
    *,
    now: int,
    destroy: bool = False,
    read: bool = True,
    staged: bool = False,
    lists: bool = True,
    removed: tuple[str, ...] = (),
    replace_too: tuple[str, ...] = (),
) -> tuple[Plan, Lives]:
    """Return the plan for `resources` and what was read for it; without `read` the state is taken for live.

    Lists are read where that takes fewer calls, but what the plan touches is read by itself: the etag of a change is
    that of a GET of the object (design: If-Match). Without `lists` every object is read by itself. `staged` makes new
    objects drafts, or disabled, until all are there. `now` is the time in seconds since the epoch. `removed` are
    addresses that are let go without a delete, `replace_too` those of objects that are replaced whatever was read.
    """
    wanted = {*scope, *resources}
    there = {name: from_state(entry) for name in wanted if (entry := state.resources.get(name)) and entry.id}
    world = PlanInput(
        resources, state, there, kinds, secrets.changed, tuple(scope), destroy, now, staged, removed, replace_too
    )
    if not read:
        return plan(replace(world, resources=await look_up(api, finders, resources))), there
    guess, found, (lives, listed) = await gather_three(
        _guess(world),
        look_up(api, finders, resources),
        observe(api, kinds, state, wanted, fresh=() if lists else wanted, known=there),
    )
    told = set(listed)
    guessed = found is resources and all(_same(lives[name], live) for name, live in there.items())
    made = guess if guessed else None
    while True:  # what is read singly may show more to do, to others that only a list told of
        if made is None:
            made = plan(replace(world, resources=found, lives=lives))
        touched = [change.address for change in made.effective if change.address in told]
        again, _ = await observe(api, kinds, state, touched, fresh=touched)
        if all(_same(again[name], lives[name]) for name in touched):
            return made, lives
        told -= set(touched)
        lives = {**lives, **again}
        made = None


_LARGE = 1000
"""Objects from which on a plan is guessed while they are read."""


async def _guess(world: PlanInput) -> Plan | None:
    """Return the plan if nothing changed outside, made while the lists come in; None where that is not worth it.

    Most runs over a great many objects find them as they were: then it is the plan, and nobody has to wait for it.
    """
    if len(world.lives) < _LARGE:
        return None
    try:
        return await asyncio.to_thread(plan, world)
    except ReconcilerError:
        return None  # what is really there decides


def _same(one: Live | None, other: Live | None) -> bool:
    return one is other or (one is not None and other is not None and (one.etag, one.body) == (other.etag, other.body))


async def refresh_saved(
    api: Api, kinds: Kinds, state: State, saved: Plan, changed: SecretChanged, declared: Mapping[str, Provenance]
) -> tuple[Plan, Lives]:
    """Return a saved plan as it is to be applied, and the live objects it touches.

    No-ops whose entry or object moved on are left out. `declared` is what the manifests of this moment say of their
    objects besides the bodies. Raises `StaleError` when the state, an entry or an object that
    the plan touches moved on. `changed` compares secrets with fingerprints.
    """
    problems = stale_identity(saved, state) or stale_entries(saved, state)
    if problems:
        raise StaleError(problems)
    fresh = {change.address for change in saved.effective if change.ident and not change.deposed}
    every = fresh | {change.address for change in (*saved.effective, *saved.adopted)}
    lives, _ = await observe(api, kinds, state, every, fresh=fresh)
    problems = stale_objects(saved, kinds, state, lives, changed)
    if problems:
        raise StaleError(problems)
    return with_provenance(current(saved, state, lives, kinds, changed), declared, state), lives
