"""Calls in order to the objects they leave behind, references between them resolved."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import jsonpatch

from reconciler.convert.calls import HOLE, Call, filled, hole, only_hole
from reconciler.convert.objects import History, Left, Made, Related
from reconciler.convert.routes import Route, route
from reconciler.core.trees import elements, members, merge_patch
from reconciler.core.values import Path, Ref, Tree

REFERENCES: Mapping[str, tuple[tuple[Path, str], ...]] = {
    "SourceConnection": ((("baseConnectionId",), "Connection"), (("params", "datasets", "*", "dataSetId"), "Dataset")),
    "TargetConnection": (
        (("baseConnectionId",), "Connection"),
        (("params", "dataSetId"), "Dataset"),
        (("data", "schema", "id"), "Schema"),
    ),
    "Flow": (
        (("sourceConnectionIds", "*"), "SourceConnection"),
        (("targetConnectionIds", "*"), "TargetConnection"),
        (("transformations", "*", "params", "mappingId"), "MappingSet"),
        (("transformations", "*", "params", "profileMapping", "mappingId"), "MappingSet"),
    ),
    "MappingSet": (
        (("outputSchema", "schemaRef", "id"), "Schema"),
        (("xdmSchema",), "Schema"),
        (("inputSchema", "id"), "AdHocSchema"),
        (("outputSchema", "id"), "AdHocSchema"),
    ),
    "Dataset": ((("schemaRef", "id"), "Schema"),),
    "Schema": ((("allOf", "*", "$ref"), "FieldGroup"),),
    "Descriptor": ((("xdm:sourceSchema",), "Schema"), (("xdm:destinationSchema",), "Schema")),
}
"""The places in bodies that hold ids, with the kinds they belong to; `*` is each member of a list."""
_NAMED = 5
"""Creates that a message names at most."""
_GENERATED = ("Connection", "SourceConnection", "TargetConnection", "Flow", "MappingSet", "AdHocSchema")
"""Kinds whose ids the platform invents: an id of theirs that no answer shows was not known beforehand."""


def replay(calls: Sequence[Call], values: Mapping[str, str], related: Related) -> History:
    """Return what `calls` leave behind; `values` holds what is known of placeholders."""
    work = _Replay(History(), values, related)
    for call in calls:
        work.add(call, route(call))
    return work.made


@dataclass(slots=True)
class _Replay:
    made: History
    values: Mapping[str, str]
    related: Related
    captured: dict[str, str] = field(default_factory=dict)
    """The key of the object whose id a placeholder holds."""
    of_kind: dict[str, list[Made]] = field(default_factory=dict)
    producers: dict[tuple[str, str], list[Made]] = field(default_factory=dict)
    """The objects whose answers show an id, by kind and id."""

    def add(self, call: Call, way: Route) -> None:
        made = self.made
        if way.operation in ("read", "token", "foreign"):
            made.reads += way.operation == "read"
            made.tokens += way.operation == "token"
            made.foreign += way.operation == "foreign"
            return None
        if call.fault and (call.body is None or way.operation in ("create", "patch", "put")):
            return self.leave(call, call.fault)
        if way.operation == "other" and way.kind != "AdHocSchema":
            return self.leave(call, "manifests have no kind for this call")
        made.remarks += [Left(call, note) for note in call.notes]
        if way.operation in ("create", "other"):
            return self.create(call, way)
        return self.change(call, way)

    def leave(self, call: Call, reason: str) -> None:
        self.made.left.append(Left(call, reason))

    def create(self, call: Call, way: Route) -> None:
        if not isinstance(call.body, dict):
            return self.leave(call, "it has no body" if call.body is None else "its body is a list")
        key = f"{way.kind}-{len(self.made.objects) + 1}"
        body = members(filled(copy.deepcopy(call.body), call.values))
        for name in ("sourceConnectionIds", "targetConnectionIds"):
            if isinstance(body.get(name), str):  # as some pages print it
                body[name] = [body[name]]
        for name in ("connectionSpec", "flowSpec"):
            if name in body:
                body[name] = filled(body[name], self.values)
        known = Made(key, way.kind, body, call, _ids(call.answer), "draft" if way.draft else "")
        known.body = members(self.resolved(known))
        self.made.objects[key] = known
        self.of_kind.setdefault(known.kind, []).append(known)
        for ident in known.ids:
            self.producers.setdefault((known.kind, ident), []).append(known)
        for name, member in call.captures.items():
            if member in ("", "id", "$id", "meta:altId", "@id") or member.startswith("$"):
                self.captured[name] = key
        return None

    def change(self, call: Call, way: Route) -> None:
        """Apply a later call to the object that an earlier one made."""
        subject = self.find(way.ident, way.kind, call, None)
        if isinstance(subject, str):
            return self.leave(call, subject or "it changes an object that none of these calls creates")
        if way.operation == "delete":
            subject.deleted = True
            self.made.remarks.append(Left(call, f"it deletes what {subject.call.place} creates: both were left out"))
        elif way.operation == "action":
            self.act(call, subject, way)
        elif call.body is None:
            self.made.reads += 1  # a change without a body changes nothing
        else:
            self.patch(call, subject, way)
        return None

    def act(self, call: Call, subject: Made, way: Route) -> None:
        states = {"disable": "disabled", "enable": "", "publish": ""}
        if way.action in states:
            subject.state = states[way.action]
        else:
            self.leave(call, "manifests have no word for this action")

    def patch(self, call: Call, subject: Made, way: Route) -> None:
        if way.operation == "put":
            if not isinstance(call.body, dict):
                return self.leave(call, "its body is a list")
            subject.body = copy.deepcopy(call.body)
        elif isinstance(call.body, dict):
            subject.body = members(merge_patch(subject.body, copy.deepcopy(call.body)))
        elif any(members(item).get("op") == "copy" for item in elements(call.body)):
            # no documented call copies, and each copy can double the body
            return self.leave(call, "its patch copies a value")
        else:
            try:
                subject.body = members(
                    jsonpatch.apply_patch(subject.body, [members(item) for item in elements(call.body)])
                )
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, ValueError):
                return self.leave(call, "its patch does not fit the body of the call that creates the object")
        subject.body = members(self.resolved(subject))
        return None

    # -- references ------------------------------------------------------------------------------------------
    def resolved(self, user: Made) -> Tree:
        """Return the body of an object, ids that earlier calls produced as references."""
        body: Tree = user.body
        for path, kind in REFERENCES.get(user.kind, ()):
            body = _changed(body, path, partial(self.reference, kind, user))
        return body

    def reference(self, kind: str, user: Made, value: Tree) -> Tree:
        if not isinstance(value, str) or not value:
            return value
        found = self.find(value, kind, user.call, user)
        if isinstance(found, Made):
            return Ref(found.key)
        if found:
            self.made.remarks.append(Left(user.call, f"{found}: it became a variable"))
            return self.variable(value, kind)
        name = only_hole(value)
        return self.values.get(name, value) if name and name not in user.call.values else value

    def variable(self, value: str, kind: str) -> str:
        """Return an ambiguous id as a variable; a placeholder is one already."""
        if only_hole(value):
            return value
        name = next((name for name, ident in self.made.ambiguous.items() if ident == value), "")
        name = name or f"{kind}_id_{len(self.made.ambiguous) + 1}"
        self.made.ambiguous[name] = value
        return hole(name)

    def find(self, written: str, kind: str, call: Call, user: Made | None) -> Made | str:
        """Return the object that an id belongs to; else the reason why that is not settled, empty where none does.

        An id that an answer shows, or that a placeholder holds, belongs to that object. One that no call produced
        belongs to the single earlier create of its kind.
        """
        name = only_hole(written)
        if name in self.captured:
            captured = self.made.objects[self.captured[name]]
            return captured if captured.kind == kind and not captured.deleted else ""
        ident = self.values.get(name, written) if name else written
        producers = [item for item in self.producers.get((kind, _plain(ident)), ()) if not item.deleted]
        if producers:
            return ([item for item in producers if user is None or self.related.fits(item, user)] or producers)[-1]
        known = not name or name in self.values
        if known and (kind not in _GENERATED or HOLE.search(ident)):
            return ""  # a schema or dataset that exists
        candidates = self.candidates(kind, user, known=known)
        if len(candidates) == 1:
            if candidates[0].ids and known:
                what = f"its {kind} is taken for that of {candidates[0].call.place}, whose answer shows another id"
                self.made.remarks.append(Left(call, what))
            return candidates[0]
        places = ", ".join(str(item.call.place) for item in candidates[:_NAMED])
        return f"its {kind} can be that of several creates ({places})" if candidates else ""

    def candidates(self, kind: str, user: Made | None, *, known: bool) -> list[Made]:
        """Return the earlier creates that an id can belong to, at most a few: none whose answer shows another id."""
        of_kind = self.of_kind.get(kind, [])
        alive = (item for item in of_kind if not item.deleted)
        fitting = (item for item in alive if user is None or self.related.fits(item, user))
        found = list(islice((item for item in fitting if not known or not item.ids or item.call.sample), _NAMED))
        if not found and len(of_kind) == 1 and user is not None and user.kind == "Flow":
            # a flow has one source and one target, whatever their specs are
            return [item for item in of_kind if not item.deleted and not (known and item.ids)]
        return found


def _ids(answer: Tree) -> frozenset[str]:
    """Return the ids that an answer gives an object."""
    if isinstance(answer, list):
        return frozenset(_plain(item) for item in answer if isinstance(item, str))
    found = members(answer)
    if len(elements(found.get("items"))) == 1:
        found = members(elements(found["items"])[0])
    return frozenset(_plain(str(found[key])) for key in ("id", "$id", "meta:altId", "@id") if found.get(key))


def _plain(ident: str) -> str:
    """Return an id as others refer to it: datasets are answered as `@/dataSets/ID`."""
    return ident.removeprefix("@/dataSets/").removeprefix("@")


def _changed(tree: Tree, path: Sequence[str], change: Callable[[Tree], Tree]) -> Tree:
    """Return a tree with `change` applied to what is at `path`, where something is."""
    if not path:
        return change(tree)
    step, rest = path[0], path[1:]
    if isinstance(tree, list) and step == "*":
        return [_changed(item, rest, change) for item in tree]
    if isinstance(tree, dict) and step in tree:
        return {**tree, step: _changed(tree[step], rest, change)}
    return tree
