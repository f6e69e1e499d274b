"""The state file, its journal and its lock."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fingerprint import UNPROVEN, Fingerprinter
from reconciler.core.problems import ReconcilerError, StateError
from reconciler.core.provenance import Provenance
from reconciler.core.state import codec
from reconciler.core.state.model import Deposed, Entry, Pending, Record, State, fold
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret
from reconciler.stores.local import local_store
from reconciler.stores.store import Store

EMPTY = State("lineage", "default", "https://p", "org", "dev")


def entry(ident: str, *needs: str) -> Entry:
    return Entry("Flow", ident, '"e"', Provenance("a.yaml"), {"name": ident}, needs)


def store(folder: Path, records: int = 0) -> Store:
    """Return a locked store with a state and so many records in its journal."""
    made = local_store(folder, "default")
    made.lock("test")
    made.begin(EMPTY)
    for number in range(records):
        asyncio.run(made.append([Record("bound", f"a{number}", entry=entry(str(number)))]))
    return made


def test_a_run_is_folded_at_its_end(tmp_path: Path) -> None:
    made = store(tmp_path, 3)
    assert (tmp_path / "default.journal").exists()
    state = made.commit()
    made.unlock()
    assert state.serial == 1
    assert set(state.resources) == {"a0", "a1", "a2"}
    assert not (tmp_path / "default.journal").exists()
    assert local_store(tmp_path, "default").read() == state
    assert json.loads((tmp_path / "default.json.backup").read_text())["serial"] == 0


def test_a_killed_run_is_folded_by_whoever_comes_next(tmp_path: Path) -> None:
    store(tmp_path, 2).unlock()
    before = (tmp_path / "default.json").read_bytes()
    seen = local_store(tmp_path, "default").read()
    assert seen is not None
    assert set(seen.resources) == {"a0", "a1"}
    assert (tmp_path / "default.json").read_bytes() == before, "reading writes nothing"
    writer = local_store(tmp_path, "default")
    writer.lock("test")
    assert writer.begin(EMPTY) == seen
    writer.unlock()
    assert local_store(tmp_path, "default").read() == seen


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_was_never_sent(tmp_path: Path, cut: int) -> None:
    store(tmp_path, 2).unlock()
    journal = tmp_path / "default.journal"
    journal.write_bytes(journal.read_bytes()[:-cut])
    seen = local_store(tmp_path, "default").read()
    assert seen is not None
    assert set(seen.resources) == {"a0"}


def test_a_journal_folded_already_is_not_folded_twice(tmp_path: Path) -> None:
    made = store(tmp_path, 1)
    journal = (tmp_path / "default.journal").read_bytes()
    state = made.commit()
    made.unlock()
    (tmp_path / "default.journal").write_bytes(journal)  # the process died before it could remove it
    assert local_store(tmp_path, "default").read() == state


def test_a_journal_of_another_state_is_refused(tmp_path: Path) -> None:
    store(tmp_path, 1).unlock()
    data = json.loads((tmp_path / "default.json").read_text())
    (tmp_path / "default.json").write_text(json.dumps({**data, "lineage": "other"}))
    with pytest.raises(StateError, match="belongs to another state"):
        local_store(tmp_path, "default").read()
    (tmp_path / "default.json").unlink()
    with pytest.raises(StateError, match="journal"):
        local_store(tmp_path, "default").read()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a usable state"),
        ('{"version": 99}', "newer reconciler"),
        ('{"version": 1, "lineage": "x"}', "not a usable state"),
        ('{"version": 1, "lineage": "x", "serial": 0, "environment": "e", "platform": "p", "organization": "o", '
         '"sandbox": "s", "resources": {"a": {}}}', "not a usable state"),
    ],
)  # fmt: skip
def test_a_broken_state_is_refused_with_the_way_out(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "default.json").write_text(content)
    with pytest.raises(StateError, match=says) as caught:
        local_store(tmp_path, "default").read()
    assert caught.value.problems[0].next


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    store(tmp_path, 2).unlock()
    journal = tmp_path / "default.journal"
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([lines[0], b"{rubbish", *lines[2:]]))
    with pytest.raises(StateError, match="is damaged"):
        local_store(tmp_path, "default").read()


def _hold(folder: str, ready: object, release: object) -> None:
    held = local_store(Path(folder), "default")
    held.lock("reconciler apply")
    ready.set()  # type: ignore[attr-defined]
    release.wait(30)  # type: ignore[attr-defined]


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, release))
    process.start()
    assert ready.wait(30)
    mine = local_store(tmp_path, "default")
    with pytest.raises(StateError, match=f"reconciler apply of .*process {process.pid}, since "):
        mine.lock("test")
    process.kill()
    process.join()
    mine.lock("test", timeout=5)
    mine.unlock()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        local_store(blocked / "state", "default").lock("test")


def test_the_disk_refuses_the_journal(tmp_path: Path) -> None:
    made = store(tmp_path)
    (tmp_path / "default.journal").mkdir()
    with pytest.raises(StateError, match="the next run goes on"):
        asyncio.run(made.append([Record("settled", "a")]))
    made.unlock()


def test_many_appends_share_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = store(tmp_path)
    writes = []
    original = made.medium.add
    monkeypatch.setattr(made.medium, "add", lambda lines, after: (writes.append(lines), original(lines, after)))

    async def many() -> None:
        await asyncio.gather(*(made.append([Record("bound", f"a{n}", entry=entry(str(n)))]) for n in range(200)))

    asyncio.run(many())
    assert len(writes) <= 3
    assert len(made.commit().resources) == 200
    made.unlock()


def test_fold_follows_every_event() -> None:
    old = Entry("Flow", "1", deposed=(Deposed("0", "Flow"),))
    state = State("l", "e", "p", "o", "s", 4, {"a": old, "b": entry("2", "a")})
    pending = Pending("create", "Flow", 1)
    assert fold(state, []) is state
    assert fold(state, [Record("intent", "c", pending=pending)]).pending == {"c": pending}
    assert fold(state, [Record("gone", "a", ident="0")]).resources["a"].deposed == ()
    kept = fold(state, [Record("gone", "a", ident="1")]).resources["a"]
    assert (kept.id, kept.deposed) == ("", old.deposed)
    assert "b" not in fold(state, [Record("gone", "b", ident="2")]).resources
    assert "a" not in fold(state, [Record("forgot", "a")]).resources
    moved = fold(state, [Record("moved", "a", to="z")])
    assert moved.resources["b"].dependencies == ("z",)
    assert moved.serial == 5
    assert fold(state, [Record("gone", "nobody", ident="x")]).resources == state.resources


leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.builds(Ref, st.text(min_size=1))
    | st.builds(Fingerprint, st.sampled_from(["scrypt:salt:0a", "hmac-sha256::0a", "trusted::", "unproven::"]))
    | st.builds(Secret, st.text())
    | st.just(MISSING)
)
trees = st.recursive(
    leaf,
    lambda inner: st.dictionaries(st.text(max_size=4), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(trees)
def test_values_survive_the_file(tree: object) -> None:
    assert codec.decode(json.loads(json.dumps(codec.encode(tree)))) == tree


def test_states_and_records_survive_the_file() -> None:
    full = Entry(
        "MappingSet",
        "m",
        None,
        Provenance("f", protect=True, allow_data_loss=True, labels={"team": "crm"}),
        {"a": [Fingerprint("scrypt:salt:0a")]},
        ("b",),
        {"version": 3},
        (Deposed("o", "Flow", ("b",)),),
    )
    sent = {"k": Fingerprint("hmac-sha256::0b")}
    waiting = Pending("create", "Flow", 5, ("twin",), None, "n", sent, "d", full.provenance, ("m",), "c")
    state = State("l", "e", "p", "o", "s", 2, {"m": full}, {"w": waiting})
    assert codec.state_of(json.loads(json.dumps(codec.state_json(state))), "x") == state
    for record in (
        Record("bound", "m", entry=full),
        Record("intent", "w", pending=waiting),
        Record("gone", "m", ident="i"),
        Record("moved", "m", to="t"),
    ):
        assert codec.record_of(json.loads(json.dumps(codec.record_json(record)))) == record


def test_a_literal_secret_is_never_written() -> None:
    with pytest.raises(ReconcilerError, match="cannot be saved"):
        codec.encode({"a": [Secret("hush", literal=True)]})


def test_fingerprints() -> None:
    plain, keyed = Fingerprinter(None, "salt"), Fingerprinter(b"key", "salt")
    made = plain.make("value")
    assert "value" not in made.digest
    assert plain.matches("value", made) is True
    assert plain.matches("other", made) is False
    assert keyed.matches("value", made) is True, "a key given later still checks the old ones"
    signed = keyed.make("value")
    assert keyed.matches("value", signed) is True
    assert plain.matches("value", signed) is None
    assert Fingerprinter(b"other", "salt").matches("value", signed) is False
    assert plain.make("value") != Fingerprinter(None, "pepper").make("value")
    assert plain.matches("value", UNPROVEN) is False
