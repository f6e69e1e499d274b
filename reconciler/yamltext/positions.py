"""The offsets of all scalar values of a YAML text."""

from __future__ import annotations

from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from reconciler.core.values import Path
from reconciler.yamltext.nodes import compose
from reconciler.yamltext.text import Text


def scalars(text: Text) -> list[list[tuple[Path, int, int]]]:
    """Return, for each document of `text`, its scalar values: the path, and the offsets of their first and last letter.

    Raises `ManifestError` where the text is not valid YAML.
    """
    return [list(_scalars(node, ())) if node is not None else [] for node in compose(text.content)]


def _scalars(node: Node, path: Path) -> Iterator[tuple[Path, int, int]]:
    if isinstance(node, ScalarNode):
        yield path, node.start_mark.index, node.end_mark.index
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*path, str(key.value)))
    else:
        for index, value in enumerate(node.value):
            yield from _scalars(value, (*path, str(index)))
