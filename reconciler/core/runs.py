"""A dataflow, its runs and its outputs as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["success", "partial", "failed", "running", "unknown"]


@dataclass(frozen=True, slots=True)
class DataflowRun:
    """One run: when (ms since the epoch, None where it is not said), how it went, how much went through it."""

    id: str
    outcome: Outcome
    started: int | None = None
    completed: int | None = None
    records_in: int = 0
    records_out: int = 0
    records_failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    errors: tuple[str, ...] = ()

    @property
    def at(self) -> int | None:
        """When it last did something, in ms since the epoch."""
        return self.completed or self.started


@dataclass(frozen=True, slots=True)
class Dataflow:
    """A dataflow as it stands: `state` is `missing` when it is gone; `runs` are the newest first.

    `leaving` tells that the platform is deleting it; `notes` name objects it uses that others replaced or deleted.
    """

    name: str
    id: str
    state: str
    operation: Mapping[str, Any]
    failure: str | None
    created: int | None
    runs: tuple[DataflowRun, ...] = ()
    leaving: bool = False
    notes: tuple[str, ...] = ()

    def last_data(self) -> int | None:
        """Return when records last came out of it, in ms since the epoch, as far as `runs` go back."""
        return next((run.at for run in self.runs if run.records_out and run.at), None)

    def silent_since(self) -> int | None:
        """Return since when no record came out, in ms since the epoch: since its creation where none ever did."""
        return self.last_data() or self.created

    def failing(self) -> bool:
        """Tell whether the dataflow is gone or going, its last operation failed or its last finished run did."""
        finished = next((run for run in self.runs if run.outcome != "running"), None)
        gone = self.state == "missing" or self.leaving
        return gone or self.failure is not None or bool(finished and finished.outcome == "failed")

    def stale(self, now: int, limit: int) -> bool:
        """Tell whether it is enabled and silent for more than `limit` ms at `now`, in ms since the epoch."""
        since = self.silent_since()
        return self.state == "enabled" and since is not None and now - since > limit


def order(runs: Sequence[DataflowRun]) -> tuple[DataflowRun, ...]:
    """Return `runs` newest first, whatever order the platform gave them in."""
    return tuple(sorted(runs, key=lambda run: run.started or 0, reverse=True))


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of one dataflow: `inlet_url` where data is pushed to it, `ids` of its objects by address."""

    flow_id: str
    state: str
    inlet_url: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
