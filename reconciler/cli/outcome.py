"""How apply and destroy tell the way a run ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.app.apply import INTERRUPTED, Applied
from reconciler.cli.terminal import message
from reconciler.core.characters import counted
from reconciler.core.plan.steps import Step
from reconciler.core.problems import Problem, brief

if TYPE_CHECKING:
    from reconciler.cli.event_stream import Stream

_SHOWN = 25
"""Addresses that are named one by one at the end of a run."""


def tell(applied: Applied, verb: str, stream: Stream | None = None) -> int:
    """Print what was done, what was not and what to do next; return the exit code.

    With a `stream` the result is in its events, and the text goes to stderr.
    """
    if stream is not None and applied.outcome is not None:
        stream.outcome(applied.outcome)
    if applied.refused:
        message("Nothing was done.")
        return 1
    outcome = applied.outcome
    if outcome is None:
        return 0
    done: dict[str, int] = {}
    left = [step for step, result in outcome.results.values() if result == "skipped"]
    for step, result in outcome.results.values():
        if result == "done":
            done[step.verb] = done.get(step.verb, 0) + 1
    words = {"create": "created", "finish": "finished", "update": "updated", "delete": "deleted", "forget": "forgotten"}
    parts = [f"{count} {words[name]}" for name, count in done.items() if name in words]
    if not parts:
        parts = ["no step succeeded" if outcome.results and not done else "nothing to do"]
    click.echo(f"{verb.capitalize()}: {', '.join(parts)}.", err=stream is not None)
    if outcome.problems:
        click.echo("", err=stream is not None)
        for line in brief(_told_once(outcome.problems)):
            message(line)
        failed = sum(1 for _, result in outcome.results.values() if result == "failed")
        skipped = f" Not done because of it: {_names(left)}." if left else ""
        message(f"{failed} of {counted(len(outcome.results), 'step')} failed.{skipped}")
        message(
            f"Everything that was done is in the state. Correct the cause and run {verb} again: it goes on from here."
        )
    elif left:
        when = "" if outcome.stopped == INTERRUPTED else f" {outcome.stopped}"
        message(f"Stopped{when} before: {_names(left)}. Run {verb} again to go on from here.")
    if outcome.stopped == INTERRUPTED:
        return 130
    return 0 if outcome.ok else 1


def _told_once(problems: Collection[Problem]) -> list[Problem]:
    """Return the problems, those that differ in nothing but their address as one."""
    groups: dict[Problem, list[str]] = {}
    for problem in problems:
        groups.setdefault(replace(problem, address=None), []).append(problem.address or "")
    return [
        replace(problem, address=addresses[0] or None)
        if len(addresses) == 1
        else replace(problem, what=f"{problem.what}, the same for {_listed(sorted(addresses))}")
        for problem, addresses in groups.items()
    ]


def _names(left: Collection[Step]) -> str:
    return _listed(sorted({step.change.address for step in left}))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
