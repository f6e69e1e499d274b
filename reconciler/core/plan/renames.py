"""Finds what was probably only renamed: something leaves the manifests, something of the same content comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.compare.lens import normalized
from reconciler.core.kind import Kind, Kinds
from reconciler.core.plan.model import Action, Change
from reconciler.core.pointers import pointer
from reconciler.core.state.model import State
from reconciler.core.trees import canonical_json, leaves, without_nulls
from reconciler.core.values import Fingerprint, Lookup, Path, Ref, Secret, Tree

_NAMES = ("name", "title")
"""Often made from the document's own name, so a rename changes them, too."""


def renames(changes: Sequence[Change], state: State, kinds: Kinds) -> list[tuple[str, str]]:
    """Return pairs of old and new names, or addresses, of what leaves and comes with the same content.

    What refers to others, comes from a secret or is looked up counts as equal. Only an unambiguous pair is one.
    """
    coming = [item for item in changes if item.action is Action.CREATE]
    leaving = [
        item
        for item in changes
        if item.action in (Action.DELETE, Action.FORGET) and not item.deposed and item.address in state.resources
    ]
    pairs: list[tuple[str, str]] = []
    every = {item.address for item in coming}
    if coming and leaving:
        pairs = _pairs(coming, leaving, state, kinds, leave_out=())
        done = {address for pair in pairs for address in pair}
        coming = [item for item in coming if item.address not in done]
        rest = [item for item in leaving if item.address not in done]
        pairs += _pairs(coming, rest, state, kinds, leave_out=_NAMES)
    return _stems(pairs, {item.address for item in leaving}, every)


def _pairs(
    coming: Sequence[Change], leaving: Sequence[Change], state: State, kinds: Kinds, leave_out: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the pairs of addresses whose contents, but for the fields to `leave_out`, only these two share."""
    news: dict[str, list[str]] = {}
    holes: dict[str, dict[tuple[Path, ...], None]] = {}
    for item in coming:
        body = _body(kinds[item.kind], item.desired, leave_out)
        unknown = tuple(path for path, leaf in leaves(body) if isinstance(leaf, Ref | Secret | Lookup))
        holes.setdefault(item.kind, {})[unknown] = None
        news.setdefault(_signature(item.kind, body, unknown), []).append(item.address)
    olds: dict[str, dict[str, None]] = {}
    for item in leaving:
        body = _body(kinds[item.kind], state.resources[item.address].applied, leave_out)
        for unknown in holes.get(item.kind, ()):
            olds.setdefault(_signature(item.kind, body, unknown), {})[item.address] = None
    return [
        (next(iter(found)), there[0])
        for key, there in news.items()
        if len(there) == 1 and len(found := olds.get(key, {})) == 1
    ]


def _body(kind: Kind, body: Tree, leave_out: Sequence[str]) -> Tree:
    content = normalized(kind, without_nulls(body))
    if not isinstance(content, dict):
        return content
    return {key: value for key, value in content.items() if key not in leave_out}


def _signature(kind: str, body: Tree, unknown: Sequence[Path]) -> str:
    """Return a text that is equal for equal bodies, whatever stands at the `unknown` places."""
    known: Mapping[str, Tree] = {
        pointer(path): None if path in unknown or isinstance(leaf, Fingerprint) else leaf for path, leaf in leaves(body)
    }
    return f"{kind} {canonical_json(dict(known))}"


def _stems(pairs: Sequence[tuple[str, str]], leaving: set[str], coming: set[str]) -> list[tuple[str, str]]:
    """Return `pairs` of addresses, those of one document as one pair of names.

    That is where most of it is the same and all of it has its counterpart: what differs is then an update.
    """
    below: dict[str, list[str]] = {}
    for name in leaving:
        below.setdefault(name.split("/")[0], []).append(name)
    alike: dict[tuple[str, str], int] = {}
    for old, new in pairs:
        if old.partition("/")[2] == new.partition("/")[2]:
            names = (old.split("/")[0], new.split("/")[0])
            alike[names] = alike.get(names, 0) + 1
    found: dict[tuple[str, str], None] = {}
    for old, new in pairs:
        names = (old.split("/")[0], new.split("/")[0])
        members = below[names[0]]
        whole = 2 * alike.get(names, 0) >= len(members) and all(
            names[1] + name[len(names[0]) :] in coming for name in members
        )
        found[names if whole else (old, new)] = None
    return list(found)
