"""Rules of a kind as data: how declared fields are compared and changed; and one changed field as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reconciler.core.pointers import matches, matches_exactly
from reconciler.core.values import Path, Tree

Cause = Literal["manifest", "outside", "both", "dependency"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that will change: `path` by keys, `old` as live, `new` as desired; MISSING where there is none."""

    path: Path
    old: Tree
    new: Tree
    cause: Cause = "manifest"
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class AssociativeList:
    """A list that means a set: members are told apart by the value at `key`, order never matters.

    `deep` members are patched inside, others are replaced whole at their live index. An `exclusive` set is
    ours alone: what others added is removed, unless the manifest says `shared`.
    """

    pattern: str
    key: str
    deep: bool = False
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """How the declared fields of one object are compared and changed; patterns are pointers with `*`.

    `immutable`: a change there forces a replace. `mutable_exceptions`: exceptions from `immutable`. `atomic`: units
    that the API accepts only as a whole, either merged with the live members that others added (`merge`) or exactly as
    declared (`declared`). `write_only`: never returned, so compared with the last applied value.
    `associative_lists`: lists whose members are identified by a key.
    """

    immutable: tuple[str, ...] = ()
    mutable_exceptions: tuple[str, ...] = ()
    atomic: Mapping[str, Literal["merge", "declared"]] | None = None
    write_only: tuple[str, ...] = ()
    associative_lists: tuple[AssociativeList, ...] = ()

    def forces_replace(self, path: Path) -> bool:
        """Tell whether a change at `path` cannot be made in place."""
        return any(matches(pattern, path) for pattern in self.immutable) and not any(
            matches(pattern, path) for pattern in self.mutable_exceptions
        )

    def unit(self, path: Path) -> Literal["merge", "declared"] | None:
        """Return how the value at `path` must be sent as a whole, or None where it need not."""
        for pattern, how in (self.atomic or {}).items():
            if matches_exactly(pattern, path):
                return how
        return None

    def is_write_only(self, path: Path) -> bool:
        """Tell whether the platform never returns the value at `path`."""
        return any(matches(pattern, path) for pattern in self.write_only)

    def associative(self, path: Path) -> AssociativeList | None:
        """Return the set that the list at `path` means, or None for a plain list."""
        return next((rule for rule in self.associative_lists if matches_exactly(rule.pattern, path)), None)
