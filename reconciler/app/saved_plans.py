"""Files of saved plans: written and signed, read and checked, judged by the manifests, and planned again when stale."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.app.options import PlanOptions
from reconciler.app.planning import make_plan
from reconciler.app.session import Session
from reconciler.core.plan import saved_plan
from reconciler.core.plan.comparison import Comparison, compared
from reconciler.core.plan.model import Plan
from reconciler.core.plan.selection import Selection
from reconciler.core.plan.sharding import Shard
from reconciler.core.plan.signature import SIGNATURE, check_signature, plan_digest, signed
from reconciler.core.plan.staleness import stale_documents
from reconciler.core.problems import ManifestError, Problem, StaleError
from reconciler.core.provenance import Provenance
from reconciler.documents.document import PROJECT_FILE
from reconciler.documents.load import Project
from reconciler.kinds import kinds
from reconciler.network.exact_json import received
from reconciler.secrets.redaction import redact
from reconciler.yamltext.files import read_file

KEY = "RECONCILER_PLAN_KEY"


def _key() -> str:
    """Return the key of signatures, empty where there is none; from then on it is hidden in every output."""
    key = os.environ.get(KEY, "")
    redact.hide(key)
    return key


def serialized(plan: Plan) -> tuple[str, Plan]:
    """Return the text of the file of a plan, signed where there is a key, and the plan with its digest."""
    data = json.loads(json.dumps(saved_plan.plan_json(plan)))
    digest = plan_digest(data)
    key = _key()
    text = json.dumps(signed(data, key) if key else data, indent=1, ensure_ascii=False)
    return text + "\n", replace(plan, digest=digest)


def parse_plan(path: Path, session_note: list[str] | None = None, *, signed_only: bool = False) -> Plan | None:
    """Return the saved plan in `path`, or None when it holds something else.

    With `signed_only` the plan must be signed where there is a key. A signature that cannot be checked, for want of the
    key, adds a note to `session_note`. Raises `StateError` for a plan that cannot be used.
    """
    if not path.is_file():
        return None
    try:
        data = received(read_file(path, str(path)).encode())
    except (ManifestError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("format") != saved_plan.PLAN_FORMAT:
        return None
    key = _key()
    if key:
        snapshot = data.get("snapshot") is True  # it is made where there is no key, and is only compared
        check_signature(data, str(path), key, required=signed_only and not snapshot)
    elif SIGNATURE in data and session_note is not None:
        session_note.append(f"{path} is signed; the signature is not checked, because {KEY} is not set.")
    return saved_plan.plan_of(data, str(path), kinds())


def refuse_unsigned(path: Path) -> None:
    """Raise `StaleError` where there is a key and the plan in `path` has no signature: it has to be made again."""
    if _key() and SIGNATURE not in json.loads(read_file(path, str(path))):
        what = f"{path} is not signed, and {KEY} demands a signature"
        raise StaleError(Problem("plan-unsigned", what, "plan again with the key set"))


def refuse_stale(session: Session, saved: Plan) -> Mapping[str, Provenance]:
    """Return what the documents at hand say of their objects besides the bodies, by address.

    Raises `StaleError` for a plan of another environment, from a snapshot, or with documents that moved on.
    """
    if saved.environment != session.environment:
        what = f"the plan was made for environment {saved.environment!r}, not {session.environment!r}"
        raise StaleError(Problem("stale-plan", what, f"pass --env {saved.environment}"))
    if saved.snapshot:
        what = "the plan was made from a snapshot and cannot be applied"
        raise StaleError(Problem("stale-plan", what, "pass --replan-if-stale, which applies a new plan if it is equal"))
    project = _project(session, saved)
    if project is None:
        return {}
    if problems := stale_documents(saved, project.digests()):
        raise StaleError(problems)
    return {address: item.provenance for address, item in project.resources.items()}


def _project(session: Session, saved: Plan) -> Project | None:
    """Return the manifests that are at hand; folders outside a project are not searched."""
    files = {*saved.basis.files.values(), *(change.file for change in saved.effective)} - {""}
    if not (session.root / PROJECT_FILE).exists() and not any((session.root / file).exists() for file in files):
        return None
    project = replace(session, path=session.root).examine()
    project.let_go()
    return project


async def planned_again(session: Session, saved: Plan, options: PlanOptions, stale: StaleError) -> Comparison:
    """Return the comparison of a stale plan with one made now with the same choices.

    Raises `stale` where there are no manifests to plan from.
    """
    basis = saved.basis
    path = session.root / basis.path
    scoped = replace(session, path=path if path.exists() else session.root)
    project = scoped.manifests()
    if not project.documents:
        raise stale
    shard = Shard.of(basis.shard) if basis.shard else None
    chosen = Selection(basis.targets, basis.labels, basis.exclude, shard)
    again = replace(
        options, destroy=saved.destroy, selection=chosen, staged=basis.staged, lasting=True,
        replace=basis.replace,
        allow_delete=saved.allow_delete or options.allow_delete,
    )  # fmt: skip
    return compared(saved, (await make_plan(scoped, again, project)).plan)
