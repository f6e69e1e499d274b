"""How a plan is shown: one place for every command that shows one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reconciler.cli.options import option
from reconciler.cli.terminal import painter, width

if TYPE_CHECKING:
    from reconciler.core.plan.model import Plan

FORMATS = ("text", "json", "markdown", "html")


def shown_as(plan: Plan, form: str, *, compact: bool = False) -> str:
    """Return `plan` in one of `FORMATS`; text as wide as the terminal."""
    if form == "json":
        from reconciler.render import json

        return json.text(json.plan_document(plan))
    if form == "markdown":
        from reconciler.render.markdown import markdown

        return markdown(plan)
    if form == "html":
        from reconciler.render.html import html

        return html(plan)
    from reconciler.render.text import plan_text

    out = sys.stdout
    return plan_text(plan, painter(out), verbose=bool(option("verbose")), compact=compact, width=width(out))
