"""Rules of a kind as data: how declared fields are compared, changed and shown; and one changed field as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from reconciler.core.pointers import matches, matches_exactly, parse_pointer, pointer
from reconciler.core.values import MISSING, Path, Tree

Cause = Literal["manifest", "outside", "both", "dependency"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that will change: `path` by keys, `old` as live, `new` as desired; MISSING where there is none."""

    path: Path
    old: Tree
    new: Tree
    cause: Cause = "manifest"
    sensitive: bool = False


class Reason(StrEnum):
    """Why a field is not compared or changed like any other; plans print the code."""

    IMMUTABLE = "immutable"
    """A change of the field forces a replace."""
    ATOMIC = "atomic"
    """The API accepts the field only as a whole."""
    WRITE_ONLY = "write-only"
    """The platform never returns the field: it is compared with the last applied value."""
    SERVER_OWNED = "server-owned"
    """The platform writes the field itself: no manifest declares it, and an export leaves it out."""
    PROBED = "probed"
    """After a change of the field the platform is asked whether the object still works."""
    PARTLY_SHOWN = "partly-shown"
    """The platform may leave the field out of an answer: where it does, the value last applied counts."""
    RELEASED = "released"
    """The field is left as it is when it leaves the manifest: an older version declared it of its own accord."""
    INCOMPATIBLE = "incompatible"
    """The platform refuses this change of the object as it is; the kind decides, no rule (`incompatible_changes`)."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A rule for the fields at `pattern` (a pointer, `*` for one step) and below, and the document it comes from.

    `exceptions` are patterns that an immutable field does not cover. A field is released where the value last applied
    is one of `values`, any value where there are none. An atomic field goes exactly as declared, or with
    `merge` together with the live members that others added.
    """

    pattern: str
    reason: Reason
    doc: str = ""
    exceptions: tuple[str, ...] = ()
    merge: bool = False
    values: tuple[Tree, ...] = ()

    def covers(self, path: Path) -> bool:
        """Tell whether the rule holds at `path`."""
        return matches(self.pattern, path) and not any(matches(pattern, path) for pattern in self.exceptions)


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One member of a list as people read it: a `name`, the `words` that distinguish it, and the `rest` of it."""

    words: tuple[Tree, ...]
    name: Tree = None
    marks: tuple[str, ...] = ()
    rest: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssociativeList:
    """A list that means a set: members are told apart by the value at `key`, order never matters.

    `deep` members are patched inside, others are replaced whole at their live index. An `exclusive` set is
    ours alone: what others added is removed, unless the manifest says `shared`. Of a `listed` one plans show each
    member on a line below the list; `line` says how, and returns None for any other value.
    """

    pattern: str
    key: str
    deep: bool = False
    exclusive: bool = True
    listed: bool = False
    line: Callable[[Mapping[str, Tree]], MemberLine | None] | None = None
    removal_counts: bool = False
    """Whether guardrails count the removal of a member as a delete."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the declared fields of one object are compared, changed and shown; patterns are pointers with `*`.

    `fields` are the fields that are not like any other, each with its reason. `associative_lists` are lists whose
    members are identified by a key. `unlabelled` are the places whose last step says nothing to people. `reported_as`
    is the kind that JSON documents name, where it is not the kind's own name. `page` is the path of the object's page
    in the platform's UI, with `{id}` for its id; empty where no public document names it (see `core/console.py`).
    """

    fields: tuple[FieldRule, ...] = ()
    associative_lists: tuple[AssociativeList, ...] = ()
    unlabelled: tuple[str, ...] = ()
    reported_as: str = ""
    page: str = ""
    _by_reason: Mapping[Reason, tuple[FieldRule, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_reason = {reason: tuple(item for item in self.fields if item.reason is reason) for reason in Reason}
        object.__setattr__(self, "_by_reason", by_reason)

    def of(self, reason: Reason) -> tuple[FieldRule, ...]:
        """Return the rules with one reason."""
        return self._by_reason[reason]

    def forces_replace(self, path: Path) -> bool:
        """Tell whether a change at `path` cannot be made in place."""
        return any(rule.covers(path) for rule in self._by_reason[Reason.IMMUTABLE])

    def replace_reason(self, path: Path) -> Reason:
        """Return why a change at `path` forces a replace."""
        return Reason.IMMUTABLE if self.forces_replace(path) else Reason.INCOMPATIBLE

    def unit(self, path: Path) -> Literal["merge", "declared"] | None:
        """Return how the value at `path` must be sent as a whole, or None where it need not."""
        for rule in self._by_reason[Reason.ATOMIC]:
            if matches_exactly(rule.pattern, path):
                return "merge" if rule.merge else "declared"
        return None

    def is_write_only(self, path: Path) -> bool:
        """Tell whether the platform never returns the value at `path`."""
        return any(rule.covers(path) for rule in self._by_reason[Reason.WRITE_ONLY])

    def is_partly_shown(self, path: Path) -> bool:
        """Tell whether the platform may leave the value at `path` out of an answer."""
        return any(rule.covers(path) for rule in self._by_reason[Reason.PARTLY_SHOWN])

    def is_released(self, path: Path, applied: Tree) -> bool:
        """Tell whether a value at `path`, last applied as `applied`, stays when it leaves the manifest."""
        rules = (rule for rule in self._by_reason[Reason.RELEASED] if matches_exactly(rule.pattern, path))
        return any(not rule.values or applied in rule.values for rule in rules)

    def has_inside(self, reason: Reason, path: Path) -> bool:
        """Tell whether a rule with `reason` is about values below `path`."""
        depth = len(path)
        return any(
            depth < len(steps := parse_pointer(rule.pattern)) and matches_exactly(pointer(steps[:depth]), path)
            for rule in self._by_reason[reason]
        )

    def is_probed(self, path: Path) -> bool:
        """Tell whether the platform is asked, after a change at `path`, whether the object works."""
        return any(rule.covers(path) for rule in self._by_reason[Reason.PROBED])

    def associative(self, path: Path) -> AssociativeList | None:
        """Return the set that the list at `path` means, or None for a plain list."""
        return next((rule for rule in self.associative_lists if matches_exactly(rule.pattern, path)), None)

    def removal_counts(self, item: FieldChange) -> bool:
        """Tell whether a change removes a member whose removal counts as a delete."""
        rule = self.associative(item.path[:-1])
        return rule is not None and rule.removal_counts and item.new is MISSING

    def list_depth(self, path: Path) -> int:
        """Return how many steps lead to the listed list that `path` lies in, 0 where it lies in none."""
        for rule in self.associative_lists:
            depth = rule.pattern.count("/")
            if rule.listed and len(path) > depth and matches(rule.pattern, path):
                return depth
        return 0

    def labelled(self, path: Path) -> Path:
        """Return the steps of `path` that say something to people."""
        if not self.unlabelled:
            return path
        return tuple(step for depth, step in enumerate(path, 1) if not self._is_unlabelled(path[:depth]))

    def line(self, value: Mapping[str, Tree]) -> MemberLine | None:
        """Return how `value` reads as a member of one of the lists, or None."""
        found = (rule.line(value) for rule in self.associative_lists if rule.line is not None)
        return next((item for item in found if item is not None), None)

    def is_walked(self, rule: AssociativeList) -> bool:
        """Tell whether plans step into new members of a list instead of showing each: its own step says nothing."""
        return not rule.listed and rule.pattern in self.unlabelled

    def _is_unlabelled(self, path: Path) -> bool:
        return any(matches_exactly(pattern, path) for pattern in self.unlabelled)


NO_RULES = Rules()
