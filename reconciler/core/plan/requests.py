"""Every request a change will make, in order, as a reviewer is shown it: the creates' follow-ups included. Pure."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.abilities import suspend_call
from reconciler.core.compare.lens import Lens
from reconciler.core.kind import Kind
from reconciler.core.plan.model import Action, Change
from reconciler.core.resource import Call, Live
from reconciler.core.trees import transform
from reconciler.core.values import Ref, Secret, Tree

NEW = "{id}"
"""Placeholder in a path for the id that the platform will assign."""


def with_requests(kind: Kind, old: Kind, change: Change, live: Live | None) -> Change:
    """Return `change` with its `requests`, where they are more than its `calls`; `old` is the kind of `live`.

    A create is patched to what its seed left out; a replace stops the old object first and deletes it last. What the
    platform answers may make a request needless: one that is shown and not made changes nothing.
    """
    calls = change.calls
    if change.action in (Action.CREATE, Action.REPLACE) and calls:
        calls = (*calls, *_follow_ups(kind, change, calls[0]))
    if change.action is Action.REPLACE and live is not None:
        before = (suspend_call(old, live),) if change.suspends else ()
        calls = tuple(call for call in (*before, *calls, old.delete(live)) if call is not None)
    return change if calls == change.calls else replace(change, requests=calls)


def _follow_ups(kind: Kind, change: Change, create: Call) -> tuple[Call, ...]:
    if not kind.needs_readback(change.desired):
        return ()
    names: dict[str, Tree] = {}  # what is not known yet equals nothing; its name equals itself

    def named(leaf: Tree) -> Tree:
        if not isinstance(leaf, Ref | Secret):
            return leaf
        name = f"{type(leaf).__name__} {leaf!r}"
        names[name] = leaf
        return name

    lens = Lens(kind, transform(change.desired, named))
    born = Live(NEW, transform(kind.predicted(create), named))
    delta = lens.compare(None, born.body)
    if not delta.patch:
        return ()
    found = kind.update(born, delta.patch, lens.normalized(lens.declared))
    return tuple(
        replace(call, body=transform(call.body, lambda leaf: names.get(leaf, leaf) if isinstance(leaf, str) else leaf))
        for call in found
    )
