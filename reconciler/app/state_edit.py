"""Edits of the state alone, under its lock: renames, forgets, a pushed state file, a lock taken from its holder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from reconciler.app.session import Session
from reconciler.app.transaction import locked, offline
from reconciler.core.interning import Interner
from reconciler.core.problems import Problem, ReconcilerError, StateError
from reconciler.core.state.model import Entry, Pending, Record, State
from reconciler.stores.store import Store
from reconciler.stores.text import checked_state, parts_of, state_text
from reconciler.yamltext.files import read_file


def read_state(session: Session) -> State:
    """Return the state of the environment, a left-over journal folded in. Raises `StateError` where there is none."""
    store = session.store()
    state = store.read()
    if state is None:
        what = f"there is no state at {store.where}"
        raise StateError(Problem("no-state", what, "it is made by the first apply; see --env and --state-dir"))
    return state


def pull(session: Session) -> str:
    """Return the text of the state, a left-over journal folded in, as `push` takes it. Raises `StateError` for none."""
    return b"".join(state_text(read_state(session))).decode()


def read_entry(session: Session, address: str) -> Entry:
    """Return one entry of the state. Raises `StateError` naming the nearest address where there is none."""
    return entry_of(read_state(session), address)


def entry_of(state: State, address: str) -> Entry:
    """Return one entry of `state`. Raises `StateError` naming the nearest address where there is none."""
    entry = state.resources.get(address)
    if entry is None:
        raise _no_entry(state, address)
    return entry


async def move(session: Session, source: str, target: str, lock_timeout: float) -> Mapping[str, str]:
    """Rename an address, or all below a name; return the new address of each old one."""
    with offline(session, "state mv", lock_timeout) as transaction:
        state = transaction.state
        moves = {name: target + name[len(source) :] for name in _below(state, source)}
        taken = sorted(set(moves.values()) & ({*state.resources, *state.pending} - moves.keys()))
        if taken:
            raise StateError(Problem("taken", f"{taken[0]} is in the state already", "remove or rename that first"))
        # deeper names move first where names grow, and last where they shrink
        ordered = sorted(moves, key=len, reverse=len(target) > len(source))
        await transaction.record([Record("moved", name, to=moves[name]) for name in ordered])
        transaction.commit()
    return moves


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The entry that was dropped, and the intent without an outcome; all their objects stay."""

    entry: Entry | None
    intent: Pending | None


async def remove(session: Session, addresses: Sequence[str], lock_timeout: float) -> Mapping[str, Forgotten]:
    """Forget entries and intents; return them by address."""
    with offline(session, "state rm", lock_timeout) as transaction:
        state = transaction.state
        names = list(dict.fromkeys(name for address in addresses for name in _below(state, address)))
        await transaction.record([Record("forgot", name) for name in names])
        transaction.commit()
    return {name: Forgotten(state.resources.get(name), state.pending.get(name)) for name in names}


def push(session: Session, file: Path, lock_timeout: float, *, force: bool) -> State:
    """Put a state file in the place of the state and return it.

    Raises `StateError` when the file does not follow the state, or is not one. A whole state cannot be said in records,
    so this and `migrate` are the only writes that replace it.
    """
    wanted, doubt = _file_state(file)
    if wanted.environment != session.environment:
        if not force:
            what = f"{file} is of environment {wanted.environment!r}, not {session.environment!r}"
            raise StateError(Problem("foreign-state", what, "pass --env, or --force to make it a state of this one"))
        wanted = replace(wanted, environment=session.environment)
    store = session.store()
    with locked(store, "reconciler state push", lock_timeout, session.dialogue):
        present = _replaceable(store, force=force)
        if present is not None and not force:
            _check_successor(present, wanted, file)
        if doubt is not None and not force:
            raise StateError(replace(doubt, next="pass --force to accept it as it is; the state there is kept"))
        return store.replace(wanted, after=present)


def _file_state(file: Path) -> tuple[State, Problem | None]:
    """Return the state in a file, and a finding where it was edited. Raises `StateError` where it is not one."""
    try:
        return checked_state(parts_of(read_file(file, str(file)).encode()), str(file), Interner())
    except ReconcilerError as error:
        first = error.problems[0]
        if first.code not in ("state-broken", "unreadable"):
            raise
        why = first.what.removeprefix(f"{file} cannot be read: ")
        what = f"{file} cannot be read as a state: {why}"
        raise StateError(Problem("state-broken", what, "state pull prints one")) from None


def _below(state: State, address: str) -> list[str]:
    """Return the addresses an argument means: itself, and all that is below it. Raises `StateError` for none."""
    known = dict.fromkeys([*state.resources, *state.pending])
    names = [name for name in known if name == address or name.startswith(f"{address}/")]
    if not names:
        raise _no_entry(state, address)
    return names


def _no_entry(state: State, address: str) -> StateError:
    close = get_close_matches(address, state.resources, 1)
    advice = f"did you mean {close[0]!r}?" if close else "see: reconciler state list"
    return StateError(Problem("no-entry", f"the state has no entry {address!r}", advice))


def _replaceable(store: Store, *, force: bool) -> State | None:
    """Return the state there; a broken one may be replaced by force, for a good copy is the way out."""
    try:
        state = store.read()
        if not force:
            store.require_sound()
    except StateError:
        if not force:
            raise
        return None
    return state


def _check_successor(present: State, wanted: State, file: Path) -> None:
    advice = "pass --force if you are sure; the state there is kept"
    for word in ("lineage", "environment", "platform", "organization", "sandbox"):
        ours, theirs = getattr(present, word), getattr(wanted, word)
        if ours != theirs:
            what = f"{file} has {word} {theirs!r}, the state there has {ours!r}: it is another state"
            raise StateError(Problem("foreign-state", what, advice))
    lost = sorted(present.pending.keys() - wanted.pending.keys())
    if lost:
        what = f"an interrupted run left an intent for {lost[0]} that {file} does not know"
        raise StateError(Problem("pending", what, "run apply first, it finds out what became of it; or " + advice))
    if wanted.serial < present.serial:
        what = f"{file} has serial {wanted.serial}, the state there has {present.serial}: it is older"
        raise StateError(Problem("old-state", what, advice))
