"""Objects that calls left behind to documents, in the words of an export; every key goes where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from reconciler.catalog import Connector, Direction
from reconciler.convert.calls import HOLE, hole, hole_name, only_hole, written
from reconciler.convert.credentials import Credentials, is_secret_name, snake
from reconciler.convert.objects import History, Left, Made, Related, spec_id
from reconciler.core.trees import members, refs
from reconciler.core.values import Ref, Secret, Tree
from reconciler.export.export_result import ExportResult, Names

Block = dict[str, Any]
_ENDS = ("SourceConnection", "TargetConnection")


class CannotConvertError(Exception):
    """A manifest cannot express an object; the message gives the reason."""


@dataclass(slots=True)
class Writer:
    """Collects documents; `variables` are the placeholders that they refer to, by the name of the variable."""

    history: History
    related: Related
    credentials: Credentials
    made: ExportResult = field(default_factory=ExportResult)
    names: Names = field(default_factory=Names)
    variables: dict[str, str] = field(default_factory=dict)
    bare: dict[str, bool] = field(default_factory=dict)
    """Whether a variable was written without quotes wherever it is used, so that it can be a number."""
    users: Counter[str] = field(default_factory=Counter)
    user_kinds: dict[str, str] = field(default_factory=dict)
    """The kind of a connection on an account, by the key of the account."""
    given: dict[str, str] = field(default_factory=dict)
    """Names of documents by the key of the object."""
    written: set[str] = field(default_factory=set)
    """Keys of the objects that some document holds."""

    def __post_init__(self) -> None:
        """Count the users of each object: an object with several users has a document of its own."""
        for item in self.alive():
            keys = {ref.address for ref in refs(item.body)}
            self.users.update(keys)
            self.user_kinds |= {key: item.kind for key in keys if item.kind in _ENDS}

    def alive(self, *kinds: str) -> list[Made]:
        """Return the objects that still exist, of some kinds or of all, in order."""
        return [
            item for item in self.history.objects.values() if not item.deleted and (not kinds or item.kind in kinds)
        ]

    def object_of(self, value: Tree) -> Made | None:
        """Return the object that a reference leads to, None for anything else."""
        found = self.history.objects.get(value.address) if isinstance(value, Ref) else None
        return found if found is not None and not found.deleted else None

    def left(self, item: Made, reason: str) -> None:
        """Note that an object is in no document."""
        self.history.left.append(Left(item.call, reason))

    def remark(self, item: Made, what: str) -> None:
        """Note what people should look at."""
        self.history.remarks.append(Left(item.call, what))

    # -- documents -------------------------------------------------------------------------------------------
    def name(self, item: Made) -> str:
        """Return the name of an object's document; it is the same each time."""
        if item.key not in self.given:
            title = item.body.get("name") or item.body.get("title") or item.kind
            self.given[item.key] = self.names.free({"name": self.credentials.hidden(written(str(title)))})
        return self.given[item.key]

    def put(self, kind: str, item: Made, spec: Block) -> None:
        """Add the document of an object."""
        name = self.name(item)
        self.written.add(item.key)
        self.made.put(kind, name, {key: self.rendered(value, name, (key,)) for key, value in spec.items()})

    def reference(self, value: Tree, kind: str) -> Block:
        """Return `{ref: NAME}` for an object with a document of its own, `{id: …}` for one that exists."""
        found = self.object_of(value)
        if found is not None:
            return {"ref": self.name(found)}
        if isinstance(value, Ref):
            raise CannotConvertError(f"its {kind} is deleted by a later call")
        return {"id": value}

    def connector_words(self, body: Mapping[str, Tree], connector: Connector | None, *, base: bool = False) -> Block:
        """Return the connector's key where it says the body's spec, else the spec."""
        spec = members(body.get("connectionSpec"))
        if not spec:
            return {}
        if connector is not None:
            usual = connector.connection_spec if base else connector.end_spec
            if {**usual, **spec} == usual:
                return {"connector": connector.key}
        return {"connectionSpec": spec}

    # -- texts -----------------------------------------------------------------------------------------------
    def rendered(self, tree: Tree, document: str, path: tuple[str, ...]) -> Tree:
        """Return a tree with placeholders as variables and secrets by their names, as a document has them."""
        if isinstance(tree, dict):
            return {key: self.rendered(value, document, (*path, key)) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self.rendered(item, document, path) for item in tree]
        if isinstance(tree, str):
            return self.text(tree, document, path)
        if isinstance(tree, Ref):
            raise CannotConvertError("it refers to another object in a place where manifests have no references")
        return tree

    def text(self, value: str, document: str, path: tuple[str, ...]) -> Tree:
        pieces = self.credentials.replaced(value, document, path[-1])
        if len(pieces) == 1 and not pieces[0][1] and not HOLE.search(value):
            return value
        parts = [f"${{secret.{piece}}}" if secret else self.variables_in(piece) for piece, secret in pieces]
        return Secret("".join(parts))

    def variables_in(self, text: str) -> str:
        """Return a text with variables for its placeholders; other `${` are escaped."""
        parts: list[str] = []
        at = 0
        for found in HOLE.finditer(text):
            name = hole_name(found)
            parts += [text[at : found.start()].replace("${", "$${"), self.variable(name, found[0] == text, found[1])]
            at = found.end()
        return "".join([*parts, text[at:].replace("${", "$${")])

    def variable(self, name: str, whole: bool, inner: str) -> str:
        if name in self.credentials.holes or is_secret_name(name):
            return f"${{secret.{self.credentials.name_of(hole(name), '', '')}}}"
        variable = snake(name)
        self.variables[variable] = name
        self.bare[variable] = self.bare.get(variable, True) and whole and inner != name
        return f"${{var.{variable}}}"


def own(body: Mapping[str, Tree], names: Iterable[str]) -> Block:
    """Return the members of a body that a block has under the same names, as they are."""
    return {name: body[name] for name in names if name in body}


def rest(body: Mapping[str, Tree], model: type[BaseModel], taken: Iterable[str]) -> Block:
    """Return the members of a body that a block knows or takes as `overrides`, besides those `taken`."""
    known = {info.alias or name for name, info in model.model_fields.items()} - _OURS
    used = set(taken)
    block = {key: value for key, value in body.items() if key in known and key not in used}
    more: Block = {
        key: value for key, value in body.items() if key not in known and key not in used and value is not None
    }
    if more:
        block["overrides"] = more
    return block


_OURS = {"id", "connector", "connection", "overrides", "ref", "lookup", "dataset", "schema", "state", "samples"}
"""Fields of blocks that request bodies do not have, or not with that meaning."""


def direction_of(item: Made, writer: Writer) -> Direction:
    """Return the direction of an account: that of the connections on it, else of the catalog's connector."""
    if item.key in writer.user_kinds:
        return "source" if writer.user_kinds[item.key] == "SourceConnection" else "destination"
    known = writer.related.catalog.by_spec("source", spec_id(item.body))
    return "source" if known else "destination"


def auth(item: Made, writer: Writer, document: str) -> Block:
    """Return the credentials of an account, secret parameters by name."""
    if "auth" not in item.body:
        return {}
    block = members(item.body["auth"])
    params = block.get("params")
    if not isinstance(params, dict):
        return {"auth": block}
    return {"auth": {**block, "params": _without_secrets(params, "", item, writer, document)}}


def _without_secrets(value: Tree, key: str, item: Made, writer: Writer, document: str) -> Tree:
    """Return a credential of an account, at any depth: a secret one by its name. `key` is the nearest key above it."""
    if isinstance(value, dict):
        return {name: _without_secrets(inner, name, item, writer, document) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, key, item, writer, document) for inner in value]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    text, credentials = str(value), writer.credentials
    if not text or not credentials.is_secret(key, item.body):
        return value
    if HOLE.search(text) and not only_hole(text):
        credentials.holes |= {hole_name(found) for found in HOLE.finditer(text)}
        return value
    return Secret(f"${{secret.{credentials.name_of(text, document, key)}}}")
