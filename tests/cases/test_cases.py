"""Each case of the pure core: manifests, state and live objects in, plan and calls out.

To write the golden values again, and read the difference: `RECONCILER_GOLDEN=1 ./run test tests/cases`.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from reconciler.kinds import kinds
from tests.cases.cases import FOLDER, outcome, read, rewrite, same, text_of

PATHS = sorted(path for path in FOLDER.glob("*/*.yaml") if path.parent.name != "manifests")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case(path: Path, tmp_path: Path) -> None:
    case = read(path)
    assert case["why"].endswith("."), "why is a sentence"
    golden, made = case.get("plan"), outcome(case, tmp_path)
    if same(golden, made):
        return
    if os.environ.get("RECONCILER_GOLDEN"):
        rewrite(path, made)
        assert same(read(path)["plan"], made)
        return
    lines = difflib.unified_diff(
        text_of(golden).splitlines(), text_of(made).splitlines(), "golden", "made now", lineterm="", n=4
    )
    pytest.fail("\n".join((f"{path.name}: {case['why']}", *lines)), pytrace=False)


def test_each_kind_has_cases() -> None:
    assert {path.parent.name for path in PATHS} == set(kinds())
