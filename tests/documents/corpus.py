"""Pastes the request bodies of public pages into manifests, and compares what would be sent with them, key by key.

A file in `pages/` names a repository and a folder. Each of its pages has the `commit` it was read at, and

    variants    bodies that make objects, by the block they are pasted into: `connection`, `source`, `target`,
                `mapping`, `flow`, `schema`, `dataset`; `profile` is the base connection of a destination's source,
                `patch` the documented instructions that activate audiences and attributes
    updates     one documented object, in the same words, and the `patch` the page sends for it

Names, descriptions and credentials are shortened or made up; keys, ids and shapes are the page's.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from reconciler.catalog import shipped
from reconciler.core.trees import transform
from reconciler.core.values import Ref, Secret
from reconciler.documents.load import load
from reconciler.kinds import kinds
from reconciler.kinds.selectors import SELECTORS
from tests.cases.cases import planned

FOLDER = Path(__file__).parent / "pages"
DATA_LAKE = shipped().fixed_spec("data-lake")["id"]
SCHEDULE = {"startTime": 1893456000, "frequency": "day", "interval": 1}
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """One variant or update of a page."""

    page: str
    commit: str
    of: str
    parts: Body

    @property
    def name(self) -> str:
        """The page, the start of the commit, and the variant: what known faults are listed by."""
        return f"{self.page}@{self.commit[:7]}{f' ({self.of})' if self.of else ''}"


@cache
def examples(field: str) -> tuple[Example, ...]:
    """Return all `variants` or all `updates`."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for page in content["pages"]:
            name = f"{content['folder']}/{page['page']}"
            for item in page.get(field, ()):
                parts = {key: value for key, value in item.items() if key != "of"}
                found.append(Example(name, page["commit"], item.get("of", ""), parts))
    return tuple(found)


# -- pasting -----------------------------------------------------------------------------------------------------
def manifests(parts: Body) -> list[dict[str, Any]]:
    """Return the documents a user writes around the bodies of a page: each body is pasted as it is printed."""
    documents = [_document(kind, kind.lower(), parts[kind.lower()]) for kind in ("Schema", "Dataset")
                 if kind.lower() in parts]  # fmt: skip
    if parts.keys() - {"schema", "dataset", "connection"}:
        sending = _is_destination(parts)
        spec = _destination(parts) if sending else _source(parts)
        return [*documents, _document("DestinationDataflow" if sending else "SourceDataflow", "flow", spec)]
    if "connection" in parts:
        documents.append(_document("Connection", "account", parts["connection"]))
    return documents


def _document(kind: str, name: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": copy.deepcopy(spec)}


def _is_destination(parts: Body) -> bool:
    target, flow = parts.get("target"), parts.get("flow", {})
    names = {item["name"] for item in flow.get("transformations", ())}
    elsewhere = target is not None and _spec_id(target) != DATA_LAKE and "dataSetId" not in target.get("params", {})
    return "profile" in parts or "GeneralTransform" in names or elsewhere


def _spec_id(body: Body) -> str:
    return str(body["connectionSpec"]["id"])


def _source(parts: Body) -> dict[str, Any]:
    spec: dict[str, Any] = {key: parts[key] for key in ("source", "target", "mapping", "flow") if key in parts}
    if "connection" in parts:
        spec["source"] = {**parts["source"], "connection": parts["connection"]}
    if "flow" in parts:
        return spec
    # the page leaves the rest of the dataflow to another page
    spec.setdefault("target", {"schema": {"id": "https://ns.adobe.com/t/schemas/s"}, "dataset": {"id": "d"}})
    connector = shipped().by_spec("source", _spec_id(parts["source"]))
    if connector is not None and connector.kind == "batch":
        spec["flow"] = {"scheduleParams": SCHEDULE}
    return spec


def _destination(parts: Body) -> dict[str, Any]:
    spec: dict[str, Any] = {key: parts[key] for key in ("source", "target", "flow") if key in parts}
    if "profile" in parts:
        spec["source"] = {**parts["source"], "connection": parts["profile"]}
    if "connection" in parts:
        spec["target"] = {**parts["target"], "connection": parts["connection"]}
    if "flow" not in parts and shipped().by_spec("destination", _spec_id(parts["target"])) is None:
        spec["flow"] = {"flowSpec": parts["flowSpec"]}
    for name, field in (("segmentSelectors", "audiences"), ("profileSelectors", "attributes")):
        values = [step["value"]["value"] for step in parts.get("patch", ()) if f"/{name}/" in step["path"]]
        if values:
            spec[field] = values
    return spec


# -- sending -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """The errors of an example's manifest, and how the requests differ from those of the page."""

    errors: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether the manifest has no errors."""
        return not self.errors

    @property
    def exact(self) -> bool:
        """Whether what is sent is what the page prints."""
        return self.accepted and not self.differences


def resources(documents: list[dict[str, Any]], folder: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the resources that documents ask for by address, and the errors; `folder` takes the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n---\n".join(json.dumps(item) for item in documents)  # JSON is YAML
    (folder / "all.yaml").write_text(text, encoding="utf-8")
    project = load(folder, folder, "", shipped(), {}, literal_secrets=True, selectors=SELECTORS)
    errors = tuple(f"{problem.code}: {problem}" for problem in project.errors)
    return project.resources, errors


def paste(example: Example, folder: Path) -> Outcome:
    """Paste the bodies of a page into a manifest and compare what would be posted with them."""
    made, errors = resources(manifests(example.parts), folder)
    if errors:
        return Outcome(errors, ())
    found = []
    printed = dict(_printed(example.parts))
    for address, body in printed.items():
        if address not in made:
            found.append(f"{address}: not sent")
            continue
        resource = made[address]
        sent = kinds()[resource.kind].create(resource.body).body
        found += [f"{address}{line}" for line in differences(body, plain(sent), set(printed))]
    # an account that the page does not create
    for address in made.keys() - printed.keys():
        if made[address].kind == "Connection":
            found.append(f"{address}: sent, not printed")
    if "patch" in example.parts and "flow/flow" in made:
        found += _activated(example.parts["patch"], plain(made["flow/flow"].body))
    return Outcome((), tuple(found))


def update(example: Example, folder: Path) -> Outcome:
    """Apply the patch of a page to the pasted body, and compare the objects after the page's requests and after ours.

    `/auth/params` goes whole and removals go highest index first (design of the client), so the objects are compared.
    """
    (role,) = example.parts.keys() - {"patch", "flowSpec"}
    before: dict[str, Any] = {key: value for key, value in example.parts.items() if key != "patch"}
    patch = [{key: value for key, value in step.items() if step["op"] != "remove" or key != "value"}
             for step in example.parts["patch"]]  # fmt: skip
    after = {**before, role: jsonpatch.apply_patch(before[role], patch)}
    for name, parts in (("before", before), ("after", after)):
        _, errors = resources(manifests(parts), folder / name)
        if errors:
            return Outcome(errors, ())
    address = "account" if role == "connection" else f"flow/{role}"
    case: dict[str, Any] = {"before": manifests(before), "documents": manifests(after), "secrets": {"literals": True}}
    if role != "connection":  # as the page shows it, with what the platform added
        ident = address.replace("/", "-")
        shown = {**before[role], "state": "enabled", "id": ident, "etag": '"1"'}
        case["live"] = {address: {"id": ident, "etag": '"1"', "body": shown}}
    plan, _ = planned(case, folder / "plan")
    found = [f"{item.address}: {item.action}" for item in plan.effective if item.address != address]
    (change,) = (item for item in plan.changes if item.address == address)
    steps = [step for call in change.every_call if call.method == "PATCH" for step in call.body]
    mine = jsonpatch.apply_patch(before[role], plain(steps))
    return Outcome((), (*found, *differences(after[role], mine, set())))


def _printed(parts: Body) -> Iterator[tuple[str, Body]]:
    """Return each body of a page with the address its object has in the manifest."""
    alone = not parts.keys() - {"schema", "dataset", "connection"}
    places = {
        "schema": "schema",
        "dataset": "dataset",
        "profile": "flow/source/connection",
        "source": "flow/source",
        "target": "flow/target",
        "mapping": "flow/mapping",
        "flow": "flow/flow",
        "connection": "account" if alone else f"flow/{'target' if _is_destination(parts) else 'source'}/connection",
    }
    yield from ((place, parts[key]) for key, place in places.items() if key in parts)


def _activated(patch: list[Body], flow: Body) -> Iterator[str]:
    """Yield how the audiences and attributes of a flow differ from those that the page adds."""
    params = flow["transformations"][0]["params"]
    for name in ("segmentSelectors", "profileSelectors"):
        wanted = [step["value"] for step in patch if f"/{name}/" in step["path"]]
        for line in differences(wanted, params.get(name, {}).get("selectors"), set()):
            yield f"flow/flow {name}{line}"


def plain(tree: Any) -> Any:
    """Return a body with secrets in the clear; references stay."""
    return transform(tree, lambda leaf: leaf.template if isinstance(leaf, Secret) else leaf)


def differences(printed: Any, sent: Any, pasted: set[str], place: str = "") -> Iterator[str]:
    """Yield how `sent` differs from `printed`, each with its place; an id of an object that is pasted, too, is new.

    A null and no value are the same.
    """
    if isinstance(sent, Ref):
        if sent.address not in pasted:
            yield f"{place}: {sent}, not {printed!r}"
    elif isinstance(printed, dict) and isinstance(sent, dict):
        for key in {**printed, **sent}:
            yield from differences(printed.get(key), sent.get(key), pasted, f"{place}/{key}")
    elif isinstance(printed, list) and isinstance(sent, list) and len(printed) == len(sent):
        for index, (old, new) in enumerate(zip(printed, sent, strict=True)):
            yield from differences(old, new, pasted, f"{place}/{index}")
    elif json.dumps(printed, sort_keys=True) != json.dumps(sent, sort_keys=True, default=str):
        yield f"{place}: {sent!r}, not {printed!r}"
