"""The difference of two plans as text, Markdown and JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reconciler.core.plan.comparison import Comparison
from reconciler.core.plan.document import FORMAT_VERSION, call_document
from reconciler.core.plan.model import Change, Plan
from reconciler.render.markdown import LIMIT
from reconciler.render.values import code, fence_for, many, say

_ROWS = 200


def comparison_text(found: Comparison) -> str:
    """Return the comparison for a terminal: each object whose changes differ, with the calls of both plans."""
    if found.equal:
        return "The plans make the same changes.\n"
    out = [f"The plans differ in {len(found.differences)} of their changes:", ""]
    for item in found.differences:
        out.append(f"  {item.address}")
        if item.first is None and item.second is None:
            out += [f"    - {_place(found.first)}", f"    + {_place(found.second)}"]
        out += [f"    {line}" for line in _side("-", item.first)]
        out += [f"    {line}" for line in _side("+", item.second)]
    return "\n".join(out) + "\n"


def comparison_markdown(found: Comparison, limit: int = LIMIT) -> str:
    """Return the comparison for a comment within `limit` characters: a table, then the calls of both plans, folded."""
    if found.equal:
        return "The plans make the same changes.\n"
    out = [f"The plans differ in {many(len(found.differences), 'change', 'changes')}.", ""]
    out += ["| address | first plan | second plan |", "| --- | --- | --- |"]
    sides = [(item.address, _word(item.first), _word(item.second)) for item in found.differences]
    out += [f"| {code(address)} | {first} | {second} |" for address, first, second in sides[:_ROWS]]
    if len(sides) > _ROWS:
        out += ["", f"… and {many(len(sides) - _ROWS, 'change', 'changes')} more."]
    left = limit - len("\n".join(out)) - 200
    text = comparison_text(found).splitlines()[2:]
    fence = fence_for(text)
    kept: list[str] = []
    for line in text:
        left -= len(line) + 1
        if left < 0:
            kept.append(f"… and {many(len(text) - len(kept), 'line', 'lines')} more")
            break
        kept.append(re.sub(r"^    ([-+])", r"\1", line))
    out += ["", "<details><summary>Calls</summary>", "", f"{fence}diff", *kept, fence, "", "</details>"]
    return "\n".join(out) + "\n"


def _word(change: Change | None) -> str:
    return "(none)" if change is None else str(change.action)


def _place(plan: Plan) -> str:
    moved = "".join(f", moved {old} → {new}" for old, new in plan.basis.moved)
    moved += "".join(f", import {name} {item.id}" for name, item in sorted(plan.imports.items()))
    return f"environment {plan.environment}, {plan.platform}, {plan.organization}, sandbox {plan.sandbox}{moved}"


def _side(sign: str, change: Change | None) -> Iterator[str]:
    if change is None:
        return
    yield f"{sign} {change.action}"
    for call in change.every_call:
        yield f"{sign}   {call.brief()} {'' if call.body is None else say(call.body, None)}".rstrip()


def comparison_document(found: Comparison) -> dict[str, Any]:
    """Return the comparison as `show --compare --format json` prints it."""
    return {
        "formatVersion": FORMAT_VERSION,
        "equal": found.equal,
        "digests": [found.first.digest, found.second.digest],
        "differences": [
            {"address": item.address, "first": _document(item.first), "second": _document(item.second)}
            for item in found.differences
        ],
    }


def _document(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {"action": str(change.action), "calls": [call_document(call) for call in change.every_call]}
