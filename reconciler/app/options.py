"""The choices of one run, apart from the manifests: which project, how to plan, how to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.plan.selection import Selection
from reconciler.core.values import Tree


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """Which project, and how its manifests are read.

    `environment` is a name, or None for the only one. `variables` are texts `NAME=VALUE` whose values are YAML
    scalars, `values` are variables that already have a value. `saved` are those of a saved plan, which every other
    source outside the project file replaces. `state_dir` and `emulator` imply a local state.
    """

    path: Path = Path()
    environment: str | None = None
    variables: tuple[str, ...] = ()
    values: Mapping[str, Tree] = field(default_factory=dict)
    saved: Mapping[str, Tree] = field(default_factory=dict)
    var_files: tuple[Path, ...] = ()
    state_dir: Path | None = None
    emulator: bool = False
    allow_literal_secrets: bool = False

    @property
    def given(self) -> frozenset[str]:
        """The names of the variables that the caller gave one by one."""
        return frozenset((*self.values, *(item.partition("=")[0] for item in self.variables)))


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a plan is made.

    `read` is false to take the state for live. `settle` are the seconds after which an object that lists do not show
    is treated as absent. `judged` is false where nothing is changed, so that no policy and no guardrail is asked.
    `allow_delete` lifts the guardrails. `replace` are the addresses of objects to replace although nothing differs.
    """

    destroy: bool = False
    selection: Selection = field(default_factory=Selection)
    policies: tuple[Path, ...] = ()
    read: bool = True
    settle: float = 5.0
    staged: bool = False
    checks: bool = True
    judged: bool = True
    send_secrets: bool = False
    allow_delete: bool = False
    replace: tuple[str, ...] = ()
    lasting: bool = False
    """Whether the plan is applied later, so that it has to hold the facts it is judged by then."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a run writes: calls at once, and seconds to wait for the lock, for transitions and in all.

    `allow_delete` lifts the guardrails, `allow_protected` the protection of the environment.
    """

    parallelism: int = 10
    lock_timeout: float = 0.0
    wait_timeout: float = 300.0
    time_limit: float | None = None
    allow_delete: bool = False
    allow_protected: bool = False
