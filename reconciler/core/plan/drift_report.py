"""The report about what drifted in one environment, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.plan.model import Drift

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
class PendingChange:
    """A change that the manifests want and that was not applied yet."""

    address: str
    action: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `drift`: `pending` are changes of the manifests alone; `unmanaged` None if not asked."""

    environment: str
    sandbox: str
    checked: int
    drift: tuple[Drift, ...]
    pending: tuple[PendingChange, ...] = ()
    notes: tuple[str, ...] = ()
    unmanaged: tuple[Unmanaged, ...] | None = None
    platform: str = ""
    organization: str = ""

    def of(self, *statuses: str) -> list[Drift]:
        """Return the entries of some statuses."""
        return [item for item in self.drift if item.status in statuses]

    @property
    def drifted(self) -> bool:
        """Whether something changed or went away that nobody acknowledged."""
        return bool(self.of("changed", "missing"))
