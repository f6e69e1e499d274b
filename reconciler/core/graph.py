"""Order: edges from references, cycles named, what comes before what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

Edges = Mapping[str, Iterable[str]]
"""For each node, the nodes that must come before it."""


def order(edges: Edges) -> list[str]:
    """Return the nodes so that each comes after all it needs; nodes that are free of each other by name.

    Raises `graphlib.CycleError`; `cycle` names one without raising.
    """
    sorter = TopologicalSorter({node: set(needs) for node, needs in edges.items()})
    sorter.prepare()
    result: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        result.extend(ready)
        sorter.done(*ready)
    return result


def cycle(edges: Edges) -> list[str] | None:
    """Return one cycle as a path that ends where it began, or None when there is none."""
    if not _has_cycle(edges):
        return None
    try:
        TopologicalSorter({node: set(needs) for node, needs in edges.items()}).prepare()
    except CycleError as error:
        # graphlib walks from a node to what needs it; people read "needs", so turn it round
        return list(reversed(error.args[1]))
    return None


def _has_cycle(edges: Edges) -> bool:
    """Tell whether some nodes never become free of needs; to name them is slower, and seldom needed."""
    open_needs = {node: len(set(needs)) for node, needs in edges.items()}
    users: dict[str, list[str]] = {}
    for node, needs in edges.items():
        for need in set(needs):
            users.setdefault(need, []).append(node)
    free = [node for node, count in open_needs.items() if not count]
    free += [need for need in users if need not in open_needs]
    for node in free:  # grows while it is walked
        for user in users.get(node, ()):
            open_needs[user] -= 1
            if not open_needs[user]:
                free.append(user)
    return any(open_needs.values())


def with_needs(nodes: Iterable[str], edges: Edges) -> set[str]:
    """Return `nodes` and everything they need, directly or not."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(edges.get(node, ()))
    return found


def reversed_edges(edges: Edges) -> dict[str, list[str]]:
    """Return, for each node, the nodes that need it, sorted."""
    users: dict[str, list[str]] = {}
    for node, needs in edges.items():
        for need in needs:
            users.setdefault(need, []).append(node)
    return {node: sorted(found) for node, found in users.items()}
