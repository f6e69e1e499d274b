"""Answers of another shape than the documented one, to the calls of every kind: none reads as absence or as success."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.abilities import Listable, Searchable, Singleton
from reconciler.core.resource import Call, Live
from reconciler.kinds import dataflow_kind, kinds
from reconciler.kinds.checks import audience, dataset, destinations, valid_mapping
from reconciler.kinds.lookups import FINDERS
from tests.unit.test_every_kind import A, sample

NEVER: tuple[Any, ...] = (
    None, True, False, 7, 1.5, "", "ok", [None], ["x"], [[]], {"status": "ok"},
    {"error": "backend unavailable", "status": 503}, {"items": None}, {"items": "x"}, {"items": [None]},
    {"items": ["x"]}, {"items": [[]]}, {"items": [{"id": 7}]}, {"items": [{"id": None}]}, {"items": [{"id": {}}]},
    {"items": [{"id": ""}]}, {"items": [{"id": "a\nb"}]}, {"items": [{"id": "x" * 2000}]},
)  # fmt: skip
"""Bodies that are the documented answer to no read, create or list."""

OTHER: tuple[Any, ...] = (
    {}, [], {"items": []}, {"items": {}}, {"items": [{}]}, [{"id": "other"}], {"id": "other"}, {"other": {}},
    {"items": [{"id": "other"}]}, {"items": [{"id": A}, {"id": A}]}, ["@/dataSets/other"],
)  # fmt: skip
"""Bodies that name no object, or another one."""

EVERY = sorted(kinds())


def fault(call: Call, body: Any) -> str:
    assert call.answer is not None, f"{call} has no documented answer"
    return call.answer.fault(body, "platform.test")


@pytest.mark.parametrize("name", [name for name in EVERY if not isinstance(kinds()[name], Singleton)])
def test_a_read_answered_otherwise_is_never_absence(name: str) -> None:
    kind = kinds()[name]
    if kind.write_once:
        return
    call = kind.read(Live(A))
    for body in (*NEVER, *OTHER):
        assert fault(call, body), (name, body)


@pytest.mark.parametrize("name", [name for name in EVERY if isinstance(kinds()[name], Singleton)])
def test_a_singleton_is_read_from_its_own_members(name: str) -> None:
    """Its answer carries no id, and may be empty."""
    call = kinds()[name].read(Live(A))
    for body in (None, True, 7, "ok", ["x"], [None]):
        assert fault(call, body), (name, body)


@pytest.mark.parametrize("name", [name for name in EVERY if not isinstance(kinds()[name], Singleton)])
def test_a_create_answered_without_an_id_is_not_done(name: str) -> None:
    kind = kinds()[name]
    for variant in kind.reference.samples:
        call = kind.create(sample(name, variant))
        for body in (*NEVER, {}, [], {"items": []}, {"items": {}}, {"items": [{}]}):
            assert fault(call, body), (name, variant, body)


@pytest.mark.parametrize("name", [name for name in EVERY if isinstance(kinds()[name], Searchable)])
def test_a_list_of_another_shape_is_not_an_empty_list(name: str) -> None:
    kind = kinds()[name]
    assert isinstance(kind, Searchable)
    calls = [kind.search(sample(name, variant)) for variant in kind.reference.samples]
    if isinstance(kind, Listable):
        first = kind.page(None, "", 0)
        assert first is not None
        calls.append(first)
    for call in calls:
        for body in NEVER:
            assert fault(call, body), (name, str(call), body)


def test_the_questions_of_a_plan_have_documented_answers() -> None:
    calls = [
        audience(A).call, dataset(A).call, valid_mapping({}).call, destinations("s", "full+json;version=1", ["a"]).call,
        dataflow_kind().runs_call(A, 3),
        *(page for finder in FINDERS.values() if (page := finder.page("x", 0)) is not None),
    ]  # fmt: skip
    for call in calls:
        for body in (None, True, 7, "ok", [None], ["x"], {"status": "ok"}, {"items": ["x"]}, {"items": [None]}):
            assert fault(call, body), (str(call), body)
