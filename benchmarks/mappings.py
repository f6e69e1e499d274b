"""The speed of a mapping: 100,000 records of JSON lines, ten rows, as a ratio to a plain loop over the same lines.

Run it with `./run bench`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable

from reconciler.dataprep import Context, Row, compile_mapping
from reconciler.dataprep.readers import read_json_lines

RECORDS = 100_000
LIMIT = 20.0
"""The ratio above which the run fails."""

ROWS = (
    Row("id", "_id"),
    Row('date(at, "yyyy-MM-dd HH:mm:ss")', "timestamp", "EXPRESSION"),
    Row("lower(customer.email)", "_acme.email", "EXPRESSION"),
    Row('concat(customer.first, " ", customer.last)', "_acme.name", "EXPRESSION"),
    Row('iif(total > 100, "large", "small")', "_acme.size", "EXPRESSION"),
    Row("total", "_acme.total"),
    Row("lines[0].sku", "_acme.firstItem"),
    Row("lines[*].sku", "_acme.items[*].sku"),
    Row('sha256(customer.email, "UTF-8")', "_acme.hash", "EXPRESSION"),
    Row("web", "_acme.channel", "STATIC"),
)
LINE = json.dumps({
    "id": "A-1", "at": "2026-01-02 03:04:05", "customer": {"email": "Ann@Example.com", "first": "Ann", "last": "Lee"},
    "total": 120.5, "lines": [{"sku": "mug"}, {"sku": "pen"}],
})  # fmt: skip


def seconds(run: Callable[[], None]) -> float:
    """Return the CPU seconds that a call takes: the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        run()
        best = min(best, time.process_time() - began)
    return best


def lines() -> Iterable[str]:
    """Yield the lines of the sample."""
    return (LINE for _ in range(RECORDS))


def plain() -> None:
    """Decode every line, and nothing else."""
    loads = json.JSONDecoder().decode
    for line in lines():
        loads(line)


def mapped() -> None:
    """Decode every line and apply the mapping to it."""
    mapping, context = compile_mapping(ROWS), Context()
    for record in read_json_lines(lines()):
        mapping.apply(record, context)


def page() -> list[str]:
    """Return the section of docs/benchmarks.md as lines."""
    floor, whole = seconds(plain), seconds(mapped)
    return [
        "## Mappings",
        "",
        "`reconciler preview` and `test` on one core: a mapping of ten rows over JSON lines, beside a plain loop",
        f"that decodes the same lines. Number of lines: {RECORDS:,}. CPU seconds, the best of three.",
        "",
        "| rows/s | CPU seconds | floor | ratio |",
        "| ---: | ---: | ---: | ---: |",
        f"| {RECORDS / whole:,.0f} | {whole:.2f} | {floor:.2f} | **{whole / floor:.1f}** |",
        "",
    ]


def main() -> int:
    """Print the figures; return 1 where the mapping is slower than the limit."""
    floor, whole = seconds(plain), seconds(mapped)
    ratio = whole / floor
    print(f"mapping of ten rows, ratio to a plain loop: {ratio:.1f} (limit {LIMIT:g}); {RECORDS / whole:,.0f}/s")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
