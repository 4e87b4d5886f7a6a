"""Boxes and way points for a graph that has none: columns by flow, one band per lane, orthogonal flows.

Layered in the manner of Sugiyama: cycles are cut, every node gets the column of its longest way from a start, and
inside a band nodes of one column are ordered by where their predecessors lie. Lanes are bands below each other inside
their pool, sub-processes are laid out inside and then placed as one box. Units are pixels of the BPMN plane, 100 × 80
for a task, as modellers draw them. Knows nothing of XML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bpmn.pools import pools
from diagram.kinds import FAMILY
from diagram.model import Box, Diagram, Edge, Lane, Node, Point

GAP_X: Final = 60.0
GAP_Y: Final = 40.0
MARGIN: Final = 30.0
HEADER: Final = 30.0
EMPTY_POOL: Final = 60.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes of nodes and lanes and way points of flows, by id."""

    boxes: Mapping[str, Box]
    points: Mapping[str, tuple[Point, ...]]


def layout(diagram: Diagram) -> Layout:
    """Where everything goes. What the graph itself places is kept when it places everything; else all is laid out."""
    placed = {node.id: node.bbox for node in diagram.nodes if node.bbox is not None}
    placed |= {lane.id: lane.bbox for lane in diagram.lanes if lane.bbox is not None}
    if len(placed) == len(diagram.nodes) + len(diagram.lanes) and all(_area(box) for box in placed.values()):
        return Layout(placed, _ways(diagram, placed, drawn=True))
    boxes = _Page(diagram).boxes()
    return Layout(boxes, _ways(diagram, boxes, drawn=False))


def size(node: Node) -> tuple[float, float]:
    """Width and height of a symbol, as modellers draw it."""
    family = FAMILY[node.type]
    if node.attached_to is not None or family == "event":
        return 36.0, 36.0
    if family == "gateway":
        return 50.0, 50.0
    if node.type == "data_object":
        return 36.0, 50.0
    if node.type == "data_store":
        return 50.0, 50.0
    if node.type == "annotation":
        return 120.0, max(40.0, 16.0 * (1 + len(node.text) // 16))
    return 100.0, max(80.0, 16.0 * (2 + len(node.text) // 13))


@dataclass(slots=True)
class _Block:
    """A laid out set of nodes: boxes relative to its own corner."""

    boxes: dict[str, Box] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


class _Page:
    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.nodes = {node.id: node for node in diagram.nodes}
        self.children: dict[str | None, list[Node]] = {}
        for node in diagram.nodes:
            if node.attached_to is None:
                self.children.setdefault(node.parent, []).append(node)
        self.riders: dict[str, list[Node]] = {}
        for node in diagram.nodes:
            if node.attached_to is not None:
                self.riders.setdefault(node.attached_to, []).append(node)
        self.into: dict[str, list[Edge]] = {}
        for edge in diagram.edges:
            self.into.setdefault(edge.target, []).append(edge)
        self.inner: dict[str, _Block] = {}
        self.lanes: dict[str | None, list[Lane]] = {}
        for lane in diagram.lanes:
            self.lanes.setdefault(lane.parent, []).append(lane)

    def boxes(self) -> dict[str, Box]:
        order = self._bottom_up()
        inner = self.inner
        for owner in order:
            inner[owner] = self._block(self.children[owner], inner)
        outer = self.children.get(None, [])
        columns = self._columns(outer)
        widths = self._widths(outer, columns, inner)
        boxes: dict[str, Box] = {}
        y = 0.0
        right = sum(widths) + GAP_X * (len(widths) + 1)
        depth = max((self._depth(lane) for lane in self.diagram.lanes), default=0)
        left = HEADER * depth
        for pool in pools(self.diagram).pools:
            for lane in pool.lanes:
                y = self._lane(self.diagram.lane(lane), y, left, right, columns, widths, inner, boxes, outer, level=0)
            y += 0.0 if pool.free else 40.0
        free = [node for node in outer if node.lane is None]
        self._band(free, y, left, columns, widths, inner, boxes)
        self._riders(boxes)
        return boxes

    def _bottom_up(self) -> list[str]:
        """Owners of nodes, the innermost first."""
        depth: dict[str, int] = {}
        for owner in self.children:
            at, steps = owner, 0
            while at is not None:
                at, steps = self.nodes[at].parent, steps + 1
            if owner is not None:
                depth[owner] = steps
        return sorted(depth, key=lambda name: -depth[name])

    def _depth(self, lane: Lane) -> int:
        at: Lane | None = lane
        steps = 0
        while at is not None:
            steps += 1
            at = self.diagram.lane(at.parent) if at.parent else None
        return steps

    def _lane(
        self,
        lane: Lane,
        y: float,
        left: float,
        right: float,
        columns: Mapping[str, int],
        widths: Sequence[float],
        inner: Mapping[str, _Block],
        boxes: dict[str, Box],
        outer: Iterable[Node],
        *,
        level: int,
    ) -> float:
        """Lay a lane out from `y` on and return its lower edge."""
        members = [node for node in outer if node.lane == lane.id]
        bottom = y
        for deeper in self.lanes.get(lane.id, []):
            bottom = self._lane(deeper, bottom, left, right, columns, widths, inner, boxes, outer, level=level + 1)
        if members or lane.id not in self.lanes:
            bottom = self._band(members, bottom, left, columns, widths, inner, boxes)
        boxes[lane.id] = (HEADER * level, y, left + right, max(bottom, y + EMPTY_POOL))
        return boxes[lane.id][3]

    def _band(
        self,
        members: Sequence[Node],
        y: float,
        left: float,
        columns: Mapping[str, int],
        widths: Sequence[float],
        inner: Mapping[str, _Block],
        boxes: dict[str, Box],
    ) -> float:
        """Place nodes in their columns below `y`; the lower edge of the band."""
        if not members:
            return y + EMPTY_POOL
        starts = [left + GAP_X + sum(widths[:i]) + GAP_X * i for i in range(len(widths))]
        stacks: dict[int, list[Node]] = {}
        for node in members:
            stacks.setdefault(columns[node.id], []).append(node)
        sizes = {node.id: self._size(node, inner) for node in members}
        heights = {
            column: sum(sizes[node.id][1] for node in stack) + GAP_Y * (len(stack) - 1)
            for column, stack in stacks.items()
        }
        tallest = max(heights.values())
        for column in sorted(stacks):
            stack = sorted(stacks[column], key=lambda node: self._pull(node, boxes))
            at = y + MARGIN + (tallest - heights[column]) / 2
            for node in stack:
                wide, high = sizes[node.id]
                x = starts[column] + (widths[column] - wide) / 2
                boxes[node.id] = (x, at, x + wide, at + high)
                if node.id in inner:
                    _shift(inner[node.id].boxes, x, at, boxes)
                at += high + GAP_Y
        return y + tallest + 2 * MARGIN

    def _pull(self, node: Node, boxes: Mapping[str, Box]) -> float:
        """The mean height of the predecessors that are placed already; top for none."""
        places = [
            (boxes[edge.source][1] + boxes[edge.source][3]) / 2
            for edge in self.into.get(node.id, ())
            if edge.source in boxes
        ]
        return sum(places) / len(places) if places else 0.0

    def _block(self, members: Sequence[Node], inner: Mapping[str, _Block]) -> _Block:
        """Nodes of one sub-process, laid out by themselves."""
        columns = self._columns(members)
        widths = self._widths(members, columns, inner)
        block = _Block()
        bottom = self._band(members, 10.0, -GAP_X + MARGIN, columns, widths, inner, block.boxes)
        block.width = sum(widths) + GAP_X * (len(widths) - 1) + 2 * MARGIN
        block.height = bottom
        return block

    def _size(self, node: Node, inner: Mapping[str, _Block]) -> tuple[float, float]:
        wide, high = size(node)
        if node.id in inner:
            return max(wide, inner[node.id].width), max(high, inner[node.id].height)
        return wide, high

    def _widths(self, members: Iterable[Node], columns: Mapping[str, int], inner: Mapping[str, _Block]) -> list[float]:
        widths: dict[int, float] = {}
        for node in members:
            column = columns[node.id]
            widths[column] = max(widths.get(column, 0.0), self._size(node, inner)[0])
        return [widths.get(i, 0.0) for i in range(max(widths, default=-1) + 1)]

    def _columns(self, members: Sequence[Node]) -> dict[str, int]:
        """The column of each node: its longest way from a start, data beside what it belongs to."""
        here = {node.id for node in members}
        follows: dict[str, list[str]] = {name: [] for name in here}
        beside: dict[str, list[str]] = {name: [] for name in here}
        for edge in self.diagram.edges:
            a, b = self._stand_in(edge.source, here), self._stand_in(edge.target, here)
            if a is None or b is None or a == b:
                continue
            if edge.kind == "sequence":
                follows[a].append(b)
            else:
                beside[a].append(b)
                beside[b].append(a)
        columns = _longest([node.id for node in members], follows)
        flowing = {name for name, targets in follows.items() if targets} | {b for t in follows.values() for b in t}
        for node in members:
            if node.id not in flowing:
                near = [columns[other] for other in beside[node.id] if other in flowing]
                columns[node.id] = min(near) if near else columns[node.id]
        return columns

    def _stand_in(self, name: str, here: set[str]) -> str | None:
        """The member that holds a node: itself, its host, or the sub-process around it."""
        at: str | None = name
        while at is not None and at not in here:
            node = self.nodes.get(at)
            if node is None:
                return None
            at = node.attached_to or node.parent
        return at

    def _riders(self, boxes: dict[str, Box]) -> None:
        """Boundary events along the lower border of their host, hosts of hosts first."""
        waiting = list(self.riders)
        while waiting:
            ready = [host for host in waiting if host in boxes]
            if not ready:
                break
            for host in ready:
                x0, _, x1, y1 = boxes[host]
                step = (x1 - x0) / (len(self.riders[host]) + 1)
                for i, node in enumerate(self.riders[host], 1):
                    wide, high = self._size(node, self.inner)
                    x, y = x0 + step * i - wide / 2, y1 - high / 2
                    boxes[node.id] = (x, y, x + wide, y + high)
                    if node.id in self.inner:
                        _shift(self.inner[node.id].boxes, x, y, boxes)
            waiting = [host for host in waiting if host not in ready]


def _longest(order: Sequence[str], follows: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest ways from the starts after flows that close a cycle (found depth first, in order) are left out."""
    state: dict[str, int] = {}
    back: set[tuple[str, str]] = set()
    post: list[str] = []
    has_before = {b for targets in follows.values() for b in targets}
    for start in [*(name for name in order if name not in has_before), *order]:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(follows[start]))]
        while stack:
            name, rest = stack[-1]
            for target in rest:
                if target not in state:
                    state[target] = 1
                    stack.append((target, iter(follows[target])))
                    break
                if state[target] == 1:
                    back.add((name, target))
            else:
                state[name] = 2
                post.append(name)
                stack.pop()
    columns = dict.fromkeys(order, 0)
    for name in reversed(post):
        for target in follows[name]:
            if (name, target) not in back:
                columns[target] = max(columns[target], columns[name] + 1)
    return columns


def _shift(boxes: Mapping[str, Box], x: float, y: float, into: dict[str, Box]) -> None:
    for name, (x0, y0, x1, y1) in boxes.items():
        into[name] = (x0 + x, y0 + y, x1 + x, y1 + y)


def _ways(diagram: Diagram, boxes: Mapping[str, Box], *, drawn: bool) -> dict[str, tuple[Point, ...]]:
    """Way points of every flow: as drawn where the picture gave them, else orthogonal between the borders."""
    ways = {}
    for edge in diagram.edges:
        if drawn and len(edge.points) >= 2:
            ways[edge.id] = edge.points
        elif edge.source in boxes and edge.target in boxes:
            ways[edge.id] = _way(boxes[edge.source], boxes[edge.target], vertical=edge.kind != "sequence")
    return ways


def _way(a: Box, b: Box, *, vertical: bool) -> tuple[Point, ...]:
    """An orthogonal way between two boxes that leaves and enters at the middle of their sides."""
    (ax, ay), (bx, by) = _centre(a), _centre(b)
    if a == b:  # a loop, round the upper right corner
        return (ax, a[1]), (ax, a[1] - 20), (a[2] + 20, a[1] - 20), (a[2] + 20, ay), (a[2], ay)
    if vertical and (a[3] <= b[1] or b[3] <= a[1]):
        start, end = (ax, a[3] if ay < by else a[1]), (bx, b[1] if ay < by else b[3])
        middle = (start[1] + end[1]) / 2
        return _straightened(start, (ax, middle), (bx, middle), end)
    if b[0] >= a[2]:
        middle = (a[2] + b[0]) / 2
        return _straightened((a[2], ay), (middle, ay), (middle, by), (b[0], by))
    if a[3] <= b[1] or b[3] <= a[1]:
        if b[2] <= a[0]:  # backwards into another row
            middle = (b[2] + a[0]) / 2
            return _straightened((a[0], ay), (middle, ay), (middle, by), (b[2], by))
        start, end = (ax, a[3] if ay < by else a[1]), (bx, b[1] if ay < by else b[3])
        middle = (start[1] + end[1]) / 2
        return _straightened(start, (ax, middle), (bx, middle), end)
    low = max(a[3], b[3]) + 20  # backwards in the same row: below both
    return (ax, a[3]), (ax, low), (bx, low), (bx, b[3])


def _straightened(*points: Point) -> tuple[Point, ...]:
    """Points without those that do not turn."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept) if len(kept) > 1 else (points[0], points[-1])


def _centre(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _area(box: Box) -> bool:
    return box[2] > box[0] and box[3] > box[1]
