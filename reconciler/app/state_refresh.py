"""Takes over into the state what the manifests agree with; the platform is not changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from reconciler.app.options import PlanOptions, WriteOptions
from reconciler.app.planning import compute_plan, prepare
from reconciler.app.session import Session
from reconciler.app.transaction import connected
from reconciler.core.plan.state_refresh import RefreshedEntry, state_refresh
from reconciler.kinds import kinds


class Review(Protocol):
    """Shows what the state is about to take over, and how many objects drifted in other ways."""

    def __call__(self, entries: Sequence[RefreshedEntry], left: int) -> None:
        """Show it."""
        ...


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The entries that were brought up to date. `refused` tells that the question was answered with no.

    `settled` tells that an earlier run left something for the state to take over, too.
    """

    entries: Sequence[RefreshedEntry] = ()
    settled: bool = False
    refused: bool = False


async def refresh_state(session: Session, options: PlanOptions, writing: WriteOptions, review: Review) -> Refreshed:
    """Read what drifted, show with `review` what the state would take over, ask, and write it.

    No call changes anything on the platform. Raises `ReconcilerError`; then nothing was written.
    """
    options = replace(options, checks=False, judged=False)
    project = session.desired()
    async with connected(
        session, "apply --refresh-only", lock_timeout=writing.lock_timeout, parallelism=writing.parallelism,
        like=project.resources,
    ) as open_:  # fmt: skip
        transaction = open_.transaction
        secrets = session.secret_store(transaction.state)
        owed = await prepare(session, open_.api, options, transaction.state, project)
        records, settled = owed.records, owed.state
        plan, lives = await compute_plan(session, open_.api, project, settled, secrets, options, owed=owed)
        entries = state_refresh(plan, settled, lives, kinds())
        drifted = sum(1 for item in plan.drift if item.status in ("changed", "missing"))
        review(entries, drifted - len(entries))
        if not entries and not records:
            return Refreshed()
        if entries and not session.dialogue.confirm("Take this over into the state?"):
            return Refreshed(refused=True)
        await transaction.record([*records, *(item.record for item in entries)])
        transaction.commit()
    return Refreshed(entries, settled=bool(records))
