"""Each value of a saved plan, changed by itself: the plan is refused, undone, or visible in every format.

The plans are those of the cases, so that every kind of object and every kind of change takes part. The comparison
leaves out the digest of a plan, which every format shows and which any change moves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.plan.basis import with_facts
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.plan.saved_plan import plan_json, plan_of
from reconciler.core.plan.staleness import (
    stale_documents,
    stale_entries,
    stale_identity,
    stale_objects,
    with_provenance,
)
from reconciler.core.problems import StateError
from reconciler.kinds import kinds
from reconciler.render import json as as_json
from reconciler.render.html import html
from reconciler.render.markdown import markdown
from reconciler.render.text import plan_text
from tests.cases.cases import plan_input, read
from tests.cases.test_cases import PATHS

_REMOVED = object()
_OTHER_TYPES = ("x", 7, [], {}, None)

HARMLESS = {
    r"basis/(?!moved|variables)": "a fact to judge the plan by: it makes a plan stale, or as fresh as any other",
    r"serial": "a plan is judged by what it touches",
    r"scope": "counts the objects that a guardrail compares with",
    r"drift/": "a report; nothing of it is sent or written",
    r"changes/\d+/before": "context of the fields, which are compared with the live object",
    r"changes/\d+/etag": "read again before a request",
    r"changes/\d+/ident .*forget": "nothing is sent to a forgotten object",
    r"changes/\d+/dependencies": "an order; references in the body must be among them",
    r"changes/\d+/fields/\d+/[34]": "the cause of a change, and whether its values are hidden",
    r"changes/\d+/sensitive": "hides more or less of what is shown; checked against the values that are shown",
    r"changes/\d+/(initial removed|waits_for)": "an order of the requests that are shown",
    r"changes/\d+/desired/.*reconciler/secret.* update": "not among the calls, so not sent; the next plan compares it",
    r"changes/\d+/.*ref/1 removed": "the field of a reference that is the default",
}
"""Members that neither steer a request nor a write, with the reason; a pattern of the place."""


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key), _REMOVED
        if isinstance(inner, dict | list):
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), _other(inner)


def _other(leaf: Any) -> Any:
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int | float):
        return leaf + 1
    return f"{leaf}x" if isinstance(leaf, str) else "x"


def _changed(text: str, path: tuple[Any, ...], value: Any) -> Any:
    data = parent = json.loads(text)
    for key in path[:-1]:
        parent = parent[key]
    if value is _REMOVED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return data


def views(made: Plan) -> dict[str, str]:
    made = replace(made, digest="")
    return {
        "text": plan_text(made, verbose=True, width=10**6),
        "json": json.dumps(as_json.plan_document(made)),
        "markdown": markdown(made),
        "html": html(made),
    }


def _saved(path: Path, folder: Path) -> tuple[PlanInput, str] | None:
    """Return what the plan of a case is made from and its file; None for one that cannot be applied."""
    world = plan_input(read(path), folder)
    made = plan(world)
    if made.objections or not made.effective:
        return None
    made = with_facts(made, world.state)
    documents = {change.document: "digest" for change in made.changes}
    text = json.dumps(plan_json(replace(made, basis=replace(made.basis, documents=documents))))
    return world, text.replace('"sent::"', '"hmac-sha256::ab"')  # the cases write fingerprints in words


@cache
def _cases() -> list[Path]:
    """Return cases that show each action of each kind once."""
    shown: set[tuple[str, str]] = set()
    chosen = []
    for path in PATHS:
        changes = (read(path).get("plan") or {}).get("changes") or []
        actions = {(path.parent.name, item["action"]) for item in changes} - shown
        if actions:
            shown |= actions
            chosen.append(path)
    return chosen


def _refused(made: Plan, world: PlanInput, documents: dict[str, str]) -> bool:
    problems = stale_identity(made, world.state) or stale_documents(made, documents) or stale_entries(made, world.state)
    return bool(problems or stale_objects(made, world.kinds, world.state, world.lives, world.secret_changed))


@pytest.mark.parametrize("path", _cases(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_changed_value_is_refused_or_shown(path: Path, tmp_path: Path) -> None:
    saved = _saved(path, tmp_path)
    if saved is None:
        pytest.skip("the plan of this case is not applied")
    world, text = saved
    declared = {address: item.provenance for address, item in world.resources.items()}
    first = plan_of(json.loads(text), "p", kinds())
    documents = dict(first.basis.documents)
    assert not _refused(first, world, documents)
    now, shown = with_provenance(first, declared, world.state), views(first)
    hidden = []
    for where, value in _leaves(json.loads(text)):
        if where[0] == "changes" and len(where) > 1 and not _concerns(first.changes[where[1]], path.parent.name):
            continue
        try:
            made = plan_of(_changed(text, where, value), "p", kinds())
        except StateError:
            continue
        if _refused(made, world, documents) or with_provenance(made, declared, world.state) == now:
            continue
        place = f"{'/'.join(map(str, where))}{' removed' if value is _REMOVED else ''}"
        if where[0] == "changes" and len(where) > 1:
            place += f" {first.changes[where[1]].action}"
        same = [name for name, view in views(made).items() if view == shown[name]]
        if same and not any(re.match(pattern, place) for pattern in HARMLESS):
            hidden.append(f"{place}: not shown in {', '.join(same)}")
    assert not hidden, "\n".join(hidden)


def _concerns(change: Change, kind: str) -> bool:
    """Tell whether a case about objects of `kind` tries a change: no-ops write nothing, other kinds have cases."""
    return change.kind == kind and (change.action is not Action.NOOP or change.adopt)


@pytest.mark.parametrize("path", _cases()[::7], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_value_of_another_type_never_fails_to_be_shown(path: Path, tmp_path: Path) -> None:
    saved = _saved(path, tmp_path)
    if saved is None:
        pytest.skip("the plan of this case is not applied")
    _, text = saved
    for where, value in _leaves(json.loads(text)):
        if value is _REMOVED:
            continue
        for other in _OTHER_TYPES:
            try:
                made = plan_of(_changed(text, where, other), "p", kinds())
            except StateError:
                continue
            assert all(views(made).values()), where


def test_a_reference_must_be_among_the_dependencies(tmp_path: Path) -> None:
    saved = _saved(next(path for path in PATHS if path.stem == "create-with-its-dataflow"), tmp_path)
    assert saved is not None
    data = json.loads(saved[1])
    change = next(item for item in data["changes"] if item["kind"] == "Flow")
    change["dependencies"] = change["dependencies"][1:]
    with pytest.raises(StateError, match="not among its dependencies"):
        plan_of(data, "p", kinds())


def test_protections_of_a_plan_file_do_not_count(tmp_path: Path) -> None:
    saved = _saved(
        next(path for path in PATHS if path.stem == "left-allowed" and path.parent.name == "Dataset"), tmp_path
    )
    assert saved is not None
    world, text = saved
    data = json.loads(text)
    for change in data["changes"]:
        change.pop("allow_data_loss", None)
    made = with_provenance(plan_of(data, "p", kinds()), {}, world.state)
    assert (
        {item.address for item in made.changes if item.allow_data_loss}
        == {address for address, entry in world.state.resources.items() if entry.allow_data_loss}
        != set()
    )
