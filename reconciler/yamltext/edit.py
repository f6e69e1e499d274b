"""Changes values in a YAML text and leaves every other letter of it alone: comments, quotes, order, blank lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from reconciler.core.values import MISSING, Path, Tree
from reconciler.yamltext.dump import Dumper
from reconciler.yamltext.nodes import compose
from reconciler.yamltext.text import Text

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""The line breaks that libyaml counts lines by."""
_LAST_BREAK = re.compile(rf"(?:{_BREAK.pattern})?\Z")


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to stand at `path` of document `index`: MISSING takes it out, a last step `-` appends to a list."""

    index: int
    path: Path
    value: Tree


class CannotEditError(Exception):
    """The text gives no place for an edit; the message tells why."""


def rewritten(text: Text, edits: Sequence[Edit]) -> str:
    """Return the text after `edits`. Raises `CannotEditError` for an edit without a place."""
    roots = list(compose(text.content))
    work = _Rewrite(text.content)
    removed: dict[int, set[int]] = {}
    for edit in edits:
        work.edit(roots[edit.index], edit, removed)
    return work.done()


class _Rewrite:
    def __init__(self, content: str) -> None:
        self._content = content
        self._lines = [0, *(match.end() for match in _BREAK.finditer(content))]
        self._break = "\r\n" if "\r\n" in content else "\n"
        self._splices: list[tuple[int, int, str]] = []

    def done(self) -> str:
        """Return the text with every splice made, from the end on."""
        content = self._content
        for start, end, new in sorted(self._splices, key=lambda item: item[:2], reverse=True):
            content = content[:start] + new + content[end:]
        return content

    def edit(self, root: Node | None, edit: Edit, removed: dict[int, set[int]]) -> None:
        *way, last = edit.path
        node = root
        for depth, step in enumerate(way):
            inner = _child(node, step)
            if inner is None:
                if edit.value is MISSING:
                    return
                rest = [*way[depth + 1 :], last]
                self._add_key(node, step, _nested(rest, edit.value))
                return
            node = inner
        if isinstance(node, SequenceNode):
            self._in_list(node, last, edit.value, removed)
        elif isinstance(node, MappingNode):
            self._in_mapping(node, last, edit.value)
        else:
            raise CannotEditError("it is no mapping or list there")

    # -- mappings --------------------------------------------------------------------------------------------
    def _in_mapping(self, node: MappingNode, key: str, value: Tree) -> None:
        found = next((pair for pair in node.value if getattr(pair[0], "value", None) == key), None)
        if found is None:
            if value is not MISSING:
                self._add_key(node, key, value)
        elif value is not MISSING:
            self._replace(found[1], value, key=found[0])
        elif node.flow_style or len(node.value) == 1:
            rest = {left.value: _data(right) for left, right in node.value if left.value != key}
            self._replace(node, rest)
        else:
            self._drop_lines(found[0], found[1])

    def _add_key(self, node: Node | None, key: str, value: Tree) -> None:
        if not isinstance(node, MappingNode):
            raise CannotEditError("it is no mapping there")
        text = f"{_flow(key)}: {_flow(value)}"
        if node.flow_style or not node.value:
            end = self._end(node) - 1
            self._splices.append((end, end, f", {text}" if node.value else text))
            return
        column = node.value[0][0].start_mark.column
        self._insert_line(self._tail(node.value[-1][1]), f"{' ' * column}{text}")

    # -- lists -----------------------------------------------------------------------------------------------
    def _in_list(self, node: SequenceNode, step: str, value: Tree, removed: dict[int, set[int]]) -> None:
        if step == "-":
            self._append(node, value)
            return
        index = int(step)
        if value is not MISSING:
            self._replace(node.value[index], value)
            return
        gone = removed.setdefault(id(node), set())
        gone.add(index)
        start = self._start(node)
        if node.flow_style or len(gone) == len(node.value):
            # what was noted for single items of this list is told again as a whole
            end = self._end(node) if node.flow_style else self._line_end(self._tail(node))
            first = self._lines[node.start_mark.line] if not node.flow_style else start
            self._splices = [item for item in self._splices if not first <= item[0] < end]
            rest = [_data(item) for number, item in enumerate(node.value) if number not in gone]
            self._splices.append((start, end, _flow(rest)))
        else:
            item = node.value[index]
            self._drop_lines(item, item)

    def _append(self, node: SequenceNode, value: Tree) -> None:
        if node.flow_style:
            end = self._end(node) - 1
            self._splices.append((end, end, f", {_flow(value)}" if node.value else _flow(value)))
            return
        self._insert_line(self._tail(node), f"{' ' * node.start_mark.column}- {_flow(value)}")

    def _insert_line(self, after: int, line: str) -> None:
        """Put a line of its own behind the one that holds the place `after`."""
        place, following = self._line_end(after), self._next_line(after)
        if place < len(self._content):
            self._splices.append((following, following, line + self._break))
        else:
            self._splices.append((place, place, self._break + line))

    # -- places ----------------------------------------------------------------------------------------------
    def _replace(self, node: Node, value: Tree, *, key: Node | None = None) -> None:
        start, end = self._start(node), self._end(node)
        new = _flow(value)
        if not getattr(node, "flow_style", True):
            end = self._line_end(self._tail(node))
            if key is not None and node.start_mark.line > key.end_mark.line:  # a block below its key
                start, new = self._content.index(":", self._end(key)) + 1, f" {new}"
        new += _LAST_BREAK.search(self._content[start:end])[0]  # type: ignore[index]  # it always matches
        self._splices.append((start, end, new))

    def _drop_lines(self, first: Node, last: Node) -> None:
        start = self._lines[first.start_mark.line]
        end = self._next_line(self._tail(last))
        self._splices.append((start, end, ""))

    def _start(self, node: Node) -> int:
        return int(self._lines[node.start_mark.line] + node.start_mark.column)

    def _end(self, node: Node) -> int:
        return int(self._lines[node.end_mark.line] + node.end_mark.column)

    def _tail(self, node: Node) -> int:
        """Return where the last letter of a node ends: a block's own mark stands behind blank lines and comments."""
        if isinstance(node, MappingNode) and node.value and not node.flow_style:
            return self._tail(node.value[-1][1])
        if isinstance(node, SequenceNode) and node.value and not node.flow_style:
            return self._tail(node.value[-1])
        end = self._end(node)
        start = self._start(node)
        return start + len(_LAST_BREAK.sub("", self._content[start:end])) if end > start else end

    def _line_end(self, place: int) -> int:
        """Return where the line of `place` ends, before its line break."""
        found = _BREAK.search(self._content, place)
        return len(self._content) if found is None else found.start()

    def _next_line(self, place: int) -> int:
        found = _BREAK.search(self._content, place)
        return len(self._content) if found is None else found.end()


def _child(node: Node | None, step: str) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if getattr(key, "value", None) == step), None)
    if isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
        found: Node = node.value[int(step)]
        return found
    return None


def _nested(way: Sequence[str], value: Tree) -> Tree:
    for step in reversed(way):
        value = [value] if step == "-" else {step: value}
    return value


def _data(node: Node) -> Any:
    """Return what a node says, texts as texts: it is written again where it stood."""
    if isinstance(node, MappingNode):
        return {key.value: _data(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [_data(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    return node.value if node.style or node.tag.endswith(":str") else _Plain(node.value)


class _Plain(str):
    """A scalar that stood without quotes and is no text: it is written as it was."""


class _Dumper(Dumper):
    """Everything on one line."""

    escaped = Dumper.escaped + "\n"


def _as_it_was(dumper: yaml.SafeDumper, data: _Plain) -> ScalarNode:
    tag = dumper.resolve(ScalarNode, str(data), (True, False))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(tag, str(data))


_Dumper.add_representer(_Plain, _as_it_was)


def _flow(value: Tree) -> str:
    """Return a value on one line."""
    # inside a list a comma or a bracket is quoted, as it must be in a mapping on one line, and may be elsewhere
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return text.strip("\n")[1:-1]
