"""Holds a plan against the policies of the project and of `--policy`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from reconciler.app.session import Session
from reconciler.core.plan.model import Plan
from reconciler.documents.document import Document


def apply_policies(session: Session, plan: Plan, files: Collection[Path]) -> Plan:
    """Return `plan` with what its policies find: objections of those that deny, warnings of those that warn.

    Raises `ManifestError` where a file of rules cannot be used.
    """
    own = session.project.policies
    if not (files or own.rules or own.files):
        return plan
    from reconciler.config.policies import PolicySet, read_policies, rules_of
    from reconciler.core.plan.policy import judge
    from reconciler.kinds.exports import exports
    from reconciler.render.facts import facts

    sets: list[tuple[PolicySet, Document | None, tuple[str, ...]]] = [
        (own, session.project_document, ("spec", "policies"))
    ]
    sets += [(*read_policies(session.root / name, name), ()) for name in own.files]
    sets += [(*read_policies(path, str(path)), ()) for path in files]
    found = []
    for rules, document, base in sets:
        now = datetime.now(ZoneInfo(rules.timezone))
        handed = exports(plan.changes, rules.attribute_labels)
        seen = facts(plan, now, handed, protected=session.settings.protected)
        found += judge(rules_of(rules, document, base), seen)
    denied = [problem for problem in found if problem.severity == "error"]
    warned = [_said(str(problem)) for problem in found if problem.severity != "error"]
    return replace(
        plan,
        objections=(*plan.objections, *denied),
        warnings=tuple(dict.fromkeys([*plan.warnings, *warned])),  # a saved plan has them already
    )


def _said(text: str) -> str:
    return text.replace("warning: ", "", 1)
