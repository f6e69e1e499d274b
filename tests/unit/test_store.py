"""A store over a medium in memory: what it reads, which serials it writes, and what a failed write stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from reconciler.core.problems import Problem, StateError
from reconciler.core.state.model import Entry, Record, State
from reconciler.stores.store import Store
from reconciler.stores.text import Blocks, header_of, line_of, parts_of, state_text

EMPTY = State("lineage", "dev", "https://p", "org", "sandbox")
ONE = Entry("Flow", "1")
BOUND = Record("bound", "a", entry=ONE)


@dataclass
class Memory:
    """A medium that keeps a state, or a state with each write where it has no journal."""

    where: str = "memory"
    kept: State | None = None
    left: list[tuple[str, list[bytes]]] = field(default_factory=list)
    whole: bool = False
    held: bool = False
    taken_over: bool = False
    others: int = 0
    """How often another run writes while the state is read."""
    done: list[str] = field(default_factory=list)
    added: list[bytes] = field(default_factory=list)
    refuses: StateError | None = None

    def prepared(self) -> bool:
        return True

    def exists(self) -> bool:
        return self.kept is not None

    def text(self) -> Blocks | None:
        self.done.append("text")
        return None if self.kept is None else parts_of(b"".join(state_text(self.kept)))

    def current(self) -> bool:
        self.others -= 1
        return self.others < 0

    def journals(self, state: State) -> Iterator[tuple[str, list[bytes]]]:
        yield from self.left

    def lock(self, command: str, timeout: float) -> None:
        self.done.append(f"lock {command} {timeout}")
        if self.refuses is not None:
            raise self.refuses
        self.held = True

    def unlock(self) -> None:
        self.done.append("unlock")
        self.held = False

    def release(self, ident: str) -> str:
        return f"released {ident}"

    def start(self, state: State) -> None:
        self.done.append(f"start {state.serial}")
        self.left = []

    def add(self, lines: bytes, after: Callable[[], State]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.added.append(lines)
        if self.whole:
            self.kept = after()

    def save(self, state: State) -> State:
        self.done.append(f"save {state.serial}")
        self.kept = state
        return state

    def retire(self) -> str:
        return "elsewhere"


def writer(memory: Memory) -> Store:
    made = Store(memory)
    made.lock("reconciler test")
    return made


def test_a_lock_is_waited_for_as_long_as_asked() -> None:
    memory = Memory()
    Store(memory).lock("reconciler test", 7)
    assert memory.done == ["lock reconciler test 7"]
    refused = Memory(refuses=StateError(Problem("locked", "held")))
    with pytest.raises(StateError):
        Store(refused).lock("reconciler test")
    assert refused.done == ["lock reconciler test 0", "unlock"], "nothing stays open"


def test_a_reader_leaves_nothing_open_and_a_writer_keeps_its_lock() -> None:
    memory = Memory(kept=EMPTY)
    assert Store(memory).exists()
    assert memory.done == ["unlock"]
    assert Store(memory).read() == EMPTY
    assert memory.done == ["unlock", "text", "unlock"]
    made = writer(memory)
    memory.done.clear()
    assert made.read() == EMPTY
    assert made.exists()
    assert memory.done == ["text"]
    assert not Store(Memory()).exists()
    assert Store(Memory()).read() is None


def test_a_lock_is_released_by_its_id() -> None:
    memory = Memory()
    assert Store(memory).release("7") == "released 7"
    assert memory.done == ["unlock"]


@pytest.mark.parametrize(("others", "reads"), [(0, 1), (3, 4), (9, 10)])
def test_a_state_that_changes_while_it_is_read_is_read_again(others: int, reads: int) -> None:
    memory = Memory(kept=EMPTY, others=others)
    assert Store(memory).read() == EMPTY
    assert memory.done.count("text") == reads


def test_a_state_that_always_changes_is_given_up() -> None:
    with pytest.raises(StateError) as error:
        Store(Memory(kept=EMPTY, others=10)).read()
    assert error.value.problems == (
        Problem("state-busy", "memory is written all the time", "wait for the run that writes it"),
    )


def test_a_writer_starts_from_what_it_read_without_reading_again() -> None:
    memory = Memory(kept=replace(EMPTY, serial=4))
    made = writer(memory)
    made.read()
    assert made.begin(EMPTY).serial == 4
    assert memory.done == ["lock reconciler test 0", "text", "start 4"]


def test_a_first_writer_starts_from_its_own_state() -> None:
    memory = Memory()
    assert writer(memory).begin(EMPTY) == EMPTY
    assert memory.done == ["lock reconciler test 0", "text", "save 0", "start 0"]


def test_a_state_that_was_taken_from_another_run_gets_another_serial() -> None:
    memory = Memory(kept=replace(EMPTY, serial=4), taken_over=True)
    assert writer(memory).begin(EMPTY).serial == 5
    assert memory.done[-2:] == ["save 5", "start 5"]


@pytest.mark.parametrize(("serial", "folded"), [(3, False), (4, True)])
def test_the_journal_of_a_killed_run_is_folded_once(serial: int, folded: bool) -> None:
    memory = Memory(kept=replace(EMPTY, serial=4))
    memory.left = [("empty", []), ("old", [header_of(replace(EMPTY, serial=serial)), line_of(BOUND)])]
    state = Store(memory).read()
    assert state is not None
    assert set(state.resources) == ({"a"} if folded else set())
    assert writer(memory).begin(EMPTY).resources == state.resources
    assert [word for word in memory.done if word.startswith("save")] == (["save 5"] if folded else [])


@pytest.mark.parametrize(("lineage", "serial"), [("lineage", 5), ("other", 4), ("other", 3)])
def test_a_journal_of_another_state_is_refused(lineage: str, serial: int) -> None:
    memory = Memory(kept=replace(EMPTY, serial=4))
    memory.left = [("old", [header_of(replace(EMPTY, lineage=lineage, serial=serial)), line_of(BOUND)])]
    with pytest.raises(StateError) as error:
        Store(memory).read()
    assert error.value.problems == (
        Problem(
            "journal-foreign", f"old belongs to another state (lineage {lineage}, serial {serial})",
            "restore the memory it was written beside, or move the journal away",
        ),
    )  # fmt: skip


def test_many_appends_share_a_write_and_are_folded() -> None:
    memory = Memory()
    made = writer(memory)
    made.begin(EMPTY)

    async def main() -> None:
        records = [Record("bound", name, entry=ONE) for name in "abc"]
        await asyncio.gather(*(made.append([record]) for record in records))

    asyncio.run(main())
    assert memory.added == [
        line_of(BOUND),
        line_of(Record("bound", "b", entry=ONE)) + line_of(Record("bound", "c", entry=ONE)),
    ]
    assert set(made.books.entries) == {"a", "b", "c"}
    state = made.commit()
    assert (state.serial, set(state.resources)) == (1, {"a", "b", "c"})
    assert memory.kept == state
    assert made.commit() == state, "nothing was written since"
    assert memory.done[-2:] == ["save 1", "start 1"]


def test_a_medium_without_a_journal_gets_the_whole_state() -> None:
    memory = Memory(whole=True)
    made = writer(memory)
    made.begin(replace(EMPTY, serial=3))
    asyncio.run(made.append([BOUND]))
    asyncio.run(made.append([Record("bound", "b", entry=ONE), Record("gone", "a", ident="1")]))
    assert memory.kept is not None
    assert (memory.kept.serial, memory.kept.lineage) == (3, "lineage")
    assert "b" in memory.kept.resources
    assert memory.kept.resources == made.commit().resources


def test_after_a_refused_write_nothing_more_is_written() -> None:
    memory = Memory()
    made = writer(memory)
    made.begin(EMPTY)
    memory.refuses = StateError(Problem("disk", "full"))
    for _ in range(2):
        with pytest.raises(StateError, match="full"):
            asyncio.run(made.append([BOUND]))
        memory.refuses = None
    assert memory.added == []
    assert made.books.entries == {}
    made.lock("reconciler test")
    made.begin(EMPTY)
    asyncio.run(made.append([BOUND]))
    assert memory.added == [line_of(BOUND)], "another lock begins again"


@pytest.mark.parametrize(("wanted", "after", "serial"), [(0, None, 0), (7, None, 7), (0, 4, 5), (5, 4, 5), (9, 4, 9)])
def test_a_state_that_replaces_another_follows_it(wanted: int, after: int | None, serial: int) -> None:
    memory = Memory(kept=EMPTY)
    made = writer(memory)
    other = None if after is None else replace(EMPTY, serial=after)
    state = made.replace(replace(EMPTY, serial=wanted, resources={"a": ONE}), other)
    assert (state.serial, memory.kept) == (serial, state)
    assert memory.done[-2:] == [f"save {serial}", f"start {serial}"]
    assert set(made.books.entries) == {"a"}
    assert made.commit() == state
