"""Dates as Java's format letters write and read them (help/data-prep/data-handling.md, "Date/time format strings").

The letters mean what the guide's table says. Where the table leaves a question open, weeks are ISO weeks, names are
English, and `S` is a fraction of the second with as many digits as letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_QUARTERS = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")

ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "AKST": -9, "AKDT": -8, "HST": -10, "CET": 1, "CEST": 2, "WET": 0, "WEST": 1, "EET": 2, "EEST": 3,
}  # fmt: skip
"""Zone names as fixed offsets in hours: the guide's sample of zone_date_to_utc reads PST as -08:00 in October, too."""

_LONG_NAMES = {
    "UTC": "Coordinated Universal Time", "GMT": "Greenwich Mean Time", "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time", "CST": "Central Standard Time", "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time", "MDT": "Mountain Daylight Time", "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time", "CET": "Central European Standard Time", "CEST": "Central European Summer Time",
}  # fmt: skip

_LETTERS = frozenset("GYyMLwWDdFEuaHkKhmsSzZXVOQq")


@dataclass(frozen=True, slots=True)
class Field:
    """One run of a letter in a pattern, or a literal text (letter is empty)."""

    letter: str
    count: int
    text: str = ""


@lru_cache(maxsize=512)
def fields_of(pattern: str) -> tuple[Field, ...]:
    result: list[Field] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "'":
            match = re.compile(r"'((?:[^']|'')*)'").match(pattern, at)
            if match is None:
                raise EvaluationError(f"the quote in the date format {pattern!r} has no end")
            result.append(Field("", 0, match.group(1).replace("''", "'") or "'"))
            at = match.end()
        elif character.isascii() and character.isalpha():
            end = at
            while end < len(pattern) and pattern[end] == character:
                end += 1
            if character not in _LETTERS:
                raise EvaluationError(
                    f"{character!r} is not a letter of a date format; put text between quotes: '{character}'"
                )
            result.append(Field(character, end - at))
            at = end
        else:
            result.append(Field("", 0, character))
            at += 1
    return tuple(result)


# -- zones -------------------------------------------------------------------------------------------------------
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2}):?(\d{2})?(?::?(\d{2}))?")


def zone_of(name: str) -> tzinfo:
    """Return a zone by its ID, its abbreviation or its offset. Raises EvaluationError for an unknown one."""
    if name in ABBREVIATIONS:
        hours = ABBREVIATIONS[name]
        return timezone(timedelta(hours=hours), name) if hours else UTC
    match = _OFFSET.fullmatch(name)
    if match:
        sign, hours_text, minutes, seconds = match.groups()
        total = timedelta(hours=int(hours_text), minutes=int(minutes or 0), seconds=int(seconds or 0))
        if total > timedelta(hours=18):
            raise EvaluationError(f"{name!r} is not an offset: it is more than 18 hours")
        return timezone(-total if sign == "-" else total)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EvaluationError(f"{name!r} is not a time zone") from None


def _offset_text(value: datetime, *, colon: bool, zulu: bool, short: bool = False) -> str:
    seconds = int((value.utcoffset() or timedelta()).total_seconds())
    if zulu and not seconds:
        return "Z"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    if short and not minutes:
        return f"{sign}{hours:02d}"
    return f"{sign}{hours:02d}{':' if colon else ''}{minutes:02d}"


def _zone_name(value: datetime, count: int) -> str:
    name = value.tzname() or ""
    if not re.fullmatch("[A-Z]{1,5}", name):
        if isinstance(value.tzinfo, ZoneInfo):
            raise NotSupportedLocallyError(
                f"the name of the time zone {value.tzinfo.key}", "Java's names are not known"
            )
        return "GMT" + _offset_text(value, colon=True, zulu=False)
    if count < 4:
        return name
    if name not in _LONG_NAMES:
        raise NotSupportedLocallyError(f"the long name of the time zone {name}", "Java's names are not known")
    return _LONG_NAMES[name]


# -- writing -----------------------------------------------------------------------------------------------------
def format_date(value: datetime, pattern: str) -> str:
    """Return a date in a pattern of Java's format letters, in the zone that the date has.

    Raises EvaluationError for a pattern that is not one.
    """
    return "".join(
        field.text if not field.letter else _WRITERS[field.letter](value, field.count) for field in fields_of(pattern)
    )


def _padded(number: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda value, count: str(number(value)).zfill(count)


def _year(number: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda value, count: f"{number(value) % 100:02d}" if count == 2 else str(number(value)).zfill(count)


def _named(names: tuple[str, ...], index: int, count: int) -> str:
    name = names[index]
    return name[0] if count == 5 else name if count == 4 else name[:3]


def _month(value: datetime, count: int) -> str:
    return str(value.month).zfill(count) if count < 3 else _named(MONTHS, value.month - 1, count)


def _quarter(value: datetime, count: int) -> str:
    quarter = (value.month + 2) // 3
    return str(quarter).zfill(count) if count < 3 else f"Q{quarter}" if count == 3 else _QUARTERS[quarter - 1]


def _era(_: datetime, count: int) -> str:
    return "A" if count == 5 else "Anno Domini" if count == 4 else "AD"


def _week_of_month(value: datetime) -> int:
    first = value.replace(day=1).isoweekday()
    week_with_first = 1 if first <= 4 else 0  # an ISO week belongs to the month that has four of its days
    return (value.day + first - 2) // 7 + week_with_first


def _offset_x(value: datetime, count: int) -> str:
    return _offset_text(value, colon=count in (3, 5), zulu=True, short=count == 1)


def _offset_z(value: datetime, count: int) -> str:
    if count == 4:
        return _localized(value, 4)
    return _offset_text(value, colon=count == 5, zulu=count == 5)


def _localized(value: datetime, count: int) -> str:
    text = _offset_text(value, colon=True, zulu=True)
    if text == "Z":
        return "GMT"
    if count >= 4:
        return "GMT" + text
    hours, _, minutes = text[1:].partition(":")
    return f"GMT{text[0]}{int(hours)}{'' if minutes == '00' else ':' + minutes}"


def _zone_id(value: datetime, _: int) -> str:
    if isinstance(value.tzinfo, ZoneInfo):
        return value.tzinfo.key
    return _offset_text(value, colon=True, zulu=True)


_WRITERS: dict[str, Callable[[datetime, int], str]] = {
    "G": _era,
    "Y": _year(lambda value: value.isocalendar().year),
    "y": _year(lambda value: value.year),
    "M": _month,
    "L": _month,
    "w": _padded(lambda value: value.isocalendar().week),
    "W": _padded(_week_of_month),
    "D": _padded(lambda value: value.timetuple().tm_yday),
    "d": _padded(lambda value: value.day),
    "F": _padded(lambda value: (value.day - 1) // 7 + 1),
    "E": lambda value, count: _named(DAYS, value.weekday(), count),
    "u": _padded(lambda value: value.isoweekday()),
    "a": lambda value, _: "AM" if value.hour < 12 else "PM",
    "H": _padded(lambda value: value.hour),
    "k": _padded(lambda value: value.hour or 24),
    "K": _padded(lambda value: value.hour % 12),
    "h": _padded(lambda value: value.hour % 12 or 12),
    "m": _padded(lambda value: value.minute),
    "s": _padded(lambda value: value.second),
    "S": lambda value, count: f"{value.microsecond:06d}".ljust(count, "0")[:count],
    "z": _zone_name,
    "Z": _offset_z,
    "X": _offset_x,
    "V": _zone_id,
    "O": _localized,
    "Q": _quarter,
    "q": _quarter,
}
