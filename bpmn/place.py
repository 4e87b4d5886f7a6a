"""Where nodes and lanes of a graph go: columns by flow, rows in one band per lane, room for labels and flows between.

Layered in the manner of Sugiyama: cycles are cut, every node gets the column of its longest way from a start, and the
row of the node that it follows, as near as the others of its column let it. Lanes are bands below each other inside
their pool, sub-processes are placed inside and then taken as one box. Units are pixels of the BPMN plane, 100 × 80 for
a task, as modellers draw them. Knows nothing of way points and XML.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

from bpmn.pools import pools
from diagram.kinds import FAMILY
from diagram.model import Box, Diagram, Edge, Lane, Node

HEADER: Final = 30.0
EMPTY_POOL: Final = 60.0
_BETWEEN: Final = 50.0
"""Between pools."""
_LETTER: Final = 6.6
_LINE: Final = 14.0


WORDED: Final = frozenset({"decision", "terminator", "connector"})
"""Symbols of flowcharts that hold their text; where BPMN's stand for them, the text is beside those."""


def size(node: Node, *, chart: bool = False) -> tuple[float, float]:
    """Width and height of a symbol, as modellers draw it. chart: with the symbols of flowcharts."""
    family = FAMILY[node.type]
    if chart and node.type == "decision" and node.text.strip():
        wide, high = label_size(node.text)
        wide, high = wide + 6, high + 2
        across = wide + 1.2 * high + 8  # so that the text's corners lie on the slanting sides
        return across, high * across / (across - wide)
    if chart and node.type == "terminator":
        wide, high = label_size(node.text)
        return max(80.0, wide + high + 16), max(40.0, high + 20)
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
    longest = max(map(len, node.text.split()), default=0)
    wide = min(max(100.0, 7.6 * longest + 10), 200.0)
    if node.type in ("io", "predefined_process"):
        wide += 20
    return wide, max(80.0, 16.0 * (2 + len(node.text) // int(wide / 7.6)))


def label_size(text: str, most: int = 16) -> tuple[float, float]:
    """Width and height of a text beside its symbol, in lines of at most so many letters where words allow."""
    widest, lines = 0, 0
    for paragraph in text.strip().split("\n"):
        at = 0
        lines += 1
        for word in paragraph.split():
            if at and at + 1 + len(word) > most:
                lines, at = lines + 1, 0
            at += len(word) + (1 if at else 0)
            while at > most + 4:
                widest, lines, at = max(widest, most + 4), lines + 1, at - most - 4
            widest = max(widest, at)
    return _LETTER * widest + 6, _LINE * lines


def labelled(node: Node, *, chart: bool = False) -> bool:
    """Whether the text of a node stands beside its symbol."""
    if chart and node.type in WORDED:
        return False
    outside = FAMILY[node.type] in ("event", "gateway", "data") or node.attached_to is not None
    return outside and bool(node.text.strip())


@dataclass(slots=True)
class _Block:
    """A laid out set of nodes: boxes relative to its own corner."""

    boxes: dict[str, Box] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class _Room:
    """What a node takes: its box, and what hangs above and below it."""

    wide: float
    high: float
    above: float = 0.0
    below: float = 0.0
    full: float = 0.0


class Page:
    """Places a graph. `room`: tracks for flows between neighbours; `chart`: see `size`."""

    def __init__(self, diagram: Diagram, room: int = 3, *, chart: bool = False) -> None:
        self.diagram = diagram
        self.chart = chart
        self.gap_x = 24.0 + 10 * room
        self.gap_y = 16.0 + 10 * room
        self.nodes = {node.id: node for node in diagram.nodes}
        self.order = {node.id: place for place, node in enumerate(diagram.nodes)}
        self.children: dict[str | None, list[Node]] = {}
        self.riders: dict[str, list[Node]] = {}
        for node in diagram.nodes:
            if node.attached_to is None:
                self.children.setdefault(node.parent, []).append(node)
            else:
                self.riders.setdefault(node.attached_to, []).append(node)
        self.into: dict[str, list[Edge]] = {}
        self.out: dict[str, list[Edge]] = {}
        for edge in diagram.edges:
            self.into.setdefault(edge.target, []).append(edge)
            self.out.setdefault(edge.source, []).append(edge)
        self.inner: dict[str, _Block] = {}
        self.lanes: dict[str | None, list[Lane]] = {}
        for lane in diagram.lanes:
            self.lanes.setdefault(lane.parent, []).append(lane)

    def boxes(self) -> dict[str, Box]:
        """The boxes of all nodes and lanes."""
        for owner in self._bottom_up():
            self.inner[owner] = self._block(self.children[owner])
        outer = self.children.get(None, [])
        columns = self._columns(outer)
        starts, right = self._starts(outer, columns, HEADER * max(map(self._depth, self.diagram.lanes), default=0))
        boxes: dict[str, Box] = {}
        y = 0.0
        for pool in pools(self.diagram).pools:
            for lane in pool.lanes:
                y = self._lane(self.diagram.lane(lane), y, right, columns, starts, boxes, outer, level=0)
            if pool.free:
                y = self._band([node for node in outer if node.lane is None], y, columns, starts, boxes)
            y += _BETWEEN
        self._riders(boxes)
        return boxes

    def _bottom_up(self) -> list[str]:
        """Owners of nodes, the innermost first."""
        depth: dict[str, int] = {}
        for owner in self.children:
            at, steps = owner, 0
            while at is not None:
                at, steps = self.nodes[at].parent or self.nodes[at].attached_to, steps + 1
                if steps > len(self.nodes):
                    break
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
        right: float,
        columns: Mapping[str, int],
        starts: Sequence[tuple[float, float]],
        boxes: dict[str, Box],
        outer: Iterable[Node],
        *,
        level: int,
    ) -> float:
        """Lay a lane out from `y` on and return its lower edge."""
        members = [node for node in outer if node.lane == lane.id]
        bottom = y
        for deeper in self.lanes.get(lane.id, []):
            bottom = self._lane(deeper, bottom, right, columns, starts, boxes, outer, level=level + 1)
        if members:
            bottom = self._band(members, bottom, columns, starts, boxes)
        least = max(EMPTY_POOL, 8.0 * len(lane.name))
        boxes[lane.id] = (HEADER * level, y, right, max(bottom, y + (least if bottom > y else EMPTY_POOL)))
        return boxes[lane.id][3]

    def _room(self, node: Node) -> _Room:
        """What a node needs around its centre."""
        wide, high = size(node, chart=self.chart)
        if node.id in self.inner:
            wide, high = max(wide, self.inner[node.id].width), max(high, self.inner[node.id].height)
        above = below = 0.0
        full = wide
        if labelled(node, chart=self.chart):
            text_wide, text_high = label_size(node.text)
            full, below = max(wide, text_wide), text_high + 6
            if FAMILY[node.type] == "gateway":
                above = below
        riders = self.riders.get(node.id, [])
        if riders:
            wide = max(wide, sum(self._rider_width(rider) for rider in riders))
            full = max(full, wide)
            deep = max(label_size(rider.text)[1] if labelled(rider) else 0.0 for rider in riders)
            below = max(below, 18 + deep + 8, *(self._room(rider).high / 2 + 8 for rider in riders))
        return _Room(wide, high, above, below, full)

    def _rider_width(self, rider: Node) -> float:
        return max(54.0, self._room(rider).wide + 16, label_size(rider.text)[0] + 26 if labelled(rider) else 0.0)

    def _band(
        self,
        members: Sequence[Node],
        y: float,
        columns: Mapping[str, int],
        starts: Sequence[tuple[float, float]],
        boxes: dict[str, Box],
    ) -> float:
        """Place nodes in their columns below `y`; the lower edge of the band."""
        if not members:
            return y + EMPTY_POOL
        rows = self._rows(members, columns)
        rooms = {node.id: self._room(node) for node in members}
        count = 1 + max(rows.values())
        up, down = [0.0] * count, [0.0] * count
        for node in members:
            room, row = rooms[node.id], rows[node.id]
            up[row] = max(up[row], room.high / 2 + room.above)
            down[row] = max(down[row], room.high / 2 + room.below)
        middles, at = [], y + self.gap_y
        for row in range(count):
            middles.append(at + up[row])
            at += up[row] + down[row] + self.gap_y
        for node in members:
            room = rooms[node.id]
            left, wide = starts[columns[node.id]]
            x, top = left + (wide - room.wide) / 2, middles[rows[node.id]] - room.high / 2
            boxes[node.id] = (x, top, x + room.wide, top + room.high)
            if node.id in self.inner:
                _shift(self.inner[node.id].boxes, x, top, boxes)
        return at

    def _rows(self, members: Sequence[Node], columns: Mapping[str, int]) -> dict[str, int]:
        """The row of each node in its band: that of what it follows, where the column has room."""
        here = {node.id for node in members}
        hosts = {rider.id: host for host, riders in self.riders.items() for rider in riders}
        before: dict[str, list[str]] = {name: [] for name in here}
        after: dict[str, list[str]] = {name: [] for name in here}
        beside: dict[str, list[str]] = {name: [] for name in here}
        for edge in self.diagram.edges:
            a, b = hosts.get(edge.source, edge.source), hosts.get(edge.target, edge.target)
            if a == b or a not in here or b not in here:
                continue
            if edge.kind != "sequence":
                beside[a].append(b)
                beside[b].append(a)
            elif columns[a] < columns[b]:
                before[b].append(a)
                after[a].append(b)
        flowing = [node for node in members if is_flow(node) or before[node.id] or after[node.id]]
        stacks: dict[int, list[str]] = {}
        for node in flowing:
            stacks.setdefault(columns[node.id], []).append(node.id)
        rows: dict[str, int] = {}
        lower = {
            edge.target for name in here for rider in self.riders.get(name, ()) for edge in self.out.get(rider.id, ())
        }
        for column in sorted(stacks):
            stack = stacks[column]
            wish = {name: median_low([rows[other] for other in before[name]]) if before[name] else 0 for name in stack}
            first = {name: min((after[o].index(name) for o in before[name]), default=0) for name in stack}
            stack.sort(key=lambda name: (wish[name], name in lower, first[name], self.order[name]))
            rows |= _apart([(name, wish[name] + (1 if name in lower else 0)) for name in stack])
        for column in sorted(stacks, reverse=True):  # what leads to one node only may go to its row
            stack = stacks[column]
            taken = {rows[name] for name in stack}
            for name in stack:
                others = after[name]
                if len(others) == 1 and not before[name] and rows[others[0]] not in taken:
                    taken.discard(rows[name])
                    rows[name] = rows[others[0]]
                    taken.add(rows[name])
        for node in members:
            if node.id in rows:
                continue
            near = [rows[other] for other in beside[node.id] if other in rows]
            wished = near[0] if near else 0
            taken = {rows[other] for other in rows if columns[other] == columns[node.id]}
            down_first = node.type != "annotation"
            tries = sorted(range(-len(rows) - 2, len(rows) + 3), key=lambda k: (abs(k), (k < 0) == down_first))
            rows[node.id] = next(wished + k for k in tries if wished + k not in taken)
        used = sorted(set(rows.values()))
        return {name: used.index(row) for name, row in rows.items()}

    def _block(self, members: Sequence[Node]) -> _Block:
        """Nodes of one sub-process, laid out by themselves."""
        columns = self._columns(members)
        starts, right = self._starts(members, columns, 0.0)
        block = _Block(width=right)
        riding = max(
            (self._room(rider).high / 2 for n in members[:1] for rider in self.riders.get(n.parent or "", ())),
            default=0.0,
        )
        block.height = self._band(members, 14.0, columns, starts, block.boxes) + riding
        return block

    def _starts(
        self, members: Sequence[Node], columns: Mapping[str, int], left: float
    ) -> tuple[list[tuple[float, float]], float]:
        """Left edge and width of every column, and the right edge of all."""
        count = 1 + max(columns.values(), default=-1)
        widths, gaps = [0.0] * count, [self.gap_x] * count
        for node in members:
            column = columns[node.id]
            widths[column] = max(widths[column], self._room(node).full)
            texts = [label_size(edge.text)[0] for edge in self.out.get(node.id, ()) if edge.text.strip()]
            gaps[column] = max(gaps[column], *(text + 24 for text in texts), 0.0)
        starts, at = [], left + self.gap_x
        for column in range(count):
            starts.append((at, widths[column]))
            at += widths[column] + gaps[column]
        return starts, at

    def _columns(self, members: Sequence[Node]) -> dict[str, int]:
        """The column of each node: its longest way from a start, data beside what it belongs to."""
        here = {node.id for node in members}
        follows: dict[str, list[str]] = {node.id: [] for node in members}
        beside: dict[str, list[str]] = {node.id: [] for node in members}
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
                widths = [self._rider_width(rider) for rider in self.riders[host]]
                spare = (x1 - x0 - sum(widths)) / len(widths)
                at = x0 + spare / 2
                for node, width in zip(self.riders[host], widths, strict=True):
                    room = self._room(node)
                    wide, high = room.wide, room.high
                    x, y = at + (width - wide) / 2, y1 - high / 2
                    boxes[node.id] = (x, y, x + wide, y + high)
                    if node.id in self.inner:
                        _shift(self.inner[node.id].boxes, x, y, boxes)
                    at += width + spare
            waiting = [host for host in waiting if host not in ready]


def is_flow(node: Node) -> bool:
    """Whether a node is a step, not data or a remark."""
    return FAMILY[node.type] not in ("data", "annotation")


def _apart(wishes: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Rows of their own for nodes in this order, as near to their wishes as the others let them (isotonic fit)."""
    groups: list[tuple[float, int]] = []
    for place, (_, wish) in enumerate(wishes):
        total, count = float(wish - place), 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            above = groups.pop()
            total, count = total + above[0], count + above[1]
        groups.append((total, count))
    rows, place = {}, 0
    for total, count in groups:
        base = math.ceil(total / count - 1e-9)
        for _ in range(count):
            rows[wishes[place][0]] = base + place
            place += 1
    return rows


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
