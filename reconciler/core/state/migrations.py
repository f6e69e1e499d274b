"""Older state formats: one step from each version to the next, so that a state of any age can be read.

A state that is read stays as it is on disk until the next write, which keeps the old file as `.backup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.core.state.model import VERSION

Json = dict[str, Any]

Migration = Callable[[Json], Json]
"""Takes `{"resources": {ADDRESS: entry}, "pending": {ADDRESS: intent}, …}` of one version, returns it as the next.

A line of a journal is taken through the same steps, as a state of that one entry or intent, without the rest.
"""


def _to_2(data: Json) -> Json:
    """Version 2 adds `checksum`, which is made when the state is written: a state of version 1 is taken as it is."""
    return data


STEPS: Mapping[int, Migration] = {1: _to_2}
"""By the version it starts from. Version 1 is the first."""


def migrate(data: Json, version: int, *, to: int = VERSION, steps: Mapping[int, Migration] | None = None) -> Json:
    """Return `data` of `version` as version `to`. Raises `ValueError` where a step is missing."""
    known = STEPS if steps is None else steps
    for number in range(version, to):
        if number not in known:
            raise ValueError(f"no known state version ({version!r})")
        data = {**known[number](data), "version": number + 1}
    return data


def migrate_record(
    record: Json, version: int, *, to: int = VERSION, steps: Mapping[int, Migration] | None = None
) -> Json:
    """Return a line of a journal written beside a state of `version`, as version `to` writes it."""
    address = record.get("address")
    parts = {"resources": "entry", "pending": "pending"}
    held = {name: {address: record[part]} if part in record else {} for name, part in parts.items()}
    moved = migrate(held, version, to=to, steps=steps)
    return {**record, **{part: moved[name][address] for name, part in parts.items() if part in record}}
