"""Objections to a whole plan: protections, too many deletes. Pure; nothing is sent when there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.characters import counted
from reconciler.core.compare.diff import at_path
from reconciler.core.kind import Kinds
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.pointers import is_below, parse_pointer
from reconciler.core.problems import Problem
from reconciler.core.rules import AssociativeList
from reconciler.core.selector import Selector
from reconciler.core.state.model import State

DEFAULT_PERCENT = 30.0
"""`maxDeletePercent` where the project file sets none."""
_FEW = 5
"""Deletes up to which the default percentage does not count: of a small project, any change is a large part."""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """Limits of one run of `apply`; None where the project file sets none."""

    max_deletes: int | None = None
    max_delete_percent: float | None = None


def protections(plan: Plan, state: State, *, protected: bool) -> list[Problem]:
    """Return which objects of `plan` must not be deleted or replaced, one problem per reason.

    `protected` is the environment's own mark, lifted by `--allow-protected`; `reconciler/prevent-destroy` is
    remembered in the state and lifted only by an applied edit of the manifest.
    """
    losing = _losing(plan)
    found = [_kept(change) for change in losing if _is_kept(change, state)]
    if protected and losing:
        names = ", ".join(change.address for change in losing[:5]) + ("…" if len(losing) > 5 else "")
        what = f"environment {plan.environment!r} is protected and the plan deletes or replaces {names}"
        found.append(Problem("protected-environment", what, "pass --allow-protected to allow it for this run"))
    return found


def exceeded(plan: Plan, state: State, limits: Guardrails, kinds: Kinds) -> list[Problem]:
    """Return which of the `limits` a plan exceeds; a destroy is explicit and has none.

    Deleted and replaced objects and removed audiences count, and forgets where the project file lets an object go. The
    percentage is of the state entries in scope, and for audiences of the audiences of these entries.
    """
    if plan.destroy:
        return []
    losing = len(_losing(plan))
    verbs = "deletes, replaces or lets go" if plan.removed else "deletes or replaces"
    members = _members(plan, state, kinds)
    total = sum(1 for address in plan.scope if address in state.resources)
    found = []
    count = losing + sum(removed for removed, _ in members.values())
    if limits.max_deletes is not None and count > limits.max_deletes:
        parts = [f"{verbs} {counted(losing, 'object')}"] if losing else []
        parts += [f"removes {counted(removed, noun)}" for noun, (removed, _) in members.items()]
        what = f"the plan {' and '.join(parts)}, more than guardrails.maxDeletes ({limits.max_deletes})"
        found.append(_refusal("max-deletes", what, "maxDeletes"))
    percentages = {f"{verbs} {losing} of {counted(total, 'object')} in scope": (losing, total)}
    for noun, (removed, whole) in members.items():
        percentages[f"removes {removed} of {counted(whole, noun)} in scope"] = (removed, whole)
    limit, source, few = limits.max_delete_percent, "guardrails.maxDeletePercent", 0
    if limit is None:
        limit, source, few = DEFAULT_PERCENT, "the default of guardrails.maxDeletePercent", _FEW
    for words, (count, whole) in percentages.items():
        if whole and count > few and 100 * count > limit * whole:
            what = f"the plan {words} ({100 * count / whole:.0f} %), more than {source} ({limit:g} %)"
            found.append(_refusal("max-delete-percent", what, "maxDeletePercent"))
    return found


def _losing(plan: Plan) -> list[Change]:
    """Return the changes that delete or replace an object in use, or let it go as the project file says."""
    return [
        item
        for item in plan.effective
        if not item.deposed
        and (item.action in (Action.DELETE, Action.REPLACE) or (item.action is Action.FORGET and _released(item, plan)))
    ]


def _released(change: Change, plan: Plan) -> bool:
    return is_below(change.address, plan.removed)


def _refusal(code: str, what: str, key: str) -> Problem:
    advice = f"check PATH and --env; if it is meant, pass --allow-delete for one run, or set guardrails.{key}"
    return Problem(code, what, advice)


def _members(plan: Plan, state: State, kinds: Kinds) -> Mapping[str, tuple[int, int]]:
    """Return, by noun, how many members of the counted lists the updates remove, and how many there are before."""
    updates = {item.address: item for item in plan.effective if item.action is Action.UPDATE}
    removed = Counter(
        _noun(rule)
        for change in updates.values()
        for item in change.fields
        if change.rules.removal_counts(item) and (rule := change.rules.associative(item.path[:-1]))
    )
    if not removed:
        return {}
    bodies = {name: state.resources[name].applied for name in plan.scope if name in state.resources}
    bodies |= {name: item.before for name, item in updates.items()}
    total: Counter[str] = Counter()
    for name, body in bodies.items():
        rules = kinds[updates[name].kind if name in updates else state.resources[name].kind].rules(body)
        for rule in rules.associative_lists:
            found = at_path(rules, body, parse_pointer(rule.pattern)) if rule.removal_counts else None
            total[_noun(rule)] += len(found) if isinstance(found, list) else 0
    return {noun: (count, total[noun]) for noun, count in removed.items()}


def _noun(rule: AssociativeList) -> str:
    return rule.noun if isinstance(rule, Selector) else "member"


def _is_kept(change: Change, state: State) -> bool:
    entry = state.resources.get(change.address)
    return bool(entry and entry.protect)


def _kept(change: Change) -> Problem:
    return Problem(
        "prevent-destroy",
        f"the plan would {change.action} it, but reconciler/prevent-destroy forbids that",
        "remove the annotation from the manifest and apply that first",
        address=change.address,
    )
