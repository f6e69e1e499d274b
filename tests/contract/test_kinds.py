"""The calls of every kind, held against the published descriptions: no platform and no emulator is asked."""

from __future__ import annotations

import pytest

from tests.contract.descriptions import needs_descriptions, operations, request_findings
from tests.contract.traffic import Coverage
from tests.unit.test_every_kind import SAMPLES, calls, kinds, sample

SENT = ("Authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name", "Accept", "Content-Type")
"""Headers that the client sends with every call."""
UNDESCRIBED = {("AdHocSchema", "POST"), ("AdHocSchema", "GET")}
"""Calls that only tutorials describe."""


@needs_descriptions
@pytest.mark.parametrize(("name", "variant"), SAMPLES)
def test_calls_fit_the_published_descriptions(name: str, variant: str) -> None:
    problems = []
    for call in calls(kinds()[name], sample(name, variant)):
        known = operations(call.method, call.path)
        if not known:
            assert (name, call.method) in UNDESCRIBED, f"{call} is described nowhere"
            continue
        headers = [*SENT, *(key for key, _ in call.headers), *(["If-Match"] if call.guarded else [])]
        query = [key for key, _ in call.query]
        findings = {one: request_findings(one, headers, query, call.body) for one in known}
        problems += [f"{call}: {text}" for text in Coverage().verdict(findings)]
    assert problems == []
