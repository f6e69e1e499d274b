"""Strict YAML: YAML 1.2 scalars, duplicate keys refused, a place for every finding, no bombs.

A document's places are not kept: they are found again by composing the text once more when there is
something to say about it, so that good manifests cost one pass and no memory for positions.
"""

from __future__ import annotations

import hashlib
import math
import operator
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path as FilePath
from sys import intern
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.core.characters import legible
from reconciler.core.problems import ManifestError, Problem
from reconciler.core.values import Path, Span, Tree
from reconciler.yamltext.escapes import Escapes, HalfPairError, escapes_in
from reconciler.yamltext.files import read_file

MAX_DEPTH: Final = 100
MAX_NODES: Final = 5_000_000
"""Values of one file after aliases are followed: far above any manifest, far below any harm."""

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DIGITS = "-+.0123456789"
_CORE: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _letters, _name, _pattern in (
    ("~nN", "null", re.compile(r"~|null|Null|NULL")),
    ("tTfF", "bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    (_DIGITS, "int", re.compile(rf"(?:{_INT.pattern})$")),
    (_DIGITS, "float", re.compile(rf"(?:{_FLOAT.pattern})$")),
    ("<", "merge", re.compile(r"<<")),
):
    for _letter in _letters:
        _CORE.setdefault(_letter, []).append((_TAG + _name, re.compile(rf"(?:{_pattern.pattern})$")))
_CORE[""] = [(_TAG + "null", re.compile(r"$"))]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The C loader where PyYAML has it, with the scalars of YAML 1.2's core schema and a bound on depth."""

    yaml_implicit_resolvers = _CORE
    depth = 0

    def descend_resolver(self, current_node: Node | None, current_index: Any) -> None:
        """Called on the way into every node, also by the C composer, whose recursion nothing else bounds."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node else None
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        super().descend_resolver(current_node, current_index)

    def ascend_resolver(self) -> None:
        self.depth -= 1
        super().ascend_resolver()


class _QuickLoader(_Base):  # type: ignore[misc]
    """The C loader with nothing of Python called back: for texts that cannot be deep, whose tags are seen to later.

    The composer calls these three for every node; built-in functions of the right arity cost next to nothing. What
    `resolve` returns becomes the node's tag, which nobody looks at: a text with a tag of its own is not read so.
    """

    descend_resolver = staticmethod(operator.is_)
    ascend_resolver = staticmethod(bool)
    resolve = slice


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
        """The text; one that was let go is read again, and nothing is left of one that changed meanwhile."""
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
        """What tells whether it is still the same text."""
        self._digest = self._digest or digest_of(self.content)
        return self._digest

    def let_go(self) -> None:
        """Keep only how to get it again: of ten thousand manifests most are never asked for."""
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
        return _span(self.file, mark)


def read(text: Text) -> list[Tree]:
    """Return the documents of `text` as plain values.

    Raises `ManifestError` with every finding: syntax, duplicate keys, tags, keys that are no scalars,
    nesting beyond `MAX_DEPTH`, aliases that grow beyond `MAX_NODES`.
    """
    try:
        quick = _quickly(text)
        if quick is not None:
            return quick
        nodes = list(compose(text))
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


def compose(text: Text) -> Iterator[Node | None]:
    """Yield the node of each document of a text, with its places."""
    escapes = escapes_in(text.content)
    loader = _Loader(escapes.content if escapes else text.content)
    try:
        while loader.check_node():
            node = loader.get_node()
            if escapes and node is not None:
                _join(node, escapes, set())
            yield node
    finally:
        loader.dispose()


def _join(node: Node, escapes: Escapes, seen: set[int]) -> None:
    """Give every scalar below `node` the text that it was written as. Raises `yaml.YAMLError` for half a pair."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        start, end = node.start_mark.index, node.end_mark.index
        try:
            node.value = escapes.joined(node.value, start, end, quoted=node.style == '"')
        except HalfPairError as error:
            before = escapes.content[: error.index]
            mark = yaml.Mark("", error.index, before.count("\n"), error.index - before.rfind("\n") - 1, None, 0)
            what = "half of a surrogate pair without the other half"
            raise yaml.composer.ComposerError(None, None, what, mark) from None
        return
    for item in node.value:
        for inner in item if isinstance(item, tuple) else (item,):
            _join(inner, escapes, seen)


def digest_of(content: str) -> str:
    """Return what a saved plan remembers of a file: whether it is still the same text, whatever its line ends."""
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(content.encode()).hexdigest()


class _CarefulError(Exception):
    """The text has something that wants a closer look."""


_INDENTED = " " * MAX_DEPTH
_COMPACT = ("- - - ", "? ? ", "- ? ", "? - ")
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
_WORDS = {word: value for value, words in (
    (None, ("", "~", "null", "Null", "NULL")), (True, ("true", "True", "TRUE")), (False, ("false", "False", "FALSE")),
) for word in words}  # fmt: skip
_NUMERIC = frozenset(_DIGITS)


def _quickly(text: Text) -> list[Tree] | None:
    """Return the documents of a text with nothing unusual in it; None where it wants a closer look.

    Most manifests are plain: no anchors, no tags, not deep, no finding. Those cost little more than the C parser.
    """
    content = text.content
    if "&" in content or "!" in content or "<<" in content or _may_be_deep(content) or escapes_in(content):
        return None
    loader = _QuickLoader(content)
    try:
        documents = []
        while loader.check_node():
            node = loader.get_node()
            documents.append(None if node is None else _plain_value(node))
    except _CarefulError:
        return None
    finally:
        loader.dispose()
    return documents


def _may_be_deep(content: str) -> bool:
    """Tell whether a text could nest deeper than allowed: the C parser's recursion knows no bound of its own.

    Blocks are as deep as they are indented. Of flows the innermost pairs are taken away again and again: as often as
    they are deep. Brackets in texts may only make it look deeper.
    """
    if _INDENTED in content or any(compact in content for compact in _COMPACT):
        return True
    # no flow goes on in the next document
    if all(part.count("{") + part.count("[") < MAX_DEPTH // 2 for part in content.split("\n---")):
        return False
    left = _NO_BRACKET.sub("", content)
    for _ in range(MAX_DEPTH // 2):
        inner, left = left, left.replace("{}", "").replace("[]", "")
        if not left or left == inner:
            break
    return left.count("{") + left.count("[") >= MAX_DEPTH // 2


def _plain_value(node: Node) -> Tree:
    kind = type(node)
    if kind is MappingNode:
        result: dict[str, Tree] = {}
        for key, value in node.value:
            name = key.value
            if type(key) is not ScalarNode or name in result:
                raise _CarefulError
            if type(value) is not ScalarNode:
                result[name] = _plain_value(value)
            elif value.style or value.value[:1] not in _SPECIAL:
                result[name] = intern(value.value)  # many manifests say much the same
            else:
                result[name] = _plain_scalar(value.value)
        return result
    if kind is SequenceNode:
        return [_plain_value(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    return node.value if node.style else _plain_scalar(node.value)


def _plain_scalar(value: str) -> Tree:
    if value[:1] in _NUMERIC:
        if _INT.fullmatch(value) or _FLOAT.fullmatch(value):
            if len(value) > 15:
                raise _CarefulError  # it may be too large
            number = _INT.fullmatch(value)
            if number:
                return int(value, 0) if value[:2] in ("0o", "0x") else int(value)
            if not math.isfinite(float(value)):
                raise _CarefulError
            return float(value)
        return value
    return _WORDS.get(value, value)


def is_text(plain: str) -> bool:
    """Tell whether a scalar that stands without quotes is read as the text it is."""
    try:
        return isinstance(_plain_scalar(plain), str)
    except _CarefulError:
        return False


_SPECIAL = frozenset(["", *_DIGITS, *"~nNtTfF"])


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
        if not node.tag.startswith(_TAG):
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
            if key_node.tag == _TAG + "merge":
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
        match tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _INT.fullmatch(text) and len(text) < 100:
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            case "float" if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
                return float(text)
            case "int" | "float":
                self._say("yaml-number", "this number is too large", node, "put it in quotes if it is meant as text")
                return text
            case "merge":
                return text
        self._say("yaml-tag", f"the tag {tag!r} is not supported here", node, "remove the tag")
        return text

    def _say(self, code: str, what: str, node: Node, advice: str = "") -> None:
        self.problems.append(Problem(code, what, advice, _span(self.file, node.start_mark)))


class _Places:
    """The nodes of a text, to find the places of many findings: thousands of keys are looked up in an index."""

    def __init__(self, text: Text, stamp: object) -> None:
        del stamp  # part of the key of the cache
        try:
            self._roots = list(compose(text))
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


def _not_unicode(text: Text, index: int) -> Problem:
    before = text.content[:index]
    span = Span(text.file, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)
    shown = legible(text.content[index : index + 1])
    return Problem("not-unicode", f"{shown} is not valid UTF-8", "write it in UTF-8", span)


def _span(file: str, mark: Any) -> Span:
    return Span(file, mark.line + 1, mark.column + 1) if mark else Span(file, 1, 1)


def _syntax(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    said = f"{what} ({context})" if context else str(what)
    return Problem("yaml-syntax", f"not valid YAML: {said}", "", _span(file, mark))
