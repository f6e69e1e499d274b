"""What is particular to object stores: conditions that must hold, seals that stay, what is cleared away."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import Entry, Record, State
from reconciler.stores import objects
from reconciler.stores.lease import Keeper, Lease, lost
from reconciler.stores.objects import Bucket
from reconciler.stores.store import Store

FRESH = State("lineage", "default", "p", "o", "s")


def store(memory: MemoryStore, **more: Any) -> Store:
    return Store(Bucket(memory, "memory:/", "default", **more))


def names(memory: MemoryStore) -> set[str]:
    return {str(item["path"]) for page in obstore.list(memory) for item in page}


def run(memory: MemoryStore, *addresses: str, **more: Any) -> State:
    """One whole run that binds these."""
    writer = store(memory, **more)
    writer.lock("reconciler test")
    writer.begin(FRESH)
    asyncio.run(writer.append([Record("bound", name, entry=Entry("Flow", name)) for name in addresses]))
    done = writer.commit()
    writer.unlock()
    return done


@pytest.mark.parametrize("ignored", ["create", "update"])
def test_a_store_that_takes_no_notice_of_conditions_is_refused(ignored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put = obstore.put

    def careless(where: Any, name: str, text: bytes, *, mode: Any = "overwrite") -> Any:
        return put(where, name, text, mode="overwrite" if (mode == "create") is (ignored == "create") else mode)

    monkeypatch.setattr(objects.obstore, "put", careless)
    memory = MemoryStore()
    writer = store(memory)
    with pytest.raises(StateError, match="takes no notice of conditions") as error:
        writer.lock("reconciler test")
    assert error.value.problems[0].code == "no-conditions"
    assert not writer.medium.held
    assert not names(memory), "it leaves nothing behind"


def test_conditions_are_proven_once(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryStore()
    run(memory, "a")
    calls = []
    put = obstore.put
    monkeypatch.setattr(objects.obstore, "put", lambda *args, **more: (calls.append(args[1]), put(*args, **more))[1])
    run(memory, "b")
    assert calls.count("default.lock") == 2, "taken, and given back"


def test_a_whole_run_leaves_the_state_its_lock_and_versions() -> None:
    memory = MemoryStore()
    for number in range(5):
        run(memory, f"a{number}", versions=3)
    found = names(memory)
    assert {name for name in found if not name.startswith("default.versions/")} == {"default.json", "default.lock"}
    assert len(found) == 2 + 3
    free = Lease.of(bytes(obstore.get(memory, "default.lock").bytes()), "x")
    assert free.holder is None
    assert not free.ousted


def test_a_seal_stays_while_who_it_keeps_out_may_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "start", lambda *_: None)
    monkeypatch.setattr(Keeper, "check", lambda *_: None)
    memory = MemoryStore()
    paused = store(memory)
    paused.lock("reconciler paused")
    paused.begin(FRESH)
    monkeypatch.setattr(Bucket, "_left", lambda *_: -1.0)
    run(memory, "a")
    run(memory, "b")
    left = {name for name in names(memory) if name.startswith("default.journal/")}
    assert len(left) == 1
    with pytest.raises(StateError) as error:
        asyncio.run(paused.append([Record("bound", "late", entry=Entry("Flow", "late"))]))
    assert error.value.problems[0].code == "lock-lost"
    assert set((store(memory).read() or FRESH).resources) == {"a", "b"}


def test_a_holder_that_could_not_renew_in_time_stops_by_itself() -> None:
    now = 0.0
    keeper = Keeper("here", 60, lambda: None, lambda: now)
    keeper.start(0)
    now = 59
    keeper.check()
    now = 61
    with pytest.raises(StateError, match="not renewed in time"):
        keeper.check()
    keeper.stop()


def test_a_lost_state_with_a_journal_is_told() -> None:
    memory = MemoryStore()
    writer = store(memory)
    writer.lock("reconciler test")
    writer.begin(FRESH)
    asyncio.run(writer.append([Record("bound", "a", entry=Entry("Flow", "a"))]))
    obstore.delete(memory, "default.json")
    with pytest.raises(StateError, match="gone, but its journal") as error:
        store(memory).read()
    assert error.value.problems[0].code == "state-missing"
    writer.unlock()


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"fence": "x"}', b"\xff"])
def test_a_lock_that_is_none_of_ours_is_told(text: bytes) -> None:
    memory = MemoryStore()
    obstore.put(memory, "default.lock", text)
    with pytest.raises(StateError) as error:
        store(memory).lock("reconciler test")
    assert error.value.problems[0].code == "lock-broken"


def test_a_renewal_that_fails_is_tried_again_while_the_lease_is_good() -> None:
    """The store was out of reach for a moment: that is no reason to give a run up."""
    tries = threading.Semaphore(0)
    outcomes = [StateError(Problem("store-unreachable", "gone")), OSError("gone"), None]

    def renew() -> None:
        outcome = outcomes.pop(0) if outcomes else None
        tries.release()
        if outcome is not None:
            raise outcome

    keeper = Keeper("here", 0.02, renew, lambda: 0.0)
    keeper.start(0)
    for _ in range(4):
        assert tries.acquire(timeout=20)
    keeper.check()
    keeper.stop()


def test_a_lease_that_is_taken_over_ends_its_keeper() -> None:
    asked = threading.Event()

    def renew() -> None:
        asked.set()
        raise lost("here", "taken")

    keeper = Keeper("here", 0.02, renew, lambda: 0.0)
    keeper.start(0)
    assert asked.wait(20)
    keeper.stop()
    with pytest.raises(StateError, match="ours no more"):
        keeper.check()


def test_what_others_put_beside_the_journal_is_let_be() -> None:
    memory = MemoryStore()
    for name in ("default.journal/notes.txt", "default.journal/x-y/z", "default.journal/1-1/1"):
        obstore.put(memory, name, b"theirs")
    run(memory, "a")
    run(memory, "b")
    assert {"default.journal/notes.txt", "default.journal/x-y/z", "default.journal/1-1/1"} <= names(memory)
    assert set((store(memory).read() or FRESH).resources) == {"a", "b"}


@pytest.mark.parametrize(("name", "mode"), [("default.json", "create"), ("default.lock", "update")])
def test_a_conflict_with_a_request_under_way_is_not_taken_for_the_loss_of_the_lock(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, refused = obstore.put, []

    def conflicting(where: Any, path: str, text: bytes, *, mode: Any = "overwrite") -> Any:
        kind = "update" if isinstance(mode, dict) else mode
        if path == name and kind == wanted and len(refused) < 2:
            refused.append(path)
            raise AlreadyExistsError("409 ConditionalRequestConflict")
        return put(where, path, text, mode=mode)

    wanted = mode
    monkeypatch.setattr(objects.obstore, "put", conflicting)
    assert set(run(MemoryStore(), "a").resources) == {"a"}
    assert len(refused) == 2


def test_a_store_that_refuses_without_end_is_not_asked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refusing(*args: Any, **more: Any) -> Any:
        tries.append(args)
        raise AlreadyExistsError("409 ConditionalRequestConflict")

    monkeypatch.setattr(objects.obstore, "put", refusing)
    with pytest.raises(StateError, match="took it this moment"):
        store(MemoryStore()).lock("reconciler test")
    assert len(tries) == 5
