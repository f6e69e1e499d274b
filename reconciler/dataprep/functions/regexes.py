"""Regular expression functions (functions.md, "Regular expression functions"), bounded in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value

if TYPE_CHECKING:
    import regex

SECONDS = 1.0
"""Time that one match may take."""

_CATEGORY = "Regular expression"
Result = TypeVar("Result")


@lru_cache(maxsize=512)
def compiled(pattern: str) -> regex.Pattern[str]:
    """Return the compiled expression. Raises EvaluationError where it is not one."""
    import regex

    try:
        return regex.compile(pattern, regex.VERSION0 | regex.ASCII)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise EvaluationError(f"{pattern!r} is not a regular expression: {error}") from None


def bounded(run: Callable[[], Result]) -> Result:
    """Return what `run` does, with a timeout of the `regex` module as an error of the expression."""
    try:
        return run()
    except TimeoutError:
        raise EvaluationError(f"the regular expression takes more than {SECONDS:g} s on this text") from None


def java_split(text: str, pattern: str) -> list[Value]:
    """Split as Java's String.split does: empty parts at the end are left out."""
    expression = compiled(pattern)
    parts: list[str] = []
    start = 0
    for match in bounded(lambda: list(expression.finditer(text, timeout=SECONDS))):
        if match.end() == 0:  # no empty part before a match of nothing at the beginning
            continue
        if match.start() == len(text) and match.end() == match.start():
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    parts.append(text[start:])
    if start == 0 and len(parts) == 1:
        return [text]
    while parts and not parts[-1]:
        parts.pop()
    return list(parts)


@function(
    _CATEGORY, "extract_regex", "text: string, regex: string", returns="array",
    doc="Give the first match and its groups, or an empty array.",
)  # fmt: skip
def extract_regex(text: str, pattern: str) -> Value:
    expression = compiled(pattern)
    match = bounded(lambda: expression.search(text, timeout=SECONDS))
    return [match.group(0), *match.groups()] if match else []


@function(
    _CATEGORY, "matches_regex", "text: string, regex: string", returns="boolean",
    doc="Tell whether the whole text matches.",
)  # fmt: skip
def matches_regex(text: str, pattern: str) -> Value:
    expression = compiled(pattern)
    return bounded(lambda: expression.fullmatch(text, timeout=SECONDS)) is not None
