"""Optional abilities of kinds: readings of an object besides the fields that manifests declare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.core.abilities import Listable
from reconciler.core.kind import Check, Kind
from reconciler.core.resource import Call, Live, Reply
from reconciler.core.runs import Dataflow
from reconciler.core.values import Tree


@dataclass(frozen=True, slots=True)
class Edit:
    """The last edit of an object: `by` a user, `at` in ms since the epoch, with a `client` id; None if unknown."""

    by: str | None = None
    at: int | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """An object that is read through its user: the name of its `kind`, its `ident`, and the `version` in use."""

    kind: str
    ident: str
    version: Tree


class Observed(ABC):
    """A kind whose objects have a state and tell their last edit."""

    @abstractmethod
    def state_of(self, live: Live) -> str:
        """Return the state of an object in the platform's word."""

    @abstractmethod
    def last_edit(self, live: Live) -> Edit:
        """Return the last edit of an object, as far as the platform tells."""

    @abstractmethod
    def held_back(self, body: Tree, staging: str) -> tuple[Tree, str] | None:
        """Return the body of an object that is not live yet, by `staging`, and words for it.

        None where `body` itself is not live.
        """


class Relying(ABC):
    """A kind whose objects use objects that other people may own: their deletion is not visible in the users."""

    @abstractmethod
    def relies_on(self, live: Live) -> Mapping[str, Check]:
        """Return, by id, the questions whether the objects that `live` uses still exist."""


class Reachable(ABC):
    """A kind whose objects may have an endpoint that data is sent to."""

    @abstractmethod
    def endpoint(self, live: Live) -> str | None:
        """Return the URL that data is sent to, or None where the object has none."""


class DataflowKind(Listable, Observed, Reachable):
    """The kind of dataflows: made of other objects, and run by the platform."""

    uses: ClassVar[tuple[str, ...]]
    """The kinds of the objects a dataflow is made of that the platform lists."""

    @abstractmethod
    def pins(self, body: Tree) -> Sequence[Pin]:
        """Return the objects that a live dataflow uses in a version of its own choice."""

    @abstractmethod
    def runs_call(self, ident: str, limit: int) -> Call:
        """Return the call that lists the last runs of a dataflow, newest first."""

    @abstractmethod
    def dataflow(self, name: str, live: Live, runs: Reply) -> Dataflow:
        """Return a dataflow called `name` with the runs that `runs_call` answered with."""


def state_of(kind: Kind, live: Live) -> str:
    """Return the state of an object, `unknown` where its kind has none."""
    return kind.state_of(live) if isinstance(kind, Observed) else "unknown"


def last_edit(kind: Kind, live: Live) -> Edit:
    """Return the last edit of an object, empty where its kind does not tell."""
    return kind.last_edit(live) if isinstance(kind, Observed) else Edit()


def held_back(kind: Kind, body: Tree, staging: str | None) -> tuple[Tree, str] | None:
    """Return the body of a first phase that is not live, and words for it; None without such a phase."""
    return kind.held_back(body, staging) if staging and isinstance(kind, Observed) else None
