"""`Selector`: one list of what a dataflow hands out, as one row that every room reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.kind import Check
from reconciler.core.pointers import parse_pointer
from reconciler.core.rules import AssociativeList
from reconciler.core.values import Path, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector(AssociativeList):
    """A list of what a dataflow hands out: where it is in a body, and how manifests, policies and plans see it.

    A member holds what it selects at the pointer `value`; `key` leads there. The list is at `pattern` in the bodies of
    `kind`.
    """

    kind: str
    """The kind whose bodies have the list."""
    noun: str
    """The noun for a member in messages."""
    document_field: str = ""
    """The field of a manifest's spec that declares the list, and its name below `ownership`; empty where rows of
    another field are expanded to it."""
    doc: str = ""
    """The purpose of the field; editors show it."""
    value: str = ""
    """Pointer to the part of a member that a manifest declares; empty for the whole member."""
    member_type: str = ""
    """The `type` of a member, where members have one."""
    member_fields: tuple[str, ...] = ()
    """The fields of a member that a manifest may declare."""
    shown_only: tuple[str, ...] = ()
    """The fields of a member that the platform sets: a manifest may have them, and they are not sent."""
    defaults: tuple[tuple[str, str], ...] = ()
    """The other members of an item that a text stands for."""
    short: bool = False
    """Whether a text in a manifest stands for a member with that key, and an export writes it so."""
    optional: bool = False
    """Whether a flow has the list only where the manifest declares it."""
    unlabelled: tuple[str, ...] = ()
    """The places of the list and its members whose last step says nothing to people."""
    exported_as: str = ""
    """The `type` that policies see for a member; empty where they do not see it."""
    exported_path: tuple[str, ...] = ("path",)
    """The fields that may hold the path of an attribute, the first one first."""
    looked_up_as: str = ""
    """The finder that finds a member by its name; empty where a manifest must give the key."""
    check: Callable[[str], Check] | None = None
    """The preflight check for a member that is added, by its key."""

    @property
    def steps(self) -> Path:
        """The path of the list in a body, members of lists around it by key."""
        return parse_pointer(self.pattern)

    @property
    def key_field(self) -> str:
        """The field of the declared part of a member that holds its key."""
        return parse_pointer(self.key)[-1]

    def holds(self, path: Path) -> bool:
        """Tell whether `path` lies in the list."""
        return len(path) > len(self.steps) and path[: len(self.steps)] == self.steps

    def is_in(self, body: Tree) -> bool:
        """Tell whether `body` has the list, with members or without."""
        return next(self._lists(body), None) is not None

    def members(self, body: Tree) -> Iterator[Mapping[str, Tree]]:
        """Yield the declared part of each member of the list in `body`, whatever the lists around it are called."""
        for members in self._lists(body):
            yield from map(self.declared, members)

    def declared(self, member: Tree) -> Mapping[str, Tree]:
        """Return the part of a member that a manifest declares."""
        for step in parse_pointer(self.value):
            member = member.get(step) if isinstance(member, dict) else None
        return member if isinstance(member, dict) else {}

    def written(self, member: Tree) -> Tree:
        """Return a live member as a manifest writes it: without what the platform adds."""
        value: dict[str, Tree] = {
            name: item
            for name, item in self.declared(member).items()
            if name in self.member_fields and item not in (None, "", {}, [])
        }
        if self.short and value == {self.key_field: value.get(self.key_field), **dict(self.defaults)}:
            return value[self.key_field]
        return value

    def untold(self, member: Tree) -> list[str]:
        """Return the names of what a live member says and no manifest can."""
        value = self.declared(member)
        known = {*self.member_fields, *self.shown_only}
        return sorted(name for name in value if name not in known and value[name] not in (None, "", {}, []))

    def _lists(self, body: Tree, depth: int = 0) -> Iterator[Sequence[Tree]]:
        if depth == len(self.steps):
            if isinstance(body, list):
                yield body
        elif isinstance(body, list):  # the next step selects a member by name
            for item in body:
                yield from self._lists(item, depth + 1)
        elif isinstance(body, dict):
            yield from self._lists(body.get(self.steps[depth]), depth + 1)


Selectors = tuple[Selector, ...]


def of_documents(rows: Selectors) -> Selectors:
    """Return the rows that a field of a manifest declares."""
    return tuple(row for row in rows if row.document_field)


def list_at(rows: Selectors, pattern: str) -> Selector:
    """Return the row of the list at `pattern`. Raises `LookupError` if no row has this pattern."""
    for row in rows:
        if row.pattern == pattern:
            return row
    raise LookupError(pattern)
