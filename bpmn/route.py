"""Orthogonal ways for flows between boxes: no way through a box, none along another way.

Ways run on a grid of lines: through the ports of the symbols and, a few pixels apart, beside every box. Each flow takes
the cheapest way (length, turns, crossings, unusual sides) by A*; what it uses is closed to the others. Units are pixels
of the plane. Knows boxes and which of them enclose others, nothing of lanes or BPMN.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from diagram.model import Box, Point

Form = Literal["box", "diamond", "circle", "rider", "frame", "band"]
"""How a symbol is outlined. rider: a circle on a border, left only downwards. frame: encloses others. band: a pool."""

STEP: Final = 10.0
CLEAR: Final = 8.0
_CLOSE: Final = 6.0
_TURN: Final = 30.0
_CROSS: Final = 70.0
_SHARED: Final = 2000.0
_SIDES: Final = {"right": (1, 0), "left": (-1, 0), "bottom": (0, 1), "top": (0, -1)}
_USUAL: Final = {
    ("sequence", True): {"right": 0, "bottom": 30, "top": 30, "left": 120},
    ("sequence", False): {"left": 0, "bottom": 30, "top": 30, "right": 120},
    ("message", True): {"bottom": 0, "top": 0, "left": 60, "right": 60},
    ("association", True): {"bottom": 0, "top": 0, "left": 20, "right": 20},
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """What flows end at or must go round. inside: the frames around it, the innermost first."""

    box: Box
    form: Form
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A way that is wanted. within: the box it should not leave."""

    id: str
    source: str
    target: str
    kind: str
    within: Box | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """Way points by flow, from border to border, and the flows that had to break a rule."""

    points: dict[str, tuple[Point, ...]]
    forced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Port:
    at: Point
    way: tuple[int, int]
    cost: float


def route(
    symbols: Mapping[str, Symbol],
    flows: Sequence[Flow],
    walls: Sequence[Box] = (),
    tracks: int = 3,
    known: Iterable[Sequence[Point]] = (),
) -> Ways:
    """The ways of all flows.

    Args:
        walls: further boxes that no way may cut, such as labels.
        tracks: lines beside each box; more of them find more ways and take longer.
        known: ways that are there already.
    """
    if not flows:
        return Ways({}, ())
    grid = _Grid(symbols, flows, walls, tracks)
    for points in known:
        grid.occupy(points, 1)
    return grid.all(flows)


_Stub = tuple[float, _Port]
"""What it costs to get from a port to the grid, and the port."""


class _Grid:
    def __init__(self, symbols: Mapping[str, Symbol], flows: Sequence[Flow], walls: Sequence[Box], tracks: int) -> None:
        self.symbols = symbols
        ends = {name for flow in flows for name in (flow.source, flow.target)}
        leaves = {name: item for name, item in symbols.items() if item.form not in ("frame", "band")}
        ports = [port for name in sorted(ends) for port in _ports(symbols[name], "sequence", source=True)]
        self.xs = _lines(
            [port.at[0] for port in ports if port.way[0] == 0], [item.box for item in symbols.values()], 0, tracks
        )
        self.ys = _lines(
            [port.at[1] for port in ports if port.way[1] == 0], [item.box for item in symbols.values()], 1, tracks
        )
        self.wide = len(self.xs)
        count = self.wide * len(self.ys)
        self.closed = ([0] * count, [0] * count)  # of the piece to the right and downwards of each vertex
        self.used = ([0] * count, [0] * count)
        self.passed = ([0] * count, [0] * count)
        self.bends = [0] * count
        self.near = (_near(self.xs), _near(self.ys))
        self.leaves = leaves
        for item in leaves.values():
            self._close(item.box, CLEAR, 1)
        for wall in walls:
            self._close(wall, 3.0, 1)

    def all(self, flows: Sequence[Flow]) -> Ways:
        """Route every flow, near ones first, then again those that cross others, now knowing all."""
        points: dict[str, tuple[Point, ...]] = {}
        cost: dict[str, float] = {}
        forced: set[str] = set()

        def lay(flow: Flow) -> None:
            forced.discard(flow.id)
            found = self._find(flow, strict=True)
            if found is None:
                forced.add(flow.id)
                found = self._find(flow, strict=False)
            points[flow.id], cost[flow.id] = found or (self._direct(flow), math.inf)
            self.occupy(points[flow.id], 1)

        order = sorted(flows, key=lambda flow: (flow.kind != "sequence", self._distance(flow)))
        for flow in order:
            lay(flow)
        for _ in range(2):
            again = [f for f in order if f.id in forced or cost[f.id] > self._distance(f) + 1.5 * _TURN]
            for flow in sorted(again, key=lambda flow: flow.id not in forced):
                self.occupy(points[flow.id], -1)
                lay(flow)
        return Ways({flow.id: points[flow.id] for flow in flows}, tuple(sorted(forced)))

    def occupy(self, points: Sequence[Point], by: int) -> None:
        """Count the vertices and pieces that a way uses, or no longer uses."""
        for place, (a, b) in enumerate(zip(points, points[1:], strict=False)):
            axis = 0 if a[1] == b[1] else 1
            if axis and a[0] != b[0]:
                continue
            lines, across = (self.xs, self.ys) if axis == 0 else (self.ys, self.xs)
            low, high = sorted((a[axis], b[axis]))
            first, last = bisect_left(lines, low - 0.01), bisect_right(lines, high + 0.01) - 1
            at = bisect_left(across, a[1 - axis] - 0.01)
            if at >= len(across):
                continue
            stride, step = (1, self.wide) if axis == 0 else (self.wide, 1)
            begin, end = max(0, first - 1), min(last, len(lines) - 2)
            for other in self.near[1 - axis][at]:
                for k in range(begin, end + 1):
                    self.used[axis][k * stride + other * step] += by
            for k in range(first, last + 1):
                self.passed[axis][k * stride + at * step] += by
            if place and first <= last:
                k = first if abs(lines[first] - a[axis]) < 0.02 else last
                self.bends[k * stride + at * step] += by

    def _close(self, box: Box, clear: float, by: int) -> None:
        x0, y0, x1, y1 = box[0] - clear, box[1] - clear, box[2] + clear, box[3] + clear
        xs, ys, wide = self.xs, self.ys, self.wide
        i0, i1 = bisect_right(xs, x0), bisect_left(xs, x1)  # lines strictly inside
        j0, j1 = bisect_right(ys, y0), bisect_left(ys, y1)
        across, down = self.closed
        for j in range(j0, j1):
            for i in range(max(0, i0 - 1), min(i1, wide - 1)):
                across[j * wide + i] += by
        for j in range(max(0, j0 - 1), min(j1, len(ys) - 1)):
            for i in range(i0, i1):
                down[j * wide + i] += by

    def _distance(self, flow: Flow) -> float:
        a, b = self.symbols[flow.source].box, self.symbols[flow.target].box
        return abs(a[0] + a[2] - b[0] - b[2]) / 2 + 3 * abs(a[1] + a[3] - b[1] - b[3]) / 2

    def _direct(self, flow: Flow) -> tuple[Point, ...]:
        a, b = self.symbols[flow.source].box, self.symbols[flow.target].box
        return ((a[0] + a[2]) / 2, (a[1] + a[3]) / 2), ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2)

    def _find(self, flow: Flow, *, strict: bool) -> tuple[tuple[Point, ...], float] | None:
        source, target = self.symbols[flow.source], self.symbols[flow.target]
        open_frames = {*source.inside, *target.inside}
        frames = [
            item.box for name, item in self.symbols.items() if item.form == "frame" and name not in open_frames
        ] if strict else []  # fmt: skip
        for box in frames:
            self._close(box, CLEAR, 1)
        try:
            starts = self._stubs(flow, flow.source, source=True, strict=strict)
            ends = self._stubs(flow, flow.target, source=False, strict=strict)
            if not starts or not ends:
                return None
            return self._search(flow, starts, ends, strict=strict)
        finally:
            for box in frames:
                self._close(box, CLEAR, -1)

    def _stubs(self, flow: Flow, name: str, *, source: bool, strict: bool) -> dict[int, tuple[float, _Port]]:
        """Where the grid is entered from each port: cost and port by state (vertex, axis)."""
        symbol = self.symbols[name]
        other = self.symbols[flow.target if source else flow.source]
        inwards = symbol.form in ("frame", "band") and name in other.inside and flow.source != flow.target
        found: dict[int, tuple[float, _Port]] = {}
        if symbol.form == "band":
            ports = self._band_ports(symbol.box, other.box)
        else:
            ports = _ports(symbol, flow.kind, source=source)
        if flow.source == flow.target:  # from the sides round to the top or bottom
            middle = (symbol.box[0] + symbol.box[2]) / 2
            halved = symbol.form in ("rider", "band")
            ports = [port for port in ports if (port.at[0] > middle if halved else port.way[0] != 0) == source]
        for port in ports:
            dx, dy = port.way
            if inwards:
                dx, dy = -dx, -dy
            axis = 0 if dx else 1
            lines, across = (self.xs, self.ys) if axis == 0 else (self.ys, self.xs)
            at = bisect_left(across, port.at[1 - axis] - 0.01)
            if at >= len(across) or abs(across[at] - port.at[1 - axis]) > 0.02:
                continue
            sign = dx + dy
            start = port.at[axis] if symbol.form in ("frame", "band") else _side(symbol.box, port.way)
            edge = start + sign * CLEAR
            k = bisect_left(lines, edge - 0.01) if sign > 0 else bisect_right(lines, edge + 0.01) - 1
            if not 0 <= k < len(lines):
                continue
            stride, step = (1, self.wide) if axis == 0 else (self.wide, 1)
            vertex = k * stride + at * step
            end = (lines[k], across[at]) if axis == 0 else (across[at], lines[k])
            piece = vertex - stride if sign > 0 else vertex  # of the grid, on the way from the border
            if strict and (self.bends[vertex] or (piece >= 0 and self.used[axis][piece])):
                continue
            if strict and any(_cuts(item.box, port.at, end) for key, item in self.leaves.items() if key != name):
                continue
            cost = port.cost + abs(lines[k] - port.at[axis])
            state = vertex * 2 + axis
            if state not in found or cost < found[state][0]:
                found[state] = cost, port
        return found

    def _band_ports(self, box: Box, other: Box) -> list[_Port]:
        ports = []
        middle = (other[0] + other[2]) / 2
        for x in self.xs[bisect_left(self.xs, box[0] + 40) : bisect_right(self.xs, box[2] - 10)]:
            off = 0.5 * abs(x - middle)
            ports += [_Port((x, box[1]), (0, -1), off), _Port((x, box[3]), (0, 1), off)]
        return ports

    def _search(
        self, flow: Flow, starts: Mapping[int, _Stub], ends: Mapping[int, _Stub], *, strict: bool
    ) -> tuple[tuple[Point, ...], float] | None:  # fmt: skip
        xs, ys, wide = self.xs, self.ys, self.wide
        i0, i1, j0, j1 = 0, wide - 1, 0, len(ys) - 1
        if strict and flow.within is not None:
            x0, y0, x1, y1 = flow.within
            i0, i1 = bisect_right(xs, x0 + 4), bisect_left(xs, x1 - 4) - 1
            j0, j1 = bisect_right(ys, y0 + 4), bisect_left(ys, y1 - 4) - 1
        (closed_h, closed_v), (used_h, used_v), (passed_h, passed_v) = self.closed, self.used, self.passed
        bends = self.bends
        goal_x = [xs[state // 2 % wide] for state in ends]
        goal_y = [ys[state // 2 // wide] for state in ends]
        gx0, gx1, gy0, gy1 = min(goal_x), max(goal_x), min(goal_y), max(goal_y)

        def ahead(i: int, j: int) -> float:
            x, y = xs[i], ys[j]
            return max(gx0 - x, x - gx1, 0.0) + max(gy0 - y, y - gy1, 0.0)

        best: dict[int, float] = {}
        came: dict[int, int] = {}
        heap: list[tuple[float, float, int]] = []
        for state, (cost, _) in starts.items():
            j, i = divmod(state // 2, wide)
            if i0 <= i <= i1 and j0 <= j <= j1:
                best[state] = cost
                heap.append((cost + ahead(i, j), cost, state))
        heapq.heapify(heap)
        final, last = math.inf, -1
        done: set[int] = set()
        while heap and heap[0][0] < final:
            _, cost, state = heapq.heappop(heap)
            if state in done:
                continue
            done.add(state)
            vertex, axis = state >> 1, state & 1
            if state in ends and cost + ends[state][0] < final:
                final, last = cost + ends[state][0], state
            j, i = divmod(vertex, wide)
            turn = not (passed_h[vertex] or passed_v[vertex] or bends[vertex]) or not strict
            for new_axis in (axis, 1 - axis):
                price = cost
                if new_axis != axis:
                    if not turn:
                        continue
                    price += _TURN
                shut, used = (closed_v, used_v) if new_axis else (closed_h, used_h)
                passed = passed_h if new_axis else passed_v
                stride = wide if new_axis else 1
                for sign in (-1, 1):
                    if new_axis:
                        there = j + sign
                        if not j0 <= there <= j1:
                            continue
                        length = abs(ys[there] - ys[j])
                    else:
                        there = i + sign
                        if not i0 <= there <= i1:
                            continue
                        length = abs(xs[there] - xs[i])
                    piece = vertex if sign > 0 else vertex - stride
                    if shut[piece]:
                        continue
                    to = vertex + sign * stride
                    total = price + length
                    if used[piece] or bends[to]:
                        if strict:
                            continue
                        total += _SHARED
                    if passed[to]:
                        total += _CROSS
                    new = to * 2 + new_axis
                    if total < best.get(new, math.inf):
                        best[new] = total
                        came[new] = state
                        heapq.heappush(heap, (total + (ahead(i, there) if new_axis else ahead(there, j)), total, new))
        if last < 0:
            return None
        states = [last]
        while states[-1] in came:
            states.append(came[states[-1]])
        states.reverse()
        path = [starts[states[0]][1].at, *((xs[s // 2 % wide], ys[s // 2 // wide]) for s in states)]
        return straightened([*path, ends[last][1].at]), final


def _ports(symbol: Symbol, kind: str, *, source: bool) -> list[_Port]:
    """Where flows may touch a symbol, the middle of the usual side first."""
    x0, y0, x1, y1 = symbol.box
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    usual = _USUAL.get((kind, source)) or _USUAL.get((kind, True)) or _USUAL["association", True]
    ports = []
    for side, way in _SIDES.items():
        if symbol.form == "rider" and side != "bottom":
            continue
        half = half_y if way[0] else half_x
        gap = 15.0 if symbol.form in ("box", "frame") and half > 28 else 9.0
        most = int((half - 8) // gap) if symbol.form in ("box", "frame") else 1
        most = min(most, 3 if symbol.form == "box" else 6)
        price = 5.0 if symbol.form == "diamond" and source and side in ("top", "bottom") else float(usual[side])
        for k in range(-most, most + 1):
            off = k * gap
            depth = 0.0
            if symbol.form == "diamond":
                depth = (half_y if way[1] else half_x) * abs(off) / half
            elif symbol.form in ("circle", "rider"):
                depth = half - math.sqrt(max(0.0, half * half - off * off))
            if way[0]:
                at = (x1 - depth if way[0] > 0 else x0 + depth, cy + off)
            else:
                at = (cx + off, y1 - depth if way[1] > 0 else y0 + depth)
            ports.append(_Port(at, way, price + 30.0 * abs(k)))
    return ports


def _side(box: Box, way: tuple[int, int]) -> float:
    return {(1, 0): box[2], (-1, 0): box[0], (0, 1): box[3], (0, -1): box[1]}[way]


def _lines(ports: Iterable[float], boxes: Iterable[Box], axis: int, tracks: int) -> list[float]:
    """Where lines run: through all ports, and beside boxes where no other line is close."""
    kept: list[float] = []
    for value in sorted(ports):
        if not kept or value - kept[-1] > 0.02:
            kept.append(value)
    wanted = sorted(
        (k, edge + sign * (CLEAR + 4 + STEP * k))
        for box in boxes
        for edge, sign in ((box[axis], -1), (box[axis + 2], 1))
        for k in range(tracks)
    )
    for _, value in wanted:
        at = bisect_left(kept, value)
        if (at == 0 or value - kept[at - 1] >= 8) and (at == len(kept) or kept[at] - value >= 8):
            kept.insert(at, value)
    return kept


def _near(lines: Sequence[float]) -> list[range]:
    """For each line the lines that are too close to be used along with it, itself included."""
    return [range(bisect_right(lines, at - _CLOSE), bisect_left(lines, at + _CLOSE)) for at in lines]


def straightened(points: Sequence[Point]) -> tuple[Point, ...]:
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


def _cuts(box: Box, a: Point, b: Point) -> bool:
    """Whether an upright or level line runs through the inside of a box."""
    return (
        max(a[0], b[0]) > box[0] and min(a[0], b[0]) < box[2] and max(a[1], b[1]) > box[1] and min(a[1], b[1]) < box[3]
    )
