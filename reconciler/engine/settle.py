"""Intents without an outcome: finds out whether the object exists, so that nothing is lost and nothing doubled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.core.abilities import Listable, Searchable, Singleton
from reconciler.core.compare.lens import Lens
from reconciler.core.compare.same import same
from reconciler.core.fingerprint import UNPROVEN
from reconciler.core.kind import Kind, Kinds
from reconciler.core.problems import ApiError, Problem, ReconcilerError
from reconciler.core.resource import Live
from reconciler.core.state.model import Deposed, Entry, Pending, Record, State
from reconciler.core.trees import leaves, transform
from reconciler.core.values import MISSING, Fingerprint, Path, Tree
from reconciler.engine.observe import read
from reconciler.engine.pages import pages, search
from reconciler.engine.ports import Api, Clock

SKEW = 2000
"""Milliseconds by which two readings of the same server clock may differ (its `Date` has whole seconds)."""


def _visible(tree: Tree) -> Tree:
    """Return what of a sent body a GET would show: everything but secrets."""
    if isinstance(tree, dict):
        return {key: _visible(value) for key, value in tree.items() if not isinstance(value, Fingerprint)}
    return tree


async def find(
    api: Api, kind: Kind, pending: Pending, address: str, taken: Collection[str], clock: Clock, settle: float
) -> Live | None:
    """Return the object an unanswered create made, or None once `settle` seconds have passed without it.

    It is newer than the intent by the server's clock, of the same declared content and not in `taken`. Raises
    `ReconcilerError` naming them when there are several; of nameless ones with equal content any will do.
    """
    if isinstance(kind, Singleton):  # there is one at most: no search is needed
        return await read(api, kind, Live(str(kind.owner(pending.body))))
    if not isinstance(kind, Searchable):
        return None
    lens = Lens(kind, _visible(pending.body))
    give_up = pending.at + round(settle * 1000)
    while True:
        candidates = await _candidates(api, kind, pending)
        since = _since(api, pending)
        twins = [
            live
            for live in candidates
            if kind.created_at(live) >= since and live.id not in taken and lens.covers(live.body)
        ]
        if len(twins) == 1 or (twins and not pending.name):
            return twins[0]
        if twins:
            raise _two_candidates(twins, address)
        left = give_up - clock.now()
        if left <= 0:
            return None
        await clock.sleep(min(1.0, left / 1000))


async def _candidates(api: Api, kind: Searchable, pending: Pending) -> Sequence[Live]:
    """Return the objects of the pending one's name; all there are, where the platform cannot filter by it."""
    try:
        return await search(api, kind, kind.search(pending.body))
    except ApiError as error:
        if error.status != 400 or not isinstance(kind, Listable):
            raise
    return [live async for lives in pages(api, kind) for live in lives]


async def settle_pending(
    api: Api, kinds: Kinds, state: State, clock: Clock, settle: float, scope: Collection[str]
) -> list[Record]:
    """Return the records that settle every intent of an earlier run in `scope`.

    A create is bound when its object is found. An update or delete needs nothing: the live object, read again,
    tells what is left to do.
    """
    taken = {entry.id for entry in state.resources.values()}
    taken |= {old.id for entry in state.resources.values() for old in entry.deposed}
    records = []
    lost: dict[str, Pending] = {}
    for address, pending in state.pending.items():
        if address not in scope:
            continue
        live = None
        if pending.action == "create":
            live = await find(api, kinds[pending.kind], pending, address, taken, clock, settle)
            if live is None:
                lost[address] = pending
                continue
        if live is None:
            records.append(Record("settled", address))
        else:
            taken.add(live.id)  # one object is never bound twice
            records.append(bound(address, pending, live, state.resources.get(address)))
    # only now: of the objects that are nobody's, one may be what was made, edited by somebody since
    for address, pending in lost.items():
        live = await _edited_since(api, kinds[pending.kind], pending, address, taken, lost)
        if live is None:
            records.append(Record("settled", address))
        else:
            taken.add(live.id)
            records.append(bound(address, pending, live, state.resources.get(address)))
    return records


async def _edited_since(
    api: Api, kind: Kind, pending: Pending, address: str, taken: Collection[str], lost: Mapping[str, Pending]
) -> Live | None:
    """Return what an unanswered create made where somebody edited it before this run came, or None.

    It has the name and all that cannot change in place, is newer than the intent, was made with the credential that
    was about to make it, and has changed since. Raises `ReconcilerError` when it cannot be told which one it is.
    """
    if not pending.name or not pending.client or not isinstance(kind, Searchable):
        return None
    lens = Lens(kind, _visible(pending.body))
    rules = lens.rules
    fixed = [(path, leaf) for path, leaf in leaves(lens.normalized(lens.declared)) if rules.forces_replace(path)]
    found = [
        live
        for live in await _candidates(api, kind, pending)
        if live.id not in taken
        and live.body.get("name") == pending.name
        and all(same(_at(lens.normalized(live.body), path), leaf) for path, leaf in fixed)
        and kind.created_at(live) >= _since(api, pending)
        and kind.edited_with(live) == pending.client
    ]
    rivals = [name for name, other in lost.items() if (other.kind, other.name) == (pending.kind, pending.name)]
    if len(found) > 1 or (found and len(rivals) > 1):
        raise _two_candidates(found, address)
    return found[0] if found else None


def _at(tree: Tree, path: Path) -> Tree:
    """Return the leaf at `path` as `leaves` names it, lists stepped into by index; MISSING where there is none."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step, MISSING)
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return MISSING
    return tree


def _since(api: Api, pending: Pending) -> int:
    """Return the time of the intent by the server's clock, in ms since the epoch, or a little before."""
    offset = pending.offset if pending.offset is not None else api.offset or 0
    return pending.at + offset - SKEW


def _two_candidates(found: Sequence[Live], address: str) -> ReconcilerError:
    ids = " and ".join(live.id for live in found)
    what = f"a create was interrupted and now it cannot be told whether {ids} came of it"
    advice = "delete what is too many on the platform, then run this again"
    return ReconcilerError(Problem("two-candidates", what, advice, address=address))


def bound(address: str, pending: Pending, live: Live, before: Entry | None) -> Record:
    """Return the record that binds a new object; the object it replaces, if any, becomes an old one.

    Its secrets count as unproven until the object has been asked whether they work: a run that dies in between
    makes the next one send and ask again.
    """
    entry = Entry(
        kind=pending.kind,
        id=live.id,
        etag=live.etag,
        provenance=pending.provenance,
        applied=transform(pending.body, lambda leaf: UNPROVEN if isinstance(leaf, Fingerprint) else leaf),
        dependencies=pending.dependencies,
        outputs=live.outputs,
        deposed=old_ones(before),
    )
    return Record("bound", address, entry=entry)


def old_ones(before: Entry | None) -> tuple[Deposed, ...]:
    """Return the old objects of an entry about to be replaced, the current one among them."""
    if before is None:
        return ()
    current = (Deposed(before.id, before.kind, before.dependencies),) if before.id else ()
    return (*before.deposed, *current)
