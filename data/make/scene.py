"""A drawing before it is painted: nodes with boxes and wrapped texts, wires with points, bands of lanes.

All coordinates are pixels of the drawing, origin top left; `truth` turns a scene into the public Diagram.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from diagram.model import Box, Diagram, Edge, Lane, Node, Point

Curve = Literal["line", "bezier"]


@dataclass
class Item:
    """A node at its place. `lines` inside the box, or in `label` (a box) when the text stands outside."""

    node: Node
    box: Box
    lines: tuple[str, ...] = ()
    label: Box | None = None
    kind: str = ""  # the written kind: user, service, send …
    look: str = ""  # shape to draw, where it is not the type's usual one

    @property
    def centre(self) -> Point:
        """Middle of the box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass
class Wire:
    """A flow. `points`: a polyline, or for `bezier` 3n+1 control points; the head is at the last point."""

    edge: Edge
    points: list[Point]
    curve: Curve = "line"
    lines: tuple[str, ...] = ()
    label: Box | None = None
    weight: str = ""  # "main" or "info" in looks that set some flows apart


@dataclass
class Band:
    """A pool or lane. `header` is the strip with its name; `turned` when the name runs bottom to top."""

    lane: Lane
    box: Box
    header: Box | None = None
    turned: bool = True


@dataclass
class Scene:
    """One drawing."""

    diagram: Diagram
    width: float
    height: float
    items: list[Item] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    title: str = ""
    phases: list[tuple[float, str]] = field(default_factory=list)  # dashed upright lines between stages, with names

    def move(self, dx: float, dy: float) -> None:
        """Shift everything."""

        def box(b: Box) -> Box:
            return b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy

        self.phases = [(x + dx, name) for x, name in self.phases]
        for item in self.items:
            item.box, item.label = box(item.box), box(item.label) if item.label else None
        for wire in self.wires:
            wire.points = [(x + dx, y + dy) for x, y in wire.points]
            wire.label = box(wire.label) if wire.label else None
        for band in self.bands:
            band.box, band.header = box(band.box), box(band.header) if band.header else None

    def truth(self) -> Diagram:
        """The graph with boxes and points of this drawing."""
        boxes = {item.node.id: item.box for item in self.items}
        bands = {band.lane.id: band.box for band in self.bands}
        ways = {wire.edge.id: flatten(wire) for wire in self.wires}
        return self.diagram.replace(
            nodes=tuple(self._placed(node, boxes[node.id]) for node in self.diagram.nodes),
            edges=tuple(Edge(e.id, e.source, e.target, e.text, e.kind, tuple(ways[e.id])) for e in self.diagram.edges),
            lanes=tuple(Lane(a.id, a.name, a.parent, bands[a.id]) for a in self.diagram.lanes),
        )

    def _placed(self, node: Node, box: Box) -> Node:
        """A node with its box; what is within a sub-process belongs to the pool, as a BPMN lane does not list it."""
        lane, above = node.lane, {a.id: a.parent for a in self.diagram.lanes}
        while node.parent is not None and lane is not None and above[lane] is not None:
            lane = above[lane]
        return replace(node, bbox=box, lane=lane)


def flatten(wire: Wire, step: int = 8) -> list[Point]:
    """The wire as a polyline."""
    if wire.curve == "line":
        return list(wire.points)
    out = [wire.points[0]]
    for i in range(0, len(wire.points) - 3, 3):
        p = wire.points[i : i + 4]
        for k in range(1, step + 1):
            t = k / step
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            out.append(
                (a * p[0][0] + b * p[1][0] + c * p[2][0] + d * p[3][0],
                 a * p[0][1] + b * p[1][1] + c * p[2][1] + d * p[3][1])
            )  # fmt: skip
    return out
