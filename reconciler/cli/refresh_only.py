"""`apply --refresh-only`: the state takes over what the manifests agree with; the platform is not changed."""

from __future__ import annotations

import sys

import click

from reconciler.cli.arguments import Writing
from reconciler.cli.output import confirm, lock, painter, say
from reconciler.cli.planning import PlanOptions, make_plan, prepare
from reconciler.cli.wiring import Session
from reconciler.core.plan.state_refresh import state_refresh
from reconciler.kinds import kinds
from reconciler.render.drift import drift_lines


async def refreshed(session: Session, want: PlanOptions, writing: Writing) -> int:
    """Show what the state would take over, ask, and write it. No call changes anything."""
    project = session.manifests()
    if not writing.auto_approve and not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: pass --auto-approve to go on without asking.")
    store = session.store()
    async with session.platform(writing.parallelism) as (api, place, _):
        lock(store, "reconciler apply --refresh-only", writing.lock_timeout)
        try:
            state = session.check(store.read(project.resources), place)
            records, settled = await prepare(session, api, place, want, state)
            plan, lives = await make_plan(session, api, project, settled, session.secret_store(state), want)
            found = state_refresh(plan, settled, lives, kinds())
            paint = painter(sys.stdout)
            for item in found:
                if item.gone:
                    click.echo(f"  {item.drift.address}  {item.drift.kind}  {item.drift.ident}  (gone everywhere)")
                    continue
                for line in drift_lines(item.drift, paint):
                    click.echo(line)
            left = sum(1 for item in plan.drift if item.status in ("changed", "missing")) - len(found)
            if left > 0:
                say(f"{left} more objects drifted in other ways: reconciler drift")
            if not found and not records:
                click.echo("Nothing to accept.")
                return 0
            if found and not confirm("Take this over into the state?", writing.auto_approve):
                say("Nothing was done.")
                return 1
            store.begin(state)
            await store.append([*records, *(item.record for item in found)])
            store.commit()
        finally:
            store.unlock()
    click.echo(f"The state holds what is live of {len(found)} objects. Nothing was changed on the platform.")
    return 0
