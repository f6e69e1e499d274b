"""State and journal records <-> JSON, with versions; and the leaves that JSON has no word for.

Leaves that are not JSON are written under keys no API uses: `$reconciler/ref`, `$reconciler/secret` (the
template, never a value) and `$reconciler/fingerprint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from sys import intern
from typing import Any

from reconciler.core.compare.same import exactly, interned
from reconciler.core.problems import Problem, ReconcilerError, StateError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.migrations import migrate
from reconciler.core.state.model import VERSION, Deposed, Entry, Pending, Record, State, shared_outputs
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret, Tree, transform

Json = dict[str, Any]

_MARK = "$reconciler/"
_REF, _SECRET, _PRINT, _MISSING = (
    "$reconciler/ref",
    "$reconciler/secret",
    "$reconciler/fingerprint",
    "$reconciler/missing",
)


UNSEEN: Json = {_SECRET: ""}
"""A sensitive value of which only that there is one is kept."""


def encode(tree: Tree) -> Tree:
    """Return `tree` as plain JSON. Raises `ReconcilerError` for a literal secret, which must rest nowhere."""
    return transform(tree, leaf_json)


def leaf_json(value: Tree) -> Tree:
    """Return a leaf as plain JSON. Raises `ReconcilerError` for a literal secret."""
    if isinstance(value, Ref):
        return {_REF: [value.address, value.field]}
    if isinstance(value, Fingerprint):
        return {_PRINT: value.digest}
    if value is MISSING:
        return {_MISSING: True}
    if isinstance(value, Secret):
        if value.literal:
            raise ReconcilerError(
                Problem(
                    "literal-secret",
                    "a secret written out in a manifest cannot be saved in a file",
                    "put it into a ${secret.NAME}, or apply without a saved plan",
                )
            )
        return {_SECRET: value.template}
    return value


def decode(tree: Tree) -> Tree:
    """Return the tree that `encode` wrote. The containers of `tree` are used, not copied: a state may be large."""
    if type(tree) is dict:
        if len(tree) == 1:
            ((key, value),) = tree.items()
            if key.startswith(_MARK):
                return _marked(key, value)
        for key, value in tree.items():
            if type(value) is dict or type(value) is list:
                tree[key] = decode(value)
    elif type(tree) is list:
        for index, value in enumerate(tree):
            if type(value) is dict or type(value) is list:
                tree[index] = decode(value)
    return tree


def _marked(key: str, value: Tree) -> Tree:
    if key == _REF:
        return Ref(*value)
    if key == _PRINT:
        return Fingerprint(value)
    if key == _SECRET:
        return Secret(value)
    return MISSING if key == _MISSING else {key: decode(value)}


# -- provenance --------------------------------------------------------------------------------------------------
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


Names = Sequence[tuple[str, str]]
"""The members of a provenance: each name in Python with its name in JSON."""
SNAKE: Names = tuple((item.name, item.name) for item in dataclasses.fields(Provenance))
"""The names in an intent and in a saved plan."""
CARRIED = frozenset(name for name, _ in SNAKE)
_CAMEL: Names = tuple((name, _camel(name)) for name, _ in SNAKE)
"""The names in an entry of the state."""


def provenance_json(value: Provenance, names: Names = SNAKE) -> Json:
    """Return the members of a provenance that say something, to be put beside the others of what holds it."""
    said = ((word, getattr(value, name)) for name, word in names)
    return {word: dict(part) if isinstance(part, Mapping) else part for word, part in said if part}


def provenance_of(data: Mapping[str, Any], names: Names = SNAKE) -> Provenance:
    """Return the provenance whose members `provenance_json` put into `data`."""
    values: dict[str, Any] = {name: part for name, word in names if (part := data.get(word))}
    if type(file := values.get("file")) is str:
        values["file"] = intern(file)
    return Provenance(**values)


# -- state -------------------------------------------------------------------------------------------------------
def entry_json(entry: Entry, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an entry as it stands in the state file; optional members only where they say something.

    A writer that sees to leaves itself (`leaf_json`) passes another `encode`, which need not copy.
    """
    data: Json = {
        "kind": entry.kind,
        "id": entry.id,
        "etag": entry.etag,
        "file": entry.file,  # written even where it is empty
        "applied": encode(entry.applied),
        "dependencies": list(entry.dependencies),
        **provenance_json(entry.provenance, _CAMEL),
    }
    if entry.outputs:
        data["outputs"] = dict(entry.outputs)
    if entry.deposed:
        data["deposed"] = [
            {"id": old.id, "kind": old.kind, "dependencies": list(old.dependencies)} for old in entry.deposed
        ]
    return data


def entry_of(data: Json, like: Resource | None = None) -> Entry:
    """Return the entry that `entry_json` wrote; where it says the same as the resource `like`, in that one's objects.

    Ten thousand dataflows need not be held twice.
    """
    dependencies: tuple[str, ...] = tuple(data.get("dependencies", ()))
    applied, provenance = data.get("applied"), provenance_of(data, _CAMEL)
    if like is not None and exactly(applied, like.body):  # as most are; a body as it stands in a manifest has no marks
        applied = like.body
    else:
        applied = decode(applied) if like is None else interned(decode(applied), like.body)
    if like is not None:
        dependencies = like.dependencies if dependencies == like.dependencies else dependencies
        provenance = like.provenance if provenance == like.provenance else provenance
    return Entry(
        kind=intern(data["kind"]),
        id=intern(data["id"]),
        etag=data.get("etag"),
        provenance=provenance,
        applied=applied,
        dependencies=dependencies,
        outputs=shared_outputs(data.get("outputs")),
        deposed=tuple(
            Deposed(old["id"], old.get("kind", data["kind"]), tuple(old.get("dependencies", ())))
            for old in data.get("deposed", ())
        ),
    )


_PENDING = tuple(item.name for item in dataclasses.fields(Pending) if item.name != "provenance")


def pending_json(pending: Pending, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an intent as it stands in the state file and the journal."""
    values = {name: getattr(pending, name) for name in _PENDING}
    data = {key: value for key, value in values.items() if value or (value == 0 and value is not False)}
    data |= provenance_json(pending.provenance)
    data["body"] = encode(pending.body)
    data["dependencies"] = list(pending.dependencies)
    return data


def pending_of(data: Json) -> Pending:
    """Return the intent that `pending_json` wrote."""
    values = {name: value for name, value in data.items() if name not in CARRIED}
    values["provenance"] = provenance_of(data)
    values["body"] = decode(data.get("body"))
    values["dependencies"] = tuple(data.get("dependencies", ()))
    return Pending(**values)


def state_json(state: State, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return the state file's content (design: version, lineage, serial, environment, platform, …)."""
    return {
        "version": VERSION,
        "lineage": state.lineage,
        "serial": state.serial,
        "environment": state.environment,
        "platform": state.platform,
        "organization": state.organization,
        "sandbox": state.sandbox,
        "resources": {address: entry_json(entry, encode) for address, entry in state.resources.items()},
        "pending": {address: pending_json(item, encode) for address, item in state.pending.items()},
    }


def state_of(data: Any, source: str) -> State:
    """Return the state that `state_json` wrote; `source` names the file in errors.

    Raises `StateError` when it is not a state, broken, or of a newer version.
    """
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise too_new(source, version)
    try:
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"no known state version ({version!r})")  # noqa: TRY301
        data = migrate(data, version)
        return State(
            lineage=str(data["lineage"]),
            environment=str(data["environment"]),
            platform=str(data["platform"]),
            organization=str(data["organization"]),
            sandbox=str(data["sandbox"]),
            serial=int(data["serial"]),
            resources={address: entry_of(item) for address, item in data["resources"].items()},
            pending={address: pending_of(item) for address, item in data.get("pending", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(
            Problem(
                "state-broken",
                f"{source} is not a usable state file: {type(error).__name__}: {error}",
                "restore it from its backup, an earlier version or git; nothing was changed",
            )
        ) from None


def too_new(source: str, version: int) -> StateError:
    """Return the error about a file that a later version wrote."""
    what = f"{source} was written by a newer reconciler (state version {version}, this one knows {VERSION})"
    return StateError(Problem("state-too-new", what, "upgrade reconciler"))


def record_json(record: Record, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return one journal line as JSON."""
    data: Json = {"event": record.event, "address": record.address}
    if record.entry is not None:
        data["entry"] = entry_json(record.entry, encode)
    if record.pending is not None:
        data["pending"] = pending_json(record.pending, encode)
    if record.ident is not None:
        data["id"] = record.ident
    if record.to is not None:
        data["to"] = record.to
    return data


def record_of(data: Json) -> Record:
    """Return the record that `record_json` wrote."""
    return Record(
        event=data["event"],
        address=data["address"],
        entry=entry_of(data["entry"]) if "entry" in data else None,
        pending=pending_of(data["pending"]) if "pending" in data else None,
        ident=data.get("id"),
        to=data.get("to"),
    )
