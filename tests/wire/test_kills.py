"""A process killed at every boundary of an apply: the next one ends with one of every object and an empty plan.

Each boundary meets other clocks: those of the platform and of this machine disagree, or the latter steps.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.kills import CLOCKS, SCENARIOS, Clocks, matrix


@pytest.mark.parametrize("name", ["customer-io", "kinesis", "batch", "replace"])
def test_every_boundary_is_recovered_from(name: str, tmp_path: Path) -> None:
    start = sorted(SCENARIOS).index(name) * 4  # so that each moment meets other clocks in each scenario
    clocks = (Clocks(), *CLOCKS[start:], *CLOCKS[:start])
    rows = list(matrix(SCENARIOS[name], tmp_path, clocks=clocks))
    assert {row.moment for row in rows} == {"sending", "committed", "answered", "journal", "state"}
    assert [row for row in rows if row.found] == []


def test_imports_are_finished_by_the_next_run(tmp_path: Path) -> None:
    """They write to the state alone, so only the boundaries of its writes are their own."""
    rows = list(matrix(SCENARIOS["imports"], tmp_path, moments=("journal", "state")))
    assert {row.moment for row in rows} == {"journal", "state"}
    assert [row for row in rows if row.found] == []
