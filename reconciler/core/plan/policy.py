"""Rules of a team over a plan: JMESPath expressions that find what may not be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reconciler.core.problems import Problem
from reconciler.core.values import Span, Tree

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `finds` is a JMESPath expression over the facts of a plan, what it returns is against the rule.

    `when` is one that must hold for the rule to count; `environments` are those it counts in, all when none is named.
    `message` may name members of what was found, as in `{address}`. `span` is where the rule stands.
    """

    name: str
    finds: str
    message: str
    verdict: Literal["deny", "warn"] = "deny"
    when: str = ""
    environments: tuple[str, ...] = ()
    span: Span | None = None


def compiled(expression: str) -> ParsedResult:
    """Return the expression, ready to search. Raises `ValueError` that says what is wrong with it."""
    import jmespath  # only where there are rules
    from jmespath.exceptions import JMESPathError

    try:
        found = jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(" ".join(str(error).split())) from None
    if _never(found.parsed):
        # to JMESPath it is a field of the negation, which has none: the rule would never find anything
        raise ValueError("! binds closer than the dot: write !(labels.owner) for !labels.owner")
    return found


def _never(node: object) -> bool:
    """Tell whether an expression asks for a field of a negation."""
    if not isinstance(node, dict):
        return False
    inner = [child for child in node.get("children", ()) if isinstance(child, dict)]
    if node.get("type") in ("subexpression", "index_expression") and inner and inner[0]["type"] == "not_expression":
        return True
    return any(_never(child) for child in inner)


def judge(rules: Iterable[Rule], facts: Mapping[str, Tree]) -> list[Problem]:
    """Return what `facts` break: an error for each finding of a rule that denies, a warning of one that warns.

    A rule that cannot be evaluated denies: what it was to keep out could be there.
    """
    return [problem for rule in rules for problem in _judged(rule, facts)]


def _judged(rule: Rule, facts: Mapping[str, Tree]) -> Iterator[Problem]:
    from jmespath.exceptions import JMESPathError

    if rule.environments and facts["environment"] not in rule.environments:
        return
    try:
        if rule.when and not compiled(rule.when).search(facts):
            return
        found = compiled(rule.finds).search(facts)
    except JMESPathError as error:
        what = f"policy {rule.name!r} cannot be evaluated: {' '.join(str(error).split())}"
        yield Problem("policy-broken", what, "correct its expression: until then it denies", rule.span)
        return
    for item in _items(found):
        yield _finding(rule, item)


def _items(found: Tree) -> Sequence[Tree]:
    if isinstance(found, list):
        return [item for item in found if item is not None and item is not False]
    return [found] if found else []


def _finding(rule: Rule, item: Tree) -> Problem:
    members: dict[str, Tree] = item if isinstance(item, dict) else {}
    address = members.get("address") if members else (item if isinstance(item, str) else None)
    text = _PLACE.sub(lambda match: str(members.get(match[1], match[0])), rule.message)
    denies = rule.verdict == "deny"
    return Problem(
        "policy",
        f"{text} (policy {rule.name!r})",
        "change the manifests, or the rule in review" if denies else "",
        None if address else rule.span,
        address=str(address) if address else None,
        severity="error" if denies else "warning",
    )
