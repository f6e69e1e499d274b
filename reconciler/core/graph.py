"""Order: edges from references, cycles named, what comes before what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

Edges = Mapping[str, Iterable[str]]
"""For each node, the nodes that must come before it."""


def order(edges: Edges) -> list[str]:
    """Return the nodes so that each comes after all it needs; nodes that are free of each other by name.

    Raises `graphlib.CycleError`; `cycle` names one without raising.
    """
    result = [node for level in levels(edges) for node in sorted(level)]
    if not edges.keys() <= set(result):
        TopologicalSorter(edges).prepare()  # raises, and names the circle
    return result


def levels(edges: Edges) -> Iterator[list[str]]:
    """Yield the nodes that are free once all before them are there; none of those that lie in a circle."""
    missing = {node: len(set(needs)) for node, needs in edges.items()}
    users: dict[str, list[str]] = {}
    for node, needs in edges.items():
        for need in set(needs):
            users.setdefault(need, []).append(node)
    level = [node for node, count in missing.items() if not count]
    level += [need for need in users if need not in missing]
    while level:
        yield level
        following = []
        for node in level:
            for user in users.get(node, ()):
                missing[user] -= 1
                if not missing[user]:
                    following.append(user)
        level = following


def cycle(edges: Edges) -> list[str] | None:
    """Return one cycle as a path that ends where it began, or None when there is none."""
    if edges.keys() <= {node for level in levels(edges) for node in level}:
        return None
    try:
        TopologicalSorter({node: set(needs) for node, needs in edges.items()}).prepare()
    except CycleError as error:
        # graphlib walks from a node to what needs it; people read "needs", so turn it round
        return list(reversed(error.args[1]))
    return None


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
