"""State and journal records <-> JSON, with versions; and the leaves that JSON has no word for.

Leaves that are not JSON are written under keys no API uses: `$reconciler/ref`, `$reconciler/secret` (the
template, never a value) and `$reconciler/fingerprint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from reconciler.core.problems import Problem, ReconcilerError, StateError
from reconciler.core.provenance import Provenance
from reconciler.core.state.migrations import migrate
from reconciler.core.state.model import VERSION, Deposed, Entry, Event, Pending, Record, State
from reconciler.core.state.validation import require_address, require_entry, require_fingerprint, require_pending
from reconciler.core.trees import transform
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret, Tree

Json = dict[str, Any]
T = TypeVar("T")

MARK = "$reconciler/"
"""Begins the one key of a mapping that stands for a leaf."""
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
            if key.startswith(MARK):
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
        return Ref(*_texts(value))
    if key == _PRINT:
        return Fingerprint(require_fingerprint(value))
    if key == _SECRET:
        return Secret(_texts([value])[0])
    return MISSING if key == _MISSING else {key: decode(value)}


# -- provenance --------------------------------------------------------------------------------------------------
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


Members = Sequence[tuple[str, str, type]]
"""The members of a provenance: the name in Python, the name in JSON, and the type."""


def _members(word: Callable[[str], str]) -> Members:
    sorts = {item.name: type(getattr(Provenance(), item.name)) for item in dataclasses.fields(Provenance)}
    return tuple((name, word(name), sort) for name, sort in sorts.items())


SNAKE = _members(str)
"""As an intent and a saved plan name them."""
_CAMEL = _members(_camel)
"""As an entry of the state names them."""
CARRIED = frozenset(name for name, _, _ in SNAKE)


def provenance_json(value: Provenance, members: Members = SNAKE) -> Json:
    """Return the members of a provenance that say something, to be put beside the others of what holds it."""
    said = ((word, getattr(value, name)) for name, word, _ in members)
    return {word: dict(part) if isinstance(part, Mapping) else part for word, part in said if part}


def provenance_of(data: Mapping[str, Any], members: Members = SNAKE) -> Provenance:
    """Return the provenance whose members `provenance_json` put into `data`. Raises `TypeError` for other types."""
    values: dict[str, Any] = {}
    for name, word, sort in members:
        if part := data.get(word):
            if type(part) is not sort:
                raise TypeError(f"{word} is {part!r}")
            values[name] = part
    return Provenance(**values)


def _text(value: Tree) -> str:
    """Return a member that is always text. Raises `TypeError` where it is none."""
    if type(value) is not str:
        raise TypeError(f"{value!r} is not text")
    return value


def _texts(values: Tree) -> list[str]:
    texts = [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
    if texts != values:
        raise ValueError(f"invalid reference or secret {values!r}")
    return texts


# -- state -------------------------------------------------------------------------------------------------------
def entry_json(entry: Entry, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an entry as it is written to the state file; optional members only where they say something.

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


def entry_of(data: Json, decode: Callable[[Tree], Tree] = decode) -> Entry:
    """Return the entry that `entry_json` wrote; `data` is used up.

    A reader of values without marked leaves passes another `decode`. Raises `ValueError`, `KeyError` or
    `TypeError` for any other data.
    """
    require_entry(data)
    return Entry(
        kind=_text(data["kind"]),
        id=_text(data["id"]),
        etag=data.get("etag"),
        provenance=provenance_of(data, _CAMEL),
        applied=decode(data.get("applied")),
        dependencies=tuple(data.get("dependencies", ())),
        outputs=data.get("outputs") or {},
        deposed=tuple(
            Deposed(old["id"], old.get("kind", data["kind"]), tuple(old.get("dependencies", ())))
            for old in data.get("deposed", ())
        ),
    )


_PENDING = tuple(item.name for item in dataclasses.fields(Pending) if item.name != "provenance")


def pending_json(pending: Pending, encode: Callable[[Tree], Tree] = encode) -> Json:
    """Return an intent as it is written to the state file and the journal."""
    values = {name: getattr(pending, name) for name in _PENDING}
    data = {key: value for key, value in values.items() if value or (value == 0 and value is not False)}
    data |= provenance_json(pending.provenance)
    data["body"] = encode(pending.body)
    data["dependencies"] = list(pending.dependencies)
    if pending.namesakes is not None:
        data["namesakes"] = list(pending.namesakes)
    return data


def pending_of(data: Json) -> Pending:
    """Return the intent that `pending_json` wrote. Raises `ValueError` or `TypeError` for any other data."""
    require_pending(data)
    values = {name: value for name, value in data.items() if name not in (*CARRIED, "offset")}  # of older versions
    values["provenance"] = provenance_of(data)
    if "namesakes" in data:
        values["namesakes"] = tuple(data["namesakes"])
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
            raise ValueError(f"no known state version ({version!r})")
        data = migrate(data, version)
        return State(
            lineage=str(data["lineage"]),
            environment=str(data["environment"]),
            platform=str(data["platform"]),
            organization=str(data["organization"]),
            sandbox=str(data["sandbox"]),
            serial=int(data["serial"]),
            resources={address: addressed(address, entry_of, item) for address, item in data["resources"].items()},
            pending={
                address: addressed(address, pending_of, item) for address, item in data.get("pending", {}).items()
            },
        )
    except MALFORMED as error:
        raise StateError(
            Problem(
                "state-broken",
                f"{source} is not a usable state file: {reason(error)}",
                "restore it from its backup, an earlier version or git; nothing was changed",
            )
        ) from None


MALFORMED = (KeyError, TypeError, ValueError, AttributeError, RecursionError)
"""Raised for data that is not ours."""


def reason(error: Exception) -> str:
    """Return the reason why data is malformed, in words."""
    if isinstance(error, KeyError):
        return f"{error.args[0] if error.args else ''} is missing"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def addressed(address: str, decode: Callable[..., T], *data: Any) -> T:
    """Return the decoded entry or intent of `address`. Raises `ValueError` that names the address."""
    require_address(address)
    try:
        return decode(*data)
    except MALFORMED as error:
        raise ValueError(f"{address}: {reason(error)}") from None


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


_EVENTS = get_args(Event)


def record_of(data: Json) -> Record:
    """Return the record that `record_json` wrote. Raises `ValueError`, `KeyError` or `TypeError` for any other data."""
    require_address(data["address"])
    if data["event"] not in _EVENTS:
        raise ValueError(f"invalid event {data['event']!r}")
    if "to" in data:
        require_address(data["to"])
    return Record(
        event=data["event"],
        address=data["address"],
        entry=entry_of(data["entry"]) if "entry" in data else None,
        pending=pending_of(data["pending"]) if "pending" in data else None,
        ident=data.get("id"),
        to=data.get("to"),
    )
