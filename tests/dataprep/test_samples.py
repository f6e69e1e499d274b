"""Every sample of the published Data Prep pages, as facts in `samples/`, run against the language."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import dataprep

SAMPLES: list[dict[str, Any]] = [
    {"page": document["page"], **sample}
    for document in (
        yaml.safe_load(path.read_text()) for path in sorted((Path(__file__).parent / "samples").glob("*.yaml"))
    )
    for sample in document["samples"]
]


def outcome(sample: dict[str, Any]) -> Any:
    """Return the result of the sample's expression or mapping, as JSON."""
    now = datetime.fromisoformat(sample["now"]) if "now" in sample else datetime(2026, 1, 1, tzinfo=UTC)
    context = dataprep.Context(now=now)
    record = sample.get("record", {})
    if "rows" in sample:
        rows = [dataprep.row_of(row) for row in sample.get("run_rows", sample["rows"])]
        applied = dataprep.compile_mapping(rows, sample.get("schema")).apply(record, context)
        assert not applied.warnings
        return dataprep.to_json(applied.record)
    text = sample.get("run", sample["expression"])
    return dataprep.to_json(dataprep.compile_expression(text).evaluate(record, context))


KEYS = {
    "page", "function", "expression", "output", "record", "now", "run", "why", "impossible", "rows", "run_rows",
    "schema",
}  # fmt: skip


def test_the_rows_are_whole() -> None:
    for sample in SAMPLES:
        assert set(sample) <= KEYS, sample
        assert {"page", "function", "output"} <= set(sample), sample


def name_of(sample: dict[str, Any]) -> str:
    return f"{sample['function']}:{sample.get('expression') or sample['rows'][0]['source']}"[:60]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if "impossible" not in one], ids=name_of)
def test_a_published_sample_gives_the_published_output(sample: dict[str, Any]) -> None:
    actual = outcome(sample)
    assert json.dumps(actual, sort_keys=True) == json.dumps(sample["output"], sort_keys=True)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if "impossible" in one], ids=name_of)
def test_an_impossible_sample_really_differs_and_says_why(sample: dict[str, Any]) -> None:
    assert sample["impossible"]
    try:
        actual = outcome(sample)
    except (dataprep.DataPrepError, AssertionError):
        return
    assert actual != sample["output"]


def test_every_function_of_the_table_has_a_sample() -> None:
    sampled = {sample["function"] for sample in SAMPLES}
    aliases = {"arrays_to_objects", "is_set", "make_timestamp"}
    assert set(dataprep.FUNCTIONS) - sampled - aliases == set()


def test_no_published_function_is_missing() -> None:
    published = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text())
    assert {name for names in published.values() for name in names} == set(dataprep.FUNCTIONS)


def test_the_figure(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Counter(
        "impossible" if "impossible" in one else "corrected" if {"run", "run_rows"} & set(one) else "as published"
        for one in SAMPLES
    )
    with capsys.disabled():
        print(f"\nsamples reproduced: {len(SAMPLES) - counts['impossible']} of {len(SAMPLES)} published {dict(counts)}")
    assert counts["impossible"] <= 12
