"""The difference of two plans: changes that only one of them has, and changes that send something else. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.resource import Call
from reconciler.core.state.codec import leaf_json
from reconciler.core.trees import canonical_json, transform
from reconciler.core.values import Ref, Secret, Tree


@dataclass(frozen=True, slots=True)
class Difference:
    """One object whose changes differ: `first` and `second` are its change in each plan, None where there is none."""

    address: str
    first: Change | None
    second: Change | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans and the objects whose changes differ."""

    first: Plan
    second: Plan
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether both plans make the same changes with the same calls."""
        return not self.differences

    @property
    def remaining(self) -> bool:
        """Whether the second plan makes only changes of the first, and finds that the others are done."""
        done = _done(self.first, self.second)
        return all(item.first is not None and item.second is None and item.address in done for item in self.differences)


def compared(first: Plan, second: Plan) -> Comparison:
    """Return how the changes of two plans differ: in addresses, actions and calls.

    Etags, serials and times are not compared. An id that a state entry had is compared as the address of that entry:
    a plan made before an object was created equals one made after it.
    """
    ours, theirs = _changes(first), _changes(second)
    found = [
        Difference(key[0], ours.get(key, _NOTHING)[0], theirs.get(key, _NOTHING)[0])
        for key in sorted({*ours, *theirs})
        if ours.get(key, _NOTHING)[1] != theirs.get(key, _NOTHING)[1]
    ]
    if _place(first) != _place(second):
        found.append(Difference("(plan)", None, None))
    return Comparison(first, second, tuple(found))


def _done(first: Plan, second: Plan) -> frozenset[str]:
    """Return the addresses that the first plan changes and whose objects need no change in the second."""
    names = _names(second)
    bodies = {item.address: item for item in second.changes if item.action is Action.NOOP}
    done = set()
    for change in first.effective:
        same = bodies.get(change.address)
        if change.deposed or change.action in (Action.DELETE, Action.FORGET):
            if change.address not in second.scope:
                done.add(change.address)
        elif same is not None and _body(change, _names(first) | names) == _body(same, _names(first) | names):
            done.add(change.address)
    return frozenset(done)


def _body(change: Change, names: Mapping[str, str]) -> str:
    return canonical_json(transform(change.desired, partial(_named, names=names)))


def _place(plan: Plan) -> tuple[object, ...]:
    return plan.environment, plan.platform, plan.organization, plan.sandbox, plan.basis.moved, _bindings(plan)


def _bindings(plan: Plan) -> dict[str, str]:
    return {address: entry.id for address, entry in plan.imports.items()}


_NOTHING: tuple[Change | None, str] = (None, "")


def _changes(plan: Plan) -> Mapping[tuple[str, str], tuple[Change | None, str]]:
    names = _names(plan)
    return {
        (change.address, (change.ident or "") if change.deposed else ""): (change, _words(change, names))
        for change in plan.effective
    }


def _names(plan: Plan) -> dict[str, str]:
    return {ident: f"{{{address}}}" for address, ident in plan.basis.ids.items()}


def _named(leaf: Tree, *, names: Mapping[str, str]) -> Tree:
    if isinstance(leaf, Ref):
        return f"{{{leaf.address}}}" if leaf.field == "id" else str(leaf)
    if isinstance(leaf, Secret):
        return {"secret": leaf.template if not leaf.literal else None}
    return names.get(leaf, leaf) if isinstance(leaf, str) else leaf_json(leaf)


def _words(change: Change, names: Mapping[str, str]) -> str:
    """Return what a change does as text, ids as the names of their objects."""

    named = partial(_named, names=names)

    def call(item: Call) -> Tree:
        path = "/".join(names.get(step, step) for step in item.path.split("/"))
        query: Tree = [[key, names.get(value, value)] for key, value in item.query]
        headers: Tree = [[key, value] for key, value in item.headers]
        return [item.method, path, query, item.guarded, headers, transform(item.body, named)]

    late = transform(change.desired, named) if change.initial is not None else None
    return canonical_json([change.action, change.kind, [call(item) for item in change.every_call], late])
