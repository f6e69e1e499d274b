"""Results of the Python API.

A member has the name of its counterpart in the JSON output, in the spelling of Python: `replacePaths` is
`replace_paths`. Secrets never appear; values that are known only after an apply are `{"$ref": "ADDRESS#field"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.plan.model import Plan as CorePlan
from reconciler.core.problems import Problem, ReconcilerError


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a plan.

    `action` is `create`, `update`, `replace`, `delete` or `forget`. `patch` holds the JSON Patch operations and calls,
    `replace_paths` the JSON pointers that force a replace.
    """

    address: str
    kind: str
    action: str
    id: str | None
    reason: str
    before: Any
    after: Any
    patch: tuple[Any, ...] = ()
    replace_paths: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DriftField:
    """One field that is not as it was applied: `path` is a JSON pointer, a side without a value is None."""

    path: str
    applied: Any
    live: Any
    desired: Any


@dataclass(frozen=True, slots=True)
class DriftEntry:
    """One object that drifted.

    `status` is `changed`, `missing`, `unchecked` or `acknowledged`. `updated_at` is in milliseconds since the epoch.
    """

    address: str
    kind: str
    id: str
    status: str
    fields: tuple[DriftField, ...] = ()
    updated_by: str | None = None
    updated_at: int | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one environment."""

    environment: str
    entries: tuple[DriftEntry, ...]
    summary: Mapping[str, int]
    document: Mapping[str, Any]
    """The report as `drift --format json` prints it."""

    @property
    def drifted(self) -> bool:
        """Whether `reconciler drift` would exit with 2."""
        return any(entry.status in ("changed", "missing") for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one environment: `changes` without no-ops, and the number of objects for each action in `summary`.

    A plan with `objections` cannot be applied. `document` is the plan as `plan --format json` prints it.
    """

    environment: str
    changes: tuple[Change, ...]
    drift: tuple[DriftEntry, ...]
    warnings: tuple[str, ...]
    objections: tuple[Problem, ...]
    summary: Mapping[str, int]
    document: Mapping[str, Any]
    core: CorePlan = field(repr=False)

    def __bool__(self) -> bool:
        """Tell whether there is something to do."""
        return bool(self.changes)


@dataclass(frozen=True, slots=True)
class AppliedStep:
    """One step of an apply: `verb` is its operation, `result` is `done`, `failed` or `skipped`."""

    address: str
    verb: str
    result: str


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The steps of an apply, and the plan they carried out."""

    plan: Plan
    steps: tuple[AppliedStep, ...] = ()


class ApplyError(ReconcilerError):
    """An apply failed in part. Everything that was done is in the state; the next apply goes on from there."""

    def __init__(self, problems: tuple[Problem, ...], result: ApplyResult) -> None:
        super().__init__(problems)
        self.result = result


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a dataflow; times are in milliseconds since the epoch."""

    id: str
    status: str
    started_at: int | None
    completed_at: int | None
    records: Mapping[str, int]
    bytes: Mapping[str, int]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """The state of one dataflow, its last operation and its last runs, newest first.

    `notes` name objects it uses that others replaced or deleted.
    """

    flow_id: str
    state: str
    last_operation: Mapping[str, Any]
    runs: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()
