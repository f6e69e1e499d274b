"""The quick way to read YAML: plain texts without anchors, tags, depth or findings, which most manifests are."""

from __future__ import annotations

import re
from sys import intern

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.core.values import Tree
from reconciler.yamltext.escapes import escapes_in
from reconciler.yamltext.nodes import MAX_DEPTH, QuickLoader
from reconciler.yamltext.scalars import SPECIAL, CarefulError, plain_scalar

_INDENTED = " " * MAX_DEPTH
_COMPACT = ("- - - ", "? ? ", "- ? ", "? - ")
_NO_BRACKET = re.compile(r"[^\[\]{}]+")


def read_plain(content: str) -> list[Tree] | None:
    """Return the documents of a text with nothing unusual in it; None for any other text.

    Most manifests are plain: no anchors, no tags, not deep, no finding. Those cost little more than the C parser.
    """
    if "&" in content or "!" in content or "<<" in content or _may_be_deep(content) or escapes_in(content):
        return None
    loader = QuickLoader(content)
    try:
        documents = []
        while loader.check_node():
            node = loader.get_node()
            documents.append(None if node is None else _plain_value(node))
    except CarefulError:
        return None
    finally:
        loader.dispose()
    return documents


def _may_be_deep(content: str) -> bool:
    """Tell whether a text could nest deeper than allowed: the C parser's recursion knows no bound of its own.

    Blocks are as deep as they are indented. The innermost pairs of flow collections are removed repeatedly, as often as
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
                raise CarefulError
            if type(value) is not ScalarNode:
                result[name] = _plain_value(value)
            elif value.style or value.value[:1] not in SPECIAL:
                result[name] = intern(value.value)  # many manifests say much the same
            else:
                result[name] = plain_scalar(value.value)
        return result
    if kind is SequenceNode:
        return [_plain_value(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    return node.value if node.style else plain_scalar(node.value)
