"""What a plan is computed from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.core.compare.diff import SecretChanged
from reconciler.core.kind import Kinds
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import State


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Everything a plan is computed from.

    `resources` are the desired ones in scope; `lives` the objects read, None for one that is gone; `scope` the
    state addresses this run may delete; `secret_changed` compares secrets with fingerprints; `now` is the time in
    seconds since the epoch. With `staged` nothing new is live before everything is there. `removed` are addresses, or
    names above them, whose entries are forgotten and not deleted; `replace` are addresses of objects that are replaced
    whatever the comparison says.
    """

    resources: Mapping[str, Resource]
    state: State
    lives: Mapping[str, Live | None]
    kinds: Kinds
    secret_changed: SecretChanged
    scope: Collection[str]
    destroy: bool = False
    now: int = 0
    staged: bool = False
    removed: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
