"""A plain table for a terminal: columns as wide as they must be, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the lines of a table, each ended; a column of nothing but digits stands to the right."""
    right = [any(row[index] for row in rows) and all(row[index].isdigit() or not row[index] for row in rows)
             for index in range(len(head))]  # fmt: skip
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if aligned else cell.ljust(width)
            for cell, width, aligned in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(parts).rstrip() + "\n"

    return line(head) + "".join(line(row) for row in rows)
