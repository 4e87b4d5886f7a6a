"""A typed graph as a Mermaid flowchart that GitHub and GitLab draw, and that `mermaid.parse` reads back unchanged.

Nodes first (lanes and expanded sub-processes as subgraphs), then one flow per line, then classes: stable and easy to
compare. Ids are generated (`n1`, `l1`) in the order of the graph, labels quoted and escaped. Pixels and confidences are
not part of Mermaid and are left out. Knows nothing of rendering.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from diagram.model import Diagram, Edge, Lane, Node
from mermaid import dialect
from mermaid.dialect import Direction, escape

Style = Literal["portable", "current", "swimlane"]
"""portable: any Mermaid since 9. current: shapes of Mermaid ≥ 11.3. swimlane: `swimlane-beta` (≥ 11.16), true lanes."""


def emit(diagram: Diagram, *, direction: Direction | None = None, style: Style = "portable") -> str:
    """The Mermaid source of a graph, ending with a newline.

    Args:
        direction: top to bottom or left to right; by default what the notation uses (BPMN runs left to right).
    """
    return "\n".join(_Writer(diagram, style).lines(direction)) + "\n"


class _Writer:
    def __init__(self, diagram: Diagram, style: Style) -> None:
        self.diagram = diagram
        self.style = style
        self.ids = {node.id: f"n{i}" for i, node in enumerate(diagram.nodes, 1)}
        self.ids |= {lane.id: f"l{i}" for i, lane in enumerate(diagram.lanes, 1)}
        self.children: dict[str, list[Node]] = {}
        self.outside: list[Node] = []
        for node in diagram.nodes:
            home = node.parent or node.lane
            (self.outside if home is None else self.children.setdefault(home, [])).append(node)
        self.boundary = {node.id for node in diagram.nodes if node.attached_to}
        self.used: dict[str, list[str]] = {}

    def lines(self, direction: Direction | None) -> Iterator[str]:
        wanted = direction or ("LR" if self.diagram.kind == "bpmn" else "TB")
        yield f"{'swimlane-beta' if self.style == 'swimlane' else 'flowchart'} {wanted}"
        yield f"{dialect.MARKER} {self.diagram.kind} {self.diagram.language}"
        for lane in self.diagram.lanes:
            if lane.parent is None:
                yield from self._lane(lane, "    ")
        yield from self._nodes(self.outside, "    ")
        for edge in self.diagram.edges:
            yield "    " + self._edge(edge)
        for node in self.diagram.nodes:
            if node.attached_to:
                yield f"    {self.ids[node.attached_to]} {dialect.ATTACHED} {self.ids[node.id]}"
        for name, members in self.used.items():
            yield f"    class {','.join(members)} {name}"
        styled = [*self.used, *sorted({self._class(node) for node in self.diagram.nodes} - set(self.used))]
        for name in styled:
            if name in dialect.CLASSES:
                look = dialect.STYLE.get(dialect.CLASSES[name][0])
            else:
                look = dialect.STYLE.get(name)
            if look:
                yield f"    classDef {name} {look}"

    def _lane(self, lane: Lane, indent: str) -> Iterator[str]:
        name = self.ids[lane.id]
        self.used.setdefault("lane" if lane.parent else "pool", []).append(name)
        yield f'{indent}subgraph {name}["{escape(lane.name)}"]'
        for inner in self.diagram.lanes:
            if inner.parent == lane.id:
                yield from self._lane(inner, indent + "    ")
        yield from self._nodes(self.children.get(lane.id, ()), indent + "    ")
        yield f"{indent}end"

    def _nodes(self, nodes: list[Node] | tuple[Node, ...], indent: str) -> Iterator[str]:
        for node in nodes:
            inner = self.children.get(node.id)
            if inner is None:
                yield indent + self._node(node)
                continue
            self.used.setdefault(self._class(node), []).append(self.ids[node.id])
            yield f'{indent}subgraph {self.ids[node.id]}["{escape(node.text)}"]'
            yield from self._nodes(inner, indent + "    ")
            yield f"{indent}end"

    def _class(self, node: Node) -> str:
        return dialect.class_name(node.type, node.trigger, boundary=node.id in self.boundary)

    def _node(self, node: Node) -> str:
        opening, closing = dialect.brackets(node)
        label = escape(node.text)
        mark = dialect.MARK.get(node.type)
        if mark and not node.text:
            label = mark
        elif mark and node.text == mark:
            label = f"#{ord(mark)};"
        name = self.ids[node.id]
        shape = dialect.SHAPES.get(node.type)
        if self.style != "portable" and shape:
            body = f'{name}@{{ shape: {shape}, label: "{label}" }}'
            self.used.setdefault(self._class(node), []).append(name)
            return body
        natural = dialect.NATURAL.get((opening, closing)) == node.type and not node.trigger
        plain = natural and node.id not in self.boundary
        return f'{name}{opening}"{label}"{closing}' + ("" if plain else f":::{self._class(node)}")

    def _edge(self, edge: Edge) -> str:
        label = f'|"{escape(edge.text)}"|' if edge.text else ""
        return f"{self.ids[edge.source]} {dialect.ARROW[edge.kind]}{label} {self.ids[edge.target]}"
