"""Draws a graph as SVG without any other program: what is needed stands left of who needs it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from reconciler.core.plan.model import Action
from reconciler.render.folding import columns
from reconciler.render.graph import COLOURS, Graph, Node

_CHAR = 7.0
_HEIGHT, _PAD = 40, 12
_BESIDE, _BELOW, _APART = 56, 14, 30
_MARGIN = 16
_ROW = 1400
"""Lengths in px: a character, a node's height and padding, gaps between nodes and groups, the width to fill."""

_STYLE = """
.node text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }
.node .kind { font-size: 10.5px; fill: #424a53 }
.edge { fill: none; stroke: #7d8590; stroke-width: 1.2 }
.head { fill: #7d8590 }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class _Group:
    """Nodes that hang together, placed: from its own corner; `ways` are the edges with their bends."""

    boxes: Mapping[str, _Box]
    ways: Mapping[tuple[str, str], Sequence[str]]
    width: float
    height: float


def svg(graph: Graph, *, links: bool = False, title: str = "Dependency graph") -> str:
    """Return the drawing; with `links` each node that changes leads to `#change-ADDRESS`.

    Screen readers are told what it shows in words: its title, and each node's address, kind and action.
    """
    groups = [_place(graph, names) for names in _groups(graph)]
    placed, width, height = _pack(groups)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="group" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    out += [_edge([placed[name] for name in way]) for group in groups for way in group.ways.values()]
    out += [_node(node, placed[name], links=links) for name, node in graph.nodes.items()]
    return "\n".join([*out, "</svg>"]) + "\n"


def _node(node: Node, box: _Box, *, links: bool) -> str:
    fill, line = COLOURS[node.action]
    said = f"{node.address}, {node.kind}" + (f", {node.action}" if node.action else "")
    changes = node.action not in (None, Action.NOOP)
    word = f"{node.kind} · {node.action}" if changes else node.kind
    dash = ' stroke-dasharray="4 3"' if node.action in (Action.DELETE, Action.FORGET) else ""
    inner = (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{_HEIGHT}" rx="7" '
        f'fill="{fill}" stroke="{line}"{dash}/>'
        f'<text x="{box.x + _PAD:.1f}" y="{box.y + 17:.1f}">{escape(node.address)}</text>'
        f'<text class="kind" x="{box.x + _PAD:.1f}" y="{box.y + 31:.1f}">{escape(word)}</text>'
    )
    if links and changes:
        return f'<a class="node" href="#change-{quote(node.address)}" aria-label="{escape(said)}">{inner}</a>'
    return f'<g class="node" role="img" aria-label="{escape(said)}">{inner}</g>'


def _edge(way: Sequence[_Box]) -> str:
    x, y = way[0].x + way[0].width, way[0].middle
    path = f"M{x:.1f} {y:.1f}"
    for box in way[1:]:
        bend = max((box.x - x) / 2, 20)
        path += f"C{x + bend:.1f} {y:.1f} {box.x - bend:.1f} {box.middle:.1f} {box.x:.1f} {box.middle:.1f}"
        if box is not way[-1]:
            path += f"H{box.x + box.width:.1f}"
        x, y = box.x + box.width, box.middle
    return f'<path class="edge" d="{path}" marker-end="url(#tip)"/>'


# -- where everything stands -------------------------------------------------------------------------------------------
def _groups(graph: Graph) -> Iterator[list[str]]:
    """Yield the nodes that hang together, in the order of the graph."""
    near: dict[str, list[str]] = {name: list(needs) for name, needs in graph.edges.items()}
    for name, needs in graph.edges.items():
        for need in needs:
            near[need].append(name)
    seen: set[str] = set()
    for start in graph.nodes:
        group, waiting = [], [start]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                group.append(name)
                waiting += near[name]
        if group:
            yield sorted(group)


def _place(graph: Graph, names: Sequence[str]) -> _Group:
    """Return one group with its nodes in columns: each right of all it needs, near the middle of those.

    An edge that passes columns gets a bend in each of them, which is placed as a node is: no edge runs behind one.
    """
    edges, columns_, ways = _bent(graph, names)
    rank = {name: float(index) for column in columns_ for index, name in enumerate(column)}
    users: dict[str, list[str]] = {}
    for name, needs in edges.items():
        for need in needs:
            users.setdefault(need, []).append(name)
    for near, order in ((edges, columns_[1:]), (users, columns_[-2::-1]), (edges, columns_[1:])):
        for column in order:
            column.sort(key=lambda name: (_middle([rank[item] for item in near.get(name, ())], rank[name]), name))
            rank |= {name: float(index) for index, name in enumerate(column)}
    tall = [sum(_height(graph, name) + _BELOW for name in column) - _BELOW for column in columns_]
    boxes: dict[str, _Box] = {}
    x = 0.0
    for column, own in zip(columns_, tall, strict=True):
        width = max(_width(graph.nodes[name]) for name in column if name in graph.nodes)
        y = (max(tall) - own) / 2
        for name in column:
            boxes[name] = _Box(x, y, width, _height(graph, name))
            y += boxes[name].height + _BELOW
        x += width + _BESIDE
    return _Group(boxes, ways, x - _BESIDE, max(tall))


def _bent(
    graph: Graph, names: Sequence[str]
) -> tuple[dict[str, list[str]], list[list[str]], dict[tuple[str, str], list[str]]]:
    """Return the edges from column to column, the columns with their bends, and the way of each edge."""
    depth = _depths(graph, names)
    columns_: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in names:
        columns_[depth[name]].append(name)
    edges: dict[str, list[str]] = {name: [] for name in names}
    ways: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for need in graph.edges[name]:
            bends = [f"{need}\n{name}\n{level}" for level in range(depth[need] + 1, depth[name])]
            way = ways[need, name] = [need, *bends, name]
            for level, bend in enumerate(bends, depth[need] + 1):
                columns_[level].append(bend)
                edges[bend] = []
            for left, right in itertools.pairwise(way):
                edges[right].append(left)
    return edges, columns_, ways


def _depths(graph: Graph, names: Sequence[str]) -> dict[str, int]:
    depth: dict[str, int] = {}
    waiting = list(names)
    while waiting:  # no recursion: a chain may be long
        name = waiting[-1]
        missing = [need for need in graph.edges[name] if need not in depth]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        depth[name] = 1 + max((depth[need] for need in graph.edges[name]), default=-1)
    return depth


def _height(graph: Graph, name: str) -> float:
    return _HEIGHT if name in graph.nodes else 0.0


def _middle(ranks: Sequence[float], own: float) -> float:
    return sum(ranks) / len(ranks) if ranks else own


def _width(node: Node) -> float:
    word = len(node.kind) + len(f" · {node.action}" if node.action else "")
    return max(columns(node.address), word) * _CHAR + 2 * _PAD + 4


def _pack(groups: Sequence[_Group]) -> tuple[dict[str, _Box], float, float]:
    """Return all boxes with the groups beside each other until a row is full; and the width and height of it all."""
    boxes: dict[str, _Box] = {}
    x = y = float(_MARGIN)
    tall = wide = 0.0
    for group in groups:
        if x > _MARGIN and x + group.width > _ROW:
            x, y, tall = float(_MARGIN), y + tall + _APART, 0.0
        boxes |= {name: _Box(x + box.x, y + box.y, box.width, box.height) for name, box in group.boxes.items()}
        x += group.width + _APART
        tall, wide = max(tall, group.height), max(wide, x - _APART)
    return boxes, max(wide, 60.0) + _MARGIN, y + tall + _MARGIN
