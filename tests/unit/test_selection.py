"""Which part of a project a run is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plan.selection import Selection, narrowed
from reconciler.core.problems import ManifestError
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Ref

CRM, WEB = {"team": "crm", "tier": "1"}, {"team": "web"}


def resource(
    address: str, *needs: str, labels: dict[str, str] | None = None, replace_group: tuple[str, ...] = ()
) -> Resource:
    body = {need: Ref(need) for need in needs}
    return Resource(address, "Flow", body, Provenance(labels=labels or {}), replace_group=replace_group)


DESIRED = {
    item.address: item
    for item in (
        resource("account"),
        resource("a/source", "account", labels=CRM, replace_group=("a/target",)),
        resource("a/target", labels=CRM, replace_group=("a/source",)),
        resource("a/flow", "a/source", "a/target", labels=CRM),
        resource("b/source", "account", labels=WEB),
        resource("b/flow", "b/source", labels=WEB),
    )
}


def state(entries: dict[str, tuple[str, ...]], labels: dict[str, str] | None = None) -> State:
    origin = Provenance(labels=labels or {})
    held = {name: Entry("Flow", name, provenance=origin, dependencies=needs) for name, needs in entries.items()}
    return State("l", "default", "p", "o", "s", resources=held)


OLD = state({"old/account": (), "old/source": ("old/account",), "old/flow": ("old/source",)}, {"team": "crm"})


def chosen(old: State = OLD, **choice: tuple[str, ...]) -> set[str]:
    resources, scope = narrowed(Selection(**choice), DESIRED, list(old.resources), old)
    return set(resources) | set(scope)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"targets": ("b",)}, {"b/source", "b/flow", "account"}),
        ({"targets": ("account",)}, {"account"}),
        # what is replaced together comes together
        ({"targets": ("a/target",)}, {"a/target", "a/source", "account"}),
        ({"labels": ("team=web",)}, {"b/source", "b/flow", "account"}),
        # who leaves is remembered with its labels
        ({"labels": ("team=crm,tier!=1",)}, {"old/account", "old/source", "old/flow"}),
        ({"labels": ("team=crm",), "targets": ("a/flow",)}, {"a/flow", "a/source", "a/target", "account"}),
        ({"labels": ("team=nobody",)}, set()),
        # of what leaves, users go first
        ({"targets": ("old/source",)}, {"old/source", "old/flow"}),
        # who needs what is excluded stays out, too; what the excluded holds on to stays where it is
        ({"exclude": ("account", "old/flow")}, {"a/target"} - {"a/target"}),
        ({"exclude": ("b/source", "a", "old")}, {"account"}),
        ({"exclude": ("old/source",), "targets": ("old",)}, {"old/flow"}),
    ],
)
def test_a_selection_takes_what_hangs_together(choice: dict[str, tuple[str, ...]], expected: set[str]) -> None:
    assert chosen(**choice) == expected


def test_what_leaves_waits_for_the_update_of_its_last_user() -> None:
    old = state({"old": (), "b/flow": ("old", "b/source"), "b/source": ()})
    assert chosen(old, targets=("old",)) == {"old", "b/flow", "b/source", "account"}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"targets": ("a/flw",)}, "--target: nothing has the address 'a/flw' (did you mean 'a/flow'?)"),
        ({"exclude": ("zzz",)}, "--exclude: nothing has the address 'zzz'"),
        ({"labels": ("team",)}, "--select 'team' is not LABEL=VALUE"),
    ],
)
def test_what_selects_nothing_is_told(choice: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(ManifestError, match="(?s)" + said.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        chosen(**choice)


names = st.sampled_from([*DESIRED, *OLD.resources, "a", "b", "old"])


@given(st.sets(names, max_size=3), st.sets(names, max_size=3))
def test_a_selection_is_always_whole(targets: set[str], exclude: set[str]) -> None:
    found = chosen(targets=tuple(targets), exclude=tuple(exclude))
    for name in found & DESIRED.keys():
        assert exclude or set(DESIRED[name].dependencies) <= found, "what is made has what it needs"
    for name in set(OLD.resources) - found:
        assert not set(OLD.resources[name].dependencies) & found, "what stays keeps what it holds on to"
