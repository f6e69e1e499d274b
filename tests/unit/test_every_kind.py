"""Every registered kind is asked for its cases: abilities, samples, calls, a plan, and its published schemas."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from reconciler.app.schemas import schema_text
from reconciler.core.abilities import ABILITIES, Listable, Part, Searchable, Singleton, Suspendable, Versioned
from reconciler.core.kind import Kind
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.resource import Call, Live, Reply, Resource
from reconciler.core.state.model import Entry, State
from reconciler.core.values import Tree
from reconciler.documents.load import document_kinds
from reconciler.kinds import kinds
from reconciler.kinds.descriptor import Descriptor
from reconciler.kinds.shape import Documented
from reconciler.render.json import plan_document

EVERY = sorted(kinds())
SAMPLES = [(name, variant) for name in EVERY for variant in kinds()[name].reference.samples]
A = "5abd49645591445e1ba04f87"


def sample(name: str, variant: str) -> dict[str, Any]:
    """Return a copy of a sample body."""
    found: dict[str, Any] = json.loads(json.dumps(kinds()[name].reference.samples[variant]))
    return found


def changed(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with another value in a field that every kind lets change."""
    others: dict[str, Any] = {"labels": ["C9"], "mappings": [{"source": "a", "destination": "b"}]}
    key = next(key for key in ("name", "title", "labels", "xdm:namespace", "mappings") if key in body)
    return {**body, key: others.get(key, f"{body[key]}x")}


def planned(name: str, desired: Tree | None, live: Live | None, applied: Tree = None) -> Plan:
    """Return the plan of one resource."""
    entry = Entry(kind=name, id=A, etag='"1"', applied=applied)
    resources = {} if desired is None else {"a": Resource("a", name, desired)}
    state = State(
        lineage="l", serial=1, environment="e", platform="p", organization="o", sandbox="s",
        resources={} if applied is None else {"a": entry},
    )  # fmt: skip
    return plan(PlanInput(resources, state, {"a": live}, kinds(), lambda *_: None, ("a",) if applied else ()))


# -- abilities -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("ability", ABILITIES, ids=lambda ability: ability.__name__)
def test_a_kind_with_a_method_of_an_ability_has_the_ability(name: str, ability: type[Kind]) -> None:
    own = {key for key in ability.__abstractmethods__ if key not in Kind.__abstractmethods__}
    if not isinstance(kinds()[name], ability):
        for base in ability.__mro__[1:]:  # a Searchable kind has these methods and need not be Listable
            own -= getattr(base, "__abstractmethods__", frozenset()) if base is not Kind else frozenset()
        assert [key for key in own if hasattr(kinds()[name], key)] == []


def test_half_an_ability_is_an_error() -> None:
    class Half(Descriptor, Versioned):
        name = "Half"

    with pytest.raises(TypeError, match="pinned"):
        Half()  # type: ignore[abstract]


def test_the_contract_of_every_kind_is_small() -> None:
    assert len(Kind.__abstractmethods__) <= 8
    assert all(len(ability.__abstractmethods__ - Kind.__abstractmethods__) <= 5 for ability in ABILITIES)


@pytest.mark.parametrize("name", EVERY)
def test_a_singleton_belongs_to_a_kind(name: str) -> None:
    kind = kinds()[name]
    if isinstance(kind, Singleton):
        assert kind.owner_kind in kinds()
        assert isinstance(kind, Part)
        for body in kind.reference.samples.values():
            assert kind.owner(body) == A


@pytest.mark.parametrize("name", EVERY)
def test_a_documented_kind_is_a_kind_of_document(name: str) -> None:
    kind = kinds()[name]
    if isinstance(kind, Documented):
        found = document_kinds()[name]
        assert found.model is kind.spec
        assert found.example["kind"] == name


# -- calls -----------------------------------------------------------------------------------------------------------
def calls(kind: Kind, body: dict[str, Any]) -> Iterator[Call]:
    """Yield every call of a kind for a sample."""
    live = Live(A, body, '"1"')
    yield kind.read(live)
    yield kind.create(body)
    yield from kind.update(live, [{"op": "replace", "path": "/description", "value": "x"}], changed(body))
    for more in (kind.delete(live), kind.suspend(live) if isinstance(kind, Suspendable) else None):
        if more is not None:
            yield more
    if isinstance(kind, Searchable):
        yield kind.search(body)
    if isinstance(kind, Listable):
        first = kind.page(None, "", 0)
        assert first is not None
        yield first


@pytest.mark.parametrize(("name", "variant"), SAMPLES)
def test_calls_are_well_formed(name: str, variant: str) -> None:
    kind = kinds()[name]
    for call in calls(kind, sample(name, variant)):
        assert call.path.startswith("/data/")
        assert call.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        assert (call.body is None) == (call.method in ("GET", "DELETE") or "action" in call.path)
    assert kind.rules(sample(name, variant)) == kind.rules(kind.canonical(sample(name, variant)))
    assert kind.live(Reply(404, {}), Live(A)) is None or name == "MappingSet"


# -- plans -----------------------------------------------------------------------------------------------------------
def validator(document: str) -> Any:
    """Return the validator of a published schema."""
    return jsonschema.Draft202012Validator(json.loads(schema_text(document)))


@pytest.mark.parametrize(("name", "variant"), SAMPLES)
def test_plans_fit_the_published_schema(name: str, variant: str) -> None:
    body = sample(name, variant)
    live = Live(A, body, '"1"', {"version": 1})
    drifted = Live(A, changed(body), '"2"', {"version": 1})
    made = {
        "create": planned(name, body, None),
        "noop": planned(name, body, live, body),
        "update": planned(name, changed(body), live, body),
        "delete": planned(name, None, live, body),
        "drift": planned(name, body, drifted, body),
    }
    for one in made.values():
        validator("plan").validate(json.loads(json.dumps(plan_document(one))))
    assert [change.action for change in made["create"].effective] == [Action.CREATE]
    assert made["noop"].effective == ()
    assert {change.action for change in made["update"].effective} == {Action.UPDATE}
    assert {change.action for change in made["delete"].effective} <= {Action.DELETE, Action.FORGET}
    assert [item.kind for item in made["drift"].drift] == [name]


@pytest.mark.parametrize("document", ["plan", "drift"])
def test_published_schemas_name_every_kind_and_no_file_lists_them(document: str) -> None:
    schema = json.loads(schema_text(document))
    assert sorted(schema["$defs"]["kind"]["enum"]) == EVERY
    wheres = [item for item in _kind_properties(schema) if item != {"$ref": "#/$defs/kind"}]
    assert wheres == []
    raw = files("reconciler.render").joinpath("schemas", f"{document}.json").read_text(encoding="utf-8")
    assert [name for name in EVERY if f'"{name}"' in raw] == []


def _kind_properties(node: Any) -> Iterator[Any]:
    """Yield the schema of every property `kind` beside an address: of a change or a drift entry."""
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict) and {"kind", "address"} <= properties.keys():
            yield properties["kind"]
        for value in node.values():
            yield from _kind_properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from _kind_properties(value)


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_says_what_it_is(name: str) -> None:
    kind = kinds()[name]
    assert kind.reference.samples
    assert inspect.getdoc(type(kind))
