"""A drift report as text, Markdown, JUnit and Prometheus metrics; as JSON it is in `render/json.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree

from reconciler.core.characters import counted
from reconciler.core.console import console_url
from reconciler.core.plan.drift_report import STATUSES, Commit, PendingChange, Report, Unmanaged, by_document, origin
from reconciler.core.plan.model import Drift, DriftField
from reconciler.core.pointers import pointer
from reconciler.core.rules import Rules
from reconciler.core.values import SENSITIVE
from reconciler.render.moments import moment
from reconciler.render.values import code, inline, label, linked, say

Paint = Callable[[str, str], str]

_CAUSES = {
    "outside": "",
    "agreed": "  the manifest says so, too",
    "conflict": "  the manifest now says {desired}",
    "undeclared": "  no longer declared",
}


def plain(_style: str, text: str) -> str:
    """Colour nothing."""
    return text


# -- text ------------------------------------------------------------------------------------------------------------
def text(report: Report, paint: Paint = plain, *, verbose: bool = False) -> str:
    """Return the report for a terminal: objects that changed or are gone, with applied → live, then the buckets."""
    found = report.of("changed", "missing")
    out = [line for item in found for line in [*drift_lines(item, paint), ""]]
    if not found:
        out.append("No drift: everything that can be read back is as it was applied.")
    else:
        out.append(paint("bold", f"Drift: {len(found)} of the managed objects are not as they were applied."))
    for item in report.of("acknowledged"):
        out.append(f"Acknowledged: {item.address} ({item.reason})")
    out += [paint("yellow", f"Note: {note}") for note in report.notes]
    hidden = [item for item in report.drift if item.status == "unchecked" or item.unchecked]
    if hidden:
        names = f": {', '.join(dict.fromkeys(item.address for item in hidden))}" if verbose else ""
        count = len({item.address for item in hidden})
        out.append(f"Not checked: secrets of {count} objects, which the platform never shows{names}.")
    out += pending_lines(by_document(report.pending), paint)
    if report.unmanaged is not None:
        out += list(_unmanaged_lines(report.unmanaged, paint))
    return "\n".join(out) + "\n"


def pending_lines(documents: Mapping[str, Sequence[PendingChange]], paint: Paint) -> Iterator[str]:
    """Yield the lines of the changes that were not applied, by document: since when, the commits, the addresses."""
    if not documents:
        return
    yield paint("bold", f"Pending: {_not_applied(sum(map(len, documents.values())))}")
    for name, changes in documents.items():
        since, commits = origin(changes)
        yield f"  {paint('yellow', name)}{paint('dim', f'  since {moment(since)}' if since else '')}"
        yield from (f"    {line}" for line in map(_commit, commits))
        for action, group in groupby(sorted(changes, key=lambda item: item.action), key=lambda item: item.action):
            yield f"    {action} {', '.join(item.address for item in group)}"


def _not_applied(count: int) -> str:
    words = "is in the manifests and was" if count == 1 else "are in the manifests and were"
    return f"{counted(count, 'change')} {words} not applied."


def _commit(commit: Commit) -> str:
    """Return a commit in one line: its short id, its subject, its author and its time."""
    return f"{commit.id[:10]} {say(commit.subject)[1:-1]} ({say(commit.author)[1:-1]}, {moment(commit.at)})"


def _unmanaged_lines(items: Sequence[Unmanaged], paint: Paint) -> Iterator[str]:
    if not items:
        yield "Unmanaged: nothing."
        return
    yield paint("bold", f"Unmanaged: {len(items)} objects in this sandbox are bound to no address.")
    for item in items:
        who = f" by {say(item.updated_by)[1:-1]}" if item.updated_by else ""
        yield f"  {item.kind}  {item.id}  {say(item.name)}{paint('dim', who)}"


def drift_lines(item: Drift, paint: Paint) -> Iterator[str]:
    """Yield the lines of one object: who changed it when, and each field."""
    if item.status == "missing":
        yield f"  {paint('red', f'! {item.address}')}  {item.kind}  {item.ident}  ({item.note or 'deleted outside'})"
        return
    yield f"  {paint('yellow', f'! {item.address}')}  {item.kind}  {paint('dim', f'{item.ident}{_who(item)}')}"
    if item.note:
        yield f"      {item.note}"
    for field in item.fields:
        yield f"      {label(field.path, item.rules)}: {_sides(field, item.rules)}"


def _who(item: Drift) -> str:
    who = f" by {say(item.updated_by)[1:-1]}" if item.updated_by else ""
    through = f" through {say(item.client)[1:-1]}" if item.client and item.client != item.updated_by else ""
    when = f" at {moment(item.updated_at)}" if item.updated_at else ""
    return f"{who}{through}{when}"


def _sides(field: DriftField, rules: Rules) -> str:
    if field.sensitive:
        return SENSITIVE
    cause = _CAUSES[field.cause].format(desired=say(field.desired, rules=rules))
    return f"{say(field.applied, rules=rules)} → {say(field.live, rules=rules)}{cause}"


# -- Markdown --------------------------------------------------------------------------------------------------------
def markdown(report: Report) -> str:
    """Return the report for an issue or a chat: one table, values as code."""
    found = report.of("changed", "missing")
    head = f"### Drift in {report.environment} (sandbox {report.sandbox})"
    if not found:
        out = [head, "", f"None: {report.checked} objects are as they were applied."]
    else:
        out = [head, "", f"{len(found)} of {report.checked} objects are not as they were applied.", ""]
        out += ["| address | field | applied | live | who |", "| --- | --- | --- | --- | --- |"]
        out += [row for item in found for row in _rows(item, console_url(report, item.rules.page, item.ident))]
    if report.pending:
        out += ["", f"**Pending:** {_not_applied(len(report.pending))}", "", *_pending_items(report)]
    for title, lines in (
        ("Acknowledged", [f"{code(item.address)}: {inline(item.reason)}" for item in report.of("acknowledged")]),
        ("Notes", [inline(note) for note in report.notes]),
        ("Not checked, for the platform never shows it", [code(item.address) for item in _hidden(report)]),
        ("Unmanaged", [f"{item.kind} {code(item.id)} {inline(item.name)}" for item in report.unmanaged or ()]),
    ):
        if lines:
            out += [
                "",
                f"<details><summary>{title} ({sum(not line.startswith('  - ') for line in lines)})</summary>",
                "",
                *(line if line.startswith("  - ") else f"- {line}" for line in lines),
            ]
            out += ["", "</details>"]
    return "\n".join(out) + "\n"


def _pending_items(report: Report) -> Iterator[str]:
    """Yield a Markdown item for each document with changes that were not applied."""
    for name, changes in by_document(report.pending).items():
        since, commits = origin(changes)
        when = f" since {moment(since)}" if since else ""
        yield f"- {code(name)}{when}: {', '.join(f'{item.action} {code(item.address)}' for item in changes)}"
        yield from (f"  - {code(item.id[:10])} {inline(_commit(item).partition(' ')[2])}" for item in commits)


def _hidden(report: Report) -> list[Drift]:
    return [item for item in report.drift if item.status == "unchecked" or item.unchecked]


def _rows(item: Drift, url: str | None) -> Iterator[str]:
    who = inline(_who(item).strip())
    name = linked(code(item.address), url)
    if item.status == "missing":
        yield f"| {code(item.address)} | | | {inline(item.note or 'deleted outside')} | {who} |"
    for field in item.fields:
        sides = (
            (SENSITIVE, SENSITIVE)
            if field.sensitive
            else (say(field.applied, rules=item.rules), say(field.live, rules=item.rules))
        )
        cells = " | ".join(code(side) for side in sides)
        yield f"| {name} | {code(pointer(field.path))} | {cells} | {who} |"


# -- JUnit -----------------------------------------------------------------------------------------------------------
def junit(report: Report) -> str:
    """Return the report as one test suite: a failure for each object that drifted, skipped for what is known."""
    suite = ElementTree.Element("testsuite", name=f"drift {report.environment}")
    failed = skipped = 0
    for item in report.drift:
        case = ElementTree.SubElement(suite, "testcase", classname=item.kind, name=item.address)
        said = "\n".join(line.strip() for line in drift_lines(item, plain))
        if item.status in ("changed", "missing"):
            failed += 1
            word = item.note or ("deleted outside" if item.status == "missing" else "changed outside")
            ElementTree.SubElement(case, "failure", message=word, type=item.status).text = said
        else:
            skipped += 1
            why = item.reason or "the platform never shows its secrets"
            ElementTree.SubElement(case, "skipped", message=f"{item.status}: {why}")
    for change in report.pending:
        case = ElementTree.SubElement(suite, "testcase", classname="pending", name=change.address)
        since, commits = origin([change])
        word = f"{change.action}: not applied{f' since {moment(since)}' if since else ''}"
        if report.fails_on_pending:
            failed += 1
            ElementTree.SubElement(case, "failure", message=word, type="pending").text = "\n".join(
                map(_commit, commits)
            )
        else:
            skipped += 1
            ElementTree.SubElement(case, "skipped", message=f"pending: {word}")
    names = {item.address for item in report.drift}
    if report.checked > len(names):
        ElementTree.SubElement(suite, "testcase", classname="drift", name="everything else is as it was applied")
    count = len(suite)
    suite.attrib.update(tests=str(count), failures=str(failed), skipped=str(skipped), errors="0")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


# -- Prometheus ------------------------------------------------------------------------------------------------------
def metrics(report: Report, now: int) -> str:
    """Return the report for node_exporter's textfile collector; `now` in s since the epoch."""
    where = f'environment="{_label(report.environment)}",sandbox="{_label(report.sandbox)}"'
    counts = Counter(item.status for item in report.drift)
    out = [
        "# HELP reconciler_drift_objects Managed objects that are not as they were applied, by status.",
        "# TYPE reconciler_drift_objects gauge",
        *(f'reconciler_drift_objects{{{where},status="{status}"}} {counts[status]}' for status in STATUSES),
        "# HELP reconciler_managed_objects Managed objects that were looked at.",
        "# TYPE reconciler_managed_objects gauge",
        f"reconciler_managed_objects{{{where}}} {report.checked}",
        "# HELP reconciler_pending_changes Changes of the manifests that were not applied.",
        "# TYPE reconciler_pending_changes gauge",
        f"reconciler_pending_changes{{{where}}} {len(report.pending)}",
    ]
    if report.unmanaged is not None:
        out += [
            "# HELP reconciler_unmanaged_objects Live objects that no address is bound to.",
            "# TYPE reconciler_unmanaged_objects gauge",
            f"reconciler_unmanaged_objects{{{where}}} {len(report.unmanaged)}",
        ]
    out += [
        "# HELP reconciler_drift_checked_timestamp_seconds When drift was last looked for.",
        "# TYPE reconciler_drift_checked_timestamp_seconds gauge",
        f"reconciler_drift_checked_timestamp_seconds{{{where}}} {now}",
    ]
    return "\n".join(out) + "\n"


def _label(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
