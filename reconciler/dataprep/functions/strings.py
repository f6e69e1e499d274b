"""String functions (functions.md, "String functions"). Positions count from 0, as the guide's samples show."""

from __future__ import annotations

from reconciler.dataprep.errors import EvaluationError
from reconciler.dataprep.functions.regexes import java_split
from reconciler.dataprep.table import function
from reconciler.dataprep.values import Value, as_text, flat

LONGEST = 1_000_000
"""Characters a padded text may have: a wrong width must not use up the memory."""

_CATEGORY = "String"


@function(_CATEGORY, "concat", "parts*: any|null", returns="string", doc="Join texts; null adds nothing.")
def concat(*parts: Value) -> Value:
    return "".join(as_text(part) for part in parts if part is not None)


@function(
    _CATEGORY, "explode", "text: string, regex?: string", returns="array",
    doc="Split a text by a regular expression, a comma by default.",
)  # fmt: skip
def explode(text: str, regex: str = ",") -> Value:
    return java_split(text, regex)


@function(
    _CATEGORY, "instr", "text: string, part: string, start?: integer, occurrence?: integer", returns="integer",
    doc="Give the position of a text in another, from 0, or -1.",
)  # fmt: skip
def instr(text: str, part: str, start: int = 0, occurrence: int = 1) -> Value:
    position = max(start, 0) - 1
    for _ in range(min(occurrence, len(text) + 1)):
        position = text.find(part, position + 1)
        if position < 0:
            return -1
    return position if occurrence > 0 else -1


@function(
    _CATEGORY, "replacestr", "text: string, find: string, replacement: string", returns="string",
    doc="Replace every occurrence of a text.",
)  # fmt: skip
def replacestr(text: str, find: str, replacement: str) -> Value:
    return text.replace(find, replacement) if find else text


@function(
    _CATEGORY, "substr", "text: string, start: integer, length: integer", returns="string",
    doc="Give a part of a text by its start, from 0, and its length.",
)  # fmt: skip
def substr(text: str, start: int, length: int) -> Value:
    if start < 0 or length < 0 or start > len(text):
        raise EvaluationError(f"start {start} and length {length} lie outside a text of {len(text)} characters")
    return text[start : start + length]


@function(_CATEGORY, "lower", "text: string", returns="string", doc="Convert to lower case.", aliases=("lcase",))
def lower(text: str) -> Value:
    return text.lower()


@function(_CATEGORY, "upper", "text: string", returns="string", doc="Convert to upper case.", aliases=("ucase",))
def upper(text: str) -> Value:
    return text.upper()


@function(
    _CATEGORY, "split", "text: string, separators: string", returns="array",
    doc="Split a text at any of the separator characters; empty parts are left out.",
)  # fmt: skip
def split(text: str, separators: str) -> Value:
    parts, current = [], ""
    for character in text:
        if character in separators:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in (*parts, current) if part]


@function(
    _CATEGORY, "join", "separator: string, values*: any|null", returns="string",
    doc="Join the elements of arrays to a text.",
)  # fmt: skip
def join(separator: str, *values: Value) -> Value:
    return separator.join("" if value is None else as_text(value) for value in flat(values))


def _padding(text: str, count: int, padding: str | None) -> str:
    if count > LONGEST:
        raise EvaluationError(f"a text is padded to at most {LONGEST} characters")
    missing = max(count - len(text), 0)
    filling = padding or " "
    return (filling * (missing // len(filling) + 1))[:missing]


@function(
    _CATEGORY, "lpad", "text: string, count: integer, padding: string|null", returns="string",
    doc="Fill a text up on the left; no padding is a space.",
)  # fmt: skip
def lpad(text: str, count: int, padding: str | None) -> Value:
    return _padding(text, count, padding) + text


@function(
    _CATEGORY, "rpad", "text: string, count: integer, padding: string|null", returns="string",
    doc="Fill a text up on the right; no padding is a space.",
)  # fmt: skip
def rpad(text: str, count: int, padding: str | None) -> Value:
    return text + _padding(text, count, padding)


@function(_CATEGORY, "left", "text: string, count: integer", returns="string", doc="Give the first characters.")
def left(text: str, count: int) -> Value:
    return text[: max(count, 0)]


@function(_CATEGORY, "right", "text: string, count: integer", returns="string", doc="Give the last characters.")
def right(text: str, count: int) -> Value:
    return text[len(text) - count if 0 <= count < len(text) else 0 :] if count > 0 else ""


@function(_CATEGORY, "ltrim", "text: string", returns="string", doc="Remove the blanks at the beginning.")
def ltrim(text: str) -> Value:
    return text.lstrip()


@function(_CATEGORY, "rtrim", "text: string", returns="string", doc="Remove the blanks at the end.")
def rtrim(text: str) -> Value:
    return text.rstrip()


@function(_CATEGORY, "trim", "text: string", returns="string", doc="Remove the blanks on both sides.")
def trim(text: str) -> Value:
    return text.strip()


@function(
    _CATEGORY, "equals", "text: any, other: any|null", returns="boolean", method=True, doc="Compare exactly.",
)  # fmt: skip
def equals(text: Value, other: Value) -> Value:
    return type(text) is type(other) and text == other


@function(
    _CATEGORY, "equalsIgnoreCase", "text: string, other: string|null", returns="boolean", method=True,
    doc="Compare without regard to case.",
)  # fmt: skip
def equals_ignore_case(text: str, other: str | None) -> Value:
    return other is not None and text.upper() == other.upper()
