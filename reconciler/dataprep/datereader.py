"""Dates read from texts, by Java's format letters or by the default formats (help/data-prep/data-handling.md)."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError
from reconciler.dataprep.javatime import DAYS, MONTHS, Field, fields_of, zone_of

DEFAULT_PATTERNS = (
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd HH:mm:ss.SSSZ",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-MMM-dd",
    "yyyyMMdd",
    "MM-dd-yyyy",
    "MMddyyyy",
    "M/dd/yyyy",
    "dd.M.yyyy",
    "M/dd/yyyy hh:mm:ss a",
    "dd.M.yyyy hh:mm:ss a",
    "dd.MMM.yyyy",
    "dd-MMM-yyyy",
)
"""The formats that are tried, in this order, for a text without one (data-handling.md, "Date function conversions")."""

_WIDTHS = {
    "H": 2,
    "k": 2,
    "K": 2,
    "h": 2,
    "m": 2,
    "s": 2,
    "d": 2,
    "M": 2,
    "L": 2,
    "D": 3,
    "y": 9,
    "u": 1,
    "Q": 1,
    "q": 1,
}
_OFFSETS = {
    ("X", 1): r"Z|[+-]\d\d(?:\d\d)?",
    ("X", 2): r"Z|[+-]\d{4}",
    ("X", 3): r"Z|[+-]\d\d:\d\d",
    ("X", 4): r"Z|[+-]\d{4}(?:\d\d)?",
    ("X", 5): r"Z|[+-]\d\d:\d\d(?::\d\d)?",
    ("Z", 5): r"Z|[+-]\d\d:\d\d",
}


_PATTERNS = {"a": "AM|PM", "G": "Anno Domini|AD|A", **dict.fromkeys("zVO", r"[A-Za-z][\w/+:-]*|[+-]\d\d:?\d\d")}


def _expression(field: Field, *, adjacent: bool) -> str:
    letter, count = field.letter, field.count
    if not letter:
        return re.escape(field.text)
    if (letter in "ML" and count > 2) or letter == "E":
        return _names_pattern(letter, count)
    if letter in _PATTERNS:
        return _PATTERNS[letter]
    if letter in "XZ":
        return _OFFSETS.get((letter, count), r"[+-]\d{4}" if letter == "Z" else r"Z|[+-]\d\d:?\d\d")
    if letter == "S" or (letter == "y" and count > 1):
        return rf"\d{{{count}}}"
    if letter not in _WIDTHS or (letter in "Qq" and count > 2):
        raise NotSupportedLocallyError(f"reading a date by the letter {letter}", "no document says how it is resolved")
    if count > 1 or adjacent:
        return rf"\d{{{count}}}"
    return rf"\d{{1,{_WIDTHS[letter]}}}"


def _names_pattern(letter: str, count: int) -> str:
    if count > 4:
        raise NotSupportedLocallyError(f"reading a date by {letter * count}", "one letter names several of them")
    names = MONTHS if letter in "ML" else DAYS
    return "|".join(names if count == 4 else dict.fromkeys(name[:3] for name in names))


@lru_cache(maxsize=512)
def _reader(pattern: str) -> tuple[re.Pattern[str], tuple[Field, ...]]:
    fields = fields_of(pattern)
    parts = []
    for index, field in enumerate(fields):
        following = fields[index + 1].letter if index + 1 < len(fields) else ""
        parts.append(f"({_expression(field, adjacent=following in _WIDTHS and field.letter in _WIDTHS)})")
    return re.compile("".join(parts), re.ASCII), fields


def parse_date(text: str, pattern: str) -> datetime:
    """Return the date that a text holds in a pattern; UTC where the pattern names no zone.

    Raises EvaluationError for a text that does not match, or a date that does not exist.
    """
    expression, fields = _reader(pattern)
    match = expression.fullmatch(text.strip())
    if match is None:
        raise EvaluationError(f"the text {text[:60]!r} does not match the date format {pattern!r}")
    found: dict[str, str] = {}
    for field, part in zip(fields, match.groups(), strict=True):
        if field.letter:
            found[field.letter] = part
    try:
        return _assembled(found)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"{text!r} is not a date: {error}") from None


def _assembled(found: dict[str, str]) -> datetime:
    year_text = found.get("y", "1970")
    year = int(year_text) + (2000 if len(year_text) == 2 else 0)
    month_text = found.get("M") or found.get("L") or "1"
    month = int(month_text) if month_text.isdigit() else 1 + [name[:3] for name in MONTHS].index(month_text[:3])
    micro = int(found.get("S", "0").ljust(6, "0")[:6])
    value = datetime(
        year, month, int(found.get("d", 1)), _hour(found), int(found.get("m", 0)), int(found.get("s", 0)), micro, UTC
    )
    if "D" in found:
        value = value.replace(month=1, day=1) + timedelta(days=int(found["D"]) - 1)
    if "E" in found and DAYS[value.weekday()][:3] != found["E"][:3]:
        raise ValueError(f"{value.date()} is not a {found['E']}")
    zone = found.get("X") or found.get("Z") or found.get("z") or found.get("V") or found.get("O")
    return value.replace(tzinfo=zone_of(zone)) if zone else value


def _hour(found: dict[str, str]) -> int:
    if "H" in found:
        return int(found["H"])
    if "k" in found:
        return int(found["k"]) % 24
    half = found.get("h") or found.get("K")
    if half is None:
        return 0
    if int(half) > 12:
        raise ValueError(f"{half} is not an hour of a half day")
    return int(half) % 12 + (12 if found.get("a") == "PM" else 0)


_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<zone>Z|[+-]\d\d(?::?\d\d)?|[A-Z]{3,4})?",
    re.ASCII,
)


def parse_default(text: str, *, drop_fraction: bool = False) -> datetime:
    """Return the date that a text holds in one of the default formats, or as ISO 8601; UTC where it has no zone.

    `drop_fraction` leaves out the fraction of the second where the text has no offset: what date() does, by the tip in
    data-handling.md. Raises EvaluationError where nothing matches.
    """
    stripped = text.strip()
    match = _ISO.fullmatch(stripped)
    if match:
        return _iso(match, stripped, drop_fraction=drop_fraction)
    for pattern in DEFAULT_PATTERNS:
        if _reader(pattern)[0].fullmatch(stripped):
            with suppress(EvaluationError):  # 07102020 has the form of yyyyMMdd, but month 20 is none
                return parse_date(stripped, pattern)
    raise EvaluationError(
        f'the text {text[:60]!r} matches no default date format; name its format: date(…, "yyyy-MM-dd")'
    )


def is_iso(text: str) -> bool:
    """Return whether a text has the form of an ISO 8601 date with a time."""
    return _ISO.fullmatch(text.strip()) is not None


def _iso(match: re.Match[str], text: str, *, drop_fraction: bool) -> datetime:
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    zone = match["zone"]
    offset = (zone is not None and not zone.isalpha()) or zone == "Z"
    micro = 0 if drop_fraction and not offset else int(fraction)
    try:
        year, month, day = map(int, match["date"].split("-"))
        tz = zone_of(zone) if zone else UTC
        return datetime(
            year, month, day, int(match["hour"]), int(match["minute"]), int(match["second"] or 0), micro, tz
        )
    except ValueError as error:
        raise EvaluationError(f"{text!r} is not a date: {error}") from None
