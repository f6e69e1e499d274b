"""Lays out a YAML text in one way: indents, blanks, the order of a document's head. Comments and values stay."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import VersionedResolver
from yaml.nodes import MappingNode, Node, ScalarNode

from reconciler.core.problems import ManifestError, Problem
from reconciler.yamltext.nodes import compose
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

_HEAD = ("apiVersion", "kind", "metadata", "spec")
_METADATA = ("name", "labels", "annotations")


class _Untyped(VersionedResolver):
    """Takes every plain scalar for what it is written as: nothing is read as a number or date and written anew."""

    @property
    def versioned_resolver(self) -> Any:
        """Return no rules at all."""
        return {}


def formatted(text: Text) -> str:
    """Return the text in the one layout, with the line ends that most of its lines have.

    Formatting it again changes nothing.

    Raises `ManifestError` where the text is no YAML, and where the layout would change what it means.
    """
    before = read(text)
    if not any(item is not None for item in before):
        return text.content
    content = text.content.replace("\r\n", "\n")
    windows = 2 * text.content.count("\r\n") > text.content.count("\n")
    try:
        yaml = _yaml()
        documents = list(yaml.load_all(content))
        for document in documents:
            _order(document)
            _keep_anchors(document, set())
        out = io.StringIO()
        yaml.dump_all(documents, out)
    except YAMLError as error:
        what = f"{text.file} cannot be laid out: {str(error).splitlines()[0]}"
        raise ManifestError(Problem("format", what, "see: reconciler validate")) from None
    result = _trimmed(_moved(out.getvalue()))
    after = read(Text(text.file, result))
    if after != before or _comments(result) != _comments(content):
        what = f"{text.file} was left as it is: laid out anew it would not say the same"
        raise ManifestError(Problem("format", what, "please report it, with the file"))
    return result.replace("\n", "\r\n") if windows else result


def _yaml() -> Any:
    yaml = YAML(typ="rt")
    yaml.Resolver = _Untyped
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # lines are broken by people
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    return yaml


def _order(document: Any) -> None:
    """Put the head of a document in its usual order, unless comments stand between: they belong where they are."""
    if not isinstance(document, CommentedMap) or "apiVersion" not in document:
        return
    _sort(document, _HEAD)
    if isinstance(document.get("metadata"), CommentedMap):
        _sort(document["metadata"], _METADATA)


def _sort(mapping: CommentedMap, order: Sequence[str]) -> None:
    wanted = [key for key in order if key in mapping] + [key for key in mapping if key not in order]
    if wanted == list(mapping) or _commented(mapping):
        return
    for key in wanted:
        mapping.move_to_end(key)


def _keep_anchors(value: Any, seen: set[int]) -> None:
    """Have every anchor written, also one that nothing refers to."""
    if id(value) in seen:
        return
    seen.add(id(value))
    anchor = getattr(value, "anchor", None)
    if anchor is not None and anchor.value:
        anchor.always_dump = True
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _keep_anchors(item, seen)


def _commented(value: Any) -> bool:
    """Tell whether there is a comment, or a blank line, within: ruamel keeps both with the value before them."""
    attached = getattr(value, "ca", None)
    if attached is not None and (attached.items or attached.comment or attached.end):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_commented(item) for item in inner)


def _moved(text: str) -> str:
    """Return the text with each comment of a line of its own where the line before or after begins.

    They keep their column when all around them moves.
    """
    lines = text.split("\n")
    inside = {line for node in compose(text) if node is not None for line in _scalar_lines(node)}
    indents = {
        index: len(line) - len(line.lstrip())
        for index, line in enumerate(lines)
        if index in inside or (line.strip() and not line.lstrip().startswith("#"))
    }
    before = 0
    following = list(_next(indents, len(lines)))
    for index, line in enumerate(lines):
        if index in indents:
            before = before if index in inside else indents[index]
        elif line.strip() and len(line) - len(line.lstrip()) not in (before, following[index]):
            lines[index] = " " * following[index] + line.lstrip()
    return "\n".join(lines)


def _next(indents: Mapping[int, int], count: int) -> Iterator[int]:
    """Yield, for each line, the indent of the next one that is no comment; 0 after the last."""
    found, following = [], 0
    for index in reversed(range(count)):
        following = indents.get(index, following)
        found.append(following)
    yield from reversed(found)


def _scalar_lines(node: Node) -> Iterator[int]:
    """Yield the lines that lie within texts of several lines."""
    if isinstance(node, ScalarNode):
        yield from range(node.start_mark.line + 1, node.end_mark.line + (node.style in ("'", '"')))
    elif isinstance(node, MappingNode):
        for pair in node.value:
            for inner in pair:
                yield from _scalar_lines(inner)
    else:
        for inner in node.value:
            yield from _scalar_lines(inner)


def _trimmed(text: str) -> str:
    """Return the text without blanks at line ends, save in block scalars, where they are part of the value."""
    if re.search(r"[|>][-+0-9]*\s*$", text, re.MULTILINE):
        return text.rstrip("\n") + "\n" if not re.search(r"[|>]\+", text) else text
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n") + "\n"


def _comments(text: str) -> list[str]:
    """Return what looks like a comment, sorted: the same before and after, wherever it moved to."""
    return sorted(match[1].rstrip() for line in text.split("\n") if (match := re.search(r"(?:^|\s)(#.*)$", line)))
