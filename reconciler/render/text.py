"""A plan, a drift report or a state as text for a terminal or a log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from reconciler.core.plan.document import call_document
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.pointers import pointer
from reconciler.core.resource import Call
from reconciler.core.rules import FieldChange, Rules
from reconciler.core.state.model import State
from reconciler.core.values import MISSING, Tree
from reconciler.render.drift import drift_lines
from reconciler.render.folding import fold
from reconciler.render.table import table
from reconciler.render.values import WIDTH, label, lines, list_changes, many, say

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
ALLOWED = "the guardrails are lifted for this plan (--allow-delete)"
_MANY = 12
"""Lines of one list that are shown; the rest is counted."""
_EACH_WHOLE = 500
_EACH_A_LINE = 5000
"""Changes up to which each is shown whole, and up to which each has a line; above, they are counted."""


def plain(_style: str, text: str) -> str:
    """Colour nothing."""
    return text


def nothing_to_do(plan: Plan) -> str:
    """Return the sentence for a plan without changes."""
    if plan.destroy:
        where = " in the selection" if plan.left_out else ""
        return f"Nothing to destroy: the state of environment {plan.environment} holds no object{where}."
    if plan.imports:
        return "No changes on the platform. Existing objects are bound in the state."
    return "No changes. The platform is as the manifests say."


def plan_text(
    plan: Plan, paint: Paint = plain, *, verbose: bool = False, compact: bool = False, width: int | None = None
) -> str:
    """Return the plan: what changed outside, each change with old → new, one line of summary.

    `compact`, or a great many changes unless `verbose`, leaves a line for each. Lines are folded at `width` columns.
    """
    printer = Printer(paint, verbose)
    count = len(plan.effective)
    out = [_heading(plan, paint), "", *_outside(plan, paint)]
    if not count:
        out.append(nothing_to_do(plan))
    elif count > _EACH_A_LINE and not verbose:
        out += [*_counted(plan), "Too many to list: --verbose, --target or --format json show each.", ""]
    elif compact or (count > _EACH_WHOLE and not verbose):
        out += [*(printer.head(change) for change in plan.effective), ""]
    else:
        out += printer.changes(plan.effective)
    unchecked = sum(len(change.unchecked) for change in plan.changes if change.action is Action.NOOP)
    if verbose and unchecked:
        out.append(f"{unchecked} write-only values could not be compared with the platform.")
    out += [paint("yellow", f"Warning: {text}") for text in plan.warnings]
    out += [paint("red", str(problem)) for problem in plan.objections]
    if plan.allow_delete:
        out.append(paint("yellow", f"Note: {ALLOWED}"))
    if plan.left_out:
        named = plan.left_out if verbose else plan.left_out[:5]
        more = " …" if len(plan.left_out) > len(named) else ""
        out.append(paint("dim", f"Left out: {many(len(plan.left_out))}: {', '.join(named)}{more}"))
    out += [
        f"Imported into the state: {address} is {entry.kind} {entry.id}"
        for address, entry in sorted(plan.imports.items())
    ]
    out += [f"Renamed in the state: {old} → {new}" for old, new in plan.basis.moved]
    if plan.basis.variables:
        values = ", ".join(f"{name}={say(value, None)}" for name, value in plan.basis.variables.items())
        out.append(f"Variables given: {values}")
    if plan.adopted:
        addresses = f": {', '.join(item.address for item in plan.adopted)}" if verbose else ""
        out.append(f"Recorded in the state only: {many(len(plan.adopted))}{addresses}")
    if plan.digest:
        if count and not verbose:
            out.append(paint("dim", "Requests are folded: --verbose shows each with its body."))
        out.append(paint("dim", f"Saved plan {plan.digest}"))
    out.append(summary_line(plan, paint))
    return fold("\n".join(out), width) + "\n"


def platform_name(identity: str) -> str:
    """Return the platform as people call it: an emulator's own id says nothing to them."""
    return "emulator" if identity.startswith("emulator:") else identity


def _heading(plan: Plan, paint: Paint) -> str:
    place = f"environment {plan.environment} · {platform_name(plan.platform)} · sandbox {plan.sandbox}"
    return paint("bold", f"{'Destroy' if plan.destroy else 'Plan'} for {place}")


def _outside(plan: Plan, paint: Paint) -> list[str]:
    drifted = [item for item in plan.drift if item.status in ("changed", "missing")]
    if not drifted:
        return []
    found = [line for item in drifted[:_EACH_WHOLE] for line in drift_lines(item, paint)]
    if len(drifted) > _EACH_WHOLE:
        found.append(f"  … and {len(drifted) - _EACH_WHOLE} more: reconciler drift")
    return [paint("bold", "Changed outside since the last apply:"), "", *found, ""]


def _counted(plan: Plan) -> list[str]:
    """Return a table of how many objects of each kind have which action."""
    counts = Counter((change.kind, str(change.action)) for change in plan.effective)
    verbs = [str(action) for action in SYMBOLS if any(verb == action for _, verb in counts)]
    kinds = sorted({kind for kind, _ in counts})
    rows = [[kind, *(str(counts[kind, verb]) for verb in verbs)] for kind in kinds]
    return table(["", *verbs], rows).split("\n")


def summary_line(plan: Plan, paint: Paint = plain) -> str:
    """Return `Plan: 4 to create, 1 to update, …`."""
    return paint("bold", f"Plan: {summary(plan)}.")


def summary(plan: Plan) -> str:
    """Return `4 to create, 1 to update, …; 7 unchanged`."""
    counts = plan.summary()
    words = ("create", "update", "replace", "delete", "forget")
    parts = [f"{len(plan.imports)} to import"] if plan.imports else []
    parts += [f"{counts.get(word, 0)} to {word}" for word in words if word != "forget" or counts.get(word)]
    return f"{', '.join(parts)}; {counts['noop']} unchanged"


@dataclass(frozen=True, slots=True)
class Printer:
    """Says changes in lines; `verbose` shows values whole, calls and patches of every change."""

    paint: Paint = plain
    verbose: bool = False

    def changes(self, changes: Sequence[Change]) -> Iterator[str]:
        """Yield the lines of all changes; an empty one after each that has more than its head."""
        block: list[str] = []
        for change in changes:
            block = [self.head(change), *self.details(change)]
            yield from block
            if len(block) > 1:
                yield ""
        if len(block) == 1:
            yield ""

    def head(self, change: Change) -> str:
        """Return the line that names a change: what is done to which object, and why."""
        symbol, colour = SYMBOLS[change.action]
        ident = f"  {change.ident}" if change.ident else ""
        verb = "delete old object" if change.deposed else _VERBS[change.action]
        head = f"{self.paint(colour, f'{symbol} {change.address}')}  {change.kind}{self.paint('dim', ident)}"
        reason = "" if change.reason == "new" else f": {change.reason}"
        return f"  {head}  {self.paint('dim', f'({verb}{reason})')}"

    def details(self, change: Change) -> Iterator[str]:
        """Yield the lines below the head: the new body, or each field that changes, and the calls."""
        if change.action is Action.CREATE:
            yield from self._body(change)
        elif change.action in (Action.UPDATE, Action.REPLACE):
            yield from self._fields(change)
        if self.verbose:
            for call in change.every_call:
                yield from (self.paint("dim", f"      {line}") for line in call_lines(call))
        elif change.action in (Action.UPDATE, Action.REPLACE):
            for call in change.every_call:
                yield self.paint("dim", f"      → {call.brief()}")

    def _say(self, value: Tree, rules: Rules) -> str:
        return say(value, None if self.verbose else WIDTH, rules)

    def _many(self, default: int = _MANY) -> int | None:
        return None if self.verbose else default

    def _body(self, change: Change) -> Iterator[str]:
        found = list(lines(change.after, limit=None if self.verbose else WIDTH, rules=change.rules))
        width = max((len(name) for name, _, listed in found if not listed), default=0)
        for listed, group in groupby(found, key=lambda line: line[0] if line[2] else ""):
            if not listed:
                yield from (f"      {name:<{width}}  {value}" for name, value, _ in group)
                continue
            yield f"      {listed}"
            yield from self._cut([f"        {self.paint('green', '+')} {value}" for _, value, _ in group])

    def _fields(self, change: Change) -> Iterator[str]:
        """Members of sets stand below their list as added or removed; other fields as old → new."""
        codes = change.reason_codes
        for listed, group in groupby(change.fields, key=lambda item: _list_of(item, change.rules)):
            found = list(group)
            if listed is None:
                for item in found:
                    code = codes.get(pointer(item.path))
                    yield from self._plain(
                        item, change.rules, self.paint("red", f"  # forces the replace ({code})") if code else ""
                    )
                continue
            yield f"      {listed}"
            yield from self._cut([f"        {self._member(item, change.rules)}" for item in found], 4 * _MANY)

    def _cut(self, found: list[str], limit: int = _MANY) -> Iterator[str]:
        shown = found[: self._many(limit)]
        yield from shown
        if len(found) > len(shown):
            yield f"        … and {len(found) - len(shown)} more"

    def _member(self, item: FieldChange, rules: Rules) -> str:
        member = len(item.path) == rules.list_depth(item.path) + 1
        if member and item.old is MISSING:
            return f"{self.paint('green', '+')} {self._say(item.new, rules)}"
        if member and item.new is MISSING:
            return f"{self.paint('red', '-')} {self._say(item.old, rules)}"
        return self._old_new(item, rules, from_member=True)

    def _plain(self, item: FieldChange, rules: Rules, mark: str) -> Iterator[str]:
        """A field that is no member of a set: old → new, and a list as what was added to it and taken out of it."""
        if item.sensitive or not (isinstance(item.old, list) and isinstance(item.new, list)):
            yield f"      {self._old_new(item, rules)}{mark}"
            return
        added, removed = list_changes(item.old, item.new)
        order = "" if added or removed else ": in another order"
        yield f"      {self.paint('yellow', '~')} {label(item.path, rules)}{order}{mark}"
        yield from (f"        {self.paint('red', '-')} {self._say(value, rules)}" for value in removed[: self._many()])
        yield from (f"        {self.paint('green', '+')} {self._say(value, rules)}" for value in added[: self._many()])
        more = max(len(added) - _MANY, 0) + max(len(removed) - _MANY, 0)
        if more and not self.verbose:
            yield f"        … and {more} more"

    def _old_new(self, item: FieldChange, rules: Rules, *, from_member: bool = False) -> str:
        inner = rules.labelled(item.path)[len(rules.labelled(item.path[: rules.list_depth(item.path)])) :]
        name = say(" ".join(inner))[1:-1] if from_member else label(item.path, rules)
        if item.sensitive:
            words = "(sensitive) → (sensitive, changed)" if item.old is not MISSING else "(sensitive, new)"
            return f"{self.paint('yellow', '~')} {name}: {words}"
        if item.old is MISSING:
            return f"{self.paint('green', '+')} {name}: {self._say(item.new, rules)}"
        if item.new is MISSING:
            return f"{self.paint('red', '-')} {name}: {self._say(item.old, rules)}"
        return f"{self.paint('yellow', '~')} {name}: {self._say(item.old, rules)} → {self._say(item.new, rules)}"


def call_lines(call: Call) -> Iterator[str]:
    """Yield a request with everything that is sent, its body a line for each member; of secrets the names."""
    document = call_document(call)
    query = "?" + "&".join(f"{key}={value}" for key, value in call.query) if call.query else ""
    yield f"→ {call.method} {say(call.path + query, None)[1:-1]}{'  with If-Match' if call.guarded else ''}"
    yield from (f"  {say(key, None)[1:-1]}: {say(value, None)}" for key, value in call.headers)
    body = document.get("body")
    parts: list[tuple[str, Tree]] = [("", body)]
    if isinstance(body, dict):
        parts = [(f"{say(key, None)[1:-1]}: ", value) for key, value in body.items()]
    elif isinstance(body, list):
        parts = [("", value) for value in body]
    if body is not None:
        yield from (f"  {name}{json.dumps(value, ensure_ascii=False)}" for name, value in parts)
    for place, names in document.get("secrets", {}).items():
        yield f"  secret at {say(place, None)[1:-1]}: {say(names, None)[1:-1]}"


def _list_of(item: FieldChange, rules: Rules) -> str | None:
    depth = rules.list_depth(item.path)
    return label(item.path[:depth], rules) if depth else None


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
