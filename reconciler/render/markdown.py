"""A plan as Markdown for a comment on a pull request: a table first, details to unfold, never longer than allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from reconciler.core.console import console_url
from reconciler.core.plan.drift_report import Report
from reconciler.core.plan.model import Change, Plan
from reconciler.render.drift import markdown as drift_markdown
from reconciler.render.drift import plain
from reconciler.render.text import ALLOWED, SYMBOLS, Printer, nothing_to_do, summary
from reconciler.render.values import code, fence_for, inline, linked, many, say

LIMIT = 60_000
"""Characters of the whole text: GitHub takes 65,536 in a comment, and whoever posts it may add some."""
_SMALLEST = 1_500
"""Characters that a plan among others needs."""
MARK = "<!-- reconciler plan {environment} -->"
"""What a pipeline finds its own comment by."""
_ROWS = 200
_BLOCK = 8_000
"""Rows of the table, and characters of the details of one change."""


def markdown(plan: Plan, limit: int = LIMIT) -> str:
    """Return the plan within `limit` characters: what does not fit is counted, whole, and nothing is cut within."""
    head = [MARK.format(environment=plan.environment), f"### {_title(plan)}", "", *_alerts(plan)]
    changes = plan.effective
    if not changes:
        head.append(nothing_to_do(plan))
    out = _Room(limit, head)
    out.take(_drift(plan))
    rows = [_row(change, console_url(plan, change.rules.page, change.ident or "")) for change in changes]
    kept = out.count(rows[:_ROWS], ["", "| | address | kind | what |", "| --- | --- | --- | --- |"])
    if kept < len(rows):
        out.take(["", f"… and {len(rows) - kept} more changes."], reserved=True)
    detailed = 0
    for change in changes:
        block = _details(change)
        if block and not out.take(block):
            break
        detailed += 1
    if detailed < len(changes):
        note = (
            f"Details of {len(changes) - detailed} changes are left out: see the whole plan in the pipeline's output."
        )
        out.take(["", f"_{note}_"], reserved=True)
    return out.text()


def markdown_of_several(plans: Mapping[str, Plan], errors: Mapping[str, Sequence[str]], limit: int = LIMIT) -> str:
    """Return one text for the plans of several environments; `errors` are those of environments without a plan.

    The plans share the room equally.
    """
    names = [*plans, *errors]
    out = [
        MARK.format(environment=",".join(names)),
        f"### Plan for {many(len(names), 'environment', 'environments')}",
        "",
    ]
    out += ["| environment | sandbox | create | update | replace | delete |", "| --- | --- | --- | --- | --- | --- |"]
    for name, plan in plans.items():
        counts = plan.summary()
        cells = " | ".join(str(counts[word]) for word in ("create", "update", "replace", "delete"))
        out.append(f"| {code(name)} | {code(plan.sandbox)} | {cells} |")
    for name, messages in errors.items():
        out += ["", f"**{code(name)}: no plan.**", "", *(f"- {inline(text)}" for text in messages[:_ROWS])]
    share = (limit - sum(len(line) + 1 for line in out)) // max(1, len(plans)) - 2
    if share < _SMALLEST:
        return "\n".join([*out, "", "_The plans do not fit: see the pipeline's output._"]) + "\n"
    for plan in plans.values():
        out += ["", markdown(plan, share).partition("\n")[2].rstrip("\n")]
    return "\n".join(out) + "\n"


class _Room:
    """Lines that fit into so many characters; a little is kept back for what must be said at the end."""

    _RESERVE = 400

    def __init__(self, limit: int, lines: Iterable[str]) -> None:
        self._lines: list[str] = []
        self._left = limit
        for line in lines:  # what comes first is short by itself, unless there are very many warnings
            self.take([line])

    def take(self, lines: Sequence[str], *, reserved: bool = False) -> bool:
        """Add lines if all of them fit, and tell whether they did."""
        size = sum(len(line) + 1 for line in lines)
        if size > self._left - (0 if reserved else self._RESERVE):
            return False
        self._lines += lines
        self._left -= size
        return True

    def count(self, rows: Sequence[str], head: Sequence[str]) -> int:
        """Add as many rows as fit below `head`, and return how many."""
        if not rows or not self.take([*head, rows[0]]):
            return 0
        for index, row in enumerate(rows[1:], 1):
            if not self.take([row]):
                return index
        return len(rows)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _title(plan: Plan) -> str:
    verb = "Destroy" if plan.destroy else "Plan"
    return f"{verb} for {code(plan.environment)} (sandbox {code(plan.sandbox)}): {summary(plan)}"


def _alerts(plan: Plan) -> Iterator[str]:
    if plan.objections:
        yield from ("> [!CAUTION]", "> This plan cannot be applied.")
        yield from (f"> - {inline(str(problem))}" for problem in plan.objections[:50])
        yield ""
    if plan.warnings:
        yield "> [!WARNING]"
        yield from (f"> - {inline(text)}" for text in plan.warnings[:50])
        yield ""
    if plan.allow_delete:
        yield f"Note: {ALLOWED.replace('--allow-delete', '`--allow-delete`')}."
        yield ""
    if plan.left_out:
        yield f"Left out of this plan: {many(len(plan.left_out))}."
        yield ""
    if plan.imports:
        bound = [f"{code(name)} is {item.kind} {code(item.id)}" for name, item in sorted(plan.imports.items())]
        more = f" and {len(bound) - 50} more" if bound[50:] else ""
        yield f"Imported into the state: {', '.join(bound[:50])}{more}."
        yield ""
    if plan.basis.moved:
        yield "Renamed in the state: " + ", ".join(f"{code(old)} → {code(new)}" for old, new in plan.basis.moved[:50])
        yield ""
    if plan.basis.variables:
        values = (code(f"{name}={say(value, None)}") for name, value in plan.basis.variables.items())
        yield "Variables given: " + ", ".join(list(values)[:50])
        yield ""
    if plan.adopted:
        yield f"Recorded in the state only: {many(len(plan.adopted))}."
        yield ""
    if plan.digest:
        yield f"Saved plan {code(plan.digest)}"
        yield ""


def _drift(plan: Plan) -> list[str]:
    found = [item for item in plan.drift if item.status in ("changed", "missing")]
    if not found:
        return []
    report = Report(
        plan.environment, plan.sandbox, len(plan.scope), tuple(found),
        platform=plan.platform, organization=plan.organization,
    )  # fmt: skip
    inner = drift_markdown(report).split("\n")[4:]
    title = f"Changed outside since the last apply ({len(found)})"
    return ["", f"<details><summary>{title}</summary>", "", *inner, "</details>"]


def _row(change: Change, url: str | None) -> str:
    symbol = SYMBOLS[change.action][0]
    why = "" if change.reason == "new" else f": {change.reason}"
    verb = "delete old object" if change.deposed else str(change.action)
    return f"| `{symbol}` | {linked(code(change.address), url)} | {change.kind} | {verb}{inline(why)} |"


def _details(change: Change) -> list[str]:
    body = [_coloured(line) for line in Printer(plain, verbose=True).details(change)]
    if not body:
        return []
    kept: list[str] = []
    size = 0
    for line in body:
        size += len(line) + 1
        if size > _BLOCK:
            kept.append(f"  … and {len(body) - len(kept)} more lines")
            break
        kept.append(line)
    fence = fence_for(kept)
    title = f"<code>{SYMBOLS[change.action][0]} {escape(change.address)}</code> {change.kind}"
    return ["", f"<details><summary>{title}</summary>", "", f"{fence}diff", *kept, fence, "", "</details>"]


def _coloured(line: str) -> str:
    """Return a line as `diff` colours it: with the sign of its action in the first column."""
    found = re.match(r"( *)([-+~])( .*)", line, re.DOTALL)
    if found is None:
        return line[2:] if line.startswith("  ") else line
    return {"~": "!"}.get(found[2], found[2]) + found[1][3:] + found[3]
