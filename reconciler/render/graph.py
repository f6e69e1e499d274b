"""What depends on what, as a value; and as DOT and Mermaid. The drawing is in `render/svg.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.plan.model import Action, Plan
from reconciler.core.resource import Resource

COLOURS = {
    Action.CREATE: ("#d9f2dd", "#1a7f37"),
    Action.UPDATE: ("#fff3c4", "#8a6100"),
    Action.REPLACE: ("#ffe1d6", "#b3400b"),
    Action.DELETE: ("#ffdcdc", "#c0222b"),
    Action.FORGET: ("#d7eefb", "#0b6e99"),
    Action.NOOP: ("#f3f4f6", "#59636e"),
    None: ("#f3f4f6", "#59636e"),
}
"""The colours of a node by action: filling and border."""


@dataclass(frozen=True, slots=True)
class Node:
    """One resource; `action` None where nothing is planned."""

    address: str
    kind: str
    action: Action | None = None

    @property
    def document(self) -> str:
        """The name of the document it belongs to."""
        return self.address.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by address, and `edges`: each node's needs that are in the graph."""

    nodes: Mapping[str, Node]
    edges: Mapping[str, tuple[str, ...]]

    def part(self, addresses: Iterable[str]) -> Graph:
        """Return the graph of some of the nodes and the edges between them."""
        kept = {name: self.nodes[name] for name in addresses if name in self.nodes}
        return Graph(kept, {name: tuple(need for need in self.edges[name] if need in kept) for name in kept})

    def by_document(self) -> Graph:
        """Return the graph of the documents: the gravest action of each, and which needs which."""
        rank = list(COLOURS)
        nodes: dict[str, Node] = {}
        edges: dict[str, dict[str, None]] = {}
        for name, node in self.nodes.items():
            before = nodes.get(node.document)
            graver = before is None or _gravity(rank, node) > _gravity(rank, before)
            if graver:
                nodes[node.document] = Node(node.document, "document", node.action)
            own = edges.setdefault(node.document, {})
            own |= {need: None for item in self.edges[name] if (need := self.nodes[item].document) != node.document}
        return Graph(nodes, {name: tuple(needs) for name, needs in edges.items()})


def _gravity(rank: list[Action | None], node: Node) -> int:
    return -1 if node.action in (None, Action.NOOP) else rank.index(node.action)


def graph_of(resources: Mapping[str, Resource]) -> Graph:
    """Return the graph of what manifests declare."""
    nodes = {name: Node(name, item.kind) for name, item in sorted(resources.items())}
    return _graph(nodes, {name: resources[name].dependencies for name in nodes})


def graph_of_plan(plan: Plan) -> Graph:
    """Return the graph of a plan, no-ops included; an old object of a replace stands for nothing of its own."""
    changes = [change for change in plan.changes if not change.deposed]
    nodes = {change.address: Node(change.address, change.kind, change.action) for change in changes}
    return _graph(nodes, {change.address: change.dependencies for change in changes})


def _graph(nodes: Mapping[str, Node], needs: Mapping[str, Iterable[str]]) -> Graph:
    return Graph(nodes, {name: tuple(need for need in needs[name] if need in nodes) for name in nodes})


def dot(graph: Graph) -> str:
    """Return the graph for Graphviz, each document a cluster; arrows lead from what is needed to who needs it."""
    out = [
        "digraph reconciler {",
        '  graph [rankdir=LR, fontname="Helvetica"];',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
    ]
    for document, nodes in _documents(graph):
        out.append(f"  subgraph {_quoted('cluster ' + document)} {{")
        out.append(f'    label={_quoted(document)}; style=rounded; color="#9aa4af"; fontname="Helvetica";')
        for node in nodes:
            fill, line = COLOURS[node.action]
            text = _quoted(f"{node.address}\n{node.kind}{_said(node)}")
            out.append(f"    {_quoted(node.address)} [label={text}, fillcolor={_quoted(fill)}, color={_quoted(line)}];")
        out.append("  }")
    out += [f"  {_quoted(need)} -> {_quoted(name)};" for name, needs in graph.edges.items() for need in needs]
    return "\n".join([*out, "}"]) + "\n"


def mermaid(graph: Graph) -> str:
    """Return the graph for Mermaid, as GitHub and GitLab draw it in Markdown."""
    names = {name: f"n{index}" for index, name in enumerate(graph.nodes)}
    out = ["flowchart LR"]
    for index, (document, nodes) in enumerate(_documents(graph)):
        out.append(f'  subgraph d{index}["{_entity(document)}"]')
        for node in nodes:
            style = f":::{node.action}" if node.action not in (None, Action.NOOP) else ""
            out.append(
                f'    {names[node.address]}["{_entity(node.address)}<br>{_entity(node.kind + _said(node))}"]{style}'
            )
        out.append("  end")
    out += [f"  {names[need]} --> {names[name]}" for name, needs in graph.edges.items() for need in needs]
    used = {node.action for node in graph.nodes.values()} - {None, Action.NOOP}
    for action, (fill, line) in COLOURS.items():
        if action in used:
            out.append(f"  classDef {action} fill:{fill},stroke:{line},color:#1f2328")
    return "\n".join(out) + "\n"


def _documents(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    found: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        found.setdefault(node.document, []).append(node)
    yield from found.items()


def _said(node: Node) -> str:
    return f" ({node.action})" if node.action not in (None, Action.NOOP) else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _entity(text: str) -> str:
    """Return a text that ends no label of Mermaid's: what it reads as syntax goes as entities."""
    return "".join(char if char.isalnum() or char in " -_./()" else f"#{ord(char)};" for char in text)
