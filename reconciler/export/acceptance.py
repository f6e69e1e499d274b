"""Where in a manifest a drifted field was written, and what would have to stand there to accept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.plan.model import DriftField
from reconciler.core.pointers import parse_pointer
from reconciler.core.resource import Resource
from reconciler.core.selector import Selectors, of_documents
from reconciler.core.trees import elements, members
from reconciler.core.values import MISSING, Path, Tree
from reconciler.documents.document import Document
from reconciler.documents.interpolate import escape, is_filled_in
from reconciler.export.to_manifest import column, row_words
from reconciler.yamltext.edit import Edit

_LAKE = {("params", "dataSetId"): ("dataset", "id"), ("data", "schema", "id"): ("schema", "id"),
         ("data", "schema", "version"): ("schema", "version")}  # fmt: skip
_FIXED = ("baseConnectionId", "connectionSpec", "flowSpec", "sourceConnectionIds", "targetConnectionIds")


@dataclass(frozen=True, slots=True)
class Place:
    """An edit of one document."""

    document: Document
    edit: Edit


class NoPlaceError(Exception):
    """A field cannot be accepted by a change of the manifest; the message tells why."""


def accepting(document: Document, resource: Resource, field: DriftField, selectors: Selectors) -> Place:
    """Return the edit that accepts the live value in the manifest; `selectors` are the lists that flows hand out.

    Raises `NoPlaceError` where no edit can do that.
    """
    if field.sensitive:
        raise NoPlaceError("it is a secret")
    path, value = _place(document, resource, field, selectors)
    holder = next((item for item in reversed(document.overlays) if item.says(path)), document)
    written = _at(holder, path)
    if isinstance(written, str) and is_filled_in(written):
        raise NoPlaceError(f"it is written as {written}: change what stands behind that")
    return Place(holder, Edit(holder.index, path, escape(value, path[1:]) if value is not MISSING else MISSING))


def _place(document: Document, resource: Resource, field: DriftField, selectors: Selectors) -> tuple[Path, Tree]:
    path, where = field.path, parse_pointer(resource.where)
    if path[:1] and path[0] in _FIXED:
        raise NoPlaceError("the manifest says it by a reference or a connector")
    if resource.kind == "Flow" and path[:1] == ("transformations",):
        return _selection(document, field, selectors)
    if resource.kind == "MappingSet":
        base = where if isinstance(_at(document, where), list) else (*where, "mappings")
        return _member(document, base, path[1:], field.live, column if where[-1] == "attributes" else row_words)
    if resource.kind == "TargetConnection" and "dataset" in members(_at(document, where)):
        path = _LAKE.get(path, path)
    return (*where, *path), field.live


def _selection(document: Document, field: DriftField, selectors: Selectors) -> tuple[Path, Tree]:
    path = field.path
    row = next((row for row in of_documents(selectors) if row.holds(path)), None)
    if row is not None:
        depth, inner = len(row.steps), parse_pointer(row.value)
        key, rest = path[depth], path[depth + 1 :]
        rest = rest[len(inner) :] if rest[: len(inner)] == inner else rest
        return _member(document, ("spec", row.document_field), (key, *rest), field.live, row.written)
    if path[-1] in ("primaryFields", "mandatoryFields"):
        return ("spec", *path[-1:]), field.live
    raise NoPlaceError("a transformation is no part of this manifest")


def _member(document: Document, base: Path, rest: Path, live: Tree, words: object) -> tuple[Path, Tree]:
    """Return the place of a list's member, or of a field in it, told apart by its key."""
    items = elements(_at(document, base))
    numbers = [number for number, item in enumerate(items) if rest[0] in _keys(item)]
    if not numbers:
        if live is MISSING or len(rest) > 1:
            raise NoPlaceError("the manifest does not list it")
        return (*base, "-"), words(live)  # type: ignore[operator]
    inner = rest[1:]
    if not inner and live is not MISSING:
        raise NoPlaceError("the manifest lists it already")
    if inner and not isinstance(items[numbers[0]], Mapping):
        raise NoPlaceError("the manifest lists it by its key alone")
    return (*base, str(numbers[0]), *inner), live


def _keys(item: Tree) -> set[str]:
    if isinstance(item, str):
        return {item, item.replace(".", "_")}
    names = ("id", "path", "destination", "destinationXdmPath")
    return {str(item[name]) for name in names if name in item} if isinstance(item, Mapping) else set()


def _at(document: Document, path: Path) -> Tree:
    """Return what stands at `path` (from the document's root), overlays merged; None where nothing does."""
    here: Tree = {"spec": document.written()}
    for step in path:
        if isinstance(here, Mapping):
            here = here.get(step)
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here
