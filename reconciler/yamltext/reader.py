"""Strict YAML: YAML 1.2 scalars, duplicate keys refused, a place for every finding, no bombs."""

from __future__ import annotations

import math
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.core.characters import legible
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Span, Tree
from reconciler.yamltext.nodes import MAX_DEPTH, compose
from reconciler.yamltext.plain import read_plain
from reconciler.yamltext.scalars import FLOAT, INT, TAG
from reconciler.yamltext.text import Text, span_at

MAX_NODES: Final = 5_000_000
"""Values of one file after aliases are followed: far above any manifest, far below any harm."""


def read(text: Text) -> list[Tree]:
    """Return the documents of `text` as plain values.

    Raises `ManifestError` with every finding: syntax, duplicate keys, tags, keys that are no scalars,
    nesting beyond `MAX_DEPTH`, aliases that grow beyond `MAX_NODES`.
    """
    try:
        quick = read_plain(text.content)
        if quick is not None:
            return quick
        nodes = list(compose(text.content))
    except yaml.YAMLError as error:
        raise ManifestError(_syntax(text.file, error)) from None
    except RecursionError:
        raise ManifestError(Problem("yaml-depth", f"nested deeper than {MAX_DEPTH} levels")) from None
    except UnicodeEncodeError as error:
        raise ManifestError(_not_unicode(text, error.start)) from None
    build = _Build(text.file)
    documents = [None if node is None else build.value(node) for node in nodes]
    if build.problems:
        raise ManifestError(build.problems)
    return documents


class _Build:
    """Nodes -> values. An alias gives the very same value again, so nothing is copied; only counted."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._made: dict[int, tuple[Tree, int]] = {}
        self._open: set[int] = set()
        self._size = 0

    def value(self, node: Node) -> Tree:
        made, _ = self._sized(node)
        return made

    def _sized(self, node: Node) -> tuple[Tree, int]:
        if isinstance(node, ScalarNode):
            return self._scalar(node), 1
        ident = id(node)
        if ident in self._made:
            return self._made[ident]
        if ident in self._open:
            self._say("yaml-alias", "an alias that contains itself", node)
            return None, 1
        self._open.add(ident)
        made, size = self._mapping(node) if isinstance(node, MappingNode) else self._sequence(node)
        self._open.discard(ident)
        if not node.tag.startswith(TAG):
            self._say("yaml-tag", f"the tag {node.tag!r} is not supported", node, "remove the tag")
        if size > MAX_NODES:
            self._say("yaml-bomb", f"aliases grow this to more than {MAX_NODES} values", node)
            made, size = None, 1
        self._made[ident] = (made, size)
        return made, size

    def _sequence(self, node: Node) -> tuple[Tree, int]:
        assert isinstance(node, SequenceNode)
        pairs = [self._sized(item) for item in node.value]
        return [value for value, _ in pairs], 1 + sum(size for _, size in pairs)

    def _mapping(self, node: MappingNode) -> tuple[Tree, int]:
        result: dict[str, Tree] = {}
        merged: dict[str, Tree] = {}
        total = 1
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._say("yaml-key", "a key must be plain text", key_node)
                continue
            value, size = self._sized(value_node)
            total += size
            key = str(key_node.value)
            if key_node.tag == TAG + "merge":
                self._merge(merged, value, value_node)
            elif key in result:
                self._say("duplicate-key", f"the key {key!r} stands here twice", key_node, "remove one of them")
            else:
                result[key] = value
        return {**merged, **result}, total

    def _merge(self, merged: dict[str, Tree], value: Tree, node: Node) -> None:
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                self._say("yaml-merge", "<< takes a mapping or a list of mappings", node)
                return
            for key, inner in part.items():
                merged.setdefault(key, inner)

    def _scalar(self, node: ScalarNode) -> Tree:
        text, tag = str(node.value), node.tag
        match tag.removeprefix(TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if INT.fullmatch(text) and len(text) < 100:
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            case "float" if FLOAT.fullmatch(text) and math.isfinite(float(text)):
                return float(text)
            case "int" | "float":
                self._say("yaml-number", "this number is too large", node, "put it in quotes if it is meant as text")
                return text
            case "merge":
                return text
        self._say("yaml-tag", f"the tag {tag!r} is not supported here", node, "remove the tag")
        return text

    def _say(self, code: str, what: str, node: Node, advice: str = "") -> None:
        self.problems.append(Problem(code, what, advice, span_at(self.file, node.start_mark)))


def _not_unicode(text: Text, index: int) -> Problem:
    before = text.content[:index]
    span = Span(text.file, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)
    shown = legible(text.content[index : index + 1])
    return Problem("not-unicode", f"{shown} is not valid UTF-8", "write it in UTF-8", span)


def _syntax(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    said = f"{what} ({context})" if context else str(what)
    return Problem("yaml-syntax", f"not valid YAML: {said}", "", span_at(file, mark))
