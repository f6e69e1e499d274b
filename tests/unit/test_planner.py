"""Parts of a plan besides its changes, and the values that each change carries."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from reconciler.core.compare.lens import Lens
from reconciler.core.plan import planner
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.resource import Live, Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.values import SENSITIVE, Ref, Secret
from reconciler.kinds import kinds
from tests.unit.fakes import FakeSecrets, connection, plan_of, state_of, with_provenance

KEY = Secret("${secret.key}")


def resource(address: str = "a", **more: Any) -> Resource:
    """Return an account with all that a resource can say besides its body."""
    said: dict[str, Any] = {
        "file": "a.yaml", "protect": True, "allow_data_loss": True, "labels": {"team": "crm"},
        "ignore": ("/ignored",), "shared": ("/shared",), "sensitive": ("/auth/params/key",),
    }  # fmt: skip
    body = {"name": address, "connectionSpec": {"id": "s"}, "auth": {"params": {"key": KEY, "user": "u"}}}
    return Resource(address, "Connection", {**body, **more.pop("body", {})}, **with_provenance({**said, **more}))


def entry(item: Resource, **more: Any) -> Entry:
    """Return the entry of a resource that was applied as it is."""
    applied = {**item.body, "auth": {"params": {"key": FakeSecrets().fingerprint(KEY), "user": "u"}}}
    said: dict[str, Any] = {
        "file": item.file, "protect": item.protect, "allow_data_loss": item.allow_data_loss, "labels": item.labels,
        "dependencies": item.dependencies, "applied": applied,
    }  # fmt: skip
    return Entry(item.kind, f"id-{item.address}", '"e"', **with_provenance({**said, **more}))


def live(item: Resource, **more: Any) -> Live:
    """Return its live object, as a GET shows it."""
    body = {**item.body, "auth": {"params": {"user": "u"}}, "state": "enabled", **more}
    return Live(f"id-{item.address}", body, '"live"')


def only(made: Plan, address: str = "a") -> Change:
    return next(item for item in made.changes if item.address == address)


def carried(change: Change) -> tuple[Any, ...]:
    return (
        change.file, change.protect, change.allow_data_loss, change.labels, change.ignore, change.shared,
        change.sensitive, change.dependencies,
    )  # fmt: skip


CARRIED = ("a.yaml", True, True, {"team": "crm"}, ("/ignored",), ("/shared",), ("/auth/params/key",), ("b",))


# -- the plan as a whole -------------------------------------------------------------------------------------------
def test_a_plan_says_what_it_was_made_for() -> None:
    state = State("line", "prod", "https://p", "ORG", "sandbox", 7, {"b": entry(resource("b")), "a": entry(resource())})
    world = PlanInput({}, state, {}, kinds(), FakeSecrets().changed, ("b", "a"), destroy=True)
    made = plan(world)
    assert (made.environment, made.platform, made.organization, made.sandbox) == ("prod", "https://p", "ORG", "sandbox")
    assert (made.lineage, made.serial, made.scope, made.destroy) == ("line", 7, ("a", "b"), True)
    assert plan(replace(world, destroy=False)).destroy is False


def test_drift_is_told_by_address() -> None:
    items = [resource(name) for name in "cab"]
    state = state_of({item.address: entry(item) for item in items})
    made = plan_of(items, state, {item.address: live(item, name="x") for item in items})
    assert [item.address for item in made.drift] == ["a", "b", "c"]


def test_a_plan_that_never_settles_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass forces a replace that no pass before forced, so there are no more passes than resources and one."""
    passes: list[dict[str, str]] = []
    real = planner._walk

    def walk(world: PlanInput, forced: dict[str, str]) -> Any:
        passes.append(forced)
        found = real(world, {})  # as if nothing were forced
        found.replaced = {"a": "why"}
        return found

    monkeypatch.setattr(planner, "_walk", walk)
    items = [resource("a", replace_group=("b",)), resource("b")]
    state = state_of({item.address: entry(item) for item in items})
    with pytest.raises(AssertionError, match=r"^the plan does not settle: this is a fault of reconciler: report it$"):
        plan_of(items, state, {item.address: live(item) for item in items})
    assert len(passes) == 3
    assert passes[1] == {"b": "replaced together with a"}


def test_a_chain_of_replaces_settles_in_as_many_passes_as_it_has_links() -> None:
    names = "abcdef"
    wanted = [connection(name, connectionSpec={"id": "new" if name == "a" else "s"}) for name in names]
    chained = [replace(item, replace_group=(after,)) for item, after in zip(wanted, [*names[1:], ""], strict=True)]
    entries = {
        item.address: Entry("Connection", f"id-{item.address}", applied={**item.body, "connectionSpec": {"id": "s"}})
        for item in chained
    }
    lives = {name: Live(item.id, {**item.applied, "state": "enabled"}) for name, item in entries.items()}
    made = plan_of(chained, state_of(entries), lives)
    assert [item.action for item in made.changes] == [Action.REPLACE] * 6
    assert [item.reason for item in made.changes][1:] == [f"replaced together with {name}" for name in names[:-1]]


def test_a_replace_says_what_forces_it_rather_than_what_it_goes_along_with() -> None:
    """Here `b` is replaced with `a` at first; a later pass finds that it refers to another object that is replaced."""
    wanted = [
        connection("a", connectionSpec={"id": "new"}),
        connection("b", providerId=Ref("c")),
        connection("c"),
    ]
    wanted[0] = replace(wanted[0], replace_group=("b", "c"))
    before: dict[str, dict[str, Any]] = {
        "a": {"connectionSpec": {"id": "old"}}, "b": {"providerId": "id-c"}, "c": {},
    }  # fmt: skip
    entries = {
        item.address: Entry("Connection", f"id-{item.address}", applied={**item.body, **before[item.address]})
        for item in wanted
    }
    lives = {name: Live(item.id, dict(item.applied)) for name, item in entries.items()}
    made = plan_of(wanted, state_of(entries), lives)
    assert only(made, "c").reason == "replaced together with a"
    assert only(made, "b").reason == "/providerId cannot change in place (immutable)"


# -- values of a change --------------------------------------------------------------------------------------------
NEEDS: dict[str, Any] = {"body": {"note": Ref("b")}}


def test_a_create_carries_all_that_its_resource_says() -> None:
    made = plan_of([resource(**NEEDS), connection("b")], state_of())
    change = only(made)
    assert carried(change) == CARRIED
    assert (change.ident, change.etag, change.before, change.adopt) == (None, None, None, False)
    assert change.after == {
        "name": "a",
        "connectionSpec": {"id": "s"},
        "auth": {"params": {"key": SENSITIVE, "user": "u"}},
        "note": Ref("b"),
    }


@pytest.mark.parametrize("spec", ["s", "new"])
def test_an_update_or_replace_carries_it_and_the_live_object(spec: str) -> None:
    item = resource(body={"note": Ref("b"), "name": "new", "connectionSpec": {"id": spec}})
    before = resource(body={"note": "id-b"})
    state = state_of({"a": entry(before), "b": entry(connection("b"), applied=None)})
    made = plan_of([item, connection("b")], state, {"a": live(before)})
    change = only(made)
    assert change.action is (Action.UPDATE if spec == "s" else Action.REPLACE)
    assert carried(change) == CARRIED
    assert (change.ident, change.etag) == ("id-a", '"live"')
    assert change.before["auth"] == {"params": {"user": "u"}}
    assert change.after["auth"] == {"params": {"key": SENSITIVE, "user": "u"}}


@pytest.mark.parametrize("plainly", [True, False])
def test_a_no_op_carries_it_and_the_live_object(plainly: bool) -> None:
    """Whether it is seen at a glance, or after a closer look for the secret in it."""
    item = replace(resource(), sensitive=()) if not plainly else connection("a")
    origin = replace(item.provenance, file="a.yaml", protect=True, labels={"l": "x"})
    item = replace(item, ignore=("/i",), shared=("/s",), provenance=origin)
    state = state_of({"a": entry(item) if not plainly else replace(entry(item), applied=item.body)})
    shown = live(item) if not plainly else Live("id-a", {**item.body, "state": "enabled"}, '"live"')
    change = only(plan_of([item], state, {"a": shown}))
    assert change.action is Action.NOOP
    assert (change.ident, change.etag, change.after, change.adopt) == ("id-a", '"live"', None, False)
    assert (change.ignore, change.shared, change.file, change.protect) == (("/i",), ("/s",), "a.yaml", True)
    assert change.labels == {"l": "x"}
    assert change.desired == item.body


def test_a_sensitive_live_value_is_not_shown() -> None:
    item = resource(sensitive=("/name",), body={"description": "new"})
    state = state_of({"a": entry(item, applied={"name": "a", "connectionSpec": {"id": "s"}})})
    change = only(plan_of([item], state, {"a": live(item, name="theirs", description="old")}))
    assert change.before["name"] == SENSITIVE
    assert change.after["name"] == SENSITIVE
    assert {pair.path: pair.sensitive for pair in change.fields}[("name",)] is True
    assert {pair.path: pair.sensitive for pair in change.fields}[("description",)] is False


@pytest.mark.parametrize(
    "differs",
    [
        {"file": "old.yaml"}, {"protect": False}, {"allow_data_loss": False}, {"labels": {}}, {"dependencies": ("x",)},
        {"outputs": {"version": 1}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [True, False])
def test_what_the_state_does_not_know_yet_is_adopted(differs: dict[str, Any], secret: bool) -> None:
    item = resource() if secret else replace(resource(), body=connection("a").body)
    known = entry(item) if secret else replace(entry(item), applied=item.body)
    shown = live(item) if secret else Live("id-a", {**item.body, "state": "enabled"}, '"live"')
    for before, adopts in ((known, False), (replace(known, **with_provenance(differs, known.provenance)), True)):
        change = only(plan_of([item], state_of({"a": before}), {"a": shown}))
        assert (change.action, change.adopt) == (Action.NOOP, adopts)


def test_other_words_for_the_same_are_adopted() -> None:
    item = connection("a", params={"port": 22})
    for port, adopts in ((22, False), ("22", False), (23, True)):
        applied = {**item.body, "params": {"port": port}}
        state = state_of({"a": Entry("Connection", "id-a", applied=applied)})
        change = only(plan_of([item], state, {"a": Live("id-a", {**item.body, "params": {"port": "22"}})}))
        assert (change.action, change.adopt) == (Action.NOOP, adopts), port


@pytest.mark.parametrize("applied", [{"more": 1}, {"more": {}}, {"params": {"port": 22, "more": 1}}, {"params": "x"}])
def test_words_that_the_manifest_no_longer_says_are_forgotten(applied: dict[str, Any]) -> None:
    item = connection("a", params={"port": 22})
    state = state_of({"a": Entry("Connection", "id-a", applied={**item.body, **applied})})
    change = only(plan_of([item], state, {"a": Live("id-a", {**item.body, "state": "enabled"})}))
    assert (change.action, change.adopt) == (Action.NOOP, True)


def test_words_in_a_list_that_the_manifest_no_longer_says_are_forgotten() -> None:
    """A list is compared as a whole, so the live one shows just what the manifest says."""
    item = connection("a", columns=[{"name": "x"}])
    for columns, adopts in (([{"name": "x"}], False), ([{"name": "x", "type": "string"}], True), ([{}], True)):
        state = state_of({"a": Entry("Connection", "id-a", applied={**item.body, "columns": columns})})
        change = only(plan_of([item], state, {"a": Live("id-a", {**item.body, "state": "enabled"})}))
        assert (change.action, change.adopt) == (Action.NOOP, adopts), columns


# -- references ----------------------------------------------------------------------------------------------------
def test_what_is_not_planned_is_referred_to_as_the_state_has_it() -> None:
    """As when only one file of a project is applied."""
    state = state_of({"m": Entry("MappingSet", "id-m", outputs={"version": 3, "other": "x"}), "n": Entry("Flow", "")})
    body = {"id": Ref("m"), "version": Ref("m", "version"), "other": Ref("m", "other"), "new": Ref("n")}
    made = plan_of([connection("a", params=body)], state)
    assert only(made).calls[0].body["params"] == {"id": "id-m", "version": 3, "other": "x", "new": Ref("n")}


def test_the_outputs_of_what_changes_are_not_known_yet() -> None:
    body = {"mappings": [{"sourceType": "ATTRIBUTE", "source": "a", "destination": "b"}]}
    mapping = Resource("m", "MappingSet", body)
    user = connection("a", params={"id": Ref("m"), "version": Ref("m", "version")})
    shown = {"m": Live("id-m", {"id": "id-m", **body}, None, {"version": 4})}
    state = state_of({"m": Entry("MappingSet", "id-m", applied=body, outputs={"version": 4})})
    known = only(plan_of([mapping, user], state, shown))
    assert known.calls[0].body["params"] == {"id": "id-m", "version": 4}
    changed = replace(mapping, body={"mappings": [{"sourceType": "ATTRIBUTE", "source": "x", "destination": "b"}]})
    unknown = only(plan_of([changed, user], state, shown))
    assert unknown.calls[0].body["params"] == {"id": "id-m", "version": Ref("m", "version")}


def test_an_object_that_an_update_makes_anew_has_no_known_id() -> None:
    schema = Resource("s", "AdHocSchema", {"name": "N"})
    user = connection("a", params={"id": Ref("s")})
    state = state_of({"s": Entry("AdHocSchema", "id-s", applied={"name": "O"})})
    made = plan_of([schema, user], state, {"s": Live("id-s", {"name": "O"})})
    assert only(made, "s").action is Action.UPDATE
    assert only(made).calls[0].body["params"] == {"id": Ref("s")}


# -- warnings and objections ---------------------------------------------------------------------------------------
def test_warnings_and_objections_of_all_changes_are_told() -> None:
    names = ("a", "b")
    flows = [Resource(name, "Flow", {"name": name, "flowSpec": {"id": "s"}, "state": "draft"}) for name in names]
    entries = {item.address: Entry("Flow", f"id-{item.address}", applied=item.body) for item in flows}
    lives = {
        name: Live(f"id-{name}", {**item.body, "state": "enabled"}) for name, item in zip(names, flows, strict=True)
    }
    made = plan_of(flows, state_of(entries), lives)
    assert [(item.code, item.address) for item in made.objections] == [("back-to-draft", "a"), ("back-to-draft", "b")]


def test_lost_credentials_of_all_changes_are_told() -> None:
    items = [connection(name, auth={"params": {"user": "new"}}) for name in "ab"]
    entries = {
        item.address: Entry("Connection", "i", applied={**item.body, "auth": {"params": {"user": "u"}}})
        for item in items
    }
    lives = {
        item.address: Live("i", {**item.body, "auth": {"params": {"user": "u", f"of-{item.address}": 1}}})
        for item in items
    }
    made = plan_of(items, state_of(entries), lives)
    assert [text.partition(": ")[0] for text in made.warnings] == ["a", "b"]
    assert "of-a" in made.warnings[0]


def test_cautions_of_all_replaces_are_told() -> None:
    flows = [Resource(name, "Flow", {"name": name, "flowSpec": {"id": "new"}, "state": "enabled"}) for name in "ab"]
    entries = {
        item.address: Entry("Flow", f"i-{item.address}", applied={**item.body, "flowSpec": {"id": "old"}})
        for item in flows
    }
    lives = {name: Live(item.id, {**item.applied, "options": {"inletUrl": "x"}}) for name, item in entries.items()}
    made = plan_of(flows, state_of(entries), lives)
    assert [text[:6] for text in made.warnings] == ["a: it ", "b: it "]


def test_an_objection_is_told_where_it_begins_and_of_nothing_beside_it() -> None:
    def dataset(address: str, schema: Any) -> Resource:
        return Resource(address, "Dataset", {"name": address, "schemaRef": schema})

    items = [dataset("a", {"id": "new"}), dataset("b", {"id": Ref("a")}), dataset("c", {"id": "new"})]
    entries = {
        item.address: Entry("Dataset", f"id-{item.address}", applied={**item.body, "schemaRef": {"id": "old"}})
        for item in items
    }
    lives = {name: Live(item.id, dict(item.applied)) for name, item in entries.items()}
    made = plan_of(items, state_of(entries), lives)
    assert [item.action for item in made.changes] == [Action.REPLACE] * 3
    assert [item.address for item in made.objections] == ["a", "c"]


def test_a_dataset_that_only_goes_along_loses_its_data_too() -> None:
    items = [
        connection("a", connectionSpec={"id": "new"}), Resource("d", "Dataset", {"name": "d"}),
    ]  # fmt: skip
    items[0] = replace(items[0], replace_group=("d",))
    entries = {
        "a": Entry("Connection", "id-a", applied={**items[0].body, "connectionSpec": {"id": "old"}}),
        "d": Entry("Dataset", "id-d", applied=items[1].body),
    }
    lives = {name: Live(item.id, dict(item.applied)) for name, item in entries.items()}
    [found] = plan_of(items, state_of(entries), lives).objections
    assert found.what == "it cannot change in place, and a new one has none of its data"
    assert found.code == "data-loss"


def test_all_that_is_fixed_is_named() -> None:
    items = [Resource("d", "Dataset", {"name": "d", "schemaRef": {"id": "new", "contentType": "new"}})]
    applied = {"name": "d", "schemaRef": {"id": "old", "contentType": "old"}}
    entries = {"d": Entry("Dataset", "id-d", applied=applied)}
    made = plan_of(items, state_of(entries), {"d": Live("id-d", dict(applied))})
    assert made.changes[0].reason == "/schemaRef/contentType, /schemaRef/id cannot change in place (immutable)"
    assert made.objections[0].what.startswith("/schemaRef/contentType, /schemaRef/id cannot change in place, and")


# -- special states ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("staging", "state", "first"),
    [
        ("draft", None, "draft"), ("draft", "enabled", "draft"), ("disabled", None, "disabled"),
        ("draft", "draft", None), ("draft", "disabled", None), ("disabled", "draft", None), (None, "enabled", None),
    ],
)  # fmt: skip
def test_what_is_staged_is_not_live_at_first(staging: Any, state: str | None, first: str | None) -> None:
    body: dict[str, Any] = {"name": "F", "flowSpec": {"id": "s"}, **({"state": state} if state else {})}
    item = Resource("f", "Flow", body, staging=staging)
    change = only(plan_of([item], state_of(), staged=True), "f")
    assert (change.initial or {}).get("state") == first
    assert change.waits_for == (("*",) if first else ())
    assert ("until all else is made" in change.reason) is bool(first)
    assert only(plan_of([item], state_of()), "f").initial is None


def test_another_kind_is_never_taken_for_the_same() -> None:
    item = connection("a")
    state = state_of({"a": Entry("SourceConnection", "id-a", applied=item.body)})
    change = only(plan_of([item], state, {"a": Live("id-a", dict(item.body))}))
    assert (change.action, change.reason) == (Action.REPLACE, "/kind cannot change in place (immutable)")


def test_an_entry_without_an_applied_body_is_compared_with_the_manifest_alone() -> None:
    item = connection("a", description="ours")
    state = state_of({"a": Entry("Connection", "id-a", applied=None)})
    change = only(plan_of([item], state, {"a": Live("id-a", {**item.body, "description": "theirs", "more": 1})}))
    assert [(pair.path, pair.cause) for pair in change.fields] == [(("description",), "manifest")]


def test_a_version_that_is_believed_is_untouched_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand mapping sets that their flows pin need not be compared one by one."""
    body = {"mappings": [{"name": "n", "source": "a", "destination": "b"}]}
    state = state_of({"m": Entry("MappingSet", "id-m", applied=body)})
    monkeypatch.setattr(Lens, "identical", lambda *_: pytest.fail("it is the very same object"))
    change = only(plan_of([Resource("m", "MappingSet", body)], state, {"m": Live("id-m", body)}), "m")
    assert change.action is Action.NOOP
    assert change.desired is body


def test_an_object_is_seen_to_be_untouched_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    item = connection("a")
    state = state_of({"a": Entry("Connection", "id-a", applied=item.body)})
    monkeypatch.setattr(planner, "_delta", lambda *_: pytest.fail("nothing needs a closer look"))
    change = only(plan_of([item], state, {"a": Live("id-a", {**item.body, "state": "enabled", "more": 1})}))
    assert change.action is Action.NOOP
    assert change.desired == item.body


# -- drift of references ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("declared", "live", "cause"),
    [
        ([Ref("b")], ["x"], "outside"),
        ([Ref("b")], [], "outside"),
        ([Ref("c")], ["x"], "conflict"),
        ([Ref("c")], ["id-c"], "agreed"),
        ([Ref("b"), Ref("c")], ["x"], "conflict"),
        ([], ["x"], "conflict"),
        ([Ref("new")], ["x"], "outside"),  # its id is not known, so nothing says that it is another object
        ([Ref("new"), Ref("c")], ["x"], "conflict"),
        (Ref("b"), "x", "outside"),
        (Ref("c"), "x", "conflict"),
        ({"id": Ref("b")}, {"id": "x"}, "outside"),
        ({"id": Ref("c")}, {"id": "x"}, "conflict"),
        ([{"id": Ref("b"), "version": Ref("b", "version")}], [{"id": "x", "version": 1}], "outside"),
        ([{"id": Ref("b"), "version": Ref("b", "version")}], None, "outside"),
        ([{"id": Ref("b"), "version": 2}], [{"id": "id-b", "version": 3}], "conflict"),
    ],
)
def test_a_reference_is_compared_as_the_state_knows_it(declared: Any, live: Any, cause: str) -> None:
    def applied(tree: Any) -> Any:
        if isinstance(tree, list):
            return [{"id": "id-b", "version": 1} if isinstance(tree[0], dict) else "id-b"] if tree else ["id-b"]
        return {"id": "id-b"} if isinstance(tree, dict) else "id-b"

    item = connection("a", field=declared)
    body = {**item.body, "field": applied(declared)}
    entries = {
        "a": Entry("Connection", "id-a", applied=body),
        "b": Entry("Connection", "id-b", outputs={"version": 1}),
        "c": Entry("Connection", "id-c"),
    }
    [drift] = plan_of([item], state_of(entries), {"a": Live("id-a", {**body, "field": live})}).drift
    assert {found.cause for found in drift.fields} == {cause}


def test_a_document_of_any_kind_can_become_one_of_any_other_kind() -> None:
    samples = {
        (name, variant): body for name, kind in kinds().items() for variant, body in kind.reference.samples.items()
    }
    for ((old, _), was), ((new, _), wanted) in permutations(samples.items(), 2):
        if old != new:
            entries = {"a": Entry(old, "id-a", applied=was)}
            [change] = plan_of([Resource("a", new, wanted)], state_of(entries), {"a": Live("id-a", was, '"1"')}).changes
            assert (change.action, change.reason) == (Action.REPLACE, "/kind cannot change in place (immutable)")
            deletion = kinds()[old].delete(Live("id-a", was, '"1"'))
            assert deletion is None or change.every_call[-1] == deletion
