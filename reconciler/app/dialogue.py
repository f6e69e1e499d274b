"""The port between a use case and its caller: messages, one question, progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from reconciler.core.plan.model import Plan
from reconciler.core.problems import Problem
from reconciler.core.state.model import Entry
from reconciler.engine.ports import Event, Listener


class Dialogue(Protocol):
    """The caller of a use case: a person at a terminal, a pipeline, or a program."""

    def notice(self, text: str) -> None:
        """Show a message. It holds no secret."""
        ...

    @property
    def trace(self) -> Callable[[str], None] | None:
        """The function that shows one line for each request; None where traces are off."""
        ...

    def review(self, plan: Plan) -> None:
        """Show a plan before it is guarded, confirmed and applied."""
        ...

    def bindings(self, entries: Mapping[str, Entry], doubts: list[Problem]) -> None:
        """Show the bindings that are about to be confirmed, and the problems of the resources that stay unbound."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask `question` and return whether the answer is yes."""
        ...

    def progress(self, total: int) -> AbstractContextManager[Listener]:
        """Return the listener of a run of `total` steps, for as long as the run lasts."""
        ...


class Silent:
    """The dialogue of a program: nothing is shown, and every question is answered with yes.

    Use cases that a program calls return what they did and raise what went wrong, so that nothing is lost.
    """

    def notice(self, text: str) -> None:
        """Drop the message."""

    trace: Callable[[str], None] | None = None

    def review(self, plan: Plan) -> None:
        """Show nothing."""

    def bindings(self, entries: Mapping[str, Entry], doubts: list[Problem]) -> None:
        """Show nothing."""

    def confirm(self, question: str) -> bool:
        """Agree."""
        del question
        return True

    def progress(self, total: int) -> AbstractContextManager[Listener]:
        """Return a listener that drops every event."""
        del total
        return nullcontext(_Deaf())


class _Deaf:
    def tell(self, event: Event) -> None:
        """Drop the event."""
