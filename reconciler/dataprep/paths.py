"""Paths of mapping rows: the attribute that is read, and the place in the XDM record that is written.

A path is names with dots, `[0]` for an element and `[*]` for all of them. A dot that belongs to a name has a backslash
before it, or the name is wrapped in `${}` (help/data-prep/home.md, mapping-set.md). Other characters need no escape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.dataprep.errors import EvaluationError, ExpressionSyntaxError
from reconciler.dataprep.lexer import LONGEST, plain_name, wrapped_names
from reconciler.dataprep.values import Record, Value, described

ALL = -1
"""The step `[*]`."""

Step: TypeAlias = str | int
"""A name, the number of an element from 0, or ALL."""

LONGEST_ARRAY = 10_000
"""Elements up to which a destination such as `list[9]` may fill an array."""

_STEP = re.compile(
    r"\[(?P<index>\*|\d{1,9})\]|(?P<dot>\.)?(?P<name>\$\{(?:[^}\\]|\\.)*\}|(?:[^.\[\]\\]|\\.)+)", re.DOTALL
)


def parse_steps(text: str) -> tuple[Step, ...]:
    """Return the steps of a path. Raises ExpressionSyntaxError with the offset of what is not one."""
    if len(text) > LONGEST:  # a name that is not closed is searched for to the end, from each place it could begin at
        raise ExpressionSyntaxError(f"a path has at most {LONGEST} characters, this one has {len(text)}", LONGEST)
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        needs_dot = bool(steps)
        if match is None or (match["name"] is not None and (match["dot"] is None) is needs_dot):
            raise ExpressionSyntaxError(f"unexpected {text[at : at + 10]!r} in the path {text!r}", at)
        if match["index"] is not None:
            if not steps:
                raise ExpressionSyntaxError("a path begins with a name", at)
            steps.append(ALL if match["index"] == "*" else int(match["index"]))
        elif match["name"].startswith("${"):
            steps.extend(wrapped_names(match["name"]))
        else:
            steps.append(plain_name(match["name"]))
        at = match.end()
    if not steps:
        raise ExpressionSyntaxError("the path is empty", 0)
    return tuple(steps)


def steps_text(steps: tuple[Step, ...]) -> str:
    """Return steps as a path."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += "[*]" if step == ALL else f"[{step}]"
        else:
            escaped = re.sub(r"([.\[\]\\])", r"\\\1", step)
            text += f".{escaped}" if text else escaped
    return text


def taken(owner: Value, step: Step) -> Value:
    """Return what lies one step below a value: null below null, and null for what is missing.

    Raises EvaluationError for a name below an array, a number below an object, and anything below a simple value.
    """
    if owner is None:
        return None
    if isinstance(step, str):
        if isinstance(owner, dict):
            return owner.get(step)
        if isinstance(owner, list):
            raise EvaluationError(f"{step!r} is read from an array: name an element with [0], or all with [*]")
        raise EvaluationError(f"{step!r} is read from {described(owner)}, not from an object")
    if not isinstance(owner, list):
        raise EvaluationError(f"[{'*' if step == ALL else step}] is read from {described(owner)}, not from an array")
    return owner[step] if step < len(owner) else None


def walk(owner: Value, steps: tuple[Step, ...]) -> Value:
    """Return what lies some steps below a value; ALL gives an array of what the rest gives for each element."""
    for position, step in enumerate(steps):
        if step == ALL:
            if owner is None:
                return None
            if not isinstance(owner, list):
                raise EvaluationError(f"[*] is read from {described(owner)}, not from an array")
            rest = steps[position + 1 :]
            return [walk(item, rest) for item in owner]
        owner = taken(owner, step)
    return owner


@dataclass(frozen=True, slots=True)
class AttributePath:
    """A path that is read from a source record."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> AttributePath:
        """Return the path. Raises ExpressionSyntaxError."""
        return cls(parse_steps(text))

    def reader(self) -> Callable[[Record], Value]:
        """Return the function that reads the path.

        Where the first name is missing, a column of the whole name counts: columnar data may have dots in its names
        (mapping-set.md, "Field in columnar data").
        """
        first, rest = self.steps[0], self.steps[1:]
        assert isinstance(first, str)
        if not rest:
            return lambda record: record.get(first)
        column = ".".join(map(str, self.steps)) if all(isinstance(step, str) for step in self.steps) else None
        if len(rest) == 1 and isinstance(rest[0], str):
            return _two(first, rest[0], column)

        def read(record: Record) -> Value:
            if first in record:
                return walk(record[first], rest)
            return record.get(column) if column else None

        return read

    def exists(self, record: Record) -> bool:
        """Return whether the record has the field, null or not."""
        owner: Value = dict(record)
        for step in self.steps:
            if isinstance(step, str) and isinstance(owner, dict) and step in owner:
                owner = owner[step]
            elif isinstance(step, int) and isinstance(owner, list) and step < len(owner) and owner:
                owner = owner[max(step, 0)]
            else:
                return ".".join(map(str, self.steps)) in record
        return True


def _two(first: str, second: str, column: str | None) -> Callable[[Record], Value]:
    def read(record: Record) -> Value:
        owner = record.get(first)
        if isinstance(owner, dict):
            return owner.get(second)
        if owner is None:
            return record.get(column) if column else None
        return taken(owner, second)

    return read


def write_simple(target: dict[str, Value], names: tuple[str, ...], value: Value) -> bool:
    """Put a simple value into a record at a path of names; return False where something else is in the way."""
    owner = target
    for name in names[:-1]:
        below = owner.get(name)
        if below is None:
            owner[name] = below = {}
        elif type(below) is not dict:
            return False
        owner = below
    owner[names[-1]] = value
    return True


def write(target: dict[str, Value], steps: tuple[Step, ...], value: Value) -> None:
    """Put a value, which becomes a part of the record, into it.

    Objects are merged, what is missing on the way is made, null is left out.

    Raises EvaluationError where the way leads through a simple value, or `[*]` gets no array.
    """
    if value is None:
        return
    _write(target, steps, 0, value)


def _write(owner: dict[str, Value] | list[Value], steps: tuple[Step, ...], at: int, value: Value) -> None:
    step = steps[at]
    if isinstance(step, str):
        if not isinstance(owner, dict):
            raise EvaluationError(f"{steps_text(steps[:at])} is an array: name an element with [0], or all with [*]")
        if at + 1 == len(steps):
            owner[step] = _merged(owner.get(step), value)
        else:
            owner[step] = below = _made(owner.get(step), steps, at)
            _write(below, steps, at + 1, value)
        return
    if not isinstance(owner, list):
        raise EvaluationError(f"{steps_text(steps[:at])} is not an array")
    if step == ALL:
        if not isinstance(value, list):
            raise EvaluationError(f"{steps_text(steps)} takes an array, found {described(value)}")
        for index, item in enumerate(value):
            _element(owner, index, steps, at, item)
    else:
        _element(owner, step, steps, at, value)


def _element(owner: list[Value], index: int, steps: tuple[Step, ...], at: int, value: Value) -> None:
    if index >= LONGEST_ARRAY + len(owner):
        raise EvaluationError(f"[{index}] lies too far behind the end of the array")
    owner.extend([None] * (index + 1 - len(owner)))
    if at + 1 == len(steps):
        owner[index] = _merged(owner[index], value)
        return
    owner[index] = below = _made(owner[index], steps, at)
    if value is not None:
        _write(below, steps, at + 1, value)


def _made(present: Value, steps: tuple[Step, ...], at: int) -> dict[str, Value] | list[Value]:
    """The container at a step: the present one, or a new one of the sort that the next step needs."""
    if present is None:
        return {} if isinstance(steps[at + 1], str) else []
    if isinstance(present, dict | list):
        return present
    raise EvaluationError(f"{steps_text(steps[: at + 1])} already is {described(present)}")


def _merged(present: Value, value: Value) -> Value:
    if isinstance(present, dict) and isinstance(value, dict):
        for key, item in value.items():
            present[key] = _merged(present.get(key), item)
        return present
    return value
