"""Variables: declared with a type or just by a value, and given in many ways; the last word wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from pydantic import Field

from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import MISSING, Tree
from reconciler.documents.blocks import Block
from reconciler.documents.document import Document, nearest
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
}


class Variable(Block):
    """A variable with a type: a value of another type is an error wherever it is given."""

    type: Literal["string", "number", "integer", "boolean", "list", "map"]
    """The type every value must have."""
    default: Any = Field(default=None)
    """The value where none is given."""
    description: str | None = None
    """What it is for."""


_KEYS = frozenset(Variable.model_fields)


def is_declared(value: Tree) -> TypeGuard[dict[str, Tree]]:
    """Tell whether a value under `variables:` is a declaration: a mapping with `type`, and maybe its other keys."""
    return isinstance(value, dict) and "type" in value and value.keys() <= _KEYS


@dataclass(frozen=True, slots=True)
class Given:
    """A value from outside the project file: `text` as typed, where it is a YAML scalar; `source` says where."""

    name: str
    source: str
    text: str | None = None
    value: Tree = None

    def read(self, kind: str | None) -> Tree:
        """Return the value, as YAML unless it is to be a text."""
        if self.text is None:
            return self.value
        if kind == "string":
            return self.text
        values = read(Text(self.source, self.text))
        value = values[0] if values else ""
        return self.text if value is None and not self.text.strip() else value


def resolve(
    defaults: Mapping[str, Tree],
    settings: Mapping[str, Tree],
    given: Sequence[Given],
    environment: str,
    document: Document | None,
) -> dict[str, Tree]:
    """Return the values: `given` wins, the last first, then the environment's `settings`, then the `defaults`.

    `document` is the project file. Raises `ManifestError` with every value of another type than declared.
    """
    types: dict[str, str] = {}
    problems: list[Problem] = []
    found: dict[str, Tree] = {}

    def say(path: Sequence[str], what: str, advice: str) -> None:
        problem = document.problem(path, "bad-variable", what, advice) if document else None
        problems.append(problem or Problem("bad-variable", what, advice))

    for name, value in defaults.items():
        place = ("spec", "variables", name)
        if not is_declared(value):
            found[name] = value
        elif not isinstance(sort := value["type"], str) or sort not in _TYPES:
            say((*place, "type"), f"{sort!r} is no type of a variable", nearest(str(sort), _TYPES))
        else:
            types[name] = sort
            if "default" in value:
                found[name] = value["default"]
                if not _fits(value["default"], sort):
                    say((*place, "default"), *_wrong(name, value["default"], sort))
    for name, value in settings.items():
        found[name] = value
        if name in types and not _fits(value, types[name]):
            say(("spec", "environments", environment, "variables", name), *_wrong(name, value, types[name]))
    for item in given:
        kind = types.get(item.name)
        value = item.read(kind)
        found[item.name] = value
        if kind and not _fits(value, kind):
            what, advice = _wrong(item.name, value, kind)
            problems.append(Problem("bad-variable", f"{item.source}: {what}", advice))
    if problems:
        raise ManifestError(problems)
    return {name: value for name, value in found.items() if value is not MISSING}


def _fits(value: Tree, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return False
    return isinstance(value, _TYPES[kind])


def _wrong(name: str, value: Tree, kind: str) -> tuple[str, str]:
    shown = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)
    advice = f'write "{value}" in quotes' if kind == "string" and isinstance(value, int | float) else ""
    return f"the variable {name!r} is declared as {kind}, and {shown} is none", advice
