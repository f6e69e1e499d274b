"""A snapshot of an environment: everything a plan needs to know of it, without secrets, fingerprints or user names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.fingerprint import WITHHELD
from reconciler.core.kind import Row
from reconciler.core.problems import Problem, StateError
from reconciler.core.state.codec import Json, state_json, state_of
from reconciler.core.state.model import Entry, State
from reconciler.core.trees import leaves, transform
from reconciler.core.values import Fingerprint, Path, Wire

_END = 253_402_300_800
"""The year 10000, in s since the epoch."""
FORMAT, FORMAT_VERSION = "reconciler-snapshot", 1
WITHHELD_TEXT = "(withheld)"
"""Replaces, in a live object, a value that a snapshot must not hold: the plan still sees that there is one."""
_OMITTED = re.compile(
    r"inlet_?(url|id)$|(created|updated|modified|changed)_?(by|user|userid|useremail|byuser|client|clientid)$",
    re.IGNORECASE,
)
"""Members of a body that no plan needs: user names, and the address at which an HTTP API account accepts data."""

Conceal = Callable[[Wire, Callable[[Wire], Wire]], Wire]
"""Returns a body with another value for each credential in it that is not known to be harmless."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One answer to the read of an object, at `version` where its kind has versions; `status` 404 for none."""

    kind: str
    id: str
    status: int
    body: Wire = None
    etag: str | None = None
    """The header of that name, of objects that carry their etag nowhere else."""
    version: Wire = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known of an environment at `taken_at` (s since the epoch) by a run of `tool`.

    `state` has no pending intents, and `WITHHELD` for every fingerprint. `objects` are the live objects of its
    entries. `names` are the rows that look-ups may ask for, by the kind that is looked up.
    """

    taken_at: int
    tool: str
    state: State
    objects: Sequence[Observed] = ()
    names: Mapping[str, Sequence[Row]] = field(default_factory=dict)


# -- omissions ------------------------------------------------------------------------------------------------
def public_entry(entry: Entry, conceal: Conceal, hide: Callable[[str], str]) -> Entry:
    """Return an entry of the state without fingerprints and without credentials that are not known to be harmless."""

    def leaf(value: Wire) -> Wire:
        if isinstance(value, Fingerprint):
            return WITHHELD
        return WITHHELD if isinstance(value, str) and hide(value) != value else value

    return replace(entry, applied=conceal(transform(entry.applied, leaf), lambda _: WITHHELD))


def public_body(body: Wire, applied: Sequence[Wire], conceal: Conceal, hide: Callable[[str], str]) -> Wire:
    """Return the live `body` of an object with the secrets, credentials and user names taken out.

    `body` may have an envelope around it. `applied` are the forms of the body that the state holds: a place where one
    has a fingerprint is secret. `hide` takes known secrets out of a text.
    """
    secret = {_pattern(path) for form in applied for path, leaf in leaves(form) if isinstance(leaf, Fingerprint)}
    return conceal(_cleaned(body, (), secret, hide), lambda _: WITHHELD_TEXT)


def _pattern(path: Path) -> Path:
    """Return a path without the places in lists: the platform may order them in another way."""
    return tuple(step for step in path if not step.isdigit())


def _cleaned(tree: Wire, path: Path, secret: Collection[Path], hide: Callable[[str], str]) -> Wire:
    if isinstance(tree, dict):
        return {
            key: _cleaned(value, (*path, key), secret, hide)
            for key, value in tree.items()
            if not (isinstance(value, str) and _OMITTED.search(key))
        }
    if isinstance(tree, list):
        return [_cleaned(value, path, secret, hide) for value in tree]
    if tree is None or isinstance(tree, bool):
        return tree
    here = _pattern(path)
    if any(here[-len(place) :] == place for place in secret) or (isinstance(tree, str) and hide(tree) != tree):
        return WITHHELD_TEXT
    return tree


# -- the file --------------------------------------------------------------------------------------------------------
def snapshot_json(snapshot: Snapshot) -> Json:
    """Return a snapshot as it is written: in an order that depends on its content alone."""
    state = replace(snapshot.state, resources=dict(sorted(snapshot.state.resources.items())), pending={})
    objects = sorted(snapshot.objects, key=lambda item: (item.kind, item.id, str(item.version)))
    return {
        "format": FORMAT,
        "formatVersion": FORMAT_VERSION,
        "takenAt": snapshot.taken_at,
        "tool": snapshot.tool,
        "state": state_json(state),
        "objects": [_object_json(item) for item in objects],
        "names": {
            kind: sorted([row.id, row.name, row.detail] for row in rows)
            for kind, rows in sorted(snapshot.names.items())
        },
    }


def _object_json(item: Observed) -> Json:
    data = {"kind": item.kind, "id": item.id, "status": item.status}
    more = {"version": item.version, "etag": item.etag, "body": item.body}
    return data | {key: value for key, value in more.items() if value is not None}


def _moment(seconds: Any) -> int:
    """Return a time in s since the epoch. Raises `ValueError` for one that is not between 1970 and 9999."""
    if type(seconds) is not int or not 0 <= seconds < _END:
        raise ValueError("takenAt is not a time")
    return seconds


def snapshot_of(data: Any, source: str) -> Snapshot:
    """Return the snapshot that `snapshot_json` wrote. Raises `StateError` where `source` is none, or too new."""
    try:
        if data["format"] != FORMAT:
            raise ValueError("not a snapshot")  # noqa: TRY301
        if data["formatVersion"] > FORMAT_VERSION:
            what = f"{source} was written by a newer reconciler"
            raise StateError(Problem("snapshot-too-new", what, "upgrade reconciler"))
        return Snapshot(
            taken_at=_moment(data["takenAt"]),
            tool=str(data["tool"]),
            state=state_of(data["state"], source),
            objects=tuple(
                Observed(
                    str(item["kind"]), str(item["id"]), int(item["status"]),
                    item.get("body"), item.get("etag"), item.get("version"),
                )
                for item in data["objects"]
            ),
            names={
                str(kind): tuple(Row(str(ident), str(name), str(detail)) for ident, name, detail in rows)
                for kind, rows in data["names"].items()
            },
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{source} is not a usable snapshot: {type(error).__name__}: {error}"
        raise StateError(Problem("snapshot-broken", what, "write it again with: reconciler snapshot")) from None
