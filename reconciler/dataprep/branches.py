"""The branches of an expression: what coverage counts."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.dataprep.printer import to_text
from reconciler.dataprep.syntax import Call, Conditional, Node, children


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch: the offset of its iif(), decode() or `?`, its number as a Context records it, and its words."""

    offset: int
    number: int
    label: str


def branches_of(tree: Node) -> list[Branch]:
    """Return all branches of an expression, in the order of the text."""
    found: list[Branch] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        if isinstance(node, Call) and node.name == "iif" and len(node.arguments) == 3:
            found += _two(node.at, node.arguments[0])
        elif isinstance(node, Conditional) and node.then is not None:
            found += _two(node.at, node.test)
        elif isinstance(node, Call) and node.name == "decode" and node.arguments:
            options = node.arguments[1:]
            count = len(options) // 2
            found += [Branch(node.at, number, f"decode key {to_text(options[2 * number])}") for number in range(count)]
            found.append(Branch(node.at, count, "decode default"))
    return sorted(found, key=lambda branch: (branch.offset, branch.number))


def _two(at: int, condition: Node) -> list[Branch]:
    text = to_text(condition)
    return [Branch(at, 0, f"{text} is true"), Branch(at, 1, f"{text} is false")]
