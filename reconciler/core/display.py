"""Trees as people and pipelines see them: no secret, and references by name."""

from __future__ import annotations

from reconciler.core.trees import transform
from reconciler.core.values import MISSING, SENSITIVE, Fingerprint, Ref, Secret, Tree


def shown(tree: Tree) -> Tree:
    """Return `tree` fit for people and pipelines: secrets as `(sensitive)`, references as `{"$ref": …}`."""

    def leaf(value: Tree) -> Tree:
        if isinstance(value, Secret | Fingerprint):
            return SENSITIVE
        if isinstance(value, Ref):
            return {"$ref": str(value)}
        return None if value is MISSING else value

    return transform(tree, leaf)
