"""Connectors of the catalog, and how the specs of a sandbox differ from it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from reconciler.app.session import Session
from reconciler.catalog import Connector, Direction, shipped
from reconciler.catalog.refresh import Difference, differences
from reconciler.core.problems import ManifestError, Problem
from reconciler.documents.document import nearest
from reconciler.engine.gather import gather
from reconciler.kinds.lookups import SPECS


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between catalog and sandbox, and how many specs of the sandbox were read."""

    differences: list[Difference]
    connection_specs: int
    flow_specs: int


async def compare_specs(session: Session) -> Comparison:
    """Compare the connection specs and flow specs of the sandbox with the catalog."""
    async with session.platform() as (api, _, _):
        replies = await gather(*(api.send(call) for call in SPECS))
    connections, flows = (reply.body.get("items") or [] for reply in replies)
    return Comparison(differences(shipped().all(), connections, flows), len(connections), len(flows))


def find(key: str) -> Connector:
    """Return the connector a key names. Raises ManifestError for none, and for two."""
    catalog = shipped()
    direction, _, plain = key.rpartition("/")
    ways: tuple[Direction, Direction] = ("source", "destination")
    found = [item for way in ways if direction in ("", way) and (item := catalog.get(way, plain)) is not None]
    if not found:
        names = [*catalog.keys("source"), *catalog.keys("destination")]
        raise ManifestError(Problem("unknown-connector", f"no connector {key!r} in the catalog", nearest(plain, names)))
    if len(found) > 1:
        what = f"{key!r} is both a source and a destination"
        raise ManifestError(Problem("ambiguous-connector", what, f"write source/{key} or destination/{key}"))
    return found[0]


def next_midnight() -> int:
    """Return when tomorrow begins, UTC, in s since the epoch: when the schedule of a first manifest starts."""
    return (int(time.time()) // 86_400 + 1) * 86_400
