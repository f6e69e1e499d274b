"""The functions of the mapping language: what they take, and what the simple ones do (api-facts 4.6)."""

from __future__ import annotations

import hashlib
import re
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlsplit

from reconciler.emulator.json_text import read_json
from reconciler.emulator.wire import now_ms

MANY = 999
LONGEST = 100_000
"""Characters that padding makes at most."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its group, how it is written, how many arguments it takes, and what it does where we do it."""

    category: str
    syntax: str
    least: int
    most: int
    run: Callable[..., Any] | None = None

    def takes(self, count: int) -> bool:
        """Return whether it takes so many arguments."""
        return self.least <= count <= self.most


def _hash(name: str) -> Callable[..., Any]:
    return lambda text, charset="UTF-8": (
        None if text is None else hashlib.new(name, str(text).encode(charset)).hexdigest()
    )


def _text(run: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else run(str(value))


def _explode(text: Any, regex: str = ",") -> Any:
    return None if text is None else [part.strip() for part in re.split(regex, str(text))]


def _instr(text: str, part: str, start: int = 1, occurrence: int = 1) -> int:
    at = start - 2
    for _ in range(occurrence):
        at = text.find(part, at + 1)
        if at < 0:
            return 0
    return at + 1


def _pairs(values: tuple[Any, ...]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=False))


def _decode(key: Any, *rest: Any) -> Any:
    found = _pairs(rest[: len(rest) // 2 * 2])
    return found.get(key, rest[-1] if len(rest) % 2 else None)


def _str_to_object(text: str, value: str = ":", fields: str = ",") -> dict[str, str]:
    return {key.strip(): rest.strip() for key, _, rest in (part.partition(value) for part in text.split(fields)) if key}


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _flat(values: tuple[Any, ...]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


def _extract(text: str, regex: str) -> list[Any]:
    found = re.search(regex, text)
    return [found.group(0), *found.groups()] if found else []


def _arrays_to_object(*values: Any) -> list[dict[str, Any]]:
    columns = _pairs(values)
    longest = max((len(column) for column in columns.values()), default=0)
    return [
        {name: column[row] if row < len(column) else None for name, column in columns.items()} for row in range(longest)
    ]


_RUN: dict[str, dict[str, tuple[str, int, int, Callable[..., Any] | None]]] = {
    "String": {
        "concat": ("concat(string...)", 1, MANY, lambda *parts: "".join(str(one) for one in parts if one is not None)),
        "explode": ("explode(string, regex?)", 1, 2, _explode),
        "instr": ("instr(string, part, start?, occurrence?)", 2, 4, _instr),
        "replacestr": ("replacestr(string, find, with)", 3, 3, lambda text, old, new: text.replace(old, new)),
        "substr": ("substr(string, start, length)", 2, 3, lambda text, at, size=None: text[at:][: size]),
        "lower": ("lower(string)", 1, 1, _text(str.lower)),
        "lcase": ("lcase(string)", 1, 1, _text(str.lower)),
        "upper": ("upper(string)", 1, 1, _text(str.upper)),
        "ucase": ("ucase(string)", 1, 1, _text(str.upper)),
        "split": ("split(string, separator)", 2, 2, lambda text, sign: None if text is None else text.split(sign)),
        "join": ("join(separator, list)", 2, MANY, lambda sign, *parts: sign.join(str(one) for one in _flat(parts))),
        "lpad": ("lpad(string, length, padding)", 3, 3, lambda text, size, pad: text.rjust(min(size, LONGEST), pad)),
        "rpad": ("rpad(string, length, padding)", 3, 3, lambda text, size, pad: text.ljust(min(size, LONGEST), pad)),
        "left": ("left(string, count)", 2, 2, lambda text, count: text[:count]),
        "right": ("right(string, count)", 2, 2, lambda text, count: text[-count:] if count else ""),
        "ltrim": ("ltrim(string)", 1, 1, _text(str.lstrip)),
        "rtrim": ("rtrim(string)", 1, 1, _text(str.rstrip)),
        "trim": ("trim(string)", 1, 1, _text(str.strip)),
        "equals": ("string.equals(text)", 2, 2, lambda left, right: left == right),
        "equalsIgnoreCase": (
            "string.equalsIgnoreCase(text)", 2, 2, lambda left, right: str(left).lower() == str(right).lower(),
        ),
    },
    "Regex": {
        "extract_regex": ("extract_regex(string, regex)", 2, 2, _extract),
        "matches_regex": ("matches_regex(string, regex)", 2, 2, lambda text, regex: bool(re.search(regex, text))),
    },
    "Hashing": {
        **{name: (f"{name}(string, charset?)", 1, 2, _hash(name)) for name in ("sha1", "sha256", "sha512", "md5")},
        "crc32": (
            "crc32(string, charset?)", 1, 2, lambda text, charset="UTF-8": f"{zlib.crc32(str(text).encode(charset)):x}",
        ),
    },
    "URL": {
        "get_url_protocol": ("get_url_protocol(url)", 1, 1, lambda url: urlsplit(url).scheme),
        "get_url_host": ("get_url_host(url)", 1, 1, lambda url: urlsplit(url).hostname),
        "get_url_port": ("get_url_port(url)", 1, 1, lambda url: urlsplit(url).port or -1),
        "get_url_path": ("get_url_path(url, full?)", 1, 2, None),
        "get_url_query_str": ("get_url_query_str(url, anchor)", 1, 2, None),
        "get_url_encoded": ("get_url_encoded(url)", 1, 1, _text(quote_plus)),
        "get_url_decoded": ("get_url_decoded(url)", 1, 1, _text(unquote_plus)),
    },
    "Date / Time": {
        "now": ("now()", 0, 0, lambda: datetime.now(UTC).isoformat()),
        "timestamp": ("timestamp()", 0, 0, now_ms),
        "format": ("format(date, pattern)", 2, 2, None),
        "dformat": ("dformat(ms, pattern)", 2, 2, None),
        "date": ("date(string, pattern?, default?)", 1, 3, None),
        "date_part": ("date_part(part, date)", 2, 2, None),
        "set_date_part": ("set_date_part(part, value, date)", 3, 3, None),
        "make_date_time": ("make_date_time(y, mo, d, h, mi, s, ns, zone)", 8, 8, None),
        "make_timestamp": ("make_timestamp(y, mo, d, h, mi, s, ns, zone)", 8, 8, None),
        "zone_date_to_utc": ("zone_date_to_utc(date)", 1, 1, None),
        "zone_date_to_zone": ("zone_date_to_zone(date, zone)", 2, 2, None),
    },
    "Hierarchies - Objects": {
        "is_empty": ("is_empty(value)", 1, 1, _empty),
        "arrays_to_object": ("arrays_to_object(name, array, ...)", 2, MANY, _arrays_to_object),
        "arrays_to_objects": ("arrays_to_objects(name, array, ...)", 2, MANY, _arrays_to_object),
        "to_object": ("to_object(key, value, ...)", 2, MANY, lambda *values: _pairs(values)),
        "str_to_object": ("str_to_object(string, valueSign?, fieldSign?)", 1, 3, _str_to_object),
        "contains_key": ("contains_key(path)", 1, 1, lambda value: value is not None),
        "is_set": ("is_set(path)", 1, 1, lambda value: value is not None),
        "nullify": ("nullify()", 0, 0, lambda: None),
        "get_keys": ("get_keys(object)", 1, 1, lambda value: list(value or {})),
        "get_values": ("get_values(string, key, valueSign, fieldSign?)", 3, 4, None),
        "map_get_values": ("map_get_values(map, key)", 2, 2, None),
        "map_has_keys": ("map_has_keys(map, key)", 2, 2, lambda value, keys: all(k in value for k in _flat((keys,)))),
        "add_to_map": ("add_to_map(map, map...)", 2, MANY, lambda *maps: {k: m[k] for m in maps for k in m}),
        "object_to_map": ("object_to_map(value, ...)", 1, MANY, None),
    },
    "Hierarchies - Arrays": {
        "coalesce": ("coalesce(value...)", 1, MANY, lambda *values: next((v for v in values if v is not None), None)),
        "first": ("first(array)", 1, MANY, lambda *values: next(iter(_flat(values)), None)),
        "last": ("last(array)", 1, MANY, lambda *values: next(reversed(_flat(values)), None)),
        "add_to_array": ("add_to_array(array, value...)", 2, MANY, lambda array, *more: [*(array or []), *more]),
        "join_arrays": ("join_arrays(array, array...)", 1, MANY, lambda *arrays: _flat(arrays)),
        "to_array": (
            "to_array(includeNulls, value...)", 1, MANY,
            lambda nulls, *rest: [value for value in rest if nulls or value is not None],
        ),
        "size_of": ("size_of(value)", 1, 1, lambda value: len(value or "")),
        "upsert_array_append": ("upsert_array_append(array)", 1, 1, None),
        "upsert_array_replace": ("upsert_array_replace(array, index?)", 1, 2, None),
    },
    "Hierarchies - Maps": {
        "array_to_map": ("array_to_map(objects, key)", 2, 2, lambda rows, key: {row.get(key): row for row in rows}),
        "to_map": ("to_map(key, value, ...)", 2, MANY, lambda *values: _pairs(values)),
    },
    "Logical": {
        "decode": ("decode(key, key, value, ..., default?)", 3, MANY, _decode),
        "iif": ("iif(condition, then, else)", 3, 3, lambda test, then, other: then if test else other),
        "min": ("min(value...)", 1, MANY, lambda *values: min(_flat(values))),
        "max": ("max(value...)", 1, MANY, lambda *values: max(_flat(values))),
    },
    "Type conversions": {
        **{
            name: (f"{name}(string)", 1, 1, lambda value: None if value is None else int(float(value)))
            for name in ("to_bigint", "to_integer")
        },
        **{
            name: (f"{name}(string)", 1, 1, lambda value: None if value is None else float(value))
            for name in ("to_decimal", "to_float")
        },
    },
    "JSON": {"json_to_object": ("json_to_object(string)", 1, 1, _text(read_json))},
    "Special": {
        "uuid": ("uuid()", 0, 0, lambda: str(uuid.uuid4())),
        "guid": ("guid()", 0, 0, lambda: str(uuid.uuid4())),
        "fpid_to_ecid": ("fpid_to_ecid(string)", 1, 1, None),
    },
    "User agent": {
        f"ua_{name}": (f"ua_{name}(string)", 1, 1, None)
        for name in (
            "os_name", "os_version", "os_version_major", "os_name_version", "agent_name", "agent_version",
            "agent_version_major", "device_class",
        )
    },
    "Analytics": {
        f"aa_get_{name}": (f"aa_get_{name}(string{', event' if count == 2 else ''})", count, count, None)
        for name, count in (
            ("event_id", 2), ("event_value", 2), ("product_categories", 1), ("product_names", 1),
            ("product_quantities", 1), ("product_prices", 1), ("product_event_values", 2), ("product_evars", 2),
        )
    },
}  # fmt: skip
FUNCTIONS: dict[str, Function] = {
    name: Function(category, *facts) for category, group in _RUN.items() for name, facts in group.items()
}
