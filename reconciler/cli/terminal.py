"""The terminal: colours, messages on stderr, progress while a run lasts, a question before it starts."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import option
from reconciler.secrets.redaction import redact

if TYPE_CHECKING:
    from reconciler.core.plan.model import Plan
    from reconciler.core.problems import Problem
    from reconciler.core.state.model import Entry
    from reconciler.engine.ports import Event

_STYLES = {"bold": {"bold": True}, "dim": {"dim": True}}
_PAST = {
    "create": "created",
    "finish": "finished",
    "update": "updated",
    "delete": "deleted",
    "forget": "forgotten",
    "suspend": "set aside",
    "enable again": "enabled again",
}


def coloured(stream: object) -> bool:
    """Tell whether colours are wanted on `stream`: a terminal, and nobody said no."""
    if option("no_color") or os.environ.get("NO_COLOR"):
        return False
    if os.name == "posix" and os.environ.get("TERM", "") in ("", "dumb"):
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def painter(stream: object) -> Callable[[str, str], str]:
    """Return the function that colours a text for `stream`."""
    if not coloured(stream):
        return lambda _style, text: text
    return lambda style, text: click.style(text, **_STYLES.get(style, {"fg": style}))


def width(stream: object) -> int | None:
    """Return how wide `stream` is in columns, None where it is no terminal."""
    if not getattr(stream, "isatty", lambda: False)():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def message(text: str) -> None:
    """Print a message on stderr; secrets are taken out before a moving line wraps it, for no pattern spans lines."""
    click.echo(redact(text), err=True)


_EACH = 500
_EVERY = 10.0
"""Steps up to which each has a line; above, how far it is is told every so many seconds."""


class Progress:
    """Tells how a run goes: a line for each outcome, of very many only how far it is, and what went wrong.

    On a terminal it also shows what is under way, redrawn in place.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._start = self._told = clock()
        self._done = self._skipped = 0
        self._each = total <= _EACH or bool(option("verbose"))
        self._waiting: dict[str, str] = {}
        self._began: dict[tuple[str, str], float] = {}
        self._paint = painter(sys.stderr)
        self._status = self._rich() if coloured(sys.stderr) and total else None

    @staticmethod
    def _rich() -> object:
        from rich.console import Console

        status = Console(stderr=True).status("starting")
        status.start()
        return status

    def tell(self, event: Event) -> None:
        """Show one event."""
        key = (event.address, event.verb)
        if event.what == "start":
            self._began[key] = self._clock()
        elif event.what == "waiting":
            if self._waiting.get(event.address) != event.text:  # the same reason is said once
                self._waiting[event.address] = event.text
                if self._each:
                    self._line("dim", f"  {event.address}: waiting, {event.text}")
        else:
            took = self._clock() - self._began.pop(key, self._clock())
            self._done += 1
            self._outcome(event, took)
        self._redraw()

    def _outcome(self, event: Event, took: float) -> None:
        if event.what == "failed":
            self._line("red", f"  {event.address}: {event.verb} failed: {event.text}")
        elif event.what == "skipped":
            self._skipped += 1
            if self._each:
                self._line("yellow", f"  {event.address}: {event.verb} skipped")
        elif self._each:
            ident = f" {event.ident}" if event.ident else ""
            self._line("green", f"  {event.address}: {_PAST.get(event.verb, event.verb)}{ident} ({took:.1f} s)")

    def close(self) -> None:
        """Take the moving line away."""
        if self._status is not None:
            self._status.stop()  # type: ignore[attr-defined]
        if not self._each:
            self._line("dim", f"  {self.far()}")

    def far(self) -> str:
        """Return how far it is: steps done, how many a second, about how long it still takes."""
        spent = self._clock() - self._start
        made = self._done - self._skipped
        text = f"{made:,} of {self._total:,} done"
        if self._skipped:
            text += f", {self._skipped:,} skipped"
        if spent < 1 or not made:
            return text
        rate = made / spent
        left = (self._total - self._done) / rate
        ahead = f", about {_span(left)} left" if left >= 1 and not self._skipped else ""
        return f"{text}, {rate:,.0f} a second{ahead}" if rate >= 10 else f"{text}, {rate:.1f} a second{ahead}"

    def _line(self, style: str, text: str) -> None:
        message(self._paint(style, text))

    def _redraw(self) -> None:
        if self._status is not None:
            names = ", ".join(address for address, _ in itertools.islice(self._began, 3))
            self._status.update(f"{self.far()}  {names}")  # type: ignore[attr-defined]
        elif not self._each and self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            self._line("dim", f"  {self.far()}")


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Terminal:
    """The dialogue of a command: messages on stderr, questions on the terminal, results on stdout."""

    def __init__(self, *, approved: bool = False) -> None:
        self._approved = approved

    @property
    def trace(self) -> Callable[[str], None] | None:
        """The function that shows one line for each request, with --verbose."""
        return message if option("verbose") else None

    def require_answer(self) -> None:
        """Raise a usage error where a question could not be answered: before anything is done."""
        if not self._approved and not sys.stdin.isatty():
            raise click.UsageError("There is no terminal to ask on: pass --auto-approve to go on without asking.")

    def notice(self, text: str) -> None:
        """Show a message on stderr."""
        message(text)

    def review(self, plan: Plan) -> None:
        """Print the plan on stdout."""
        from reconciler.cli.formats import shown_as

        click.echo(shown_as(plan, "text"), nl=False)

    def bindings(self, entries: Mapping[str, Entry], doubts: list[Problem]) -> None:
        """Print the bindings on stdout and the doubts on stderr."""
        for address, entry in entries.items():
            click.echo(f"{address}  {entry.kind}  {entry.id}")
        for problem in doubts:
            message(str(problem))

    def confirm(self, question: str) -> bool:
        """Ask on the terminal, unless it was approved already. Raises a usage error where nobody can answer."""
        self.require_answer()
        if self._approved:
            return True
        message("")
        try:
            answer = click.prompt(f"{question}\nOnly 'yes' goes on", default="", show_default=False, err=True)
        except (OSError, UnicodeError):  # the terminal is gone, or the answer is not valid text
            return False
        return str(answer).strip() == "yes"

    @contextmanager
    def progress(self, total: int) -> Iterator[Progress]:
        """Show how a run of `total` steps goes, for as long as it lasts."""
        progress = Progress(total)
        try:
            yield progress
        finally:
            progress.close()
