"""What can go wrong, as values: a `Problem` is one finding, an error carries all findings of one step.

ReconcilerError               anything a user or the platform can cause; never a bug of ours
├── ManifestError             a manifest, project file or command line cannot be used; nothing was sent
├── StateError                the state file, its journal or its lock cannot be used
├── StaleError                a saved plan no longer fits the state or the live objects
├── GuardError                the plan is refused by a guardrail or a protection
├── SecretError               a secret has no value
├── StoppedError              the run was asked to stop while it waited
└── ApiError                  the platform refused or could not be reached
    ├── AmbiguousError        the request may or may not have been carried out
    └── ConflictError         the object was changed elsewhere at the same place
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.values import Span

LONGEST = 4000
"""Characters of one finding that a text shows: it may quote a value of any length."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: `code` (a slug that never changes), `what` is wrong, the `next` step, and where."""

    code: str
    what: str
    next: str = ""
    span: Span | None = None
    address: str | None = None
    severity: str = "error"
    detail: str = ""
    """Lines to show below the finding, such as an expression with a caret under the place."""

    def __str__(self) -> str:
        return self._text(f"{self.severity}: ")

    @property
    def unmarked(self) -> str:
        """The text without the severity, for a list that shows it by itself."""
        return self._text("")

    def _text(self, mark: str) -> str:
        where = f"{self.span}: " if self.span else f"{self.address}: " if self.address else ""
        advice = f" ({self.next})" if self.next else ""
        below = "".join(f"\n    {line}" for line in self.detail.splitlines())
        what = self.what if len(self.what) <= LONGEST else f"{self.what[:LONGEST]}…"
        return f"{where}{mark}{what}{advice}{below}"


SHOWN = 100
"""Findings that a text shows one by one."""


def brief(problems: Sequence[Problem]) -> list[str]:
    """Return the findings as lines, the first `SHOWN` and the number of the others: a text is read by a person."""
    lines = [str(problem) for problem in problems[:SHOWN]]
    left = len(problems) - SHOWN
    if left > 0:
        more = "finding" if left == 1 else "findings"
        lines.append(f"… and {left:,} more {more} (reconciler validate --format json lists all of a project)")
    return lines


class ReconcilerError(Exception):
    """Base of every error with a message for people; `problems` holds one or more findings."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(brief(self.problems)))


class ManifestError(ReconcilerError):
    """A manifest, the project file or the command line cannot be used; nothing was sent."""


class StateError(ReconcilerError):
    """The state, its journal or its lock cannot be used."""


class StaleError(ReconcilerError):
    """A saved plan no longer fits the state or the live objects."""


class GuardError(ReconcilerError):
    """The plan is refused by a guardrail or a protection; nothing was sent."""


class SecretError(ReconcilerError):
    """A `${secret.NAME}` has no value in any provider."""


class StoppedError(ReconcilerError):
    """The run was asked to stop while this waited; nothing of it is in flight and the next run goes on from here."""


class ApiError(ReconcilerError):
    """The platform refused a call or could not be reached; `status` is 0 when no answer came."""

    def __init__(self, problem: Problem | Sequence[Problem], status: int = 0, code: str = "") -> None:
        super().__init__(problem)
        self.status = status
        self.code = code


class AmbiguousError(ApiError):
    """No usable answer came: the request may or may not have been carried out."""


class ConflictError(ApiError):
    """Somebody else changed the same place of the same object at the same time."""
