"""`--format jsonl`: one JSON object for each event on stdout, written and flushed as it happens."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reconciler import __version__
from reconciler.cli.terminal import Progress, Terminal
from reconciler.core.problems import GuardError, Problem, ReconcilerError, StaleError
from reconciler.render import events
from reconciler.secrets.redaction import redact

if TYPE_CHECKING:
    from reconciler.core.plan.drift_report import Report
    from reconciler.core.plan.model import Plan
    from reconciler.engine.apply import Outcome
    from reconciler.engine.ports import Event

FORMATS = ("text", "jsonl")
_TEXTS = ("message", "advice")
"""Members for people: secrets of four letters are taken out of them, as of all messages."""
_VERBS = ("create", "update", "delete", "forget")


class Stream:
    """Writes the events of one command. The last one is a summary, unless the process is killed."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._ended = False
        self.environment: str | None = None
        """The environment of the next events; None before it is known, and in a summary of several."""
        self.counts: dict[str, int] = {}
        self.left: list[str] = []
        self._codes: dict[str, int] = {}
        self.emit([events.start(command, __version__)])

    def emit(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Write a line for each event and flush it. A reader that closed its pipe stops nothing."""
        for item in items:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            shown = {key: redact(value) if key in _TEXTS else value for key, value in item.items()}
            event = {"type": item["type"], "time": now, "environment": self.environment, **shown}
            # ASCII alone: no reader takes a character inside a text for the end of a line
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()

    def plan(self, plan: Plan) -> None:
        """Write the changes of a plan, and the plan."""
        self.environment = plan.environment
        self.emit(events.plan_events(plan))

    def drift(self, report: Report) -> None:
        """Write the entries of a drift report."""
        self.environment = report.environment
        self.emit(events.drift_events(report))
        for item in report.drift:
            self._count(item.status)
        self._count("pending", len(report.pending))

    def outcome(self, outcome: Outcome) -> None:
        """Write what went wrong in a run, and count its steps."""
        self.emit(events.errors(outcome.problems))
        for item, result in outcome.results.values():
            if result != "done":
                self._count(result)
            elif item.verb in _VERBS:
                self._count(str(item.verb))
            if result == "skipped":
                self.left.append(item.change.address)

    def failed(self, problems: Iterable[Problem]) -> None:
        """Write an error for each problem."""
        self.emit(events.errors(list(problems)))

    def count(self, name: str, number: int) -> None:
        """Add to a count of the summary."""
        self._count(name, number)

    def environment_ended(self, name: str, code: int) -> None:
        """Note the exit code of one of several environments."""
        self._codes[name] = code

    def end(self, code: int, result: events.Result | None = None) -> None:
        """Write the summary, once."""
        if self._ended:
            return
        self._ended = True
        if self._codes:
            self.environment = None
        known: dict[int, events.Result] = {0: "ok", 2: "changes", 130: "interrupted"}
        word = result or known.get(code, "failed")
        left = sorted(set(self.left))
        self.emit([events.summary(self._command, word, code, self.counts, left, self._codes or None)])

    def _count(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number


class EventDialogue(Terminal):
    """The dialogue of a command whose stdout is events; messages and progress stay on stderr."""

    def __init__(self, stream: Stream, *, approved: bool = False) -> None:
        super().__init__(approved=approved)
        self.stream = stream

    def require_answer(self) -> None:
        """Raise a usage error without approval: a plan that is printed as events is not read by a person."""
        if not self._approved:
            raise click.UsageError("--format jsonl asks no question: pass --auto-approve too.")

    def notice(self, text: str) -> None:
        """Write a message as an event, and on stderr."""
        self.stream.emit([events.message(text)])
        super().notice(text)

    def review(self, plan: Plan) -> None:
        """Write the plan as events."""
        self.stream.plan(plan)

    @contextmanager
    def progress(self, total: int) -> Iterator[Progress]:
        """Write an event for each step while the run lasts, and show its progress on stderr."""
        progress = _Both(self.stream, total)
        try:
            yield progress
        finally:
            progress.close()


class _Both(Progress):
    """Shows progress on stderr and writes it as events."""

    _words: Mapping[str, events.Status] = {
        "start": "started", "waiting": "waiting", "done": "done", "failed": "failed", "skipped": "skipped",
    }  # fmt: skip

    def __init__(self, stream: Stream, total: int) -> None:
        super().__init__(total)
        self._stream = stream

    def tell(self, event: Event) -> None:
        """Write and show one event."""
        status = self._words[event.what]
        self._stream.emit([events.step(status, event.address, event.verb, ident=event.ident, text=event.text)])
        super().tell(event)


@contextmanager
def stream_of(command: str, form: str) -> Iterator[Stream | None]:
    """Give the stream of a command, None for text; an error that ends the command is in its last events."""
    if form != "jsonl":
        yield None
        return
    stream = Stream(command)
    try:
        yield stream
    except ReconcilerError as error:
        stream.failed(error.problems)
        stream.end(1, "refused" if isinstance(error, GuardError | StaleError) else "failed")
        raise
    except click.ClickException as error:
        stream.failed([Problem("usage", error.message)])
        stream.end(1)
        raise
    except (KeyboardInterrupt, click.Abort):
        stream.end(130)
        raise
    except Exception as error:
        stream.failed([Problem("internal", f"internal error: {type(error).__name__}", "see stderr")])
        stream.end(1)
        raise
