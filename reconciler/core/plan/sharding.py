"""Divides a project into parts that many machines can work on: groups of documents with no reference between them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.core.resource import Resource
from reconciler.core.state.model import State


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, numbered from 1. Together they are the whole, and no two of them overlap."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def of(cls, text: str) -> Shard:
        """Return the shard a text as `2/5` names. Raises `ValueError` for any other."""
        first, slash, second = text.partition("/")
        if not (slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
            raise ValueError(f"{text!r} is no part of a whole, as 2/5 is one")
        return cls(int(first), int(second))

    def addresses(self, resources: Mapping[str, Resource], scope: Collection[str], state: State) -> set[str]:
        """Return those of the desired `resources` and of the state entries in `scope` that are in this part.

        A group goes where the name of its first document says, whatever other groups there are: so machines that look
        at different moments, while others already write, still agree. What is desired names a group before what leaves.
        """
        groups = _Groups()
        documents: dict[str, list[str]] = {}
        for address in {*resources, *scope}:
            document = address.partition("/")[0]
            documents.setdefault(document, []).append(address)
            resource, entry = resources.get(address), state.resources.get(address)
            needs = {*(resource.dependencies if resource else ()), *(entry.dependencies if entry else ())}
            for need in needs:
                groups.join(document, need.partition("/")[0])
        first: dict[str, tuple[bool, str]] = {}
        desired = {address.partition("/")[0] for address in resources}
        for document in documents:
            rank, group = (document not in desired, document), groups.of(document)
            first[group] = min(first.get(group, rank), rank)
        return {
            address
            for document, addresses in documents.items()
            if self._has(first[groups.of(document)][1])
            for address in addresses
        }

    def _has(self, name: str) -> bool:
        digest = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


class _Groups:
    """Names that belong together (union-find)."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the one name that stands for the group of `name`."""
        top = name
        while (above := self._above.get(top, top)) != top:
            top = above
        while name != top:  # who asks again has a short way
            self._above[name], name = top, self._above[name]
        return top

    def join(self, one: str, other: str) -> None:
        """Put the groups of two names together."""
        one, other = self.of(one), self.of(other)
        if one != other:
            self._above[max(one, other)] = min(one, other)
