"""YAML text to the nodes of PyYAML: the C parser with a bound on depth, and joined surrogate escapes."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.nodes import Node, ScalarNode

from reconciler.yamltext.escapes import Escapes, HalfPairError, escapes_in
from reconciler.yamltext.scalars import CORE

MAX_DEPTH: Final = 100

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The C loader where PyYAML has it, with the scalars of YAML 1.2's core schema and a bound on depth."""

    yaml_implicit_resolvers = CORE
    depth = 0

    def descend_resolver(self, current_node: Node | None, current_index: Any) -> None:
        """Count the depth of a node; the C composer also calls this, and nothing else bounds its recursion."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node else None
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        super().descend_resolver(current_node, current_index)

    def ascend_resolver(self) -> None:
        self.depth -= 1
        super().ascend_resolver()


class QuickLoader(_Base):  # type: ignore[misc]
    """The C loader without callbacks to Python, for texts that cannot be deep and have no tags.

    The composer calls these three for every node; built-in functions of the right arity cost next to nothing. What
    `resolve` returns becomes the node's tag, which is not read: texts with tags use the other loader.
    """

    descend_resolver = staticmethod(operator.is_)
    ascend_resolver = staticmethod(bool)
    resolve = slice


def compose(content: str) -> Iterator[Node | None]:
    """Yield the node of each document of a text, with its places."""
    escapes = escapes_in(content)
    loader = _Loader(escapes.content if escapes else content)
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
