"""Boxes, way points and places of labels for a graph that has none, as modellers draw them.

Nodes are placed (`place`), flows routed between them (`route`), labels put where nothing is (`beside`) and spare room
taken out (`squeeze`); where that leaves a flow without a way of its own or a label without room, all is done again with
more room. What the graph places itself is kept. Units are pixels of the BPMN plane. Knows nothing of XML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bpmn.beside import Place, Plane, along, around
from bpmn.place import HEADER, Page, label_size, labelled
from bpmn.pools import pools
from bpmn.route import Flow, Form, Symbol, route
from bpmn.squeeze import squeeze
from diagram.kinds import FAMILY
from diagram.model import Box, Diagram, Node, Point

_ROOMS: Final = (3, 6, 10)
"""Tracks between neighbours that are tried, and how much work a larger try may be."""
_MUCH: Final = 120


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes of nodes and lanes and way points of flows by id; labels: boxes of texts that stand beside either."""

    boxes: Mapping[str, Box]
    points: Mapping[str, tuple[Point, ...]]
    labels: Mapping[str, Box] = field(default_factory=dict)


def layout(diagram: Diagram, *, chart: bool = False) -> Layout:
    """Where everything goes. What the graph itself places is kept when it places everything; else all is laid out.

    chart: with the symbols of flowcharts, decisions and terminators with their text inside, in place of BPMN's.
    """
    placed = {node.id: node.bbox for node in diagram.nodes if node.bbox is not None}
    placed |= {lane.id: lane.bbox for lane in diagram.lanes if lane.bbox is not None}
    if len(placed) == len(diagram.nodes) + len(diagram.lanes) and all(_area(box) for box in placed.values()):
        return _as_drawn(diagram, placed)
    best: tuple[int, Layout] | None = None
    for room in _ROOMS:
        found, bad = _laid_out(diagram, room, chart)
        if best is None or bad < best[0]:
            best = bad, found
        if not bad or len(diagram.nodes) + len(diagram.edges) > _MUCH:
            break
    assert best is not None
    return best[1]


def _as_drawn(diagram: Diagram, boxes: Mapping[str, Box]) -> Layout:
    """The picture's own boxes and ways, and ways for flows that have none."""
    known = {edge.id: edge.points for edge in diagram.edges if len(edge.points) >= 2}
    symbols = dict(_symbols(diagram, boxes))
    missing = [flow for flow in _flows(diagram, boxes) if flow.id not in known]
    found = route(symbols, missing, known=known.values())
    return Layout(boxes, {**known, **found.points})


def _laid_out(diagram: Diagram, room: int, chart: bool) -> tuple[Layout, int]:
    """A layout of our own and how many of its flows and labels are in the way of something."""
    boxes = Page(diagram, room, chart=chart).boxes()
    symbols = dict(_symbols(diagram, boxes, chart=chart))
    flows = list(_flows(diagram, boxes))
    walls = {
        node.id: box
        for node in diagram.nodes
        if labelled(node, chart=chart) and node.attached_to is None and FAMILY[node.type] != "gateway"
        for box in [_below(boxes[node.id], node.text)]
    }
    ways = route(symbols, flows, list(walls.values()), room)
    labels, bad = _labels(diagram, boxes, ways.points, walls, chart)
    if bad:  # those of gateways keep their usual place, and flows go round them
        for node in diagram.nodes:
            if node.id in bad and node.attached_to is None:
                x0, y0, x1, _ = boxes[node.id]
                wide, high = label_size(node.text)
                walls[node.id] = ((x0 + x1 - wide) / 2, y0 - 3 - high, (x0 + x1 + wide) / 2, y0 - 3)
        again = route(symbols, flows, list(walls.values()), room)
        more, still = _labels(diagram, boxes, again.points, walls, chart)
        if len(again.forced) + len(still) < len(ways.forced) + len(bad):
            ways, labels, bad = again, more, still
    move = squeeze(
        [item.box for item in symbols.values() if item.form not in ("frame", "band")],
        labels.values(),
        [item.box for item in symbols.values() if item.form in ("frame", "band")],
        ways.points.values(),
        (_headers(diagram, boxes), [boxes[name] for name in _closed(diagram)]),
    )

    def moved(box: Box) -> Box:
        return (*move((box[0], box[1])), *move((box[2], box[3])))

    placed = Layout(
        {name: moved(box) for name, box in boxes.items()},
        {name: tuple(map(move, points)) for name, points in ways.points.items()},
        {name: moved(box) for name, box in labels.items()},
    )
    return placed, len(ways.forced) + len(bad)


def _labels(
    diagram: Diagram,
    boxes: Mapping[str, Box],
    points: Mapping[str, tuple[Point, ...]],
    walls: Mapping[str, Box],
    chart: bool,
) -> tuple[dict[str, Box], set[str]]:
    """The boxes of all texts beside something, and whose there is no room for."""
    inner = {node.parent for node in diagram.nodes}
    borders: list[tuple[Point, ...]] = []
    for box in [boxes[lane.id] for lane in diagram.lanes] + [boxes[name] for name in inner if name is not None]:
        x0, y0, x1, y1 = box
        borders.append(((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)))
    solid = [boxes[node.id] for node in diagram.nodes if node.id not in inner]
    plane = Plane([*solid, *_headers(diagram, boxes), *walls.values()], [*points.values(), *borders])
    labels, bad = dict(walls), set()
    for node in sorted(diagram.nodes, key=lambda node: node.attached_to is None):
        if labelled(node, chart=chart) and node.id not in labels:
            first = "corner" if node.attached_to else "above"
            labels[node.id], free = plane.put(_shaped(node.text, partial(around, boxes[node.id], first=first)))
            if not free:
                bad.add(node.id)
    for edge in diagram.edges:
        if edge.text.strip() and edge.id in points:
            labels[edge.id], free = plane.put(_shaped(edge.text, partial(along, points[edge.id])))
            if not free:
                bad.add(edge.id)
    return labels, bad


def _shaped(text: str, places: Callable[[float, float], Iterator[Place]]) -> Iterator[Place]:
    """The places of a text in its usual shape, and in a narrower one."""
    for k, (wide, high) in enumerate(dict.fromkeys((label_size(text), label_size(text, 10)))):
        for bad, box in places(wide, high):
            yield bad + 6 * k, box


def _headers(diagram: Diagram, boxes: Mapping[str, Box]) -> list[Box]:
    """The strips with the names of lanes."""
    closed = _closed(diagram)
    found = [boxes[lane.id] for lane in diagram.lanes if lane.id not in closed]
    return [(x0, y0, x0 + HEADER, y1) for x0, y0, _, y1 in found]


def _closed(diagram: Diagram) -> set[str]:
    """Lanes with nothing in them, their names in the middle."""
    filled = {node.lane for node in diagram.nodes} | {lane.parent for lane in diagram.lanes}
    return {lane.id for lane in diagram.lanes} - filled


def _below(box: Box, text: str) -> Box:
    wide, high = label_size(text)
    middle = (box[0] + box[2]) / 2
    return middle - wide / 2, box[3] + 3, middle + wide / 2, box[3] + 3 + high


def _symbols(diagram: Diagram, boxes: Mapping[str, Box], *, chart: bool = False) -> Iterator[tuple[str, Symbol]]:
    """What flows see of nodes and lanes."""
    nodes = {node.id: node for node in diagram.nodes}
    above = {lane.id: lane.parent for lane in diagram.lanes}
    inner = {node.parent for node in diagram.nodes}

    def inside(node: Node) -> tuple[str, ...]:
        names: list[str] = []
        at: Node | None = node
        lane = node.lane
        while at is not None:
            if at.attached_to is not None:
                at = nodes[at.attached_to]
            elif at.parent is not None:
                names.append(at.parent)
                at = nodes[at.parent]
            else:
                lane, at = at.lane, None
        while lane is not None:
            names.append(lane)
            lane = above[lane]
        return tuple(names)

    for node in diagram.nodes:
        family = FAMILY[node.type]
        form: Form = "box"
        if node.id in inner:
            form = "frame"
        elif node.attached_to is not None:
            form = "rider"
        elif family in ("event", "gateway") and not (chart and node.type == "terminator"):
            form = "circle" if family == "event" else "diamond"
        yield node.id, Symbol(boxes[node.id], form, inside(node))
    for lane in diagram.lanes:
        yield lane.id, Symbol(boxes[lane.id], "band")


def _flows(diagram: Diagram, boxes: Mapping[str, Box]) -> Iterator[Flow]:
    """The ways that are wanted. A sequence flow stays in its pool, one between steps of a sub-process in that."""
    found = pools(diagram)
    areas = {}
    for place, pool in enumerate(found.pools):
        if pool.lanes and not pool.free:
            parts = [boxes[lane] for lane in pool.lanes]
            areas[place] = (
                min(b[0] for b in parts), min(b[1] for b in parts), max(b[2] for b in parts), max(b[3] for b in parts)
            )  # fmt: skip
    nodes = {node.id: node for node in diagram.nodes}
    for edge in diagram.edges:
        within = None
        if edge.kind == "sequence" and {edge.source, edge.target} <= nodes.keys():
            one, other = (nodes[name].parent for name in (edge.source, edge.target))
            if one is not None and one == other:
                within = boxes[one]
            elif found.of_node[edge.source] == found.of_node[edge.target]:
                within = areas.get(found.of_node[edge.source])
        yield Flow(edge.id, edge.source, edge.target, edge.kind, within)


def _area(box: Box) -> bool:
    return box[2] > box[0] and box[3] > box[1]
