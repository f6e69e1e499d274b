"""The report about what drifted in one environment, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.plan.model import Change, Drift, Plan

STATUSES = ("changed", "missing", "unchecked", "acknowledged")


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A live object that no address is bound to."""

    kind: str
    id: str
    name: str
    updated_by: str | None = None
    updated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the main line of a history: `at` is its time in ms since the epoch."""

    id: str
    at: int
    author: str
    subject: str


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that the manifests want and that was not applied yet.

    `commits` are those that made it, the newest first, as far as a history tells; `since` is the time of the oldest of
    them in ms since the epoch, None where it is not known.
    """

    address: str
    action: str
    since: int | None = None
    commits: tuple[Commit, ...] = ()

    @property
    def document(self) -> str:
        """The name of the document it belongs to."""
        return self.address.partition("/")[0]


def pending_changes(plan: Plan) -> tuple[PendingChange, ...]:
    """Return the changes of a plan that the manifests want, without those that only revert what changed outside."""
    outside = {item.address: item.status for item in plan.drift if item.status in ("changed", "missing")}
    changes = [
        PendingChange(change.address, str(change.action))
        for change in plan.effective
        if change.address not in outside or _wanted(change, outside[change.address])
    ]
    return (*(PendingChange(address, "import") for address in sorted(plan.imports)), *changes)


def _wanted(change: Change, status: str) -> bool:
    """Tell whether the manifest of an object that also changed outside wants something new."""
    return status == "changed" and any(item.cause in ("manifest", "both") for item in change.fields)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `drift`: `pending` are changes of the manifests alone; `unmanaged` None if not asked.

    `fails_on_pending` tells that pending changes count as a failure, as drift does.
    """

    environment: str
    sandbox: str
    checked: int
    drift: tuple[Drift, ...]
    pending: tuple[PendingChange, ...] = ()
    notes: tuple[str, ...] = ()
    unmanaged: tuple[Unmanaged, ...] | None = None
    platform: str = ""
    organization: str = ""
    fails_on_pending: bool = False

    def of(self, *statuses: str) -> list[Drift]:
        """Return the entries of some statuses."""
        return [item for item in self.drift if item.status in statuses]

    @property
    def drifted(self) -> bool:
        """Whether something changed or went away that nobody acknowledged."""
        return bool(self.of("changed", "missing"))

    @property
    def failed(self) -> bool:
        """Whether something drifted, or is pending where that counts."""
        return self.drifted or (self.fails_on_pending and bool(self.pending))


def by_document(changes: Sequence[PendingChange]) -> dict[str, list[PendingChange]]:
    """Return pending changes by the name of their document."""
    found: dict[str, list[PendingChange]] = {}
    for item in changes:
        found.setdefault(item.document, []).append(item)
    return found


def origin(changes: Sequence[PendingChange]) -> tuple[int | None, tuple[Commit, ...]]:
    """Return since when some changes are pending, in ms since the epoch, and their commits, the newest first."""
    times = [item.since for item in changes if item.since is not None]
    commits = dict.fromkeys(commit for item in changes for commit in item.commits)
    return min(times, default=None), tuple(sorted(commits, key=lambda commit: -commit.at))
