"""Compares the desired objects of two environments; neither the platform nor a state is asked."""

from __future__ import annotations

from reconciler.app.session import Session
from reconciler.core.compare.promotion import Promotion, differences
from reconciler.kinds import kinds


def promotion(source: Session, target: Session) -> Promotion:
    """Return how the environment `target` differs from `source` besides the values of its variables."""
    sessions = source, target
    for session in sessions:
        session.development = None  # the names of one developer do not count
    one, other = (dict(session.variables) for session in sessions)
    mine, theirs = (session.manifests() for session in sessions)
    for session, own, others in zip(sessions, (one, other), (other, one), strict=True):
        session.variables = {**own, **others}  # the other's values, where it has one
    as_theirs, as_mine = (session.manifests() for session in sessions)
    pairs = ((mine.resources, as_mine.resources), (as_theirs.resources, theirs.resources))
    used = mine.used_variables | theirs.used_variables
    variables = {name: (one.get(name), other.get(name)) for name in sorted(used)}
    return Promotion(source.environment, target.environment, variables, tuple(differences(kinds(), pairs)))
