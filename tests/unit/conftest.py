"""Property tests that give the same answer each time, and soon, where a mutation run asks for it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutants", derandomize=True, deadline=None, max_examples=30, suppress_health_check=list(HealthCheck)
)
if os.environ.get("RECONCILER_MUTANTS"):
    settings.load_profile("mutants")
