"""A network that loses answers, and one that is gone: nothing is written twice, nothing that was told is lost."""

from __future__ import annotations

import pytest

from reconciler.core.problems import StateError
from tests.conftest import Cli, Request, Server
from tests.stores.conftest import Backend, project
from tests.stores.servers import Proxy
from tests.stores.test_contract import begun, bound, code, intent, written


def test_an_answer_that_is_lost_is_looked_for(remote: Backend, network: Proxy) -> None:
    store = begun(remote)
    for number in range(3):
        network.lose = 1
        written(store, bound(f"a{number}", str(number)))
        assert not network.lose, "one was lost"
    network.lose = 1
    done = store.commit()
    assert not network.lose
    written(store, bound("b"))
    network.lose = 1
    last = store.commit()
    network.lose = 1
    store.unlock()
    assert set(done.resources) == {"a0", "a1", "a2"}
    assert remote.read() == last
    assert set(last.resources) == {"a0", "a1", "a2", "b"}
    begun(remote).unlock()


def test_a_lock_whose_answer_is_lost_is_ours(remote: Backend, network: Proxy) -> None:
    begun(remote).unlock()
    network.lose = 1
    store = begun(remote)
    written(store, bound("a"))
    store.commit()
    store.unlock()
    state = remote.read()
    assert state is not None
    assert set(state.resources) == {"a"}


def test_without_the_network_nothing_more_is_written_and_nothing_is_lost(remote: Backend, network: Proxy) -> None:
    store = begun(remote)
    written(store, intent("a"), bound("a"), intent("b"))
    network.cut()
    with pytest.raises(StateError) as error:
        written(store, intent("c"))
    assert code(error) == "store-unreachable"
    network.mend()
    with pytest.raises(StateError):
        written(store, intent("d"))  # what became of the write before is not known
    state = remote.read()
    assert state is not None
    assert set(state.resources) == {"a"}
    assert "b" in state.pending
    assert "d" not in state.pending
    store.unlock()
    remote.expire()
    after = begun(remote)
    written(after, bound("b"))
    done = after.commit()
    after.unlock()
    assert {"a", "b"} <= set(done.resources)


def test_a_server_that_is_not_there_is_told_before_anything(remote: Backend, network: Proxy) -> None:
    network.cut()
    for attempt in (lambda: remote.store().read(), lambda: remote.store().lock("reconciler test")):
        with pytest.raises(StateError) as error:
            attempt()
        assert code(error) == "store-unreachable"
        assert "check" in error.value.problems[0].next


def test_an_apply_that_loses_its_store_stops_and_is_finished_by_the_next(
    live: Cli, server: Server, remote: Backend, network: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.example("snowflake")
    project(live, monkeypatch, remote)
    writes = 0

    def cut(request: Request) -> None:
        nonlocal writes
        writes += request.method == "POST" and "validate" not in request.path
        if writes == 2:
            network.cut()

    server.before.append(cut)
    stopped = live("apply", "-y", "--parallelism", "1")
    assert stopped.code == 1
    assert "Traceback" not in stopped.err
    assert "cannot be" in stopped.err or "PostgreSQL" in stopped.err or "GET" in stopped.err or "POST" in stopped.err
    assert writes == 2, "nothing was sent that could not be written down before"
    server.before.remove(cut)
    network.mend()
    remote.expire()
    live.ok("apply", "-y", "--settle", "0.1")
    assert live("plan", "--detailed-exitcode").code == 0
    tenant = "ORG@AdobeOrg\x1fdev"
    counts = {kind: server.storage.count(tenant, kind) for kind in ("sourceConnections", "targetConnections", "flows")}
    assert counts == {"sourceConnections": 1, "targetConnections": 1, "flows": 1}
