"""Formats of plans and drift reports: one table each, which every command that shows one asks.

A new format is a module in `render/`, a function that loads it here, and a row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from reconciler.cli.options import option
from reconciler.cli.terminal import painter, width

if TYPE_CHECKING:
    from reconciler.core.plan.comparison import Comparison
    from reconciler.core.plan.drift_report import Report
    from reconciler.core.plan.model import Plan
    from reconciler.core.values import Span


def shown_as(plan: Plan, form: str, *, compact: bool = False) -> str:
    """Return `plan` in one of `PLAN_FORMATS`; text is as wide as the terminal, and one line a change if `compact`."""
    return PLAN_FORMATS[form](plan, compact)


def _plan_text(plan: Plan, compact: bool) -> str:
    from reconciler.render.text import plan_text

    out = sys.stdout
    return plan_text(plan, painter(out), verbose=bool(option("verbose")), compact=compact, width=width(out))


def _plan_json(plan: Plan, _compact: bool) -> str:
    from reconciler.render import json

    return json.text(json.plan_document(plan))


def _plan_markdown(plan: Plan, _compact: bool) -> str:
    from reconciler.render.markdown import markdown

    return markdown(plan)


def _plan_html(plan: Plan, _compact: bool) -> str:
    from reconciler.render.html import html

    return html(plan)


PLAN_FORMATS: Mapping[str, Callable[[Plan, bool], str]] = {
    "text": _plan_text, "json": _plan_json, "markdown": _plan_markdown, "html": _plan_html,
}  # fmt: skip


def drift_as(report: Report, form: str, places: Callable[[], Mapping[str, Span]]) -> str:
    """Return a drift report in one of `DRIFT_FORMATS`; `places` gives the place of each address in the manifests."""
    return DRIFT_FORMATS[form](report, places)


def _comparison_text(found: Comparison) -> str:
    from reconciler.render.comparison import comparison_text

    return comparison_text(found)


def _comparison_json(found: Comparison) -> str:
    from reconciler.render import json
    from reconciler.render.comparison import comparison_document

    return json.text(comparison_document(found))


def _comparison_markdown(found: Comparison) -> str:
    from reconciler.render.comparison import comparison_markdown

    return comparison_markdown(found)


COMPARISON_FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "text": _comparison_text, "json": _comparison_json, "markdown": _comparison_markdown,
}  # fmt: skip


Places = Callable[[], "Mapping[str, Span]"]


def _drift_text(report: Report, _places: Places) -> str:
    from reconciler.render.drift import text

    return text(report, painter(sys.stdout), verbose=bool(option("verbose")))


def _drift_json(report: Report, _places: Places) -> str:
    from reconciler.render import json

    return json.text(json.drift_document(report))


def _drift_markdown(report: Report, _places: Places) -> str:
    from reconciler.render.drift import markdown

    return markdown(report)


def _drift_junit(report: Report, _places: Places) -> str:
    from reconciler.render.drift import junit

    return junit(report)


def _drift_sarif(report: Report, places: Places) -> str:
    from reconciler.render.findings import drift_sarif

    return drift_sarif(report, places())


DRIFT_FORMATS: Mapping[str, Callable[[Report, Places], str]] = {
    "text": _drift_text, "json": _drift_json, "markdown": _drift_markdown, "junit": _drift_junit,
    "sarif": _drift_sarif,
}  # fmt: skip
