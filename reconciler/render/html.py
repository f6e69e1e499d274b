"""A plan as one HTML file that needs nothing else: summary, graph, search, each change with its calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from reconciler.core.console import console_url
from reconciler.core.display import shown
from reconciler.core.plan.document import secret_names
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.pointers import pointer
from reconciler.core.resource import Call
from reconciler.core.rules import Rules
from reconciler.core.values import MISSING, SENSITIVE, Tree
from reconciler.render.drift import drift_lines, plain
from reconciler.render.graph import Graph, graph_of_plan
from reconciler.render.svg import svg
from reconciler.render.text import ALLOWED, SYMBOLS, nothing_to_do, platform_name, summary
from reconciler.render.values import label, lines, many, say

_DRAWN = 250
"""Nodes that a drawing can have and still be read."""


def html(plan: Plan) -> str:
    """Return the report. It loads nothing and sends nothing: its policy forbids both."""
    title = f"{'Destroy' if plan.destroy else 'Plan'} for {plan.environment}"
    body = [
        f"<h1>{escape(title)}</h1>",
        *_facts(plan),
        *_notes(plan),
        *_drift(plan),
        *_graph(plan, linked=True),
        '<h2 id="changes" tabindex="-1">Changes</h2>',
        *_empty(plan),
        *_tools([plan]),
        *_changes(plan),
    ]
    return _page(title, body)


def html_of_several(plans: Mapping[str, Plan], errors: Mapping[str, Sequence[str]]) -> str:
    """Return one report for the plans of several environments; `errors` are those of environments without a plan."""
    title = f"Plan for {', '.join([*plans, *errors])}"
    body = [f"<h1>{escape(title)}</h1>"]
    for name, messages in errors.items():
        body.append(
            f'<section class="note bad" aria-label="{escape(name)}"><strong>{escape(name)}: no plan.</strong><ul>'
        )
        body += [*(f"<li>{escape(text)}</li>" for text in messages), "</ul></section>"]
    body += ['<h2 id="changes" tabindex="-1">Changes</h2>', *_tools(list(plans.values()))]
    for name, plan in plans.items():
        body += [f'<section aria-label="{escape(name)}"><h2>{escape(name)}</h2>', *_facts(plan), *_notes(plan)]
        body += [*_drift(plan), *_graph(plan, linked=False), *_empty(plan), *_changes(plan, f"{name}-"), "</section>"]
    return _page(title, body)


def _page(title: str, body: Sequence[str]) -> str:
    return _PAGE.format(
        title=escape(title), style=_asset("style.css"), script=_asset("script.js"), body="\n".join(body)
    )


def _facts(plan: Plan) -> Iterator[str]:
    yield (
        f'<p class="dim">{escape(platform_name(plan.platform))} · organization {escape(plan.organization)} · sandbox '
        f"{escape(plan.sandbox)} · state serial {plan.serial}</p>"
    )
    yield f"<p><strong>{escape(summary(plan))}.</strong></p>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none';
  form-action 'none'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#changes">Skip to the changes</a>
<main>
{body}
</main>
<script>
{script}</script>
</body>
</html>
"""


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath("report", name).read_text(encoding="utf-8")


def _notes(plan: Plan) -> Iterator[str]:
    if plan.objections:
        yield '<section class="note bad" aria-label="Objections"><strong>This plan cannot be applied.</strong><ul>'
        yield from (f"<li>{escape(str(problem))}</li>" for problem in plan.objections)
        yield "</ul></section>"
    if plan.warnings:
        yield '<section class="note" aria-label="Warnings"><strong>Warnings</strong><ul>'
        yield from (f"<li>{escape(text)}</li>" for text in plan.warnings)
        yield "</ul></section>"
    if plan.allow_delete:
        yield f'<section class="note" aria-label="Permission">Note: {escape(ALLOWED)}.</section>'
    if plan.left_out:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in plan.left_out)
        yield f"<details><summary>Left out: {many(len(plan.left_out))}</summary><p>{names}</p></details>"
    if plan.imports:
        yield '<section class="note" aria-label="Imports"><strong>Imported into the state</strong><ul>'
        for name, item in sorted(plan.imports.items()):
            yield f"<li><code>{escape(name)}</code> is {escape(item.kind)} <code>{escape(item.id)}</code></li>"
        yield "</ul></section>"
    if plan.basis.moved or plan.adopted:
        yield '<section class="note" aria-label="State"><strong>Changed in the state only</strong><ul>'
        for old, new in plan.basis.moved:
            yield f"<li>renamed: <code>{escape(old)}</code> → <code>{escape(new)}</code></li>"
        yield from (f"<li>recorded: <code>{escape(item.address)}</code></li>" for item in plan.adopted)
        yield "</ul></section>"
    if plan.basis.variables:
        values = (
            f"<code>{escape(f'{name}={say(value, None)}')}</code>" for name, value in plan.basis.variables.items()
        )
        yield f"<p>Variables given: {', '.join(values)}</p>"
    if plan.digest:
        yield f'<p class="dim">Saved plan <code>{plan.digest}</code></p>'


def _drift(plan: Plan) -> Iterator[str]:
    found = [item for item in plan.drift if item.status in ("changed", "missing")]
    if found:
        text = "\n".join(line[2:] for item in found for line in drift_lines(item, plain))
        yield f"<details open><summary>{len(found)} objects changed outside since the last apply</summary>"
        yield f"<pre>{escape(text)}</pre></details>"


def _graph(plan: Plan, *, linked: bool) -> Iterator[str]:
    """The drawing: what changes and what it needs; of very much the documents, of too much nothing."""
    whole = graph_of_plan(plan)
    touched = {change.address for change in plan.effective}
    near = {need for name in touched & whole.edges.keys() for need in whole.edges[name]}
    graph: Graph = whole.part(name for name in whole.nodes if name in touched or name in near)
    links = linked and len(graph.nodes) <= _DRAWN
    if len(graph.nodes) > _DRAWN:
        graph = graph.by_document()
    if graph.nodes and len(graph.nodes) <= _DRAWN:
        yield "<h2>What depends on what</h2>"
        drawing = svg(graph, links=links)
        yield f'<div class="graph" tabindex="0" role="region" aria-label="Dependency graph">{drawing}</div>'


def _empty(plan: Plan) -> Iterator[str]:
    if not plan.effective:
        yield f"<p>{escape(nothing_to_do(plan))}</p>"


def _tools(plans: Sequence[Plan]) -> Iterator[str]:
    """The search and the filters, which are over all changes of the page."""
    counts = Counter(change.action for plan in plans for change in plan.effective)
    yield '<div class="tools" role="search"><label for="search">Search</label>'
    yield '<input type="search" id="search" placeholder="address, field, value (press /)" autocomplete="off">'
    yield '<span role="group" aria-label="Filter by action">'
    yield from (
        f'<button type="button" data-action="{action}" aria-pressed="false">{action} ({counts[action]})</button>'
        for action in SYMBOLS
        if counts[action]
    )
    yield '</span><button type="button" id="open">Unfold all</button><button type="button" id="close">Fold all</button>'
    yield '<span id="count" role="status" class="dim"></span></div>'


def _changes(plan: Plan, prefix: str = "") -> Iterator[str]:
    few = len(plan.effective) <= 20
    for change in plan.effective:
        yield from _change(change, prefix, console_url(plan, change.rules.page, change.ident or ""), unfolded=few)


def _change(change: Change, prefix: str, url: str | None, *, unfolded: bool) -> Iterator[str]:
    anchor = f"change-{prefix}{change.address}" + (f"-{change.ident}" if change.deposed else "")
    ident = f' <code class="dim">{escape(change.ident)}</code>' if change.ident else ""
    reason = "" if change.reason == "new" else f' <span class="dim">{escape(change.reason)}</span>'
    opened = " open" if unfolded else ""
    yield f'<details class="change" id="{escape(anchor)}" data-action="{change.action}"{opened}><summary>'
    yield f'<span class="badge {change.action}">{change.action}</span> <h3 class="mono">{escape(change.address)}</h3>'
    yield f' {escape(change.kind)}{ident}{reason}</summary><div class="inside">'
    if url is not None:
        yield f'<p><a href="{escape(url)}" rel="noreferrer">Open in Experience Platform</a></p>'
    yield from _fields(change)
    calls = change.every_call
    if calls:
        yield f'<p><strong>Calls</strong> <span class="dim">({_count(calls)})</span></p>'
        for call in calls:
            guard = ' <span class="dim">with If-Match</span>' if call.guarded else ""
            yield f"<div><code>{escape(call.method)} {escape(_url(call))}</code>{guard}</div>"
            yield from (f"<div><code>{escape(key)}: {escape(value)}</code></div>" for key, value in call.headers)
            for place, names in secret_names(call.body).items():
                yield f'<div class="dim">secret at <code>{escape(place)}</code>: <code>{escape(names)}</code></div>'
            if call.body is not None:
                yield f"<pre>{escape(json.dumps(shown(call.body), indent=2, ensure_ascii=False))}</pre>"
    yield "</div></details>"


def _url(call: Call) -> str:
    return call.path + ("?" + "&".join(f"{key}={value}" for key, value in call.query) if call.query else "")


def _count(calls: Sequence[Call]) -> str:
    count = len(calls)
    return f"{count} request{'s' * (count != 1)}, in this order"


def _fields(change: Change) -> Iterator[str]:
    """A new body as field and value; a change as field, old and new."""
    if change.action is Action.CREATE:
        rows = [
            (name, f"<ins>{escape(value)}</ins>")
            for name, value, _ in lines(change.after, limit=None, rules=change.rules)
        ]
        yield from _table(("field", "value"), rows)
    elif change.fields:
        found = []
        for item in change.fields:
            code = change.reason_codes.get(pointer(item.path))
            mark = f" forces the replace ({code})" if code else ""
            old, new = (_side(item.sensitive, side, change.rules) for side in (item.old, item.new))
            name = f'{escape(label(item.path, change.rules))}<span class="replace">{mark}</span>'
            found.append((name, f"<del>{old}</del>", f"<ins>{new}</ins>"))
        yield from _table(("field", "old", "new"), found, raw=True)
    elif change.before is not None and change.action is Action.DELETE:
        rows = [
            (name, f"<del>{escape(value)}</del>")
            for name, value, _ in lines(shown(change.before), limit=None, rules=change.rules)
        ]
        yield from _table(("field", "value"), rows)


def _side(sensitive: bool, value: Tree, rules: Rules) -> str:
    if value is MISSING:
        return '<span class="dim">none</span>'
    return escape(SENSITIVE if sensitive else say(value, None, rules))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, raw: bool = False) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f'<th scope="col">{name}</th>' for name in head) + "</tr></thead><tbody>"
    for name, *cells in rows:
        first = name if raw else escape(name)
        yield f'<tr><td class="path mono">{first}</td>' + "".join(f'<td class="mono">{cell}</td>' for cell in cells)
        yield "</tr>"
    yield "</tbody></table>"
