"""Holds a plan against the policies of the project and of `--policy`."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from reconciler.app.session import Session
from reconciler.app.trust import confine, is_restricted
from reconciler.core.plan.assemble import Findings
from reconciler.core.plan.model import Plan
from reconciler.documents.document import Document


def judge_plan(session: Session, plan: Plan, files: Collection[Path]) -> Findings:
    """Return what the policies find in `plan`: objections of those that deny, warnings of those that warn.

    Raises `ManifestError` where a file of rules cannot be used.
    """
    own = session.project.policies
    if not (files or own.rules or own.files):
        return Findings()
    from reconciler.config.policies import PolicySet, read_policies, rules_of
    from reconciler.core.plan.facts import facts
    from reconciler.core.plan.policy import judge
    from reconciler.kinds.exports import exports

    sets: list[tuple[PolicySet, Document | None, tuple[str, ...]]] = [
        (own, session.project_document, ("spec", "policies"))
    ]
    for name in own.files if is_restricted(os.environ) else ():
        confine(session.root, session.root / name, name)
    sets += [(*read_policies(session.root / name, name), ()) for name in own.files]
    sets += [(*read_policies(path, str(path)), ()) for path in files]
    found = []
    for rules, document, base in sets:
        now = datetime.now(ZoneInfo(rules.timezone))
        handed = exports(plan.changes, rules.attribute_labels)
        seen = facts(plan, now, handed, protected=session.settings.protected)
        found += judge(rules_of(rules, document, base), seen)
    return Findings.of(found, lambda problem: problem.unmarked)
