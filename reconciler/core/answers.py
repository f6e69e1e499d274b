"""Documented shapes of answers. A shape names the members that the tool relies on; all others may be anything.

Each call carries the `Answer` that its API description documents, and the client holds every 2xx answer against it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_LONGEST_ID = 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of an answer: the id asked for, empty where there is none, and the host of the platform."""

    ident: str = ""
    host: str = ""


class Shape(ABC):
    """The shape of a value."""

    __slots__ = ()

    @abstractmethod
    def fault(self, value: Any, place: str, asked: Asked) -> str:
        """Return how `value` differs from the shape, in words that begin with `place`; empty where it fits."""


@dataclass(frozen=True, slots=True)
class Leaf(Shape):
    """A value of one of `types`; true and false do not count as numbers."""

    words: str
    types: tuple[type, ...]

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        del asked
        fits = isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))
        return "" if fits else f"{place} is not {self.words}"


TEXT = Leaf("a text", (str,))
SCALAR = Leaf("a text or a number", (str, int, float))
FLAG = Leaf("true or false", (str, bool))
LIST = Leaf("a list", (list,))


@dataclass(frozen=True, slots=True)
class Ident(Shape):
    """An id: a text that fits into a URL and a state."""

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        del asked
        if not isinstance(value, str) or not value:
            return f"{place} is not an id"
        fits = len(value) <= _LONGEST_ID and value.isprintable() and " " not in value
        return "" if fits else f"{place} is not an id"


@dataclass(frozen=True, slots=True)
class SameIdent(Shape):
    """The id that was asked for."""

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        return "" if value == asked.ident else f"{place} is not the id {asked.ident} that was asked for"


@dataclass(frozen=True, slots=True)
class Link(Shape):
    """A link to the next page: relative, or to the platform itself."""

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, str):
            return f"{place} is not a link"
        try:
            host = urlsplit(value).hostname or ""
        except ValueError:
            return f"{place} is not a link"
        return "" if host in ("", asked.host) else f"{place} leads to another host, {host[:100]!r}"


IDENT, SAME_IDENT, LINK = Ident(), SameIdent(), Link()


@dataclass(frozen=True, slots=True)
class Object(Shape):
    """An object with the members in `needs`, and those in `may` where they are there and not null.

    `ids` are the members that name it: the first is an id, and one of them is the id that was asked for.
    """

    ids: tuple[str, ...] = ()
    needs: tuple[tuple[str, Shape], ...] = ()
    may: tuple[tuple[str, Shape], ...] = ()

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, dict):
            return f"{place} is not an object"
        if self.ids:
            wrong = IDENT.fault(value.get(self.ids[0]), f"{place}.{self.ids[0]}", asked)
            if wrong:
                return wrong
            if asked.ident and all(value.get(name) != asked.ident for name in self.ids):
                return f"{place} is the object {value[self.ids[0]][:100]}, not {asked.ident}"
        for name, shape in self.needs:
            if wrong := shape.fault(value.get(name), f"{place}.{name}", asked):
                return wrong
        for name, shape in self.may:
            if (member := value.get(name)) is not None and (wrong := shape.fault(member, f"{place}.{name}", asked)):
                return wrong
        return ""


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    """A list of values of one shape."""

    each: Shape

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, list):
            return f"{place} is not a list"
        for index, item in enumerate(value):
            if wrong := self.each.fault(item, f"{place}[{index}]", asked):
                return wrong
        return ""


@dataclass(frozen=True, slots=True)
class OneOnly(Shape):
    """A list of one value."""

    each: Shape

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, list) or len(value) != 1:
            return f"{place} is not a list of one"
        return self.each.fault(value[0], f"{place}[0]", asked)


@dataclass(frozen=True, slots=True)
class MapOf(Shape):
    """An object whose members, apart from those that begin with `_`, have one shape; `by_id`: each named by its id.

    Where an id was asked for, it is the only one.
    """

    each: Shape
    by_id: bool = False

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, dict):
            return f"{place} is not an object"
        if self.by_id and asked.ident and list(value) != [asked.ident]:
            names = ", ".join(value)[:100] or "nothing"
            return f"{place} holds {names}, not {asked.ident} alone"
        for name, item in value.items():
            if not self.by_id and name.startswith("_"):
                continue
            wrong = IDENT.fault(name, f"the name of {place}.{name[:100]}", asked) if self.by_id else ""
            if wrong := wrong or self.each.fault(item, f"{place}.{name[:100]}", asked):
                return wrong
        return ""


@dataclass(frozen=True, slots=True)
class IdReference(Shape):
    """A reference to an object, as in `@/dataSets/ID`."""

    prefix: str

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        if not isinstance(value, str) or not value.startswith(self.prefix):
            return f"{place} is not a reference {self.prefix}ID"
        ident = value.removeprefix(self.prefix)
        if asked.ident and ident != asked.ident:
            return f"{place} is {ident[:100]}, not {asked.ident}"
        return IDENT.fault(ident, place, asked)


@dataclass(frozen=True, slots=True)
class OneOf(Shape):
    """Any of several documented variants; the first is the usual one."""

    variants: tuple[Shape, ...]

    def fault(self, value: Any, place: str, asked: Asked) -> str:
        faults = [shape.fault(value, place, asked) for shape in self.variants]
        return "" if "" in faults else faults[0]


def rows(member: str, each: Shape, *, links: bool = False) -> Object:
    """Return the shape of a page: its objects in `member`, and with `links` a link to the next page."""
    following = Object(may=(("next", Object(may=(("href", LINK),))),))
    return Object(needs=((member, ListOf(each)),), may=(("_links", following),) if links else ())


def one_row(member: str, each: Shape) -> Object:
    """Return the shape of an answer with its only object in the list `member`."""
    return Object(needs=((member, OneOnly(each)),))


@dataclass(frozen=True, slots=True)
class Answer:
    """The documented 2xx answer of a call: a `shape`, the id of the object asked for, and whether it may be `empty`."""

    shape: Shape
    ident: str = ""
    empty: bool = False

    def fault(self, body: Any, host: str = "") -> str:
        """Return how a decoded body differs from what is documented; empty where it fits. `host` is the platform's."""
        if body is None:
            return "" if self.empty else "its body is empty"
        return self.shape.fault(body, "its body", Asked(self.ident, host))
