"""What is wrong with a layout, found without asking how it was made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from bpmn.layout import Layout
from diagram.model import Box, Diagram, Point

_INSIDE = 0.5


def faults(diagram: Diagram, layout: Layout) -> list[str]:
    """Flows through nodes, along each other or without a way; labels on anything; nodes on nodes or out of lanes."""
    return list(_faults(diagram, layout))


def _faults(diagram: Diagram, layout: Layout) -> Iterator[str]:
    boxes, ways, labels = layout.boxes, layout.points, layout.labels
    nodes = {node.id: node for node in diagram.nodes}
    frames = {node.parent for node in diagram.nodes if node.parent}
    solid = {name: boxes[name] for name in nodes if name not in frames}
    for edge in diagram.edges:
        way = ways.get(edge.id, ())
        if len(way) < 2 or sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in zip(way, way[1:], strict=False)) < 8:
            yield f"no way: {edge.id}"
            continue
        pieces = list(zip(way, way[1:], strict=False))
        if any(a[0] != b[0] and a[1] != b[1] for a, b in pieces):
            yield f"askew: {edge.id}"
        for end, point in ((edge.source, way[0]), (edge.target, way[-1])):
            if not _touches(boxes[end], point):
                yield f"loose end: {edge.id} at {end}"
        for name, box in solid.items():
            core = _core(box) if name in (edge.source, edge.target) else box
            if any(_cuts(core, a, b) for a, b in pieces):
                yield f"through node: {edge.id} ({edge.source}→{edge.target}) {name}"
        around = {*_around(diagram, edge.source), *_around(diagram, edge.target)}
        for name in frames - around - {edge.source, edge.target}:
            if any(_cuts(boxes[name], a, b) for a, b in pieces):
                yield f"through frame: {edge.id} {name}"
        for name, box in labels.items():
            if any(_cuts(box, a, b) for a, b in pieces):
                yield f"through label: {edge.id} {name}"
    for one, other in combinations(ways, 2):
        if _along(ways[one], ways[other]):
            yield f"shared: {one} {other}"
    for name, box in labels.items():
        for other, place in solid.items():
            if _meet(box, place):
                yield f"label on node: {name} {other}"
    for one, other in combinations(labels, 2):
        if _meet(labels[one], labels[other]):
            yield f"label on label: {one} {other}"
    for one, other in combinations(solid, 2):
        if nodes[one].attached_to != other and nodes[other].attached_to != one and _meet(solid[one], solid[other]):
            yield f"node on node: {one} {other}"
    lanes = {lane.id: lane for lane in diagram.lanes}
    for node in diagram.nodes:
        if node.lane is not None and node.parent is None and node.attached_to is None:
            if not _holds(boxes[node.lane], boxes[node.id]):
                yield f"out of lane: {node.id}"
            if node.id in labels and not _holds(boxes[node.lane], labels[node.id]):
                yield f"label out of lane: {node.id}"
        if node.parent is not None and node.attached_to is None and not _holds(boxes[node.parent], boxes[node.id]):
            yield f"out of frame: {node.id}"
    for lane in diagram.lanes:
        if lane.parent is not None and not _holds(boxes[lane.parent], boxes[lane.id]):
            yield f"out of lane: {lane.id}"
    for a, b in combinations(lanes.values(), 2):
        if a.parent == b.parent and _meet(boxes[a.id], boxes[b.id]):
            yield f"lane on lane: {a.id} {b.id}"


def _around(diagram: Diagram, name: str) -> list[str]:
    nodes = {node.id: node for node in diagram.nodes}
    out: list[str] = []
    node = nodes.get(name)
    while node is not None:
        if node.attached_to is not None:
            node = nodes[node.attached_to]
            continue
        if node.parent is not None:
            out.append(node.parent)
        node = nodes.get(node.parent or "")
    return out


def _core(box: Box) -> Box:
    """The middle of a symbol: where a way ends it may reach into the box, not into this."""
    x, y = (box[2] - box[0]) / 4, (box[3] - box[1]) / 4
    return box[0] + x, box[1] + y, box[2] - x, box[3] - y


def _touches(box: Box, point: Point) -> bool:
    """Whether a point lies in or on a box (symbols are within their boxes)."""
    return box[0] - 1 <= point[0] <= box[2] + 1 and box[1] - 1 <= point[1] <= box[3] + 1


def _cuts(box: Box, a: Point, b: Point) -> bool:
    """Whether a line runs through the inside of a box; round and pointed symbols are entered up to their outline."""
    x0, y0, x1, y1 = box[0] + _INSIDE, box[1] + _INSIDE, box[2] - _INSIDE, box[3] - _INSIDE
    ax, bx, ay, by = min(a[0], b[0]), max(a[0], b[0]), min(a[1], b[1]), max(a[1], b[1])
    return bx > x0 and ax < x1 and by > y0 and ay < y1


def _along(one: tuple[Point, ...], other: tuple[Point, ...]) -> bool:
    """Whether two ways run along each other, closer than can be told apart."""
    for a, b in zip(one, one[1:], strict=False):
        for c, d in zip(other, other[1:], strict=False):
            for axis in (0, 1):
                if a[axis] == b[axis] and c[axis] == d[axis] and abs(a[axis] - c[axis]) < 4:
                    i = 1 - axis
                    low, high = max(min(a[i], b[i]), min(c[i], d[i])), min(max(a[i], b[i]), max(c[i], d[i]))
                    if high - low > 1:
                        return True
    return False


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] - _INSIDE and b[0] < a[2] - _INSIDE and a[1] < b[3] - _INSIDE and b[1] < a[3] - _INSIDE


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
