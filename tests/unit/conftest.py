"""Property tests take the time they need; where a mutation run asks for it, they give the same answer each time."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("unit", deadline=None)
settings.register_profile(
    "mutants", deadline=None, derandomize=True, max_examples=30, suppress_health_check=list(HealthCheck)
)
settings.load_profile("mutants" if os.environ.get("RECONCILER_MUTANTS") else "unit")
