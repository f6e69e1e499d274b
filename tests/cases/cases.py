"""Reads a case, makes the plan from it, and says the plan in plain values that a golden file can hold.

A case is a YAML file. Everything but `why` and `documents` may be left out:

    why         the rule that the case shows, as a sentence
    documents   the manifests: written out, or `use: NAME` for one in tests/cases/manifests, with an `edit` (RFC 6902)
    before      the manifests as they were applied: state and live objects are made from them; `same` as `documents`
    outside     changes to live objects by address, as RFC 6902 instructions; null for an object that was deleted
    live        whole live objects by address: `{id, etag, body, outputs}`
    state       fields of state entries by address, in place of what `before` gives; null for no entry
    moved       entries that have another address: `{old: new}`
    secrets     names of secrets that have `changed`, or that have no value to compare with (`unknown`);
                `literals: true` where those written out have changed
    options     `destroy`, `staged`, `now`, `scope`, `target`, `exclude`, `guardrails`
    show        more of each change to hold: `before`, `after`
    plan        the golden value
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from reconciler.catalog import shipped
from reconciler.core.abilities import Searchable, Singleton
from reconciler.core.plan.guards import Guardrails, exceeded, protections
from reconciler.core.plan.input import PlanInput
from reconciler.core.plan.model import Action, Change, Drift, Plan
from reconciler.core.plan.planner import plan
from reconciler.core.plan.selection import Selection, narrowed
from reconciler.core.plan.steps import steps
from reconciler.core.pointers import pointer
from reconciler.core.problems import Problem
from reconciler.core.resource import Call, Live, Resource
from reconciler.core.rules import FieldChange
from reconciler.core.state.model import Deposed, Entry, Record, State, fold
from reconciler.core.trees import resolve, transform, without_nulls
from reconciler.core.values import MISSING, Fingerprint, Ref, Secret
from reconciler.documents.load import load
from reconciler.kinds import kinds
from reconciler.kinds.selectors import SELECTORS
from tests.unit.fakes import with_provenance

Case = Mapping[str, Any]
FOLDER = Path(__file__).parent
NOW = 1_700_000_000
"""The time of every plan, in s since the epoch."""
_GOLDEN = re.compile(r"^plan:", re.MULTILINE)


# -- documents ---------------------------------------------------------------------------------------------------
@cache
def _manifest(name: str) -> Any:
    return read(FOLDER / "manifests" / f"{name}.yaml")


def _document(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return one document: written out, or a shared one with the edits of the case."""
    if "use" not in item:
        return {"apiVersion": "reconciler/v1", **item}
    made: dict[str, Any] = copy.deepcopy(_manifest(item["use"]))
    if "edit" in item:
        made = jsonpatch.apply_patch(made, item["edit"])
    return {"apiVersion": "reconciler/v1", **made}


def _resources(documents: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Resource]:
    """Return the resources that the documents ask for, by address. Raises `AssertionError` for a bad manifest."""
    if not documents:
        return {}
    folder.mkdir(parents=True)
    path = folder / "all.yaml"
    path.write_text("\n---\n".join(json.dumps(_document(item)) for item in documents), encoding="utf-8")  # it is YAML
    project = load(folder, folder, "", shipped(), {}, literal_secrets=True, selectors=SELECTORS)
    assert not project.errors, "\n".join(map(str, project.errors))
    return project.resources


# -- state and live objects --------------------------------------------------------------------------------------
def _ident(resource: Resource) -> str:
    """Return the id an object has in every case: its address, for the registry as a URL; of a singleton its owner's."""
    kind = kinds()[resource.kind]
    if isinstance(kind, Singleton):
        owner = kind.owner(resource.body)
        return owner.address.replace("/", "-") if isinstance(owner, Ref) else str(owner)
    plain = resource.address.replace("/", "-").replace("#", "-")
    return f"https://ns.adobe.com/t/{plain}" if _of_registry(resource) else plain


def _of_registry(resource: Resource) -> bool:
    """Tell whether an object belongs to the Schema Registry, and has a title and a `$id`."""
    kind = kinds()[resource.kind]
    return isinstance(kind, Searchable) and kind.name_field == "title"


def _known(resources: Mapping[str, Resource]) -> dict[Ref, Any]:
    ids: dict[Ref, Any] = {Ref(name): _ident(item) for name, item in resources.items()}
    return ids | {Ref(name, "version"): 0 for name in resources}


def _entry(resource: Resource, known: Mapping[Ref, Any]) -> Entry:
    """Return the entry of a resource that was applied as it is."""
    body = without_nulls(resolve(resource.body, known))
    return Entry(
        kind=resource.kind,
        id=_ident(resource),
        etag='"1"',
        provenance=resource.provenance,
        applied=transform(body, lambda leaf: Fingerprint("sent::") if isinstance(leaf, Secret) else leaf),
        dependencies=resource.dependencies,
        outputs=_live(resource, known).outputs,
    )


def _print(leaf: Any) -> Any:
    """Return the fingerprint that a text stands for, as golden values say it."""
    found = re.fullmatch(r"<fingerprint (\w+)>", leaf) if isinstance(leaf, str) else None
    return Fingerprint(f"{found.group(1)}::") if found else leaf


def _visible(tree: Any) -> Any:
    """Return a body as a GET shows it: without secrets."""
    if isinstance(tree, dict):
        return {key: _visible(value) for key, value in tree.items() if not isinstance(value, Secret)}
    return [_visible(item) for item in tree] if isinstance(tree, list) else tree


def _live(resource: Resource, known: Mapping[Ref, Any]) -> Live:
    """Return the live object of a resource that was applied as it is, with what the platform adds."""
    body = _visible(without_nulls(resolve(resource.body, known)))
    ident = _ident(resource)
    if resource.kind in ("MappingSet", "AdHocSchema"):
        return Live(ident, {"id": ident, **body}, None, {"version": 0})
    if resource.kind == "Descriptor":
        return Live(ident, {"@id": ident, **body})
    if resource.kind == "DatasetLabels":
        return Live(ident, {"labels": [], "optionalLabels": [], **body}, '"1"')
    if resource.kind == "Dataset":
        return Live(ident, {"version": "1.0.0", **body}, "1.0.0")
    if _of_registry(resource):
        return Live(ident, {"$id": ident, "version": "1.0", **body}, "1.0")
    return Live(ident, {"state": "enabled", **body, "id": ident, "etag": '"1"'}, '"1"')


def _edited(case: Case, resources: Mapping[str, Resource]) -> tuple[dict[str, Entry], dict[str, Live | None]]:
    """Return the state entries and the live objects of a case."""
    known = _known(resources)
    entries = {name: _entry(item, known) for name, item in resources.items()}
    lives: dict[str, Live | None] = {name: _live(item, known) for name, item in resources.items()}
    for name, changes in (case.get("state") or {}).items():
        if changes is None:
            del entries[name]
            continue
        fields = {key: tuple(value) if key == "dependencies" else value for key, value in changes.items()}
        if "applied" in fields:
            fields["applied"] = transform(fields["applied"], _print)
        if "deposed" in fields:
            fields["deposed"] = tuple(
                Deposed(old["id"], old["kind"], tuple(old.get("dependencies", ()))) for old in fields["deposed"]
            )
        entry = entries.get(name)
        if entry is None:
            entries[name] = Entry(**with_provenance(fields))
        else:
            entries[name] = replace(entry, **with_provenance(fields, entry.provenance))
    for name, instructions in (case.get("outside") or {}).items():
        live = lives[name]
        assert live is not None
        edited = instructions is not None and replace(
            live, body=jsonpatch.apply_patch(live.body, instructions), etag='"2"' if live.etag else None
        )
        lives[name] = edited or None
    lives |= {name: Live(**item) for name, item in (case.get("live") or {}).items()}
    return entries, lives


# -- the plan ----------------------------------------------------------------------------------------------------
def planned(case: Case, folder: Path) -> tuple[Plan, State]:
    """Return the plan of a case and the state it was made from; `folder` takes the manifests."""
    world = plan_input(case, folder)
    return plan(world), world.state


def plan_input(case: Case, folder: Path) -> PlanInput:
    """Return what the plan of a case is made from; `folder` takes the manifests."""
    options = case.get("options") or {}
    resources = _resources(case["documents"], folder / "now")
    before = case.get("before") or []
    was = resources if before == "same" else _resources(before, folder / "before")
    entries, lives = _edited(case, was)
    state = State("lineage", "default", "https://platform", "org", "dev", 1, entries)
    moved = case.get("moved") or {}
    state = fold(state, [Record("moved", old, to=new) for old, new in moved.items()])
    lives = {moved.get(name, name): live for name, live in lives.items()}
    scope = list(options.get("scope", state.resources))
    if options.get("destroy"):
        resources = {}
    selection = Selection(tuple(options.get("target", ())), (), tuple(options.get("exclude", ())))
    if selection:
        resources, scope = narrowed(selection, resources, scope, state)
    secrets = case.get("secrets") or {}

    def changed(secret: Secret, seen: Fingerprint | None) -> bool | None:
        if seen is not None and seen.digest == "unproven::":
            return True
        if set(secret.names()) & set(secrets.get("unknown", ())):
            return None
        if secret.literal:
            return bool(secrets.get("literals"))
        return bool(set(secret.names()) & set(secrets.get("changed", ())))

    return PlanInput(
        resources, state, lives, kinds(), changed, tuple(scope),
        bool(options.get("destroy")), options.get("now", NOW), bool(options.get("staged")),
    )  # fmt: skip


# -- in plain values ---------------------------------------------------------------------------------------------
def outcome(case: Case, folder: Path) -> dict[str, Any]:
    """Return the plan of a case as values for a golden file."""
    made, state = planned(case, folder)
    show = case.get("show") or ()
    limits = (case.get("options") or {}).get("guardrails")
    found = [_change(item, show) for item in made.changes if _told(item)]
    result = {
        "changes": found,
        "unchanged": [item.address for item in made.changes if not _told(item)],
        "drift": [_drift(item) for item in made.drift],
        "warnings": list(made.warnings),
        "objections": [_problem(item) for item in made.objections],
        "guards": [
            _problem(item)
            for item in ((*protections(made, state, protected=False),
                          *exceeded(made, state, Guardrails(**limits), kinds())) if limits is not None else ())
        ],
        "steps": {
            step.key: [*step.needs, *(["all that is made"] if step.is_final else [])]
            for step in steps(made, state).values()
        },
    }  # fmt: skip
    return {key: value for key, value in result.items() if value}


def _told(change: Change) -> bool:
    return change.action is not Action.NOOP or change.adopt or bool(change.unchecked)


def _problem(problem: Problem) -> str:
    return f"{problem.code}: {problem}"


def _change(change: Change, show: Sequence[str]) -> dict[str, Any]:
    made = [step for call in change.calls for step in (call.body if isinstance(call.body, list) else ())]
    result = {
        "address": change.address,
        "action": str(change.action),
        "reason": change.reason,
        "deposed": change.deposed,
        "adopt": change.adopt,
        "suspends": change.suspends,
        "fields": {pointer(item.path): _field(item) for item in change.fields},
        "unchecked": [pointer(path) for path in change.unchecked],
        "replace": list(change.replace_paths),
        "patch": plain(list(change.patch)) if list(change.patch) != made else None,
        "waits": list(change.waits_for),
        "first": plain(change.initial) if change.initial is not None and not change.calls else None,
        "calls": [_call(call, change) for call in change.every_call],
        **{name: plain(getattr(change, name)) for name in show},
    }
    return {key: value for key, value in result.items() if value}


def _field(item: FieldChange) -> dict[str, Any]:
    values = {"from": item.old, "to": item.new}
    return {
        **{name: plain(value) for name, value in values.items() if value is not MISSING},
        "cause": item.cause,
        **({"hidden": True} if item.sensitive else {}),
    }


def _call(call: Call, change: Change) -> dict[str, Any]:
    """Return a call in words; `later` is one that people are shown and that follows from the answer to another."""
    query = "?" + "&".join(f"{name}={value}" for name, value in call.query) if call.query else ""
    words = f"{call.method} {call.path.removeprefix('/data/foundation')}{query}"
    more = {
        "guarded": call.guarded,
        "later": call not in change.calls,
        "headers": dict(call.headers),
        "body": plain(call.body),
    }
    return {"call": words, **{key: value for key, value in more.items() if value}}


def _drift(item: Drift) -> dict[str, Any] | str:
    unchecked = [pointer(path) for path in item.unchecked]
    if item.status != "changed":
        return " ".join((f"{item.address}: {item.status}", *unchecked))
    fields = {
        pointer(found.path): {
            **{
                name: plain(value)
                for name, value in (("applied", found.applied), ("live", found.live))
                if value is not MISSING
            },
            "cause": found.cause,
        }
        for found in item.fields
    }
    result = {
        "address": item.address,
        "status": item.status,
        "fields": fields,
        "unchecked": unchecked,
        "by": item.updated_by,
    }
    return {key: value for key, value in result.items() if value}


def plain(tree: Any) -> Any:
    """Return a tree with words for what has no value yet or must not be shown."""

    def leaf(value: Any) -> Any:
        if isinstance(value, Ref):
            return f"<{value}>"
        if isinstance(value, Secret):
            return f"<secret {', '.join(value.names())}>"
        if isinstance(value, Fingerprint):
            return f"<fingerprint {value.digest.partition(':')[0]}>"
        return "<absent>" if value is MISSING else value

    return transform(tree, leaf)


# -- files -------------------------------------------------------------------------------------------------------
def read(path: Path) -> Case:
    """Return what a file holds."""
    case: Case = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return case


def same(golden: Any, made: Any) -> bool:
    """Tell whether two values are the same, types included."""
    return json.dumps(golden, sort_keys=True) == json.dumps(made, sort_keys=True)


def text_of(result: Any) -> str:
    """Return a golden value as a file holds it: whatever fits on a line is on one."""
    return _fitted({"plan": result}, "")


def _fitted(tree: Any, indent: str) -> str:
    lines = ""
    for key, value in tree.items() if isinstance(tree, dict) else ((None, item) for item in tree):
        head = f"{indent}- " if key is None else f"{indent}{_flow(key)}: "
        short = _flow(value)
        if not isinstance(value, dict | list) or not value or (indent and len(head) + len(short) <= 120):
            lines += f"{head}{short}\n"
        elif key is None:
            lines += f"{head}{_fitted(value, f'{indent}  ')[len(indent) + 2 :]}"
        else:
            lines += f"{head.rstrip()}\n{_fitted(value, f'{indent}  ')}"
    return lines


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def rewrite(path: Path, result: Any) -> None:
    """Put a golden value in the place of the one in a file."""
    text = path.read_text(encoding="utf-8")
    found = _GOLDEN.search(text)
    head = text[: found.start()] if found else text.rstrip("\n") + "\n"
    path.write_text(head + text_of(result), encoding="utf-8")
