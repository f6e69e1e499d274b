"""Date and time functions (functions.md, "Date and time functions"; data-handling.md, "Dates")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from reconciler.dataprep.datereader import parse_date, parse_default
from reconciler.dataprep.errors import EvaluationError, NotSupportedLocallyError
from reconciler.dataprep.javatime import format_date, zone_of
from reconciler.dataprep.table import Context, function
from reconciler.dataprep.values import Value

_CATEGORY = "Date and time"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(value: datetime) -> int:
    """Return a date as milliseconds since 1970."""
    return (value - _EPOCH) // timedelta(milliseconds=1)


@function(_CATEGORY, "now", returns="date", context=True, doc="Give the current time.")
def now(context: Context) -> Value:
    return context.time()


@function(
    _CATEGORY, "timestamp", returns="integer", context=True, doc="Give the current time in milliseconds since 1970."
)
def timestamp(context: Context) -> Value:
    return milliseconds(context.time())


@function(_CATEGORY, "format", "date: date, format: string", returns="string", doc="Write a date in a format.")
def format_(date: datetime, pattern: str) -> Value:
    return format_date(date, pattern)


@function(
    _CATEGORY, "dformat", "timestamp: integer, format: string", returns="string",
    doc="Write a time in milliseconds since 1970 in a format, in UTC.",
)  # fmt: skip
def dformat(timestamp: int, pattern: str) -> Value:
    return format_date(_EPOCH + timedelta(milliseconds=timestamp), pattern)


@function(
    _CATEGORY, "date", "date: any|null, format?: string, default?: date", returns="date",
    doc="Read a date from a text, in one of the default formats or in the one given.",
)  # fmt: skip
def date(text: Value, pattern: str | None = None, default: datetime | None = None) -> Value:
    if text is None:
        return default
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str):
        raise EvaluationError("date takes a text or a date; for milliseconds use dformat")
    return parse_default(text, drop_fraction=True) if pattern is None else parse_date(text, pattern)


_PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda value: value.year,
    "quarter": lambda value: (value.month + 2) // 3,
    "month": lambda value: value.month,
    "dayofyear": lambda value: value.timetuple().tm_yday,
    "day": lambda value: value.day,
    "week": lambda value: value.isocalendar().week,
    "hour": lambda value: value.hour,
    "hh12": lambda value: value.hour % 12 or 12,
    "minute": lambda value: value.minute,
    "second": lambda value: value.second,
    "millisecond": lambda value: value.microsecond // 1000,
}
_COMPONENTS = {
    "year": "year", "yyyy": "year", "yy": "year", "quarter": "quarter", "qq": "quarter", "q": "quarter",
    "month": "month", "mm": "month", "m": "month", "dayofyear": "dayofyear", "dy": "dayofyear", "y": "dayofyear",
    "day": "day", "dd": "day", "d": "day", "week": "week", "ww": "week", "hour": "hour", "hh": "hour", "hh24": "hour",
    "hh12": "hh12", "minute": "minute", "mi": "minute", "n": "minute", "second": "second", "ss": "second",
    "s": "second", "millisecond": "millisecond", "sss": "millisecond",
}  # fmt: skip
_UNSETTLED = {
    "w": 'the guide lists "w" for the week and for the weekday',
    "weekday": "no document says which day is the first",
    "dw": "no document says which day is the first",
}


def _component(name: str) -> str:
    lowered = name.lower()
    if lowered in _UNSETTLED:
        raise NotSupportedLocallyError(f"the component {name!r}", _UNSETTLED[lowered])
    if lowered not in _COMPONENTS:
        raise EvaluationError(f'{name!r} is not a component of a date, such as "year" or "mm"')
    return _COMPONENTS[lowered]


@function(
    _CATEGORY, "date_part", "component: string, date: date", returns="integer", doc="Give one part of a date.",
    unsupported="the weekday: no document says which day is the first",
)  # fmt: skip
def date_part(component: str, value: datetime) -> Value:
    return _PARTS[_component(component)](value)


@function(
    _CATEGORY, "set_date_part", "component: string, value: integer, date: date", returns="date",
    doc="Change one part of a date.",
)  # fmt: skip
def set_date_part(component: str, number: int, value: datetime) -> Value:
    match _component(component):
        case "year":
            return value.replace(year=number)
        case "month":
            return value.replace(month=number)
        case "day":
            return value.replace(day=number)
        case "hour":
            return value.replace(hour=number)
        case "minute":
            return value.replace(minute=number)
        case "second":
            return value.replace(second=number)
    raise EvaluationError(f"the component {component!r} cannot be set")


@function(
    _CATEGORY, "make_date_time",
    "year: integer, month: integer, day: integer, hour: integer, minute: integer, second: integer, nanosecond: integer,"
    " zone: string",
    returns="date", doc="Make a date of its parts; below a microsecond it is cut.", aliases=("make_timestamp",),
)  # fmt: skip
def make_date_time(
    year: int, month: int, day: int, hour: int, minute: int, second: int, nanosecond: int, zone: str
) -> Value:
    if not 0 <= nanosecond <= 999_999_999:
        raise EvaluationError("nanosecond must be in 0..999999999")
    return datetime(year, month, day, hour, minute, second, nanosecond // 1000, zone_of(zone))


@function(_CATEGORY, "zone_date_to_utc", "date: date", returns="date", doc="Move a date to UTC.")
def zone_date_to_utc(value: datetime) -> Value:
    return value.astimezone(UTC)


@function(_CATEGORY, "zone_date_to_zone", "date: date, zone: string", returns="date", doc="Move a date to a time zone.")
def zone_date_to_zone(value: datetime, zone: str) -> Value:
    return value.astimezone(zone_of(zone))
