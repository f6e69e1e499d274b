"""What a reviewer is shown of a body: the declared part of what is live, and no secret."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.compare.diff import members_by_key
from reconciler.core.pointers import matches
from reconciler.core.rules import Rules
from reconciler.core.values import SENSITIVE, Path, Tree


def project(rules: Rules, live: Tree, declared: Tree, path: Path = (), *, others: bool = True) -> Tree:
    """Return the part of `live` that `declared` speaks of: what a reviewer sees as "before".

    Members of a set that are not declared are shown too, unless `others` is false.
    """
    if isinstance(live, dict) and isinstance(declared, dict):
        return {
            key: project(rules, live[key], value, (*path, key), others=others)
            for key, value in declared.items()
            if key in live
        }
    if isinstance(live, list) and isinstance(declared, list) and (rule := rules.associative(path)):
        wanted = dict(members_by_key(rule, declared))
        return [
            project(rules, member, wanted[key], (*path, key), others=others) if key in wanted else member
            for key, member in members_by_key(rule, live)
            if others or key in wanted
        ]
    return live


def mask(tree: Tree, sensitive: Collection[str], path: Path = ()) -> Tree:
    """Return `tree` with `(sensitive)` at every pointer in `sensitive`."""
    if not sensitive:
        return tree
    if path and tree is not None and any(matches(place, path) for place in sensitive):
        return SENSITIVE
    if isinstance(tree, dict):
        return {key: mask(value, sensitive, (*path, key)) for key, value in tree.items()}
    return tree
