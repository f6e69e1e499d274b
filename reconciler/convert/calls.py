"""A recorded API call, and the placeholders in its texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.core.values import Tree

START, END = "\ue000", "\ue001"
"""Signs of the private use area around the name of a placeholder; `clean` removes them from inputs."""
BARE = "="
HOLE = re.compile(f"{START}([^{START}{END}]*){END}")
"""A placeholder inside a text, its name as the first group."""
_WRITTEN = re.compile(
    r"\{\{\s*([^{}\s][^{}\n]{0,80}?)\s*\}\}"  # {{baseConnectionId}}: Postman
    r"|(?<![$\w{])\{([A-Z_][A-Z0-9_]{1,80})\}(?!\})"  # {TENANT_ID}: published pages
)
_WHOLE = re.compile(
    r"\{([A-Za-z_][\w -]{1,80})\}|<([A-Za-z_][\w -]{1,80})>|\$\{?([A-Z_][A-Z0-9_]{1,80})\}?|(YOUR_[A-Z0-9_]{1,80})"
)
"""A text that is nothing but a placeholder; inside longer texts these forms are too common to mean one."""
_EXPRESSIONS = ("source", "sourceAttribute", "sourceExpression")
"""Members of a mapping row in which `${…}` is the platform's own syntax."""

Attachments = Callable[[str], str]
"""Returns the text of a file that a call names (`-d @body.json`); raises `ValueError` with the reason it does not."""


class UnreadableError(ValueError):
    """An input cannot be read as a whole; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of an input, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Call:
    """One recorded request.

    `url` and the texts of `body` hold placeholders in the form of `hole`. `answer` is the recorded response body, None
    where there is none; the ids of a `sample`, a published example, may differ from one call to the next.
    `captures` names the placeholders that later calls use for a member of the answer. `values` holds what notes beside
    the call say of a placeholder. `fault` is the reason why the body cannot be read, `notes` what reading it changed.
    """

    method: str
    url: str
    place: Place
    body: Tree = None
    answer: Tree = None
    sample: bool = False
    captures: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """The content of an input: calls in order, values of placeholders by name, and a count of other lines."""

    calls: list[Call] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """Values of placeholders that the input marks as secret, by name."""
    skipped_lines: int = 0

    def extend(self, other: Recording) -> None:
        """Add what another input holds."""
        self.calls += other.calls
        self.values |= other.values
        self.secrets |= other.secrets
        self.skipped_lines += other.skipped_lines


def hole(name: str, *, bare: bool = False) -> str:
    """Return the form in which texts hold the placeholder `name`; a `bare` one had no quotes, so it can be a number."""
    return f"{START}{BARE * bare}{name.strip()}{END}"


def hole_name(found: re.Match[str]) -> str:
    """Return the name of a placeholder that `HOLE` found."""
    return found[1].removeprefix(BARE)


def clean(text: str) -> str:
    """Return a text of an input without the signs that mark placeholders, with line feeds alone."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text.replace(START, "\ufffd").replace(END, "\ufffd")


def with_holes(text: str, *, expression: bool = False) -> str:
    """Return a text with its written placeholders in the form of `hole`; in an `expression`, `${NAME}` is a field."""
    whole = _WHOLE.fullmatch(text.strip())
    if whole and not (expression and whole[3]):
        return hole(next(filter(None, whole.groups())))
    return _WRITTEN.sub(lambda found: hole(found[1] or found[2]), text)


def holes_in(tree: Tree) -> Tree:
    """Return a tree in which every text has its placeholders in the form of `hole`."""
    if isinstance(tree, dict):
        return {
            key: with_holes(value, expression=key in _EXPRESSIONS) if isinstance(value, str) else holes_in(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [holes_in(item) for item in tree]
    return with_holes(tree) if isinstance(tree, str) else tree


def only_hole(value: Tree) -> str | None:
    """Return the name of the placeholder that `value` is nothing but, else None."""
    found = HOLE.fullmatch(value) if isinstance(value, str) else None
    return hole_name(found) if found else None


def written(text: str) -> str:
    """Return a text as people wrote it, placeholders in braces."""
    return HOLE.sub(lambda found: f"{{{hole_name(found)}}}", text)


def filled(tree: Tree, values: Mapping[str, str]) -> Tree:
    """Return a tree with the placeholders that have a value filled in."""
    if isinstance(tree, dict):
        return {key: filled(value, values) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled(item, values) for item in tree]
    if isinstance(tree, str):
        return HOLE.sub(lambda found: values.get(hole_name(found), found[0]), tree)
    return tree
