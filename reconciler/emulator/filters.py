"""The Flow Service's filters, `orderby` and continuation tokens, as SQL (sort-and-filter.md)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection

from reconciler.emulator.storage import Condition
from reconciler.emulator.wire import flow_refusal

_GRAMMAR = re.compile(r"\s*([\w.:$\[\]-]+)\s*(==|>=|<=|!=|>|<|~)\s*(.*?)\s*$", re.DOTALL)
_STEP = re.compile(r"[\w:$-]+(\[\])?")
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_ENDS = ("sourceConnectionIds[]", "targetConnectionIds[]")


def parse(text: str) -> tuple[str, str, list[str]]:
    """Return path, operator and values of one filter. Refuses what the grammar does not know."""
    found = _GRAMMAR.match(text)
    if not found:
        raise flow_refusal("1450-400", "Unknown operator", f"The filter {text!r} cannot be read.")
    path, operator, value = found.groups()
    if operator == "~":
        raise flow_refusal("1440-400", "Filter operator ~ is not implemented")
    if operator == "!=":
        raise flow_refusal("1450-400", "Unknown operator", "The operator != is not known; use ==, >=, <=, > or <.")
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


def condition(text: str, roots: Collection[str]) -> Condition:
    """Return the SQL one `property=` parameter stands for; its path must begin with one of `roots`.

    Paths that have an index (see storage.py) are compared in the very words of the index.
    """
    path, operator, values = parse(text)
    steps = path.split(".")
    if not all(_STEP.fullmatch(step) for step in steps) or steps[0].removesuffix("[]") not in roots:
        raise flow_refusal("1449-400", "Unknown filter field", f"The field {path!r} is not known.")
    if operator == "==" and path in ("name", "id"):
        return f"{path} IN ({_marks(values)})", values
    if operator == "==" and path in _ENDS:
        return (
            f"id IN (SELECT user FROM uses WHERE uses.tenant = objects.tenant AND used IN ({_marks(values)}))",
            values,
        )
    return _inside("body", steps, operator, values, 0)


def _inside(source: str, steps: list[str], operator: str, values: list[str], depth: int) -> Condition:
    """Return the SQL for the rest of a path; each list on the way is one `json_each` deeper."""
    here: list[str] = []
    for index, step in enumerate(steps):
        here.append(step.removesuffix("[]"))
        if step.endswith("[]"):
            row = f"item{depth}"
            rest = steps[index + 1 :]
            if rest:
                inner, found = _inside(f"{row}.value", rest, operator, values, depth + 1)
                # CASE, not AND: a scalar must never reach json_extract, whatever the query planner likes best
                inner = f"CASE WHEN {row}.type = 'object' THEN {inner} ELSE 0 END"
            else:
                inner, found = _compared(f"{row}.value", f"{row}.type", operator, values)
            each = f"json_each({source}, '{json_path(here)}') AS {row}"
            return f"EXISTS (SELECT 1 FROM {each} WHERE {inner})", found
    place = json_path(here)
    return _compared(f"json_extract({source}, '{place}')", f"json_type({source}, '{place}')", operator, values)


def _compared(value: str, kind: str, operator: str, values: list[str]) -> Condition:
    if operator == "==":
        wanted: list[str | float] = list(values)
        wanted += [number for text in values if (number := _number(text)) is not None]
        words = [text for text in values if text in ("true", "false")]
        extra = f" OR {kind} IN ({_marks(words)})" if words else ""
        return f"({value} IN ({_marks(wanted)}){extra})", [*wanted, *words]
    bound = _number(values[0])
    if bound is None:
        raise flow_refusal("1453-400", "Bad filter value", f"{operator} compares numbers, not {values[0]!r}.")
    return f"({kind} IN ('integer', 'real', 'text') AND CAST({value} AS REAL) {operator} ?)", [bound]


def _number(text: str) -> float | int | None:
    try:
        return int(text) if text.lstrip("-").isdigit() and len(text) < 19 else float(text)
    except ValueError:
        return None


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def json_path(steps: list[str]) -> str:
    """Return SQLite's path of members; only letters, digits and `_:$-` come in, so it is safe inside quotes."""
    return "$" + "".join(f".{step}" if _PLAIN.fullmatch(step) else f'."{step}"' for step in steps)


def order(orderby: str, roots: Collection[str]) -> str:
    """Return the SQL of an `orderby`: a comma list, `-` descending, else ascending; the last resort is age."""
    parts = []
    for item in orderby.split(","):
        # a bare + in a query arrives as a blank
        field = item.strip().lstrip("+-")
        prefix = item.strip()[: len(item.strip()) - len(field)]
        if prefix not in ("", "+", "-"):
            raise flow_refusal("1432-400", "Bad orderby prefix", f"{item!r}: only + and - may stand before a field.")
        steps = field.split(".")
        if not all(_PLAIN.fullmatch(step) for step in steps) or steps[0] not in roots:
            raise flow_refusal("1433-400", "Bad orderby field", f"{item!r} is no field to order by.")
        column = field if field in ("name", "id") else f"json_extract(body, '{json_path(steps)}')"
        parts.append(f"{column} {'DESC' if prefix == '-' else 'ASC'}")
    return ", ".join([*parts, "number DESC"])


def token(kind: str, position: int, total: int) -> str:
    """Return a continuation token: `after` a number or at an `offset`, of so many in all."""
    return base64.urlsafe_b64encode(json.dumps([kind, position, total]).encode()).decode()


def position(text: str) -> tuple[str, int, int]:
    """Return what `token` was made from. Refuses any other text."""
    try:
        kind, place, total = json.loads(base64.urlsafe_b64decode(text.encode()))
        if kind in ("after", "offset") and type(place) is int and type(total) is int and 0 <= place < 2**62:
            return kind, place, total
    except (ValueError, TypeError, binascii.Error):
        pass
    raise flow_refusal("1453-400", "Bad continuation token")
