"""What a person sees: colours on a terminal, progress while it runs, a question before it starts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import given
from reconciler.secrets.redaction import redact

if TYPE_CHECKING:
    from reconciler.engine.ports import Event

_STYLES = {"bold": {"bold": True}, "dim": {"dim": True}}
_PAST = {
    "create": "created",
    "finish": "finished",
    "update": "updated",
    "delete": "deleted",
    "forget": "forgotten",
    "retire": "set aside",
    "enable again": "enabled again",
}


def coloured(stream: object) -> bool:
    """Tell whether colours are wanted on `stream`: a terminal, and nobody said no."""
    if given("no_color") or os.environ.get("NO_COLOR"):
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


def say(text: str) -> None:
    """Print a message on stderr; secrets are taken out before a moving line wraps it, for no pattern spans lines."""
    click.echo(redact(text), err=True)


class Progress:
    """Tells how a run goes: a line for each outcome; on a terminal also what is under way, redrawn in place."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
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
            self._began[key] = time.monotonic()
        elif event.what == "waiting":
            if self._waiting.get(event.address) != event.text:  # the same reason is said once
                self._waiting[event.address] = event.text
                self._line("dim", f"  {event.address}: waiting, {event.text}")
        else:
            took = time.monotonic() - self._began.pop(key, time.monotonic())
            self._done += 1
            if event.what == "done":
                ident = f" {event.ident}" if event.ident else ""
                self._line("green", f"  {event.address}: {_PAST.get(event.verb, event.verb)}{ident} ({took:.1f} s)")
            elif event.what == "failed":
                self._line("red", f"  {event.address}: {event.verb} failed: {event.text}")
            else:
                self._line("yellow", f"  {event.address}: {event.verb} skipped")
        self._redraw()

    def close(self) -> None:
        """Take the moving line away."""
        if self._status is not None:
            self._status.stop()  # type: ignore[attr-defined]

    def _line(self, style: str, text: str) -> None:
        say(self._paint(style, text))

    def _redraw(self) -> None:
        if self._status is not None:
            names = ", ".join(sorted({address for address, _ in self._began})[:3])
            self._status.update(f"{self._done} of {self._total} done  {names}")  # type: ignore[attr-defined]


def confirm(question: str, approved: bool) -> bool:
    """Ask, unless it was approved already. Raises a usage error where nobody can answer."""
    if approved:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: pass --auto-approve to go on without asking.")
    say("")
    answer = click.prompt(f"{question}\nOnly 'yes' goes on", default="", show_default=False, err=True)
    return str(answer).strip() == "yes"
