"""Writes to the state alone, under its lock; the one before is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from reconciler.cli.output import confirm, lock, say
from reconciler.cli.wiring import Session, open_session
from reconciler.core.problems import ManifestError, Problem, StateError
from reconciler.core.state.codec import state_of
from reconciler.core.state.model import Record, State, fold
from reconciler.documents.document import nearest
from reconciler.engine.binding import bind
from reconciler.engine.rebuild import rebuild
from reconciler.kinds import kinds


@contextmanager
def held(session: Session, command: str, wait: float) -> Iterator[tuple[Any, State]]:
    """Hold the lock; give the store and the state that is there. Raises `StateError` where there is none."""
    store = session.store()
    if not store.exists():
        raise StateError(Problem("no-state", f"there is no state at {store.where}", "see --env and --state-dir"))
    lock(store, f"reconciler state {command}", wait)
    try:
        there = store.read()
        assert there is not None
        yield store, store.begin(there)
    finally:
        store.unlock()


def write(store: Any, state: State, records: Sequence[Record]) -> None:
    """Put what `records` make of `state` in its place, in one go: no journal is needed for what sends nothing."""
    store.replace(fold(state, records), after=state)


def below(state: State, address: str) -> list[str]:
    """Return the addresses an argument means: itself, and all that is below it. Raises `StateError` for none."""
    found = [name for name in state.resources if name == address or name.startswith(f"{address}/")]
    if not found:
        from difflib import get_close_matches

        close = get_close_matches(address, state.resources, 1)
        advice = f"did you mean {close[0]!r}?" if close else "see: reconciler state list"
        raise StateError(Problem("no-entry", f"the state has no entry {address!r}", advice))
    return found


async def move(path: Path, source: str, target: str, wait: float) -> None:
    """Rename an address, or all below a name."""
    with held(open_session(path), "mv", wait) as (store, state):
        moves = {name: target + name[len(source) :] for name in below(state, source)}
        taken = sorted(set(moves.values()) & (state.resources.keys() - moves.keys()))
        if taken:
            raise StateError(Problem("taken", f"{taken[0]} is in the state already", "remove or rename that first"))
        write(store, state, [Record("moved", name, to=to) for name, to in moves.items()])
    for name, to in moves.items():
        click.echo(f"{name} → {to}")


async def remove(path: Path, addresses: Sequence[str], wait: float) -> None:
    """Forget entries; their objects stay."""
    with held(open_session(path), "rm", wait) as (store, state):
        names = list(dict.fromkeys(name for address in addresses for name in below(state, address)))
        write(store, state, [Record("forgot", name) for name in names])
    for name in names:
        entry = state.resources[name]
        objects = ", ".join(filter(None, (entry.id, *(old.id for old in entry.deposed))))
        click.echo(f"{name}: forgotten; its object {objects} stays")


def push(path: Path, file: Path, wait: float, *, force: bool) -> None:
    """Put a state file in the place of the one there. Raises `StateError` when it does not follow it."""
    session = open_session(path)
    try:
        wanted = state_of(json.loads(file.read_text(encoding="utf-8")), str(file))
    except (OSError, ValueError) as error:
        raise StateError(Problem("state-broken", f"{file} cannot be read as a state: {error}")) from None
    store = session.store()
    lock(store, "reconciler state push", wait)
    try:
        there = _replaceable(store, force=force)
        if there is not None and not force:
            _check_successor(there, wanted, file)
        done = store.replace(wanted, after=there)
    finally:
        store.unlock()
    click.echo(f"{store.where} holds {len(done.resources)} resources now, serial {done.serial}.")


def _replaceable(store: Any, *, force: bool) -> State | None:
    """Return the state there; a broken one may be replaced by force, for a good copy is the way out."""
    try:
        found: State | None = store.read()
    except StateError:
        if not force:
            raise
        return None
    return found


def _check_successor(there: State, wanted: State, file: Path) -> None:
    advice = "pass --force if you are sure; the state there is kept"
    for word in ("lineage", "environment", "platform", "organization", "sandbox"):
        ours, theirs = getattr(there, word), getattr(wanted, word)
        if ours != theirs:
            what = f"{file} has {word} {theirs!r}, the state there has {ours!r}: it is another state"
            raise StateError(Problem("foreign-state", what, advice))
    lost = sorted(there.pending.keys() - wanted.pending.keys())
    if lost:
        what = f"an interrupted run left an intent for {lost[0]} that {file} does not know"
        raise StateError(Problem("pending", what, "run apply first, it finds out what became of it; or " + advice))
    if wanted.serial < there.serial:
        what = f"{file} has serial {wanted.serial}, the state there has {there.serial}: it is older"
        raise StateError(Problem("old-state", what, advice))


def unlock(path: Path, ident: str) -> None:
    """Say who holds the lock; or take it, by its id, from who is gone."""
    click.echo(open_session(path).store().release(ident))


async def rebuilt(session: Session, wait: float, *, verb: str, auto_approve: bool) -> int:
    """Bind what exists to the addresses of the manifests; ask first. `verb` is the command that does it."""
    project = session.manifests()
    store = session.store()
    async with session.platform() as (api, place, _):
        lock(store, f"reconciler {verb}", wait)
        try:
            state = session.check(store.read(), place)
            resources = {name: item for name, item in project.resources.items() if name in project.inside}
            records, doubts = await rebuild(api, kinds(), state, resources)
            for record in records:
                assert record.entry is not None
                click.echo(f"{record.address}  {record.entry.kind}  {record.entry.id}")
            for problem in doubts:
                say(str(problem))
            if not records:
                click.echo("Nothing to bind.")
                return 0
            if not confirm(f"Bind these {len(records)} objects?", auto_approve):
                say("Nothing was done.")
                return 1
            write(store, store.begin(state), records)
        finally:
            store.unlock()
    click.echo(f"{len(records)} objects bound. Where they differ: reconciler plan")
    return 0


async def imported(session: Session, address: str, ident: str, wait: float) -> int:
    """Bind an existing object to an address, under the lock."""
    resources = session.manifests().resources
    resource = resources.get(address)
    if resource is None:
        raise ManifestError(
            Problem(
                "unknown-address",
                f"no manifest declares the address {address!r}",
                nearest(address, resources) or "addresses are listed by: reconciler plan",
            )
        )
    store = session.store()
    async with session.platform() as (api, place, _):
        lock(store, "reconciler import", wait)
        try:
            state = store.begin(session.check(store.read(), place))
            entry = await bind(api, kinds(), state, resource, ident)
            write(store, state, [Record("bound", address, entry=entry)])
        finally:
            store.unlock()
    click.echo(f"{address} is {resource.kind} {entry.id} now. Where it differs: reconciler plan")
    return 0
