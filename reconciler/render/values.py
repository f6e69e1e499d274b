"""One value, one line: how names, paths, rows and selectors read to a person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.core.compare.diff import members_by_key
from reconciler.core.display import shown
from reconciler.core.pointers import parse_pointer
from reconciler.core.rules import NO_RULES, Rules
from reconciler.core.trees import members
from reconciler.core.values import MISSING, SENSITIVE, Fingerprint, Path, Ref, Secret, Tree

WIDTH = 100


def say(value: Tree, limit: int | None = WIDTH, rules: Rules = NO_RULES) -> str:
    """Return `value` on one line: members of lists as their `rules` say, the rest as JSON.

    JSON is cut after `limit` characters; None leaves it whole.
    """
    if value is MISSING:
        return "(none)"
    if isinstance(value, Secret | Fingerprint):
        return SENSITIVE
    if isinstance(value, Ref):
        return f"(known after apply: {value.address})"
    if value == SENSITIVE:
        return SENSITIVE
    if isinstance(value, dict):
        return _mapping(value, limit, rules)
    return _short(value, limit)


def _mapping(value: dict[str, Any], limit: int | None, rules: Rules) -> str:
    member = rules.line(value)
    if member is not None:
        name = f"{_short(member.name, limit)} " if member.name else ""
        words = " → ".join(_bare(word) for word in member.words)
        marks = f"  ({', '.join(member.marks)})" if member.marks else ""
        return f"{name}{words}{marks}" + (f"  {_short(shown(dict(member.rest)), limit)}" if member.rest else "")
    if "$ref" in value:  # a part of a schema; what the registry adds to it says nothing
        return say(value["$ref"], limit)
    if value.keys() == {"id", "version"}:
        return f"{say(value['id'])} (version {say(value['version'])})".replace('"', "")
    return _short(shown(value), limit)


def _bare(value: Tree) -> str:
    """Return a text without quotes, unless it holds what a terminal would obey."""
    text = str(shown(value))
    return text if text.isprintable() else json.dumps(text)


def _short(value: Tree, limit: int | None) -> str:
    text = json.dumps(shown(value), ensure_ascii=False)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def label(path: Path, rules: Rules = NO_RULES) -> str:
    """Return a path as a person reads it: dots, and without the steps that say nothing."""
    return ".".join(map(_bare, rules.labelled(path))) or "(all)"


def lines(
    tree: Tree, path: Path = (), limit: int | None = WIDTH, rules: Rules = NO_RULES
) -> Iterator[tuple[str, str, bool]]:
    """Yield label, value and whether it is a member of a list, for each thing of a new object worth a line."""
    if isinstance(tree, dict) and tree and not _is_leaf(tree):
        for key, value in tree.items():
            yield from lines(value, (*path, key), limit, rules)
    elif isinstance(tree, list) and tree:
        rule = rules.associative(path)
        if rule is not None and rules.is_walked(rule):
            for key, member in members_by_key(rule, tree):
                inner = {name: value for name, value in members(member).items() if name != parse_pointer(rule.key)[-1]}
                yield from lines(inner, (*path, key), limit, rules)
            return
        for item in tree:
            yield label(path, rules), say(item, limit, rules), True
    elif not (isinstance(tree, dict | list) or tree is None) or (isinstance(tree, dict) and tree):
        yield label(path, rules), say(tree, limit, rules), False


def _is_leaf(tree: dict[str, Any]) -> bool:
    return tree.keys() == {"id", "version"}


def list_changes(old: list[Tree], new: list[Tree]) -> tuple[list[Tree], list[Tree]]:
    """Return what was added to a plain list and what was taken out of it, whatever the order."""
    from deepdiff import DeepDiff  # only where a list differs: it is slow to import

    tree = DeepDiff(shown(old), shown(new), ignore_order=True, report_repetition=True, cutoff_intersection_for_pairs=0)
    added = [item.t2 for item in tree.tree.get("iterable_item_added", ())]
    removed = [item.t1 for item in tree.tree.get("iterable_item_removed", ())]
    return ([_late(item) for item in added], [_late(item) for item in removed])


def _late(item: Tree) -> Tree:
    """Return a reference as it is known to people, not as JSON has it."""
    reference = item.get("$ref") if isinstance(item, dict) and len(item) == 1 else None
    if isinstance(reference, str) and "#" in reference and not reference.startswith(("#", "http")):
        return Ref(*reference.rsplit("#", 1))
    return item


def many(count: int, one: str = "address", more: str = "addresses") -> str:
    """Return `1 address`, `2 addresses`."""
    return f"{count} {one if count == 1 else more}"


def code(text: str) -> str:
    """Return a text as a code span of Markdown that stays within its table cell."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def fence_for(lines: Iterable[str]) -> str:
    """Return a fence of Markdown that no line of a code block closes."""
    return "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))


def inline(text: str) -> str:
    """Return a text that stays text in Markdown: no markup, no mention, no end of its cell."""
    return re.sub(r"([\\`*_\[\]|<>#])", r"\\\1", " ".join(text.split())).replace("@", "@<!-- -->")


def linked(text: str, url: str | None) -> str:
    """Return `text`, which is Markdown, as a link to `url` where there is one; the address is quoted already."""
    return text if url is None else f"[{text}]({url})"
