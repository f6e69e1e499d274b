"""Declarative infrastructure-as-code for Adobe Experience Platform dataflows.

The Python API is loaded when one of its names is used, so that importing the package costs nothing:

    import reconciler
    project = reconciler.load("martech", env="dev")
    plan = project.plan()
    if plan.changes:
        project.apply(plan)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.problems import (
        ApiError,
        GuardError,
        ManifestError,
        Problem,
        ReconcilerError,
        SecretError,
        StaleError,
        StateError,
    )
    from reconciler.core.runs import Outputs
    from reconciler.library.project import Project, load
    from reconciler.library.results import (
        AppliedStep,
        ApplyError,
        ApplyResult,
        Change,
        Drift,
        DriftEntry,
        DriftField,
        FlowStatus,
        Plan,
        Run,
    )

__version__ = "0.1.0"

__all__ = [
    "ApiError",
    "AppliedStep",
    "ApplyError",
    "ApplyResult",
    "Change",
    "Drift",
    "DriftEntry",
    "DriftField",
    "FlowStatus",
    "GuardError",
    "ManifestError",
    "Outputs",
    "Plan",
    "Problem",
    "Project",
    "ReconcilerError",
    "Run",
    "SecretError",
    "StaleError",
    "StateError",
    "__version__",
    "load",
]

_MODULES = ("reconciler.library.project", "reconciler.library.results", "reconciler.core.problems")


def __getattr__(name: str) -> Any:
    """Return a name of the Python API. Raises `AttributeError` for any other."""
    if name in __all__:
        import importlib

        for module in map(importlib.import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
