"""Times of the platform as text."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(ms: int, *, seconds: bool = False) -> str:
    """Return a time in ms since the epoch as text, in minutes or `seconds`; one out of range as the number it is."""
    try:
        when = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return f"{ms} ms"
    return when.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''} UTC")
