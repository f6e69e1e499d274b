"""Holds equal parts of many values once: ten thousand objects, and the manifests they come from, say much the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from sys import intern
from typing import Any, TypeVar

from reconciler.core.compare.same import exactly
from reconciler.core.provenance import Provenance
from reconciler.core.resource import Resource
from reconciler.core.state.model import Entry
from reconciler.core.values import Tree

V = TypeVar("V")
_MEMBERS = tuple(item.name for item in fields(Provenance))
_NO_OUTPUTS: Mapping[str, Tree] = {}


def like(value: Tree, model: Tree) -> Tree:
    """Return `value`, those parts of it that are also in `model` as that one's own objects."""
    if type(value) is dict and type(model) is dict:
        if exactly(value, model):
            return model
        return {key: like(part, model.get(key)) for key, part in value.items()}
    if type(value) is str:
        return intern(value)
    return model if exactly(value, model) else value


class Interner:
    """Returns, for a value, an equal one that was there before; the first of its sort is the one that stays.

    `resources` are desired objects by address: an entry of the state is held in their words where it says the same.
    """

    def __init__(self, resources: Mapping[str, Resource] | None = None) -> None:
        self.resources: Mapping[str, Resource] = resources or {}
        self._texts: dict[tuple[tuple[str, object], ...], dict[str, Any]] = {}
        self._versions: dict[int, Mapping[str, Tree]] = {}
        self._provenances: dict[tuple[object, ...], Provenance] = {}

    def tree(self, tree: Tree) -> Tree:
        """Return a fresh JSON value, or one like it; its texts and mappings of texts are replaced in place."""
        if type(tree) is str:
            return intern(tree)
        if type(tree) is list:
            tree[:] = map(self.tree, tree)
        elif type(tree) is dict:
            for key, value in tree.items():
                tree[key] = self.tree(value)
            return self.texts(tree)
        return tree

    def texts(self, value: dict[str, V]) -> dict[str, V]:
        """Return the one object for all equal mappings of texts; any other mapping as it is."""
        for item in value.values():
            if type(item) is not str:
                return value
        shared: dict[str, V] = self._texts.setdefault(tuple(value.items()), value)
        return shared

    def outputs(self, outputs: Mapping[str, Tree]) -> Mapping[str, Tree]:
        """Return the outputs of an object: none at all, or a version and no more, are one object for all."""
        if not outputs:
            return _NO_OUTPUTS
        if outputs.keys() == {"version"} and type(version := outputs["version"]) is int:
            return self._versions.setdefault(version, outputs)
        return outputs

    def provenance(self, value: Provenance) -> Provenance:
        """Return the one provenance of all that came from the same document in the same way."""
        members = (getattr(value, name) for name in _MEMBERS)
        key = tuple(tuple(part.items()) if isinstance(part, Mapping) else part for part in members)
        return self._provenances.setdefault(key, value)

    def entry(self, address: str, entry: Entry) -> Entry:
        """Return an entry that was just read, the parts that equal those of other objects replaced by theirs."""
        model = self.resources.get(address)
        applied, dependencies, provenance = entry.applied, entry.dependencies, entry.provenance
        if model is not None:
            applied = like(applied, model.body)
            dependencies = model.dependencies if dependencies == model.dependencies else dependencies
            provenance = model.provenance if provenance == model.provenance else self.provenance(provenance)
        else:
            provenance = self.provenance(provenance)
        return Entry(
            kind=intern(entry.kind),
            id=intern(entry.id),
            etag=entry.etag,
            provenance=provenance,
            applied=applied,
            dependencies=dependencies,
            outputs=self.outputs(entry.outputs),
            deposed=entry.deposed,
        )
