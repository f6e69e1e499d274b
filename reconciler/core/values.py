"""The smallest nouns: places in a file, JSON trees, and the two leaves whose value is filled in late."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

Tree = Any
"""A JSON value (dict, list, str, int, float, bool, None) whose leaves may also be `Ref` or `Secret`."""

Path = tuple[str, ...]
"""Steps from the root of a tree to a value in it; keyed sets are stepped into by key, never by index."""

SENSITIVE: Final = "(sensitive)"

_SECRET_NAME = re.compile(r"\$\{secret\.([^}]*)\}")


class _Missing:
    """The type of `MISSING`: a field that is not there, which `None` (an explicit null) is not."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a manifest: `file` as shown to people, `line` and `column` from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that another resource has once it exists: the `field` (`id`, `version`) of `address`."""

    address: str
    field: str = "id"

    def __str__(self) -> str:
        return f"{self.address}#{self.field}"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A sensitive text, still holding `${secret.NAME}` where a provider fills in the value.

    `literal` is true for a value written out in a manifest at a place the catalog knows as secret. Neither
    form ever prints: `str`, `repr` and `format` all give `(sensitive)`.
    """

    template: str
    literal: bool = False

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def names(self) -> tuple[str, ...]:
        """Return the names of the secrets to ask the providers for, in order of appearance."""
        return () if self.literal else tuple(_SECRET_NAME.findall(self.template))

    def reveal(self, values: Mapping[str, str]) -> str:
        """Return the clear text, each `${secret.NAME}` replaced by `values[NAME]`.

        Raises `KeyError` with the name when one is not in `values`.
        """
        if self.literal:
            return self.template
        return _SECRET_NAME.sub(lambda found: values[found.group(1)], self.template)


class Clear(str):
    """The clear text of a secret, for the moment of sending: it is its value to an encoder, and never prints."""

    __slots__ = ()

    def __repr__(self) -> str:
        return SENSITIVE

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(SENSITIVE, spec)

    def plain(self) -> str:
        """Return the text itself."""
        return str.__str__(self)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the state keeps of a secret that was sent: a keyed digest, `ALGORITHM:SALT:HEX`."""

    digest: str

    def __str__(self) -> str:
        return SENSITIVE


@dataclass(frozen=True, slots=True)
class Lookup:
    """An object that exists and is not ours, to be found by `name` while planning; `kind` says where."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} named {self.name!r}"


@lru_cache(4096)
def pointer(path: Path) -> str:
    """Return `path` as an RFC 6901 JSON pointer."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


@lru_cache(4096)
def parse_pointer(text: str) -> Path:
    """Return the steps of an RFC 6901 JSON pointer; the inverse of `pointer`."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])


def matches(pattern: str, path: Path) -> bool:
    """Tell whether `path` is the place `pattern` (a pointer, `*` for one step) names, or lies below it."""
    steps = parse_pointer(pattern)
    return len(steps) <= len(path) and all(want in ("*", have) for want, have in zip(steps, path, strict=False))


def matches_exactly(pattern: str, path: Path) -> bool:
    """Tell whether `pattern` (a pointer, `*` for one step) names just the place `path`."""
    return pattern.count("/") == len(path) and matches(pattern, path)


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tree]]:
    """Yield every leaf of `tree` with its path; lists are stepped into by index, empty containers are leaves."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(tree, list) and tree:
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, str(index)))
    else:
        yield path, tree


def transform(tree: Tree, change: Callable[[Tree], Tree]) -> Tree:
    """Return a copy of `tree` with `change` applied to every leaf that is not a container."""
    if isinstance(tree, dict):
        return {key: transform(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [transform(value, change) for value in tree]
    return change(tree)


def refs(tree: Tree) -> set[Ref]:
    """Return every `Ref` in `tree`."""
    return set(of_kind(tree, Ref))


def secrets(tree: Tree) -> set[Secret]:
    """Return every `Secret` in `tree`."""
    return set(of_kind(tree, Secret))


def of_kind(tree: Tree, *kinds: type) -> list[Tree]:
    """Return every leaf of just these kinds, in no order: of many bodies, where `leaves` with its paths costs more."""
    found: list[Tree] = []
    waiting: list[Iterable[Tree]] = [(tree,)]
    while waiting:
        for item in waiting.pop():
            here = type(item)
            if here is str:
                continue  # most leaves of most bodies
            if here is dict:
                waiting.append(item.values())
            elif here is list:
                waiting.append(item)
            elif here in kinds:
                found.append(item)
    return found


def resolve(tree: Tree, known: Mapping[Ref, Tree]) -> Tree:
    """Return `tree` with every `Ref` that stands in `known` replaced by its value; others stay."""
    return transform(tree, lambda leaf: known.get(leaf, leaf) if isinstance(leaf, Ref) else leaf)


def without_nulls(tree: Tree) -> Tree:
    """Return `tree` without the members whose value is null: what an explicit null means in a create.

    One that has none is returned itself: ten thousand bodies need not be copied.
    """
    if type(tree) is dict:
        found = {key: without_nulls(value) for key, value in tree.items() if value is not None}
        return found if len(found) < len(tree) or any(found[key] is not tree[key] for key in found) else tree
    if type(tree) is list:
        items = [without_nulls(value) for value in tree]
        return items if any(map(operator.is_not, items, tree)) else tree
    return tree


def merge_patch(target: Tree, patch: Tree) -> Tree:
    """Return `target` after the RFC 7386 merge of `patch`, save that a null stays, as "must be absent"."""
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return patch
    merged = dict(target)
    for key, value in patch.items():
        merged[key] = merge_patch(target[key], value) if key in target else value
    return merged


def shown(tree: Tree) -> Tree:
    """Return `tree` fit for people and pipelines: secrets as `(sensitive)`, references as `{"$ref": …}`."""

    def leaf(value: Tree) -> Tree:
        if isinstance(value, Secret | Fingerprint):
            return SENSITIVE
        if isinstance(value, Ref):
            return {"$ref": str(value)}
        return None if value is MISSING else value

    return transform(tree, leaf)


def canonical_json(tree: Tree) -> str:
    """Return `tree` as JSON with sorted keys and no blanks, the same text for the same value."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
