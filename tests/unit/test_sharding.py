"""Parts of a project: together the whole, none overlaps, and what refers to each other stays together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plan.sharding import Shard
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Ref

names = st.sampled_from([f"d{number}" for number in range(12)])
edges = st.lists(st.tuples(names, names), max_size=14)


def resources(links: list[tuple[str, str]], present: set[str]) -> dict[str, Resource]:
    body: dict[str, list[Ref]] = {name: [] for name in present}
    for one, other in links:
        if one in present and other in present and one != other:
            body[one].append(Ref(f"{other}/source"))
    return {
        address: Resource(address, "Flow", {"refs": refs} if address.endswith("flow") else {})
        for name, refs in body.items()
        for address in (f"{name}/source", f"{name}/flow")
    }


def state(links: list[tuple[str, str]], present: set[str]) -> State:
    found = resources(links, present)
    entries = {name: Entry("Flow", name, dependencies=item.dependencies) for name, item in found.items()}
    return State("l", "e", "p", "o", "s", resources=entries)


@given(edges, edges, st.sets(names), st.sets(names), st.integers(1, 6))
def test_parts_are_the_whole(
    new: list[tuple[str, str]], old: list[tuple[str, str]], here: set[str], there: set[str], count: int
) -> None:
    desired, before = resources(new, here), state(old, there)
    parts = [Shard(number, count).addresses(desired, list(before.resources), before) for number in range(1, count + 1)]
    assert sorted(name for part in parts for name in part) == sorted({*desired, *before.resources})
    where = {name: number for number, part in enumerate(parts) for name in part}
    for address in where:
        needs = desired[address].dependencies if address in desired else ()
        held = before.resources[address].dependencies if address in before.resources else ()
        assert all(where[need] == where[address] for need in (*needs, *held) if need in where)
        assert where[address.partition("/")[0] + "/source"] == where[address]


@given(edges, st.sets(names, min_size=1), st.integers(2, 6))
def test_who_looks_while_others_write_sees_the_same_parts(
    links: list[tuple[str, str]], here: set[str], count: int
) -> None:
    """What the others have made in the meantime is in the state."""
    desired = resources(links, here)
    nothing, done = state([], set()), state(links, here)
    half = State("l", "e", "p", "o", "s", resources=dict(list(done.resources.items())[::2]))
    for number in range(1, count + 1):
        shard = Shard(number, count)
        found = shard.addresses(desired, [], nothing)
        assert found == shard.addresses(desired, list(half.resources), half)
        assert found == shard.addresses(desired, list(done.resources), done)


def test_many_dataflows_are_divided_about_evenly() -> None:
    desired = resources([], {f"flow-{number}" for number in range(1000)})
    sizes = [len(Shard(number, 4).addresses(desired, [], state([], set()))) for number in range(1, 5)]
    assert sum(sizes) == 2000
    assert max(sizes) < 1.25 * min(sizes)


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5", "1.0/3"])
def test_what_is_no_part_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no part of a whole"):
        Shard.of(text)


def test_a_part_is_read_as_it_is_written() -> None:
    assert str(Shard.of("2/5")) == "2/5"
    assert Shard.of("2/5") == Shard(2, 5)
