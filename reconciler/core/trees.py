"""Walks over JSON trees: their leaves, changed copies, and their text."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from reconciler.core.values import Lookup, Path, Ref, Secret, Tree

T = TypeVar("T")


def members(tree: Tree) -> dict[str, Tree]:
    """Return the members of a mapping; any other value has none."""
    return tree if isinstance(tree, dict) else {}


def elements(tree: Tree) -> list[Tree]:
    """Return the elements of a list; any other value has none."""
    return tree if isinstance(tree, list) else []


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tree]]:
    """Yield every leaf of `tree` with its path; lists are stepped into by index, empty containers are leaves."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(tree, list) and tree:
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, str(index)))
    else:
        yield path, tree


def transform(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """Return a copy of `tree` with `change` applied to every leaf that is not a container."""
    if isinstance(tree, dict):
        return {key: transform(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [transform(value, change) for value in tree]
    return change(tree)


def of_kind(tree: Tree, *kinds: type[T]) -> list[T]:
    """Return every leaf of just these kinds, in no order: of many bodies, where `leaves` with its paths costs more."""
    found: list[T] = []
    waiting: list[Iterable[Tree]] = [(tree,)]
    while waiting:
        for item in waiting.pop():
            if type(item) is str:
                continue  # most leaves of most bodies
            if type(item) is dict:
                waiting.append(item.values())
            elif type(item) is list:
                waiting.append(item)
            elif isinstance(item, kinds):
                found.append(item)
    return found


def refs(tree: Tree) -> set[Ref]:
    """Return every `Ref` in `tree`."""
    return set(of_kind(tree, Ref))


def secrets(tree: Tree) -> set[Secret]:
    """Return every `Secret` in `tree`."""
    return set(of_kind(tree, Secret))


def resolve(tree: Tree, known: Mapping[Ref, Tree]) -> Tree:
    """Return `tree` with every `Ref` in `known` replaced by its value; others are unchanged."""
    return transform(tree, lambda leaf: known.get(leaf, leaf) if isinstance(leaf, Ref) else leaf)


def filled(tree: Tree, other: Tree) -> Tree:
    """Return `tree` with the values of `other` for references to objects that do not exist yet, and for look-ups."""
    if isinstance(tree, Ref | Lookup):
        return other
    if isinstance(tree, dict) and isinstance(other, dict):
        return {key: filled(value, other.get(key)) for key, value in tree.items()}
    if isinstance(tree, list) and isinstance(other, list):
        return [*map(filled, tree, other), *tree[len(other) :]]
    return tree


def without_nulls(tree: Tree) -> Tree:
    """Return `tree` without the members whose value is null: what an explicit null means in a create.

    One that has none is returned itself: ten thousand bodies need not be copied.
    """
    if type(tree) is dict:
        found = {key: without_nulls(value) for key, value in tree.items() if value is not None}
        return found if len(found) < len(tree) or any(found[key] is not tree[key] for key in found) else tree
    if type(tree) is list:
        items = [without_nulls(value) for value in tree]
        return items if any(map(operator.is_not, items, tree)) else tree
    return tree


def merge_patch(target: Tree, patch: Tree) -> Tree:
    """Return `target` after the RFC 7386 merge of `patch`, save that a null stays, as "must be absent"."""
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return patch
    merged = dict(target)
    for key, value in patch.items():
        merged[key] = merge_patch(target[key], value) if key in target else value
    return merged


def canonical_json(tree: Tree) -> str:
    """Return `tree` as JSON with sorted keys and no blanks, the same text for the same value."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
