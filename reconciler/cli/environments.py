"""Several environments in one command: planned side by side, or applied one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.app.multi_environment import side_by_side
from reconciler.app.options import PlanOptions
from reconciler.app.planning import make_plan
from reconciler.app.running import run
from reconciler.cli.arguments import Files
from reconciler.core.plan.model import Plan
from reconciler.core.problems import ReconcilerError
from reconciler.render import json as as_json
from reconciler.render.table import table

if TYPE_CHECKING:
    from reconciler.cli.event_stream import Stream

T = TypeVar("T")
_COUNTS = ("create", "update", "replace", "delete", "forget", "noop")


def show_plans(files: Files, names: Sequence[str], options: PlanOptions, form: str, *, detailed_exitcode: bool) -> int:
    """Plan environments and show them; one that cannot be planned does not keep the others from it."""

    async def plan_one(name: str) -> Plan:
        return (await make_plan(files.open(env=name), options)).plan

    found = run(side_by_side(names, plan_one))
    plans = {name: item for name, item in found.items() if isinstance(item, Plan)}
    errors = {name: item for name, item in found.items() if isinstance(item, ReconcilerError)}
    click.echo(_shown(found, plans, errors, form), nl=False)
    tell(found)
    for name, plan in plans.items():
        for objection in plan.objections:
            click.echo(f"{name}: {objection}", err=True)
    if errors or any(plan.objections for plan in plans.values()):
        return 1
    return 2 if detailed_exitcode and any(plan.effective or plan.imports for plan in plans.values()) else 0


def _shown(
    found: Mapping[str, Plan | ReconcilerError],
    plans: Mapping[str, Plan],
    errors: Mapping[str, ReconcilerError],
    form: str,
) -> str:
    if form == "json":
        return as_json.text(document(found, as_json.plan_document))
    if form == "text":
        return _table(found)
    messages = {name: [str(problem) for problem in error.problems] for name, error in errors.items()}
    if form == "html":
        from reconciler.render.html import html_of_several

        return html_of_several(plans, messages)
    from reconciler.render.markdown import markdown_of_several

    return markdown_of_several(plans, messages)


def in_turn(names: Sequence[str], work: Callable[[str], int], stream: Stream | None = None) -> int:
    """Do `work` in one environment after the other, as they were named, and return the exit code.

    The first that does not end well is the last: what is wrong in dev goes no further.
    """
    for number, name in enumerate(names):
        click.echo(f"{name}:", err=stream is not None)
        if stream is not None:
            stream.environment = name
        try:
            code = work(name)
        except ReconcilerError as error:
            code = 1
            tell({name: error})
            if stream is not None:
                stream.failed(error.problems)
        if stream is not None:
            stream.environment_ended(name, code)
        if code:
            if left := names[number + 1 :]:
                click.echo(f"Not begun: {', '.join(left)}.", err=True)
            return code
    return 0


def document(found: Mapping[str, T | ReconcilerError], shown: Callable[[T], Any]) -> dict[str, Any]:
    """Return what `--format json` prints: by environment the document of that one alone, or `errors`."""
    return {
        "formatVersion": as_json.FORMAT_VERSION,
        "environments": {
            name: {"errors": [str(problem) for problem in item.problems]}
            if isinstance(item, ReconcilerError)
            else shown(item)
            for name, item in found.items()
        },
    }


def tell(found: Mapping[str, Any]) -> None:
    """Print the problems of the environments that ended with an error, each with its name."""
    for name, item in found.items():
        for problem in item.problems if isinstance(item, ReconcilerError) else ():
            click.echo(f"{name}: {problem}", err=True)


def _table(found: Mapping[str, Plan | ReconcilerError]) -> str:
    rows = []
    for name, item in found.items():
        if isinstance(item, Plan):
            counts = item.summary()
            changed = sum(1 for drift in item.drift if drift.status in ("changed", "missing"))
            verdict = "cannot be applied" if item.objections else "changes" if item.effective else "as declared"
            rows.append([name, item.sandbox, *(str(counts.get(word, 0)) for word in _COUNTS), str(changed), verdict])
        else:
            rows.append([name, "", *("" for _ in _COUNTS), "", "error, see below"])
    return table(["environment", "sandbox", *_COUNTS, "drift", ""], rows)
