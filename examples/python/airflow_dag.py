"""An Airflow DAG: check for drift every morning, and apply the project when there is none.

Install reconciler where the Airflow workers run and set AEP_CLIENT_ID, AEP_CLIENT_SECRET and AEP_ORG_ID there.
"""

from __future__ import annotations

import os
from datetime import datetime

from airflow.sdk import dag, task

import reconciler

PROJECT = os.environ.get("MARTECH_PROJECT", "/opt/airflow/martech")
ENVIRONMENT = os.environ.get("MARTECH_ENVIRONMENT") or None
EMULATOR = os.environ.get("MARTECH_EMULATOR") == "1"


@dag(schedule="0 6 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1, tags=["martech"])
def martech_dataflows():
    """Fail on drift, so that a person decides; otherwise apply the merged manifests."""

    @task
    def check_drift() -> int:
        report = reconciler.load(PROJECT, env=ENVIRONMENT, emulator=EMULATOR).drift()
        if report.drifted:
            names = ", ".join(entry.address for entry in report.entries)
            raise RuntimeError(f"changed outside of reconciler: {names}")
        return len(report.entries)

    @task
    def apply(_drift: int) -> dict[str, int]:
        result = reconciler.load(PROJECT, env=ENVIRONMENT, emulator=EMULATOR).apply(lock_timeout=900)
        return dict(result.plan.summary)

    apply(check_drift())


martech_dataflows()
