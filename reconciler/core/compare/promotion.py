"""How the desired objects of two environments differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.core.compare.diff import at_path, members_by_key
from reconciler.core.compare.lens import normalized
from reconciler.core.compare.same import same_scalar
from reconciler.core.compare.views import mask
from reconciler.core.kind import Kinds
from reconciler.core.resource import Resource
from reconciler.core.rules import NO_RULES, Rules
from reconciler.core.values import MISSING, Path, Ref, Secret, Tree

Resources = Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not the same: there in one environment only, or with `fields` of (path, before, after)."""

    address: str
    kind: str
    status: Literal["changed", "onlyFrom", "onlyTo"]
    fields: tuple[tuple[Path, Tree, Tree], ...] = ()
    rules: Rules = field(default=NO_RULES, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Promotion:
    """How two environments differ.

    `variables` are those in use, by name, each with the value of both sides; `differences` are all others.
    """

    source: str
    target: str
    variables: Mapping[str, tuple[Tree, Tree]]
    differences: tuple[Difference, ...]


def differences(
    kinds: Kinds, pairs: tuple[tuple[Resources, Resources], tuple[Resources, Resources]]
) -> list[Difference]:
    """Return what differs between two environments whatever their variables, with each one's own values.

    The first pair are both with the variables of the first environment, the second both with those of the second:
    what is equal in both pairs differs by variables alone.
    """
    (left, right_as_left), (left_as_right, right) = pairs
    found = []
    for address in sorted(left.keys() | right.keys()):
        mine, theirs = left.get(address), right.get(address)
        if mine is None or theirs is None:
            there = mine or theirs
            assert there is not None
            found.append(Difference(address, there.kind, "onlyFrom" if theirs is None else "onlyTo"))
            continue
        kind = kinds[mine.kind]
        rules = kind.rules(mine.body)

        bodies = [
            normalized(kinds[item.kind], item.body)
            for item in (mine, right_as_left[address], left_as_right[address], theirs)
        ]
        places = dict.fromkeys(
            path for one, other in (bodies[:2], bodies[2:]) for path in _differ(rules, (), one, other)
        )
        if places:
            one, other = mask(bodies[0], mine.sensitive), mask(bodies[3], theirs.sensitive)
            fields = tuple((path, at_path(rules, one, path), at_path(rules, other, path)) for path in places)
            found.append(Difference(address, mine.kind, "changed", fields, rules))
    return found


def _differ(rules: Rules, path: Path, one: Tree, other: Tree) -> Iterator[Path]:
    """Yield the places at which two trees differ; members of a set are told apart by their keys."""
    if isinstance(one, list) and isinstance(other, list) and (rule := rules.associative(path)):
        one, other = dict(members_by_key(rule, one)), dict(members_by_key(rule, other))
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            yield from _differ(rules, (*path, key), one.get(key, MISSING), other.get(key, MISSING))
    elif not _equal(one, other):
        yield path


def _equal(one: Tree, other: Tree) -> bool:
    leaves = (Secret, Ref, list, dict, type(MISSING))
    if isinstance(one, leaves) or isinstance(other, leaves):
        return bool(one == other)
    return same_scalar(one, other)
