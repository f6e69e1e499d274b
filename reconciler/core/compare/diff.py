"""Three-way comparison: what we last applied, what the manifest wants, what is live -> RFC 6902 instructions.

The rule is that of structured-merge: the fields we declare look exactly so, the rest is not ours; a field
is removed only if we wrote it last time and no longer do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.core.compare.same import is_empty, is_masked, same, same_scalar
from reconciler.core.pointers import matches, parse_pointer, pointer
from reconciler.core.rules import AssociativeList, Cause, FieldChange, Reason, Rules
from reconciler.core.trees import leaves, without_nulls
from reconciler.core.values import MISSING, Fingerprint, Path, Ref, Secret, Tree

SecretChanged = Callable[[Secret, Fingerprint | None], bool | None]
"""Tells whether a secret differs from the fingerprint last applied; None when it cannot be told."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A comparison: `fields` for people, `patch` for the wire, `unchecked` paths that nobody can compare."""

    fields: tuple[FieldChange, ...] = ()
    patch: tuple[Tree, ...] = ()
    unchecked: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields)


@dataclass(slots=True)
class _Walk:
    rules: Rules
    ignore: Sequence[str]
    shared: Sequence[str]
    sensitive: Sequence[str]
    secret_changed: SecretChanged
    only: Collection[Path] | None = None
    fields: list[FieldChange] = field(default_factory=list)
    ops: list[Tree] = field(default_factory=list)
    unchecked: list[Path] = field(default_factory=list)

    def value(self, path: Path, at: Path, want: Tree, applied: Tree, live: Tree) -> None:
        """Compare one value; `path` names it by keys, `at` by live indices."""
        if any(matches(pattern, path) for pattern in self.ignore):
            return
        unit = self.rules.unit(path)
        start = len(self.ops)
        if want is MISSING:
            self._gone(path, at, applied, live)
        elif want is None:
            if live is not MISSING and live is not None:
                self._edit(path, at, live, MISSING, applied)
        elif isinstance(want, Secret | Fingerprint) or self._is_unseen(path, want, applied, live):
            self._write_only(path, at, want, applied, live)
        elif isinstance(want, dict) and isinstance(live, dict):
            self._members(path, at, want, applied, live)
        elif isinstance(want, dict) and isinstance(applied, dict) and live is MISSING and self._is_part(path):
            self._members(path, at, want, applied, {})
        elif isinstance(want, list) and isinstance(live, list) and (rule := self.rules.associative(path)):
            self._set(rule, path, at, want, applied, live)
        elif isinstance(want, Ref) or not _alike(want, live):
            self._edit(path, at, live, want, applied)
        if unit and len(self.ops) > start and want is not MISSING and want is not None:
            value = want if unit == "declared" else _overlay(live, want, applied)
            self.ops[start:] = [_op(at, live, without_nulls(value))]

    def _is_unseen(self, path: Path, want: Tree, applied: Tree, live: Tree) -> bool:
        """Tell whether the answer does not show the value at `path`: it is masked, or left out."""
        if self.rules.is_write_only(path):
            return True
        if isinstance(live, str):
            return is_masked(live) and not same(want, live)
        if live is not MISSING:
            return False
        # a field that cannot change cannot have been removed: an answer without it does not show it
        return self.rules.is_partly_shown(path) or (
            applied is not MISSING and self.rules.forces_replace(path) and _alike(want, applied)
        )

    def _is_part(self, path: Path) -> bool:
        """Tell whether the platform may show any part of the value at `path`, or nothing of it."""
        return self.rules.has_inside(Reason.PARTLY_SHOWN, path)

    def _members(self, path: Path, at: Path, want: dict[str, Tree], applied: Tree, live: dict[str, Tree]) -> None:
        before = applied if isinstance(applied, dict) else {}
        for key in [*want, *(key for key in before if key not in want)]:
            self.value(
                (*path, key),
                (*at, key),
                want.get(key, MISSING),
                before.get(key, MISSING),
                live.get(key, MISSING),
            )

    def _gone(self, path: Path, at: Path, applied: Tree, live: Tree) -> None:
        """A field no longer declared: remove what we wrote, and only that; empty is as good as gone."""
        if applied is MISSING or applied is None or live is MISSING or live is None or is_empty(live):
            return
        if self.rules.is_released(path, applied):
            return
        if (
            isinstance(applied, dict)
            and isinstance(live, dict)
            and (not live.keys() <= applied.keys() or self.rules.has_inside(Reason.RELEASED, path))
        ):
            self._members(path, at, {}, applied, live)
        else:
            self._edit(path, at, live, MISSING, applied)

    def _write_only(self, path: Path, at: Path, want: Tree, applied: Tree, live: Tree) -> None:
        """A value the platform does not show: compare with what was last applied."""
        if isinstance(want, Fingerprint):
            self.unchecked.append(path)
        elif isinstance(want, Secret):
            seen = applied if isinstance(applied, Fingerprint) else None
            if seen is None:
                changed = None if live is not MISSING else True
            else:
                changed = self.secret_changed(want, seen)
            if changed is None:
                self.unchecked.append(path)
            elif changed:
                self._edit(path, at, MISSING if live is MISSING else seen, want, applied)
        elif applied is MISSING or same(want, applied) or (isinstance(applied, str) and is_masked(applied)):
            self.unchecked.append(path)
        else:
            absent = live is MISSING and not self.rules.is_write_only(path)
            self._edit(path, at, MISSING if absent else applied, want, applied)

    def _set(
        self, rule: AssociativeList, path: Path, at: Path, want: list[Tree], applied: Tree, live: list[Tree]
    ) -> None:
        """A list that means a set: replaces and inner changes first, then removals from the end, then additions."""
        places, doubles = _places(rule, live)
        before = dict(members_by_key(rule, applied)) if isinstance(applied, list) else {}
        wanted = dict(members_by_key(rule, want))
        added = []
        for key, member in wanted.items():
            if key not in places:
                added.append((key, member))
                continue
            index = places[key]
            start = len(self.ops)
            self.value((*path, key), (*at, str(index)), member, before.get(key, MISSING), live[index])
            if len(self.ops) > start and not rule.deep:
                merged = without_nulls(_overlay(live[index], member, before.get(key, MISSING)))
                self.ops[start:] = [_op((*at, str(index)), live[index], merged)]
        ours_alone = rule.exclusive and pointer(path) not in self.shared
        removed = [
            (index, key, before.get(key, MISSING))
            for key, index in places.items()
            if key not in wanted and (ours_alone or key in before)
        ] + [(index, key, MISSING) for index, key in doubles if ours_alone]  # a second one was never applied
        for index, key, was in sorted(removed, reverse=True):
            self._edit((*path, key), (*at, str(index)), live[index], MISSING, was)
        for key, member in added:
            self._edit((*path, key), (*at, "-"), MISSING, member, before.get(key, MISSING))

    def _edit(self, path: Path, at: Path, old: Tree, new: Tree, applied: Tree) -> None:
        if self.only is not None and not any(_related(path, place) for place in self.only):
            return
        hidden = isinstance(new, Secret) or any(matches(place, path) for place in self.sensitive)
        self.fields.append(FieldChange(path, old, new, _cause(new, applied, old), hidden))
        self.ops.append(_op(at, old, MISSING if new is MISSING else without_nulls(new)))


def _related(one: Path, other: Path) -> bool:
    """Tell whether one of two places is the other, or lies in it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _alike(want: Tree, live: Tree) -> bool:
    if is_empty(want) and (live is MISSING or live is None or is_empty(live)):
        return True
    if isinstance(want, dict | list):
        return live is not MISSING and same(without_nulls(want), without_nulls(live))
    return live is not MISSING and not isinstance(live, dict | list) and same_scalar(want, live)


def _cause(new: Tree, applied: Tree, old: Tree) -> Cause:
    if isinstance(new, Ref) or (isinstance(new, dict | list) and any_ref(new)):
        return "dependency"
    if applied is MISSING or isinstance(applied, Fingerprint):
        return "outside" if new is MISSING else "manifest"
    wanted_before = new is not MISSING and same(new, applied)
    if wanted_before:
        return "outside"
    return "manifest" if old is not MISSING and same(old, applied) else "both"


def any_ref(tree: Tree) -> bool:
    """Tell whether a value in `tree` is known only after apply."""
    return any(isinstance(leaf, Ref) for _, leaf in leaves(tree))


def _op(at: Path, old: Tree, new: Tree) -> Tree:
    path = pointer(at)
    if new is MISSING:
        return {"op": "remove", "path": path}
    verb = "add" if old is MISSING or at[-1:] == ("-",) else "replace"
    return {"op": verb, "path": path, "value": new}


def _overlay(live: Tree, want: Tree, applied: Tree) -> Tree:
    """Return `live` with everything declared laid over it, and without what we no longer declare."""
    if not isinstance(live, dict) or not isinstance(want, dict):
        return want
    gone = set(applied) - set(want) if isinstance(applied, dict) else set()
    merged = {key: value for key, value in live.items() if key not in gone}
    for key, value in want.items():
        inner = applied.get(key, MISSING) if isinstance(applied, dict) else MISSING
        merged[key] = _overlay(live.get(key, MISSING), value, inner)
    return merged


def members_by_key(rule: AssociativeList, members: Iterable[Tree]) -> Iterable[tuple[str, Tree]]:
    """Yield each member of a keyed set with the text of its key; one without the key is keyed by its own text."""
    steps = parse_pointer(rule.key)
    for member in members:
        found = member
        for step in steps:
            found = found.get(step, MISSING) if isinstance(found, dict) else MISSING
        yield str(member if found is MISSING else found), member


def _places(rule: AssociativeList, live: Sequence[Tree]) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """Return the first live index of each key, and the later indices of keys that occur more than once."""
    places: dict[str, int] = {}
    doubles: list[tuple[int, str]] = []
    for index, (key, _) in enumerate(members_by_key(rule, live)):
        if key in places:
            doubles.append((index, key))
        else:
            places[key] = index
    return places, doubles


def never(_secret: Secret, _seen: Fingerprint | None) -> bool | None:
    """Return None: a change of a secret cannot be detected."""
    return None


def compare(
    rules: Rules,
    desired: Tree,
    applied: Tree,
    live: Tree,
    *,
    ignore: Sequence[str] = (),
    shared: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    secret_changed: SecretChanged = never,
    only: Collection[Path] | None = None,
) -> Delta:
    """Return what must change in `live` so that it shows `desired`.

    `applied` is what we wrote last (MISSING when we never did); `ignore`, `shared` and `sensitive` are
    pointers into the body. All three trees are in the kind's canonical form. `only` leaves everything but these
    places, and what lies in or around them, as it is.
    """
    walk = _Walk(rules, ignore, shared, sensitive, secret_changed, only)
    walk.value((), (), desired, applied, live)
    return Delta(tuple(walk.fields), tuple(walk.ops), tuple(walk.unchecked))


def at_path(rules: Rules, tree: Tree, path: Path) -> Tree:
    """Return the value at `path` (by keys) of `tree`, or MISSING."""
    here = tree
    for depth, step in enumerate(path):
        if isinstance(here, dict):
            here = here.get(step, MISSING)
        elif isinstance(here, list) and (rule := rules.associative(path[:depth])):
            here = dict(members_by_key(rule, here)).get(step, MISSING)
        else:
            return MISSING
    return here
