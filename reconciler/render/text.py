"""A plan, a drift report or a state as text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from reconciler.core.diff import FieldChange
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.state import State
from reconciler.core.values import MISSING, pointer
from reconciler.render.drift import drift_lines
from reconciler.render.values import label, lines, list_changes, say

Paint = Callable[[str, str], str]
"""Colours a text: (style, text) -> text; styles are green, yellow, red, cyan, bold, dim."""

SYMBOLS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
    Action.FORGET: ("x", "cyan"),
}
_VERBS = {
    Action.CREATE: "create",
    Action.UPDATE: "update in place",
    Action.REPLACE: "replace",
    Action.DELETE: "delete",
    Action.FORGET: "forget",
}
_MANY = 12
"""Lines of one list that are shown; the rest is counted."""


def plain(_style: str, text: str) -> str:
    """Colour nothing."""
    return text


def plan_text(plan: Plan, paint: Paint = plain, *, verbose: bool = False) -> str:
    """Return the plan: what changed outside, each change with old → new, one line of summary."""
    out = [_heading(plan, paint), ""]
    drifted = [item for item in plan.drift if item.status in ("changed", "missing")]
    if drifted:
        out += [paint("bold", "Changed outside since the last apply:"), ""]
        out += [line for item in drifted for line in drift_lines(item, paint)] + [""]
    for change in plan.effective:
        block = list(_change_lines(change, paint, verbose=verbose))
        out += block if len(block) == 1 else [*block, ""]
    if plan.effective and out[-1]:
        out.append("")
    unchecked = sum(len(change.unchecked) for change in plan.changes if change.action is Action.NOOP)
    if not plan.effective:
        out.append("No changes. The platform is as the manifests say.")
    if verbose and unchecked:
        out.append(f"{unchecked} write-only values could not be compared with the platform.")
    out += [paint("yellow", f"Warning: {text}") for text in plan.warnings]
    out += [paint("red", str(problem)) for problem in plan.objections]
    if plan.left_out:
        shown = plan.left_out if verbose else plan.left_out[:5]
        more = " …" if len(plan.left_out) > len(shown) else ""
        out.append(paint("dim", f"Left out: {len(plan.left_out)} addresses: {', '.join(shown)}{more}"))
    out.append(summary_line(plan, paint))
    return "\n".join(out) + "\n"


def platform_name(identity: str) -> str:
    """Return the platform as people call it: an emulator's own id says nothing to them."""
    return "emulator" if identity.startswith("emulator:") else identity


def _heading(plan: Plan, paint: Paint) -> str:
    place = f"environment {plan.environment} · {platform_name(plan.platform)} · sandbox {plan.sandbox}"
    return paint("bold", f"{'Destroy' if plan.destroy else 'Plan'} for {place}")


def summary_line(plan: Plan, paint: Paint = plain) -> str:
    """Return `Plan: 4 to create, 1 to update, …`."""
    counts = plan.summary()
    words = ("create", "update", "replace", "delete", "forget")
    parts = [f"{counts.get(word, 0)} to {word}" for word in words if word != "forget" or counts.get(word)]
    return paint("bold", f"Plan: {', '.join(parts)}; {counts['noop']} unchanged.")


def _change_lines(change: Change, paint: Paint, *, verbose: bool) -> Iterator[str]:
    symbol, colour = SYMBOLS[change.action]
    ident = f"  {change.ident}" if change.ident else ""
    verb = "delete old object" if change.deposed else _VERBS[change.action]
    head = f"{paint(colour, f'{symbol} {change.address}')}  {change.kind}{paint('dim', ident)}"
    reason = "" if change.reason == "new" else f": {change.reason}"
    yield f"  {head}  {paint('dim', f'({verb}{reason})')}"
    if change.action is Action.CREATE:
        yield from _body_lines(change, paint)
    elif change.action in (Action.UPDATE, Action.REPLACE):
        yield from _field_lines(change, paint)
    if change.action in (Action.UPDATE, Action.REPLACE) or verbose:
        for call in change.calls:
            yield paint("dim", f"      → {call.brief()}")
    if verbose:
        for step in change.patch:
            if "op" in step:
                value = f" {say(step['value'])}" if "value" in step else ""
                yield paint("dim", f"        {step['op']} {step['path']}{value}")


def _body_lines(change: Change, paint: Paint) -> Iterator[str]:
    width = max((len(name) for name, _, listed in lines(change.after) if not listed), default=0)
    for listed, group in groupby(lines(change.after), key=lambda line: line[0] if line[2] else ""):
        found = list(group)
        if not listed:
            yield from (f"      {name:<{width}}  {value}" for name, value, _ in found)
            continue
        yield f"      {listed}"
        for _, value, _ in found[:_MANY]:
            yield f"        {paint('green', '+')} {value}"
        if len(found) > _MANY:
            yield f"        … and {len(found) - _MANY} more"


def _field_lines(change: Change, paint: Paint) -> Iterator[str]:
    """Members of sets stand below their list as added or removed; other fields as old → new."""
    for listed, group in groupby(change.fields, key=_list_of):
        found = list(group)
        if listed is None:
            for item in found:
                forced = pointer(item.path) in change.replace_paths
                yield from _plain_lines(item, paint, paint("red", "  # forces the replace") if forced else "")
            continue
        yield f"      {listed}"
        for item in found[: 4 * _MANY]:
            member = len(item.path) == _depth(item) + 1
            if member and item.old is MISSING:
                yield f"        {paint('green', '+')} {say(item.new)}"
            elif member and item.new is MISSING:
                yield f"        {paint('red', '-')} {say(item.old)}"
            else:
                yield f"        {_old_new(item, paint, from_member=True)}"
        if len(found) > 4 * _MANY:
            yield f"        … and {len(found) - 4 * _MANY} more"


def _plain_lines(item: FieldChange, paint: Paint, mark: str) -> Iterator[str]:
    """A field that is no member of a set: old → new, and a list as what was added to it and taken out of it."""
    if item.sensitive or not (isinstance(item.old, list) and isinstance(item.new, list)):
        yield f"      {_old_new(item, paint)}{mark}"
        return
    added, removed = list_changes(item.old, item.new)
    order = "" if added or removed else ": in another order"
    yield f"      {paint('yellow', '~')} {label(item.path)}{order}{mark}"
    yield from (f"        {paint('red', '-')} {say(value)}" for value in removed[:_MANY])
    yield from (f"        {paint('green', '+')} {say(value)}" for value in added[:_MANY])
    more = max(len(added) - _MANY, 0) + max(len(removed) - _MANY, 0)
    if more:
        yield f"        … and {more} more"


def _depth(item: FieldChange) -> int:
    """Return how many steps lead to the list a field stands in, 0 where it stands in none."""
    if "selectors" in item.path[:-1]:
        return item.path.index("selectors") + 1
    return 1 if item.path[:1] == ("mappings",) and len(item.path) > 1 else 0


def _list_of(item: FieldChange) -> str | None:
    return label(item.path[: _depth(item)]) if _depth(item) else None


def _old_new(item: FieldChange, paint: Paint, *, from_member: bool = False) -> str:
    inner = tuple(step for step in item.path[_depth(item) :] if step != "value")
    name = say(" ".join(inner))[1:-1] if from_member else label(item.path)
    if item.sensitive:
        words = "(sensitive) → (sensitive, changed)" if item.old is not MISSING else "(sensitive, new)"
        return f"{paint('yellow', '~')} {name}: {words}"
    if item.old is MISSING:
        return f"{paint('green', '+')} {name}: {say(item.new)}"
    if item.new is MISSING:
        return f"{paint('red', '-')} {name}: {say(item.old)}"
    return f"{paint('yellow', '~')} {name}: {say(item.old)} → {say(item.new)}"


def state_text(state: State, paint: Paint = plain) -> str:
    """Return the state as a table of addresses, kinds and ids."""
    place = f"environment {state.environment} · {platform_name(state.platform)} · sandbox {state.sandbox}"
    width = max((len(address) for address in state.resources), default=0)
    out = [paint("bold", f"State of {place} · serial {state.serial}")]
    for address, entry in sorted(state.resources.items()):
        old = f"  (and {len(entry.deposed)} old)" if entry.deposed else ""
        out.append(f"  {address:<{width}}  {entry.kind:<16}  {entry.id}{old}")
    out += [f"  {address:<{width}}  outcome of a {item.action} unknown" for address, item in state.pending.items()]
    return "\n".join(out) + "\n"
