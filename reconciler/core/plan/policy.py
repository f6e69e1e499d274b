"""Rules of a team over a plan: JMESPath expressions that find what may not be. Pure."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from reconciler.core.problems import Problem
from reconciler.core.values import Span, Tree

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

MAX_LENGTH = 16_384
"""Characters of the longest expression."""
MAX_STEPS = 10_000_000
"""Steps of one evaluation, sizes of values included: some hundred for each change of the largest plans."""
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

    if len(expression) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH:,} characters")
    try:
        found = jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _never(found.parsed):
        # to JMESPath it is a field of the negation, which has none: the rule would never find anything
        raise ValueError("! binds closer than the dot: write !(labels.owner) for !labels.owner")
    return found


def _never(node: object) -> bool:
    """Tell whether an expression asks for a field of a negation."""
    waiting: list[object] = [node]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        inner = [child for child in node.get("children", ()) if isinstance(child, dict)]
        if node.get("type") in ("subexpression", "index_expression") and inner and inner[0]["type"] == "not_expression":
            return True
        waiting += inner
    return False


def judge(rules: Iterable[Rule], facts: Mapping[str, Tree]) -> list[Problem]:
    """Return what `facts` break: an error for each finding of a rule that denies, a warning of one that warns.

    A rule that cannot be evaluated, or that takes more than `MAX_STEPS`, denies: it may have had something to find.
    """
    return [problem for rule in rules for problem in _judged(rule, facts)]


def _judged(rule: Rule, facts: Mapping[str, Tree]) -> Iterator[Problem]:
    from jmespath.exceptions import JMESPathError

    if rule.environments and facts["environment"] not in rule.environments:
        return
    try:
        if rule.when and not _search(rule.when, facts):
            return
        found = _search(rule.finds, facts)
    except (JMESPathError, RecursionError, TooLongError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        what = f"policy {rule.name!r} cannot be evaluated: {why}"
        yield Problem("policy-broken", what, "correct its expression: until then it denies", rule.span)
        return
    for item in _items(found):
        yield _finding(rule, item)


class TooLongError(Exception):
    """An expression took more steps than it may."""


def _search(expression: str, facts: Mapping[str, Tree]) -> Tree:
    """Return the result of an expression. Raises `TooLongError` after `MAX_STEPS`."""
    from jmespath.visitor import TreeInterpreter

    class Bounded(TreeInterpreter):
        """Counts each node that is visited, and the size of each value that is made: both can grow without end."""

        steps = 0

        def visit(self, node: Any, *values: Any, **more: Any) -> Any:  # as jmespath types it
            result = super().visit(node, *values, **more)
            self.steps += 1 + (len(result) if isinstance(result, list | dict | str) else 0)
            if self.steps > MAX_STEPS:
                raise TooLongError(f"it takes more than {MAX_STEPS:,} steps")
            return result

    found: Tree = Bounded().visit(compiled(expression).parsed, facts)
    return found


def _items(found: Tree) -> Sequence[Tree]:
    if isinstance(found, list):
        return [item for item in found if item is not None and item is not False]
    return [found] if found else []


_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxdict, _BRIEF.maxstring = 4, 20, 20, 500


def _short(value: Tree) -> str:
    """Return a value as a message shows it; one that holds itself many times over would have no end."""
    return _BRIEF.repr(value) if isinstance(value, list | dict) else str(value)


def _finding(rule: Rule, item: Tree) -> Problem:
    members: dict[str, Tree] = item if isinstance(item, dict) else {}
    address = members.get("address") if members else (item if isinstance(item, str) else None)
    text = _PLACE.sub(lambda match: _short(members.get(match[1], match[0])), rule.message)
    denies = rule.verdict == "deny"
    return Problem(
        "policy",
        f"{text} (policy {rule.name!r})",
        "change the manifests, or the rule in review" if denies else "",
        None if address else rule.span,
        address=str(address) if address else None,
        severity="error" if denies else "warning",
    )
