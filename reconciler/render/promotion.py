"""How two environments differ, for people and pipelines."""

from __future__ import annotations

from typing import Any

from reconciler.core.compare.promotion import Promotion
from reconciler.core.display import shown
from reconciler.core.pointers import pointer
from reconciler.core.rules import NO_RULES, Rules
from reconciler.core.values import MISSING, Tree
from reconciler.render.json import FORMAT_VERSION
from reconciler.render.values import say

_WORDS = {"onlyFrom": "only in {source}", "onlyTo": "only in {target}"}
_SIGNS = {"onlyFrom": "-", "onlyTo": "+", "changed": "~"}


def text(view: Promotion) -> str:
    """Return what a terminal shows."""
    lines = [f"From {view.source} to {view.target}", ""]
    differing = {name: pair for name, pair in view.variables.items() if pair[0] != pair[1]}
    alike = [name for name in view.variables if name not in differing]
    if differing:
        width = max(map(len, differing))
        lines.append("Variables that differ:")
        lines += [f"  {name.ljust(width)}  {_value(one)} → {_value(other)}" for name, (one, other) in differing.items()]
    if alike:
        lines.append(f"Variables that are the same: {', '.join(alike)}")
    if view.variables:
        lines.append("")
    if not view.differences:
        lines.append("Besides variables the two are the same.")
    else:
        lines.append("Besides variables:")
    for item in view.differences:
        where = _WORDS.get(item.status, "").format(source=view.source, target=view.target)
        lines.append(f"  {_SIGNS[item.status]} {item.address}  {item.kind}" + (f"  ({where})" if where else ""))
        lines += [
            f"      {pointer(path)}: {_value(one, item.rules)} → {_value(other, item.rules)}"
            for path, one, other in item.fields
        ]
    return "\n".join(lines) + "\n"


def _value(value: Tree, rules: Rules = NO_RULES) -> str:
    if value is MISSING or value is None:
        return "(none)"
    return say(value, rules=rules)


def document(view: Promotion) -> dict[str, Any]:
    """Return what `--format json` prints; a side without a value leaves it out."""
    return {
        "formatVersion": FORMAT_VERSION,
        "from": view.source,
        "to": view.target,
        "variables": {name: {"from": one, "to": other} for name, (one, other) in view.variables.items()},
        "differences": [
            {
                "address": item.address,
                "kind": item.kind,
                "status": item.status,
                "fields": [
                    {
                        "path": pointer(path),
                        **({"from": shown(one)} if one is not MISSING else {}),
                        **({"to": shown(other)} if other is not MISSING else {}),
                    }
                    for path, one, other in item.fields
                ],
            }
            for item in view.differences
        ],
    }
