"""Snapshots of an environment, and plans made from them: without credentials, without a request."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from reconciler import __version__
from reconciler.app.access import prove_access
from reconciler.app.options import PlanOptions
from reconciler.app.planning import Owed, compute_plan
from reconciler.app.platform import SystemClock
from reconciler.app.project_lines import imported
from reconciler.app.session import Session, in_memory
from reconciler.catalog import shipped
from reconciler.core.fingerprint import Fingerprinter
from reconciler.core.plan.model import Plan
from reconciler.core.problems import ApiError, Problem, StateError
from reconciler.core.snapshot import Snapshot, snapshot_json, snapshot_of
from reconciler.core.state.model import Entry, Record, State
from reconciler.core.state.validation import contradictions
from reconciler.core.values import Secret, Wire
from reconciler.engine.settle import settle_pending
from reconciler.engine.snapshot import SnapshotApi, take_snapshot
from reconciler.kinds import kinds
from reconciler.kinds.base_connection import KIND as CONNECTION
from reconciler.kinds.credentials import without_credentials
from reconciler.kinds.lookups import FINDERS, LISTINGS
from reconciler.network.exact_json import received
from reconciler.secrets.redaction import RESULTS, redact
from reconciler.secrets.store import SecretStore


async def snapshot_of_environment(session: Session, settle: float = 5.0) -> Snapshot:
    """Return the snapshot of the session's environment. Nothing is written, neither to the platform nor to the state.

    Intents that an earlier run left without an outcome are settled in memory, within `settle` seconds.
    """
    async with session.platform() as (api, target, _):
        state = session.check(await asyncio.to_thread(session.store().read), target)
        pending = set(state.pending)
        state = in_memory(state, await settle_pending(api, kinds(), state, SystemClock(), settle, pending))
        await prove_access(api, target.sandbox)
        return await take_snapshot(
            api, kinds(), state, LISTINGS, conceal=partial(without_credentials, public=public_parameters),
            hide=partial(redact, shortest=RESULTS), now=SystemClock().now() // 1000, tool=__version__,
        )  # fmt: skip


def public_parameters(spec: str, auth_spec: str) -> frozenset[str]:
    """Return the credentials that the catalog knows not to be secret, whichever connector has this spec id."""
    claims = [
        {parameter.name for parameter in connector.auth_specs.get(auth_spec, ()) if not parameter.secret}
        for connector in shipped().all()
        if connector.connection_spec["id"] == spec
    ]
    return frozenset(set.intersection(*claims)) if claims else frozenset()


def snapshot_text(snapshot: Snapshot) -> str:
    """Return a snapshot as it is written to a file; the same content gives the same text."""
    return json.dumps(snapshot_json(snapshot), indent=1, ensure_ascii=False) + "\n"


def read_snapshot(path: Path) -> Snapshot:
    """Return the snapshot in a file. Raises `StateError` where it cannot be read or used."""
    try:
        data = received(path.read_bytes())
    except (OSError, ValueError) as error:
        what = f"{path} is not a usable snapshot: {type(error).__name__}"
        raise StateError(Problem("snapshot-broken", what, "write it with: reconciler snapshot")) from None
    snapshot = snapshot_of(data, str(path))
    found = contradictions(snapshot.state.resources, kinds())
    found += [
        f"{item.id} is of the unknown kind {item.kind!r}" for item in snapshot.objects if item.kind not in kinds()
    ]
    if found:
        what = f"{path} is not a usable snapshot: {found[0]}"
        raise StateError(Problem("snapshot-broken", what, "write it again with: reconciler snapshot"))
    return snapshot


async def plan_from_snapshot(session: Session, options: PlanOptions, path: Path) -> Plan:
    """Return the plan for the session's manifests, made from the snapshot in the file `path`.

    No provider of secrets runs and nothing is sent. Raises `StateError` for a snapshot of another environment.
    """
    snapshot = read_snapshot(path)
    _check(session, snapshot.state, path)
    project = session.desired(destroy=options.destroy)
    project.resources = {
        address: replace(item, body=without_credentials(item.body, _concealed, public_parameters))
        if item.kind == CONNECTION.name
        else item
        for address, item in project.resources.items()
    }
    state = in_memory(snapshot.state, session.moves(snapshot.state))
    api = SnapshotApi(snapshot, kinds())
    secrets = SecretStore([], Fingerprinter(None, "snapshot"))
    notes = [_note(snapshot, path)]
    imports: Mapping[str, Entry] = {}
    try:
        imports = await imported(session, api, project, state, options)
    except ApiError:
        notes.append("the snapshot lacks an object that imports: names, so the imports are left out")
    bound = [Record("bound", address, entry=entry) for address, entry in imports.items()]
    owed = Owed(bound, in_memory(state, bound), imports)
    plan, _ = await compute_plan(
        session, api, project, owed.state, secrets, replace(options, checks=False),
        owed=owed, finders=api.finders(FINDERS), lists=False, notes=tuple(notes),
    )  # fmt: skip
    return replace(plan, snapshot=True)


def _concealed(value: Wire) -> Wire:
    """Return a credential that is not known to be harmless as a secret: the snapshot has nothing to compare it with."""
    return Secret(value, literal=True) if isinstance(value, str) else value


def _check(session: Session, state: State, path: Path) -> None:
    settings, platform = session.settings, session.project.platform
    shell = {} if session.emulated else os.environ
    for word, theirs, ours in (
        ("environment", state.environment, session.environment),
        ("organization", state.organization,
         settings.organization or platform.organization or shell.get("AEP_ORG_ID")),
        ("sandbox", state.sandbox, settings.sandbox or platform.sandbox or shell.get("AEP_SANDBOX")),
    ):  # fmt: skip
        if ours and theirs != ours:
            what = f"the snapshot {path} is of the {word} {theirs!r}, not {ours!r}"
            raise StateError(Problem("foreign-snapshot", what, "use the snapshot of this environment"))


def _note(snapshot: Snapshot, path: Path) -> str:
    taken = datetime.fromtimestamp(snapshot.taken_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    age = _age(SystemClock().now() // 1000 - snapshot.taken_at)
    return (
        f"planned from the snapshot {path.name} of {taken}, {age} old: "
        "later changes are not in it, secrets and undocumented credentials were not compared, the platform was not "
        "asked to check mappings, audiences and ids, and this plan cannot be applied"
    )


def _age(seconds: int) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (seconds >= size and word == "minute"):
            count = seconds // size
            return f"{count} {word}{'s' * (count != 1)}"
    return "less than a minute"
