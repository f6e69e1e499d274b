"""What every store promises, whatever keeps it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from reconciler.core.problems import StateError
from reconciler.core.state.model import Entry, Pending, Record, State, fold
from reconciler.stores.postgres import _refused
from reconciler.stores.store import Store
from tests.stores.conftest import Backend, backend_named

FRESH = State("lineage", "default", "p", "o", "s")


def intent(address: str) -> Record:
    return Record("intent", address, pending=Pending("create", "Flow", 1, name=address, body={"name": address}))


def bound(address: str, ident: str = "1") -> Record:
    return Record("bound", address, entry=Entry("Flow", ident, '"1"', applied={"name": address}))


def written(store: Store, *records: Record) -> None:
    asyncio.run(store.append(records))


def code(error: pytest.ExceptionInfo[StateError]) -> str:
    return error.value.problems[0].code


def begun(backend: Backend) -> Store:
    """A writer that has begun."""
    store = backend.store()
    store.lock("reconciler test")
    store.begin(FRESH)
    return store


def test_where_nothing_is_nothing_is_read(backend: Backend) -> None:
    store = backend.store()
    assert store.read() is None
    assert not store.exists()


def test_what_was_committed_is_read(backend: Backend) -> None:
    store = begun(backend)
    written(store, intent("a"), bound("a"))
    done = store.commit()
    store.unlock()
    assert done.resources["a"].id == "1"
    assert not done.pending
    assert done.serial > FRESH.serial
    assert backend.store().read() == done
    assert backend.store().exists()


def test_a_run_that_writes_nothing_changes_nothing(backend: Backend) -> None:
    begun(backend).unlock()
    first = backend.store().read()
    store = begun(backend)
    assert store.commit() == first
    store.unlock()
    assert backend.store().read() == first


def test_what_was_appended_is_there_though_nobody_committed(backend: Backend) -> None:
    store = begun(backend)
    written(store, intent("a"), bound("a"), intent("b"))
    seen = backend.store().read()
    assert seen is not None
    assert set(seen.resources) == {"a"}
    assert set(seen.pending) == {"b"}
    store.unlock()
    after = begun(backend)
    state = after.read()
    assert state is not None
    assert (state.resources, state.pending) == (seen.resources, seen.pending)
    written(after, bound("b", "2"))
    after.commit()
    after.unlock()
    end = backend.store().read()
    assert end is not None
    assert {name: entry.id for name, entry in end.resources.items()} == {"a": "1", "b": "2"}
    assert not end.pending


def test_many_at_once_share_writes_and_none_is_lost(backend: Backend) -> None:
    store = begun(backend)
    records = [bound(f"a{n}", str(n)) for n in range(200)]

    async def go() -> None:
        await asyncio.gather(*(store.append([record]) for record in records))

    asyncio.run(go())
    expected = fold(FRESH, records).resources
    seen = backend.store().read()
    assert seen is not None
    assert seen.resources == expected
    assert store.commit().resources == expected
    store.unlock()


def test_a_second_commit_goes_on_from_the_first(backend: Backend) -> None:
    store = begun(backend)
    written(store, bound("a"))
    first = store.commit()
    written(store, bound("b"))
    second = store.commit()
    store.unlock()
    assert second.serial > first.serial
    assert backend.store().read() == second
    assert set(second.resources) == {"a", "b"}


def test_one_writer_at_a_time_and_the_other_is_told_who(backend: Backend) -> None:
    store = begun(backend)
    with pytest.raises(StateError, match=r"locked by reconciler test of .*process") as error:
        backend.store().lock("reconciler other")
    assert code(error) == "locked"
    assert backend.store().read() is not None, "reading takes no lock"
    store.unlock()
    after = backend.store()
    after.lock("reconciler other")
    after.unlock()


def test_who_waits_gets_the_lock_when_it_is_free(backend: Backend) -> None:
    store = begun(backend)
    held = threading.Event()

    def wait() -> None:
        other = backend.store()
        other.lock("reconciler other", timeout=60)
        held.set()
        other.unlock()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not held.is_set()
    store.unlock()
    thread.join(60)
    assert held.is_set()


def test_of_many_that_race_for_the_lock_one_gets_it(backend: Backend) -> None:
    begun(backend).unlock()
    together = threading.Barrier(8)
    taken: list[Store] = []
    refused: list[StateError] = []

    def race() -> None:
        store = backend.store()
        together.wait()
        try:
            store.lock("reconciler race")
        except StateError as error:
            refused.append(error)
        else:
            taken.append(store)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    assert [error.problems[0].code for error in refused] == ["locked"] * 7
    taken[0].unlock()


def test_two_writers_in_turn_lose_nothing(backend: Backend) -> None:
    begun(backend).unlock()

    def write(names: Sequence[str]) -> None:
        for name in names:
            store = backend.store()
            store.lock("reconciler race", timeout=120)
            store.begin(FRESH)
            written(store, intent(name), bound(name))
            store.commit()
            store.unlock()

    threads = [threading.Thread(target=write, args=([f"{who}{n}" for n in range(4)],)) for who in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = backend.store().read()
    assert state is not None
    assert set(state.resources) == {f"{who}{n}" for who in "xy" for n in range(4)}


def test_earlier_states_are_kept(backend: Backend) -> None:
    for number in range(3):
        store = begun(backend)
        written(store, bound(f"a{number}"))
        store.commit()
        store.unlock()
    assert backend.versions() >= (1 if backend.name == "local" else 3)


def test_a_state_is_replaced_under_a_serial_that_follows(backend: Backend) -> None:
    store = begun(backend)
    written(store, bound("a"))
    before = store.commit()
    done = store.replace(fold(FRESH, [bound("other")]), before)
    store.unlock()
    assert done.serial > before.serial
    assert backend.store().read() == done
    assert set(done.resources) == {"other"}


def test_environments_do_not_meet(backend: Backend) -> None:
    begun(backend).unlock()
    assert backend.store("dev").read() is None
    held = begun(backend)
    other = backend.store("dev")
    other.lock("reconciler test")
    other.begin(FRESH)
    written(other, bound("a"))
    other.commit()
    other.unlock()
    held.unlock()
    state = backend.store().read()
    assert state is not None
    assert not state.resources


def test_a_state_that_moved_away_is_not_there_any_more(backend: Backend) -> None:
    store = begun(backend)
    store.medium.retire()
    store.unlock()
    assert backend.store().read() is None
    begun(backend).unlock()
    assert backend.store().read() is not None


# -- locks that end --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["expired", "released"])
@pytest.mark.parametrize("before", [0, 2])
def test_a_writer_that_was_overtaken_writes_nothing_more(remote: Backend, how: str, before: int) -> None:
    """As if it had been paused: it learns of nothing, and its own clock says its lock is good."""
    if how == "expired" and not remote.is_leased:
        pytest.skip("the protocol knows no locks that end")
    paused = begun(remote)
    for number in range(before):
        written(paused, bound(f"before{number}"))
    if how == "expired":
        remote.expire()
    else:
        with pytest.raises(StateError, match=r"reconciler test of .* unlock --id") as error:
            remote.store().release("")
        ident = str(error.value).split("--id ")[1].strip(" )")
        with pytest.raises(StateError, match="the lock is") as other:
            remote.store().release("another")
        assert code(other) == "other-lock"
        assert "can write no more" in remote.store().release(ident)
    after = begun(remote)
    state = after.read()
    assert state is not None
    assert set(state.resources) == {f"before{number}" for number in range(before)}
    with pytest.raises(StateError) as lost:
        written(paused, intent("late"))
    assert code(lost) == "lock-lost"
    with pytest.raises(StateError):
        paused.commit()
    with pytest.raises(StateError):
        paused.replace(FRESH, None)
    written(after, bound("mine"))
    paused.unlock()  # does no harm to who has it now
    with pytest.raises(StateError):
        remote.store().lock("reconciler third")
    done = after.commit()
    after.unlock()
    assert set(done.resources) == {"mine", *(f"before{number}" for number in range(before))}
    assert remote.store().read() == done


def test_a_lock_that_is_not_held_is_said_to_be_free(backend: Backend) -> None:
    begun(backend).unlock()
    assert "not locked" in backend.store().release("")


# -- particular to one --------------------------------------------------------------------------------------------
def test_tables_may_be_made_by_somebody_else(postgres_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Who writes states need not have the right to make schemas."""
    own = backend_named("postgres", request, tmp_path)
    begun(own).unlock()
    schema = own.settings["tableSchema"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {schema} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema}")
    own.settings["url"] = postgres_url.replace("tests@", f"{schema}@")
    store = begun(own)
    written(store, bound("a"))
    store.commit()
    store.unlock()
    stranger = backend_named("postgres", request, tmp_path)
    stranger.settings["url"] = own.settings["url"]
    with pytest.raises(StateError, match="permission denied") as error:
        stranger.store().lock("reconciler test")
    assert code(error) == "store-unreachable"


def test_aws_is_asked_for_credentials_where_none_are_named(
    s3_url: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By AWS's own library where it is there: a profile, here."""
    config = tmp_path / "credentials"
    config.write_text("[team]\naws_access_key_id = from-profile\naws_secret_access_key = x\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "team")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    own = backend_named("s3", request, tmp_path)
    del own.settings["accessKeyId"], own.settings["secretAccessKey"]
    begun(own).unlock()
    assert own.store().read() is not None


def test_a_machine_that_slept_looks_before_it_posts(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock was released, another run came and went, and this server takes whatever is posted."""
    own = backend_named("http", request, tmp_path)
    own.server.is_lax = True
    now = 0.0
    monkeypatch.setattr("reconciler.stores.http.clock", lambda: now)
    slept = begun(own)
    written(slept, bound("a"))
    own.server.locks.clear()
    other = begun(own)
    written(other, bound("b"))
    done = other.commit()
    other.unlock()
    now = 60.0
    with pytest.raises(StateError) as error:
        written(slept, bound("late"))
    assert code(error) == "lock-lost"
    slept.unlock()
    assert own.store().read() == done


def test_a_database_that_restarts_is_waited_for(
    postgres_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """It ends every connection with a word about it, which is no refusal."""
    own = backend_named("postgres", request, tmp_path)
    store = begun(own)
    for number in range(3):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reconciler'"
            )
        written(store, bound(f"a{number}"))
    done = store.commit()
    store.unlock()
    assert own.store().read() == done
    assert set(done.resources) == {"a0", "a1", "a2"}


@pytest.mark.parametrize("fault", ["503", "drop", "late"])
def test_a_server_that_stumbles_is_asked_again(fault: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    own = backend_named("http", request, tmp_path)
    store = begun(own)
    own.server.faults.append(fault)
    written(store, bound("a"))
    own.server.faults.append(fault)
    done = store.commit()
    store.unlock()
    assert not own.server.faults
    assert own.store().read() == done


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  the database system is shutting down", False),
        ("FATAL:  terminating connection due to administrator command", False),
        ("connection refused", False),
        ('FATAL:  password authentication failed for user "u"', True),
        ('FATAL:  database "d" does not exist', True),
        ('FATAL:  no pg_hba.conf entry for host "h"', True),
    ],
)
def test_a_database_that_is_away_is_not_one_that_refuses(said: str, refused: bool) -> None:
    assert _refused(psycopg.OperationalError(said)) is refused
