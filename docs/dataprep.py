"""The page on the Data Prep language: what people wrote, and the tables of functions and samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests" / "dataprep"
HEADING = "## Functions\n\n"
ORDER = (
    "String", "Regular expression", "Hashing", "URL", "Date and time", "Objects", "Arrays", "Maps", "Logical",
    "Aggregation", "Type conversion", "JSON", "Special operation", "User agent", "Analytics", "Export",
)  # fmt: skip
"""The groups in the order of the guide."""


def page() -> str:
    """Return the page as Markdown. Everything before the heading of the tables is written by hand."""
    written = (HERE / "dataprep.md").read_text(encoding="utf-8").partition(HEADING)[0]
    return written + HEADING + "".join(_tables())


def _tables() -> Iterator[str]:
    from reconciler.dataprep import FUNCTIONS

    published = yaml.safe_load((TESTS / "published.yaml").read_text(encoding="utf-8"))
    names = [name for listed in published.values() for name in listed]
    run = [name for name in names if name in FUNCTIONS and FUNCTIONS[name].runnable]
    missing = sorted(set(names) - set(FUNCTIONS))
    yield "<!-- The tables are written by docs/generate.py: run ./run docs. -->\n\n"
    yield f"Published functions: {len(names)}. Run: {len(run)}. Unsupported: {len(names) - len(run) - len(missing)}. "
    yield f"Missing: {', '.join(missing) or 'none'}.\n"
    for category in sorted({item.category for item in FUNCTIONS.values()}, key=ORDER.index):
        yield f"\n### {category}\n\n| function | | status |\n| --- | --- | --- |\n"
        for item in FUNCTIONS.values():
            if item.category == category:
                doc = f"The same as `{item.alias_of}`." if item.alias_of else item.doc
                yield f"| `{item.syntax}` | {doc} | {_status(item)} |\n"
    yield from _samples()


def _status(item: Any) -> str:
    if not item.runnable:
        return f"unsupported: {item.unsupported}"
    return f"run; not supported locally: {item.unsupported}" if item.unsupported else "run"


def _samples() -> Iterator[str]:
    samples = [
        one
        for path in sorted((TESTS / "samples").glob("*.yaml"))
        for one in yaml.safe_load(path.read_text(encoding="utf-8"))["samples"]
    ]
    impossible = [one for one in samples if "impossible" in one]
    yield "\n## Samples\n\n"
    yield f"A test runs every sample of the published pages. Reproduced: {len(samples) - len(impossible)} of "
    yield f"{len(samples)}. The others cannot be reproduced:\n\n"
    for one in impossible:
        text = one.get("expression") or one["rows"][0]["source"]
        yield f"- `{text}`: {one['impossible']}.\n"
