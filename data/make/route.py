"""Orthogonal routing of flows on a grid: shortest ways with few bends that pass no node and share no line.

Cells are `STEP` pixels apart. A way may join another only when both go to the same target or come from one source.
Knows boxes and cells, nothing of nodes' meaning.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from diagram.model import Box, Point

STEP = 8
_MOVES = ((1, 0), (0, 1), (-1, 0), (0, -1))  # right, down, left, up


@dataclass(frozen=True)
class Port:
    """A place where a way may start or end: the point on the outline, the direction it faces (0 right … 3 up)."""

    point: Point
    side: int
    cost: float = 0


@dataclass
class Router:
    """One sheet with its obstacles and the ways laid so far."""

    width: float
    height: float
    blocked: bytearray = field(init=False)
    soft: dict[int, float] = field(default_factory=dict)
    used: dict[int, list[tuple[int, str, str]]] = field(default_factory=dict)  # cell*2+axis -> (edge, source, target)
    taken: dict[Point, list[tuple[str, str]]] = field(default_factory=dict)  # port point -> (role, edge kind)

    def __post_init__(self) -> None:
        self.cols, self.rows = int(self.width // STEP) + 1, int(self.height // STEP) + 1
        self.blocked = bytearray(self.cols * self.rows)

    def cells(self, box: Box, margin: float) -> Iterable[int]:
        """Cells whose point lies within the grown box."""
        x0, y0 = max(0, int(-(-(box[0] - margin) // STEP))), max(0, int(-(-(box[1] - margin) // STEP)))
        x1, y1 = min(self.cols - 1, int((box[2] + margin) // STEP)), min(self.rows - 1, int((box[3] + margin) // STEP))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                yield y * self.cols + x

    def block(self, box: Box, margin: float = 9) -> None:
        """No way may enter the grown box."""
        for cell in self.cells(box, margin):
            self.blocked[cell] = 1

    def avoid(self, box: Box, cost: float, margin: float = 2) -> None:
        """Ways pay for each cell in the grown box."""
        for cell in self.cells(box, margin):
            self.soft[cell] = self.soft.get(cell, 0) + cost

    def _gate(self, port: Port) -> tuple[int, int]:
        """The first free cell in front of a port, at most five cells away."""
        dx, dy = _MOVES[port.side]
        x, y = round(port.point[0] / STEP), round(port.point[1] / STEP)
        for _ in range(5):
            x, y = x + dx, y + dy
            if 0 <= x < self.cols and 0 <= y < self.rows and not self.blocked[y * self.cols + x]:
                return x, y
        return -1, -1

    def route(self, number: int, source: str, target: str, starts: list[Port], ends: list[Port]) -> list[Point] | None:
        """The cheapest way, from a start port's point to an end port's; None when there is none."""
        cols = self.cols
        goals: dict[int, tuple[float, Port]] = {}
        for port in ends:
            x, y = self._gate(port)
            if x >= 0:
                state = (y * cols + x) * 4 + (port.side + 2) % 4
                cost = port.cost + self._port_cost(port, "in", target)
                if state not in goals or cost < goals[state][0]:
                    goals[state] = (cost, port)
        if not goals:
            return None
        gx = [s // 4 % cols for s in goals]
        gy = [s // 4 // cols for s in goals]
        box = min(gx), min(gy), max(gx), max(gy)
        best: dict[int, float] = {}
        came: dict[int, tuple[int, Port]] = {}
        heap: list[tuple[float, float, int, int, Port]] = []
        for port in starts:
            x, y = self._gate(port)
            if x >= 0:
                state = (y * cols + x) * 4 + port.side
                cost = port.cost + self._port_cost(port, "out", source)
                if cost < best.get(state, 1e9):
                    best[state] = cost
                    came[state] = (-1, port)
                    heapq.heappush(heap, (cost, cost, state, -1, port))
        final, final_cost = -1, 1e9
        while heap:
            guess, cost, state, _, port = heapq.heappop(heap)
            if guess >= final_cost:
                break
            if cost > best[state]:
                continue
            if state in goals and cost + goals[state][0] < final_cost:
                final, final_cost = state, cost + goals[state][0]
            cell, d = divmod(state, 4)
            x, y = cell % cols, cell // cols
            for nd in (d, (d + 1) % 4, (d + 3) % 4):
                dx, dy = _MOVES[nd]
                nx, ny = x + dx, y + dy
                if not (0 <= nx < cols and 0 <= ny < self.rows):
                    continue
                ncell = ny * cols + nx
                if self.blocked[ncell]:
                    continue
                more = 1 + self.soft.get(ncell, 0.0)
                if nd != d:
                    more += 7 + (25 if self._foreign(cell, source, target) else 0)
                more += self._sharing(ncell, nd % 2, source, target)
                new, nstate = cost + more, ncell * 4 + nd
                if new < best.get(nstate, 1e9):
                    best[nstate] = new
                    came[nstate] = (state, port)
                    rest = max(box[0] - nx, 0, nx - box[2]) + max(box[1] - ny, 0, ny - box[3])
                    heapq.heappush(heap, (new + rest, new, nstate, state, port))
        if final < 0:
            return None
        states = [final]
        while came[states[-1]][0] >= 0:
            states.append(came[states[-1]][0])
        states.reverse()
        start, end = came[states[0]][1], goals[final][1]
        self._lay(states, number, source, target)
        self.taken.setdefault(start.point, []).append(("out", source))
        self.taken.setdefault(end.point, []).append(("in", target))
        way = [start.point]
        way += [(s // 4 % cols * STEP, s // 4 // cols * STEP) for s in states]
        way.append(end.point)
        return corners(way)

    def _port_cost(self, port: Port, role: str, owner: str) -> float:
        return sum(14 if other == role else 60 for other, _ in self.taken.get(port.point, []))

    def _foreign(self, cell: int, source: str, target: str) -> bool:
        return any(s != source and t != target for axis in (0, 1) for _, s, t in self.used.get(cell * 2 + axis, ()))

    def _sharing(self, cell: int, axis: int, source: str, target: str) -> float:
        cost = 0.0
        for _, s, t in self.used.get(cell * 2 + axis, ()):
            cost += 0.3 if t == target else (2 if s == source else 60)
        for _, _, t in self.used.get(cell * 2 + 1 - axis, ()):
            cost += 0.3 if t == target else 6
        side = 1 if axis else self.cols
        for near in (cell - side, cell + side):
            for _, _, t in self.used.get(near * 2 + axis, ()):
                cost += 0 if t == target else 2.5
        return cost

    def _lay(self, states: list[int], number: int, source: str, target: str) -> None:
        for i, state in enumerate(states):
            cell, d = divmod(state, 4)
            axes = {d % 2} | ({states[i + 1] % 4 % 2} if i + 1 < len(states) else set())
            for axis in axes:
                self.used.setdefault(cell * 2 + axis, []).append((number, source, target))


def corners(way: list[Point]) -> list[Point]:
    """The polyline without the points that lie on a straight part."""
    out: list[Point] = []
    for p in way:
        if out and abs(p[0] - out[-1][0]) < 0.01 and abs(p[1] - out[-1][1]) < 0.01:
            continue
        if len(out) > 1 and (
            abs((out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) - (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0]))
            < 0.01
        ):
            out[-1] = p
        else:
            out.append(p)
    return out
