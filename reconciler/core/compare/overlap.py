"""Where a change made elsewhere meanwhile touches what we are about to send."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from reconciler.core.compare.diff import at_path
from reconciler.core.compare.same import covers, is_empty, same
from reconciler.core.rules import FieldChange, Rules
from reconciler.core.values import MISSING, Path, Tree


@dataclass(frozen=True, slots=True)
class Overlap:
    """One place that both sides change: `theirs` is what it was changed to, `ours` what it was to become."""

    path: Path
    theirs: Tree
    ours: Tree
    sensitive: bool = False


def overlaps(rules: Rules, fields: Collection[FieldChange], desired: Tree, was: Tree, now: Tree) -> list[Overlap]:
    """Return the places at which sending `fields` would undo what somebody changed from `was` to `now`.

    That is each changed field itself; and, where the API takes the unit around it only as a whole, everything in
    that unit that the replacement would not carry along. A place that already shows what we want is none.
    All trees are in the kind's canonical form.
    """
    found: dict[Path, Overlap] = {}
    for item in fields:
        before, after = at_path(rules, was, item.path), at_path(rules, now, item.path)
        wanted = at_path(rules, desired, item.path)
        if not same(before, after) and not _fulfilled(after, wanted):
            found[item.path] = Overlap(item.path, after, item.new, item.sensitive)
        for path, how in _units(rules, item.path):
            parts = (at_path(rules, tree, path) for tree in (desired, was, now))
            for place, theirs, ours in _undone(path, *parts, keeps_others=how == "merge"):
                found.setdefault(place, Overlap(place, theirs, ours, item.sensitive))
    return list(found.values())


def _fulfilled(live: Tree, wanted: Tree) -> bool:
    if wanted is MISSING or wanted is None:
        return live is MISSING or live is None or is_empty(live)
    return live is not MISSING and covers(live, wanted)


def _units(rules: Rules, path: Path) -> Iterator[tuple[Path, Literal["merge", "declared"]]]:
    """Yield what around `path` goes over the wire as a whole: units, and members of sets that are not patched."""
    for depth in range(len(path) + 1):
        how = rules.unit(path[:depth])
        if how:
            yield path[:depth], how
        rule = rules.associative(path[:depth])
        if rule and not rule.deep and depth < len(path):
            yield path[: depth + 1], "merge"


def _undone(path: Path, ours: Tree, was: Tree, now: Tree, *, keeps_others: bool) -> Iterator[tuple[Path, Tree, Tree]]:
    """Yield the places below `path` where `now` differs from `was` and the whole that is sent says otherwise."""
    if same(was, now) or (_fulfilled(now, ours) and (keeps_others or same(now, ours))):
        return
    if isinstance(was, dict) and isinstance(now, dict) and isinstance(ours, dict):
        for key in dict.fromkeys([*was, *now]):
            yield from _undone(
                (*path, key), ours.get(key, MISSING), was.get(key, MISSING), now.get(key, MISSING),
                keeps_others=keeps_others,
            )  # fmt: skip
    elif ours is not MISSING or not keeps_others:
        yield path, now, ours
