"""Compares the objects of one kind: every tree is brought into the vocabulary of the kind first, and only here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.abilities import Asynchronous
from reconciler.core.compare import same
from reconciler.core.compare.diff import Delta, SecretChanged, at_path, compare, never
from reconciler.core.compare.overlap import Overlap, overlaps
from reconciler.core.compare.views import project
from reconciler.core.kind import Kind
from reconciler.core.rules import FieldChange, Rules
from reconciler.core.values import MISSING, Path, Tree


class Treatment(Protocol):
    """The pointers of a resource or change that say how single fields are compared."""

    @property
    def ignore(self) -> Sequence[str]:
        """Fields that are left as they are."""
        ...

    @property
    def shared(self) -> Sequence[str]:
        """Associative lists that others may add to."""
        ...

    @property
    def sensitive(self) -> Sequence[str]:
        """Fields that are never shown."""
        ...


@dataclass(frozen=True, slots=True)
class _Plain:
    ignore: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()


PLAIN: Treatment = _Plain()
"""Nothing is treated in a way of its own."""


def normalized(kind: Kind, tree: Tree) -> Tree:
    """Return `tree`, declared or live, in the vocabulary of its kind; MISSING stays MISSING."""
    return MISSING if tree is MISSING else kind.canonical(tree)


@dataclass(slots=True)
class Lens:
    """Compares a `declared` body of one kind with others, each given as it is in a manifest, the state or an answer.

    `treatment` is the resource or change with the fields to ignore, share and hide; `secret_changed` compares secrets
    with fingerprints. Each tree is normalized once: the declared one for good, of the others the last two are held.
    """

    kind: Kind
    declared: Tree
    treatment: Treatment = PLAIN
    secret_changed: SecretChanged = never
    _declared: tuple[Tree, ...] = ()
    _others: tuple[tuple[Tree, Tree], ...] = field(default=())

    @property
    def rules(self) -> Rules:
        """The rules for the declared body."""
        return self.kind.rules(self.declared)

    def normalized(self, tree: Tree) -> Tree:
        """Return `tree` in the vocabulary of the kind."""
        if tree is self.declared:
            if not self._declared:
                self._declared = (normalized(self.kind, tree),)
            return self._declared[0]
        for other, form in self._others:
            if other is tree:
                return form
        form = normalized(self.kind, self._arrived(tree))
        self._others = (*self._others[-1:], (tree, form))
        return form

    def _arrived(self, tree: Tree) -> Tree:
        """Return a body without a transition towards what is declared: it does not count as a difference."""
        if not isinstance(self.kind, Asynchronous) or not isinstance(tree, dict) or not isinstance(self.declared, dict):
            return tree
        return self.kind.arriving(tree, self.declared)

    def identical(self, live: Tree) -> bool:
        """Tell at a glance whether `live` shows just what is declared; False means that it takes a closer look."""
        return same.identical(self.normalized(live), self.normalized(self.declared))

    def covers(self, live: Tree) -> bool:
        """Tell whether `live` shows everything that is declared."""
        return same.covers(self.normalized(live), self.normalized(self.declared))

    def matches(self, live: Tree) -> bool:
        """Tell whether a plan would change nothing in `live`: sets in any order, unreadable fields left out."""
        return not self.compare(None, live).fields

    def compare(self, applied: Tree, live: Tree, *, only: Collection[Path] | None = None) -> Delta:
        """Return what must change in `live` so that it shows what is declared.

        `applied` is the body last applied, None when there is none. `only` leaves everything but these places, and
        what lies in or around them, as it is.
        """
        return compare(
            self.rules,
            self.normalized(self.declared),
            MISSING if applied is None else self.normalized(applied),
            self.normalized(live),
            ignore=self.treatment.ignore,
            shared=self.treatment.shared,
            sensitive=self.treatment.sensitive,
            secret_changed=self.secret_changed,
            only=only,
        )

    def overlaps(self, fields: Collection[FieldChange], was: Tree, now: Tree) -> list[Overlap]:
        """Return the places at which sending `fields` would undo a change made elsewhere from `was` to `now`."""
        trees = (self.normalized(tree) for tree in (self.declared, was, now))
        return overlaps(self.rules, fields, *trees)

    def project(self, live: Tree, *, others: bool = True) -> Tree:
        """Return the part of `live` that the declared body speaks of, and `others`: undeclared list members."""
        return project(self.rules, self.normalized(live), self.normalized(self.declared), others=others)

    def at(self, tree: Tree, path: Path) -> Tree:
        """Return the value at `path` (by keys) of `tree`, or MISSING."""
        return at_path(self.rules, self.normalized(tree), path)
