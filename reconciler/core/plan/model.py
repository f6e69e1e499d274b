"""The plan as a value: what will be done to which object, why, and with which words on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from reconciler.core.pointers import parse_pointer
from reconciler.core.problems import Problem
from reconciler.core.provenance import UNKNOWN, HasProvenance, Provenance
from reconciler.core.resource import Call
from reconciler.core.rules import NO_RULES, FieldChange, Reason, Rules
from reconciler.core.state.model import Entry
from reconciler.core.values import Path, Tree

EVERYTHING = ("*",)
"""What a staged change waits for: all that the plan makes."""


class Action(StrEnum):
    """What a change does; a *reason* explains it and never steers it."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    NOOP = "noop"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Change(HasProvenance):
    """What will be done to one address.

    `desired` is the body wanted, references and secrets still unresolved. `calls` are the requests in order (of
    a create, the first: what it leaves out is settled by an update). `ident` is the live object's id, `etag` its
    etag when it was read. `deposed` marks the delete of an old object of a replace. `dependencies` are the
    addresses that come first. `adopt` marks a no-op that still has something to write into the state. An object that
    is made in two phases has an `initial` body for the first; the second waits for the addresses in `waits_for`, or for
    `EVERYTHING`.
    `suspends` marks a replace whose old object is stopped first. `requests` are all calls for people to see, where they
    are more than the engine's `calls`. `rules` are those of its kind, which a saved plan does not keep.
    """

    address: str
    kind: str
    action: Action
    reason: str
    ident: str | None = None
    etag: str | None = None
    before: Tree = None
    after: Tree = None
    desired: Tree = None
    fields: tuple[FieldChange, ...] = ()
    patch: tuple[Tree, ...] = ()
    replace_paths: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    dependencies: tuple[str, ...] = ()
    unchecked: tuple[Path, ...] = ()
    provenance: Provenance = UNKNOWN
    deposed: bool = False
    ignore: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    adopt: bool = False
    initial: Tree = None
    waits_for: tuple[str, ...] = ()
    suspends: bool = False
    requests: tuple[Call, ...] = ()
    rules: Rules = field(default=NO_RULES, compare=False, repr=False)

    @property
    def document(self) -> str:
        """The name of the document it belongs to."""
        return self.address.partition("/")[0]

    @property
    def reason_codes(self) -> Mapping[str, Reason]:
        """Why each of `replace_paths` cannot change in place."""
        return {path: self.rules.replace_reason(parse_pointer(path)) for path in self.replace_paths}

    @property
    def every_call(self) -> tuple[Call, ...]:
        """Every request the change makes, in order, as far as it is known before."""
        return self.requests or self.calls


DriftCause = Literal["outside", "agreed", "conflict", "undeclared"]


@dataclass(frozen=True, slots=True)
class DriftField:
    """One field that is not as it was applied; MISSING where a side has none.

    `cause`: changed `outside` alone; changed in the manifest to the very same (`agreed`) or to something else
    (`conflict`); or no longer declared (`undeclared`).
    """

    path: Path
    applied: Tree
    live: Tree
    desired: Tree
    sensitive: bool = False
    cause: DriftCause = "outside"


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not as it was applied: `changed`, `missing`, `acknowledged`, or with `unchecked` fields alone.

    `unchecked` are its fields that cannot be read back, whatever else is so. `client` is the client id of who changed
    it, `reason` of an acknowledgement, `note` on the event behind the fields.
    """

    address: str
    kind: str
    ident: str
    status: str
    fields: tuple[DriftField, ...] = ()
    updated_by: str | None = None
    updated_at: int | None = None
    client: str | None = None
    unchecked: tuple[Path, ...] = ()
    reason: str = ""
    rules: Rules = field(default=NO_RULES, compare=False, repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """The facts that a plan was made from and that its changes depend on, by which it is judged before an apply.

    `documents` are the digests of the rendered documents by name, `files` their source files. `entries` are the digests
    of the state entries that the changes touch, by address, empty where there was none; `ids` are the ids of those that
    had one, `adopted` the digests of those that no-ops write. `dependents` are the entries that depend on each object
    that a change deletes or replaces. `moved` are the renames in the state (old address, new address) that the plan
    includes. `variables` are the values, given from outside the project file, of the variables that its manifests use;
    an apply uses them again. `path` (below the root), the selection, `staged` and `replace` are the choices to plan
    again with.
    """

    documents: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    adopted: Mapping[str, str] = field(default_factory=dict)
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moved: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, Tree] = field(default_factory=dict)
    path: str = ""
    targets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: str = ""
    staged: bool = False
    replace: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one run, no-ops included, and the identity of the state they were computed from.

    `warnings` are said with the plan and stop nothing; with `objections` it cannot be applied. `left_out` are the
    addresses in reach that a selection left out, `basis` the facts it was made from. `allow_delete` records that the
    guardrails are lifted for it. `imports` are the entries that it adds to the state for existing objects, by address;
    `removed` are the addresses, or names above them, that the project file lets go without a delete. `digest` is that
    of the file of a saved plan, which every format shows. A plan made from a `snapshot` is only compared with others.
    """

    environment: str
    platform: str
    organization: str
    sandbox: str
    lineage: str
    serial: int
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    warnings: tuple[str, ...] = ()
    scope: tuple[str, ...] = field(default=())
    destroy: bool = False
    objections: tuple[Problem, ...] = ()
    left_out: tuple[str, ...] = ()
    basis: Basis = field(default_factory=Basis)
    allow_delete: bool = False
    imports: Mapping[str, Entry] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)
    snapshot: bool = False

    @property
    def effective(self) -> tuple[Change, ...]:
        """The changes that are not no-ops."""
        return tuple(change for change in self.changes if change.action is not Action.NOOP)

    @property
    def adopted(self) -> tuple[Change, ...]:
        """The no-ops that write something into the state, as a new file or protection, and send nothing."""
        return tuple(change for change in self.changes if change.action is Action.NOOP and change.adopt)

    def summary(self) -> Mapping[str, int]:
        """Return how many objects each action touches, `forget` only when there are any."""
        counts = dict.fromkeys(("create", "update", "replace", "delete", "noop"), 0)
        for change in self.changes:
            if not change.deposed:
                counts[change.action] = counts.get(change.action, 0) + 1
            else:
                counts["delete"] += 1
        return counts
