"""A YAML text with its origin, and the positions of the values in it.

The positions are not kept: the text is composed once more when a finding needs one, so that valid manifests cost one
pass and no memory for positions.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.core.problems import ManifestError
from reconciler.core.values import Path, Span
from reconciler.yamltext.files import read_file
from reconciler.yamltext.nodes import compose


class Text:
    """One YAML text; `file` as shown to people, `source` the file itself, where it is one.

    `fills_in` tells whether something in it may have to be interpolated.
    """

    __slots__ = ("_content", "_digest", "file", "fills_in", "source")

    def __init__(self, file: str, content: str, source: FilePath | None = None) -> None:
        self.file, self.source, self.fills_in = file, source, "${" in content
        self._content: str | None = content
        self._digest = ""

    @property
    def content(self) -> str:
        """The text; dropped content is read again, and is empty if the file has changed since."""
        if self._content is not None:
            return self._content
        assert self.source is not None
        try:
            again = read_file(self.source, self.file)
        except ManifestError:
            return ""
        return again if digest_of(again) == self._digest else ""

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, to detect changes."""
        self._digest = self._digest or digest_of(self.content)
        return self._digest

    def let_go(self) -> None:
        """Drop the content and read it again on demand: most of ten thousand manifests are never needed."""
        if self.source is not None and self.digest:
            self._content = None

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes with the file of a text that was let go."""
        if self._content is not None or self.source is None:
            return None
        try:
            status = self.source.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def span(self, index: int, path: Path, *, key: bool = False) -> Span:
        """Return where the value at `path` of document number `index` stands; with `key`, where its key does.

        Where the path leads nowhere (a missing field) it is the place of the nearest thing that is there.
        """
        mark = _places_of(self, self._stamp()).mark(index, path, key=key)
        return span_at(self.file, mark)


def digest_of(content: str) -> str:
    """Return what a saved plan remembers of a file: whether it is still the same text, whatever its line ends."""
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(content.encode()).hexdigest()


class _Places:
    """The nodes of a text, to find the places of many findings: thousands of keys are looked up in an index."""

    def __init__(self, text: Text, stamp: object) -> None:
        del stamp  # part of the key of the cache
        try:
            self._roots = list(compose(text.content))
        except yaml.YAMLError:  # the file changed meanwhile
            self._roots = []
        self._keys: dict[int, dict[str, tuple[Node, Node]]] = {}

    def mark(self, index: int, path: Path, *, key: bool) -> Any:
        """Return the mark of the value, or the key, at `path` of a document, or of the nearest node above it."""
        node = self._roots[index] if index < len(self._roots) else None
        mark = node.start_mark if node else None
        for step in path:
            pair = self._step(node, step)
            if pair is None:
                break
            name, node = pair
            mark = name.start_mark if key else node.start_mark
        return mark

    def _step(self, node: Node | None, step: str) -> tuple[Node, Node] | None:
        if isinstance(node, MappingNode):
            keys = self._keys.get(id(node))
            if keys is None:
                pairs = reversed(node.value)  # of two keys of one name the first is taken
                keys = {name.value: (name, value) for name, value in pairs if isinstance(name, ScalarNode)}
                self._keys[id(node)] = keys
            return keys.get(step)
        if isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
            item = node.value[int(step)]
            return item, item
        return None


_places_of = lru_cache(maxsize=1)(_Places)
"""Findings come file by file, so one text is composed once, however many it has. `forget_places` frees its nodes."""


def forget_places() -> None:
    """Free the nodes that were kept to find the places of findings."""
    _places_of.cache_clear()


def span_at(file: str, mark: Any) -> Span:
    return Span(file, mark.line + 1, mark.column + 1) if mark else Span(file, 1, 1)
