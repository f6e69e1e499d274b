"""The Flow Service's `property=` filters, `orderby` and continuation tokens (api-facts 2.4; sort-and-filter.md)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from reconciler.emulator.storage import Json
from reconciler.emulator.wire import flow_refusal

Filter = Callable[[Json], bool]

_GRAMMAR = re.compile(r"\s*([\w.:$\[\]-]+)\s*(==|!=|>=|<=|>|<|~)\s*(.*?)\s*$", re.DOTALL)


def parse(text: str) -> tuple[str, str, list[str]]:
    """Return path, operator and values of one filter. Refuses what the grammar does not know."""
    found = _GRAMMAR.match(text)
    if not found:
        raise flow_refusal("1450-400", "Unknown operator", f"The filter {text!r} cannot be read.")
    path, operator, value = found.groups()
    if operator == "~":
        raise flow_refusal("1440-400", "Filter operator ~ is not implemented")
    if not value:
        raise flow_refusal("1454-400", "Empty filter value")
    values = _split(value)
    if len(values) > 1 and operator != "==":
        raise flow_refusal("1443-400", "Range filters take one value")
    return path, operator, values


def _split(value: str) -> list[str]:
    """Return the comma-separated values; a quoted one keeps its commas."""
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        return [value[1:-1].replace('\\"', '"')]
    return [part.strip().strip('"') for part in value.split(",")]


def make(text: str) -> Filter:
    """Return the test one `property=` parameter stands for."""
    path, operator, wanted = parse(text)
    steps = path.split(".")

    def test(body: Json) -> bool:
        return any(_holds(value, operator, item) for value in _values(body, steps) for item in wanted)

    return test


def _values(here: Any, steps: list[str]) -> list[Any]:
    if not steps:
        return [here]
    step, rest = steps[0], steps[1:]
    listed = step.endswith("[]")
    inner = here.get(step.removesuffix("[]")) if isinstance(here, dict) else None
    if inner is None:
        return []
    if listed:
        return [value for item in inner for value in _values(item, rest)] if isinstance(inner, list) else []
    return _values(inner, rest)


def _holds(value: Any, operator: str, wanted: str) -> bool:
    if operator in ("==", "!="):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return (text == wanted) == (operator == "==")
    try:
        left, right = float(value), float(wanted)
    except (TypeError, ValueError):
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]


def sort_key(orderby: str) -> tuple[str, bool]:
    """Return field and whether descending, of the first member of an `orderby`."""
    first = orderby.split(",")[0].strip()
    descending = first.startswith("-")
    field = first.lstrip("+- ")
    if not re.fullmatch(r"[A-Za-z.]+", field):
        raise flow_refusal("1433-400", "Bad orderby field")
    return field, descending


def token(number: int) -> str:
    """Return a continuation token."""
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode()


def number(text: str) -> int:
    """Return what `token` was made from. Refuses any other text."""
    try:
        return int(base64.urlsafe_b64decode(text.encode()).decode().removeprefix("after:"))
    except ValueError:
        raise flow_refusal("1453-400", "Bad continuation token") from None
