"""The function table: each function's category, parameters, and what it does.

Every function is declared with `@function(...)` in a module of `functions/`. Its parameters are written as in
`"text: string, regex?: string, parts*: any, padding: string|null"`: `?` is optional, `*` takes any number, `|null`
takes null. Where another argument is null, the function is not called and its result is null.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from reconciler.dataprep.values import KINDS, Record, Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    kind: str
    optional: bool = False
    many: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    `run` takes the arguments, converted to the kinds of the parameters; with `context`, a Context before them.
    `unsupported` is the reason why the function, or a part of it, cannot be run locally.
    """

    name: str
    category: str
    parameters: tuple[Parameter, ...]
    returns: str
    doc: str
    run: Callable[..., Value]
    context: bool = False
    runnable: bool = True
    unsupported: str = ""
    method: bool = False
    alias_of: str = ""
    page: str = ""

    @property
    def least(self) -> int:
        """The smallest number of arguments."""
        return sum(not (one.optional or one.many) for one in self.parameters)

    @property
    def most(self) -> int | None:
        """The largest number of arguments, None where there is none."""
        return None if any(one.many for one in self.parameters) else len(self.parameters)

    @property
    def syntax(self) -> str:
        """How the function is written, such as `explode(text, regex?)`."""
        names = [f"{one.name}{'?' if one.optional else ''}{', …' if one.many else ''}" for one in self.parameters]
        if self.method:
            return f"{names[0]}.{self.name}({', '.join(names[1:])})"
        return f"{self.name}({', '.join(names)})"

    def parameter(self, index: int) -> Parameter:
        """Return the parameter that takes the argument of this index."""
        return self.parameters[min(index, len(self.parameters) - 1)]

    def count_problem(self, count: int) -> str | None:
        """Return a message where the function does not take `count` arguments, else None."""
        if count >= self.least and (self.most is None or count <= self.most):
            return None
        if self.most is None:
            expected = f"at least {self.least}"
        elif self.least == self.most:
            expected = str(self.least) if self.least else "no"
        else:
            expected = f"{self.least} to {self.most}"
        plural = "" if expected in ("1", "at least 1") else "s"
        return f"{self.name} takes {expected} argument{plural}, not {count}: {self.syntax}"


@dataclass(slots=True)
class Context:
    """The context of an evaluation: the record, the clock, and the source of ids.

    `now` is the time of now() and timestamp(); None takes the clock once. `seed` makes uuid() and guid() repeatable.
    Where `branches` is a set, each branch taken is added: the offset of its iif(), decode() or `?`, and its number.
    Where `coverage` is a dict, a mapping keeps the branches of each row in it, by the row's number.
    """

    now: datetime | None = None
    seed: int = 0
    record: Record = field(default_factory=dict)
    local: dict[str, Value] = field(default_factory=dict)
    branches: set[tuple[int, int]] | None = None
    coverage: dict[int, set[tuple[int, int]]] | None = None
    _random: random.Random | None = None

    def time(self) -> datetime:
        """Return the current time, the same at every call."""
        if self.now is None:
            self.now = datetime.now(UTC)
        return self.now

    def random(self) -> random.Random:
        """Return the seeded source of pseudo-random ids."""
        if self._random is None:
            self._random = random.Random(self.seed)
        return self._random


FUNCTIONS: dict[str, Function] = {}
"""Every function by its name; filled by the modules of `functions/`."""

GUIDE = "help/data-prep/functions.md"

_PARAMETER = re.compile(r"(?P<name>\w+)(?P<mark>[?*]?): (?P<kind>\w+)(?P<null>\|null)?")


def _parameters(text: str) -> tuple[Parameter, ...]:
    result = []
    for part in filter(None, text.split(", ")):
        match = _PARAMETER.fullmatch(part)
        if match is None or match["kind"] not in KINDS:
            raise AssertionError(f"parameter {part!r}")
        mark = match["mark"]
        result.append(Parameter(match["name"], match["kind"], mark == "?", mark == "*", match["null"] is not None))
    return tuple(result)


Run = TypeVar("Run", bound=Callable[..., Value])


def function(
    category: str,
    name: str,
    parameters: str = "",
    *,
    returns: str,
    doc: str,
    aliases: tuple[str, ...] = (),
    context: bool = False,
    runnable: bool = True,
    unsupported: str = "",
    method: bool = False,
    page: str = GUIDE,
) -> Callable[[Run], Run]:
    """Declare a function of the language. `page` is the document that publishes it."""

    def declared(run: Run) -> Run:
        for one in (name, *aliases):
            FUNCTIONS[one] = Function(
                one, category, _parameters(parameters), returns, doc, run, context, runnable, unsupported, method,
                alias_of="" if one == name else name, page=page,
            )  # fmt: skip
        return run

    return declared
