"""Intents without an outcome: finds out whether the object exists, so that nothing is lost and nothing doubled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.core.abilities import Searchable, Singleton
from reconciler.core.compare.lens import Lens
from reconciler.core.compare.same import same
from reconciler.core.fingerprint import UNPROVEN
from reconciler.core.kind import Kind, Kinds
from reconciler.core.problems import Problem, ReconcilerError
from reconciler.core.resource import Live
from reconciler.core.state.model import Deposed, Entry, Pending, Record, State, held
from reconciler.core.trees import leaves, transform
from reconciler.core.values import MISSING, Fingerprint, Path, Tree
from reconciler.engine.namesakes import name_of
from reconciler.engine.observe import read
from reconciler.engine.pages import candidates
from reconciler.engine.ports import Api, Clock


async def find(
    api: Api, kind: Kind, pending: Pending, address: str, taken: Collection[str], clock: Clock, wait: float
) -> Live | None:
    """Return the object an unanswered create made, or None once `wait` seconds have passed without it.

    It did not exist before the intent, shows what was sent by the rules of the diff, was made by our client where the
    platform tells that, and is not in `taken`. Raises `ReconcilerError` naming them when there are several; of
    nameless ones with equal content the newest is taken.
    """
    if isinstance(kind, Singleton):  # there is one at most: no search is needed
        return await read(api, kind, Live(str(kind.owner(pending.body))))
    if not isinstance(kind, Searchable):
        return None
    lens = Lens(kind, pending.body)
    give_up = clock.monotonic() + wait
    while True:
        lives = await candidates(api, kind, pending.body)
        twins = [live for live in lives if _is_new(kind, live, pending, taken) and lens.matches(live.body)]
        if twins and not pending.name:
            return max(twins, key=kind.created_at)
        if len(twins) > 1 or (twins and pending.namesakes is None):
            raise _two_candidates(twins, address)
        if twins:
            return twins[0]
        left = give_up - clock.monotonic()
        if left <= 0:
            return None
        await clock.sleep(min(1.0, left))


def _is_new(kind: Searchable, live: Live, pending: Pending, taken: Collection[str]) -> bool:
    """Tell whether an object is bound to nothing, did not exist before the intent, and is not of another client."""
    if live.id in taken or live.id in (pending.namesakes or ()):
        return False
    maker = kind.made_by(live)
    return maker is None or not pending.client or maker == pending.client


async def settle_pending(
    api: Api, kinds: Kinds, state: State, clock: Clock, settle: float, scope: Collection[str]
) -> list[Record]:
    """Return the records that settle every intent of an earlier run in `scope`.

    A create is bound when its object is found. An update or delete needs nothing: the live object, read again,
    tells what is left to do.
    """
    taken = {ident for _, ident in held(state.resources.values())}
    records = []
    lost: dict[str, Pending] = {}
    for address, pending in state.pending.items():
        if address not in scope:
            continue
        live = None
        if pending.action == "create":
            gone_by = max(0.0, (clock.now() - pending.at) / 1000)  # 0 where our clock was set back meanwhile
            wait = max(0.0, settle - gone_by)
            live = await find(api, kinds[pending.kind], pending, address, taken, clock, wait)
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

    It has the name and all that cannot change in place, did not exist before the intent, was made with the credential
    that was about to make it, and has changed since. Raises `ReconcilerError` when it cannot be told which one it is.
    """
    if not pending.name or not pending.client or pending.namesakes is None or not isinstance(kind, Searchable):
        return None
    lens = Lens(kind, pending.body)
    rules = lens.rules
    fixed = [(path, leaf) for path, leaf in leaves(lens.normalized(lens.declared)) if rules.forces_replace(path)]
    found = [
        live
        for live in await candidates(api, kind, pending.body)
        if _is_new(kind, live, pending, taken)
        and name_of(kind, live.body) == pending.name
        and all(same(_at(lens.normalized(live.body), path), leaf) for path, leaf in fixed)
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


def _two_candidates(found: Sequence[Live], address: str) -> ReconcilerError:
    ids = " and ".join(live.id for live in found)
    what = f"a create was interrupted, and {ids} may be its result"
    advice = f"bind the right one: reconciler import '{address}' ID; or delete what is too many, then run this again"
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
