"""Pools, lanes and expanded sub-processes: frames with symbols inside.

Frames of pools and lanes are put together from long straight lines, because flows that cross a lane cut its face into
pieces; sub-processes are faces that hold other symbols. Names are not read here: `Container.header` only says where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from vision.boxes import area, inside, iou, share, size
from vision.parts import Box, Bytes, Container, Page, Scene, Shape, TextLine
from vision.walls import Walls

Kind = Literal["pool", "lane", "subprocess", "group"]
BOXY = ("rectangle", "rounded", "stadium")


@dataclass(frozen=True, slots=True)
class Segment:
    """A long straight line: `at` is its y (horizontal) or x (vertical); it runs from `start` to `end`."""

    at: float
    start: float
    end: float
    thickness: float


def find_containers(page: Page, walls: Walls, shapes: Sequence[Shape], lines: Sequence[TextLine]) -> Scene:
    """Split the shapes into symbols and frames, and add the frames that only lines reveal."""
    unit = page.unit
    nodelike = [s for s in shapes if min(size(s.box)) >= 1.3 * unit]
    holders = [s for s in shapes if s.outline in BOXY and sum(inside(n.box, s.box) for n in nodelike) >= 2]
    symbols = [s for s in nodelike if s not in holders]
    grid = _Grid(walls.wall, unit)
    frames = grid.frames(symbols)
    containers: list[Container] = []
    for frame in _outermost(frames):
        has_lanes = any(inside(s.box, frame) for s in symbols)
        named = any(inside(line.box, frame) for line in lines)
        if not (has_lanes or (named and _wide(frame, unit, page))):
            continue
        found: list[Container] = []
        _split(grid, frame, symbols, None, found)
        if len(found) == 1 and found[0].header is None and not _is_pool(frame, symbols, lines, unit, page):
            continue
        containers += [replace(c, parent=None if c.parent is None else c.parent + len(containers)) for c in found]
    for s in sorted(holders, key=lambda s: -area(s.box)):
        if any(c.kind in ("pool", "lane") and iou(s.box, c.box) > 0.8 for c in containers) or _is_part(s, containers, unit):
            continue
        if _cut(s.box, symbols, unit) >= 2:
            continue
        held = sum(inside(n.box, s.box) for n in symbols)
        pool = s.outline == "rectangle" and not containers and held > 0.85 * len(symbols)
        kind: Kind = "pool" if pool else "subprocess"
        containers.append(Container(kind, s.box, confidence=s.confidence, shape=s))
    frames_shapes = [s for s in symbols if any(iou(s.box, c.box) > 0.8 for c in containers)]
    strips = [c.header for c in containers if c.header]
    kept = [
        s
        for s in shapes
        if s not in holders
        and s not in frames_shapes
        and not any(iou(s.box, strip) > 0.6 or share(s.box, strip) > 0.9 for strip in strips)
        and not (s in nodelike and s not in symbols)
    ]
    return Scene(tuple(kept), tuple(_nest(containers)))


class _Grid:
    """Long straight lines of a page and the rectangles they close."""

    def __init__(self, wall: Bytes, unit: float) -> None:
        self._wall, self._unit = wall, unit
        self.horizontal = self._segments(wall)
        self.vertical = self._segments(wall.T)
        self.slack = max(3.0, 0.35 * unit)

    def _segments(self, wall: Bytes) -> list[Segment]:
        length = int(7 * self._unit)
        wall = np.ascontiguousarray(wall)
        kernel = np.ones((1, length), np.uint8)
        opened = cv2.morphologyEx(wall, cv2.MORPH_OPEN, kernel)
        count, _, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
        rows = [tuple(int(v) for v in stats[i]) for i in range(1, count)]
        thin = [(x, y, w, h) for x, y, w, h, _ in rows if h <= 0.8 * self._unit]
        out = [Segment(y + h / 2, float(x), float(x + w), float(h)) for x, y, w, h in thin]
        return _joined(sorted(out, key=lambda s: (s.at, s.start)), self._unit)

    def covered(self, axis: Literal["h", "v"], at: float, start: float, end: float) -> float:
        """Share of the straight way that lies on walls."""
        wall = self._wall if axis == "h" else self._wall.T
        low, high = max(0, int(at - 3)), min(wall.shape[0], int(at + 4))
        a, b = max(0, int(start)), min(wall.shape[1], int(end))
        if high <= low or b <= a:
            return 0.0
        return float((wall[low:high, a:b] > 0).any(0).mean())

    def frames(self, symbols: Sequence[Shape]) -> list[Box]:
        """Closed rectangles of long lines that no symbol straddles."""
        unit, slack = self._unit, self.slack
        out: list[Box] = []
        rows = self.horizontal
        for i, top in enumerate(rows):
            for bottom in rows[i + 1 :]:
                height = bottom.at - top.at
                if height < 3 * unit:
                    continue
                x0, x1 = max(top.start, bottom.start), min(top.end, bottom.end)
                if x1 - x0 < 10 * unit:
                    continue
                if abs(top.start - bottom.start) > slack or abs(top.end - bottom.end) > slack:
                    continue
                if min(self.covered("v", x, top.at, bottom.at) for x in (x0, x1)) < 0.93:
                    continue
                box = (x0, top.at, x1, bottom.at)
                if _cut(box, symbols, unit) == 0:
                    out.append(box)
        return out

    def across(self, axis: Literal["h", "v"], box: Box) -> list[float]:
        """Positions of lines that span the box from side to side, its own border left out."""
        x0, y0, x1, y1 = box
        low, high, start, end = (y0, y1, x0, x1) if axis == "h" else (x0, x1, y0, y1)
        found = self.horizontal if axis == "h" else self.vertical
        out: list[float] = []
        for s in found:
            if not low + self.slack < s.at < high - self.slack:
                continue
            if s.start > start + self.slack or s.end < end - self.slack:
                continue
            if not out or s.at - out[-1] > self.slack:
                out.append(s.at)
        return out


def _joined(segments: Sequence[Segment], unit: float) -> list[Segment]:
    """Collinear pieces with small gaps, and the two edges of one thick line, as one segment."""
    out: list[Segment] = []
    for s in segments:
        for i, o in enumerate(out):
            if s.at - o.at <= 0.35 * unit and s.start <= o.end + 1.5 * unit and o.start <= s.end + 1.5 * unit:
                out[i] = Segment(
                    (o.at + s.at) / 2, min(o.start, s.start), max(o.end, s.end), max(o.thickness, s.thickness)
                )
                break
        else:
            out.append(s)
    return sorted(out, key=lambda s: s.at)


def _split(
    grid: _Grid, box: Box, symbols: Sequence[Shape], parent: int | None, out: list[Container], depth: int = 0
) -> None:
    """Add the frame as a pool (or lane) and divide it into its lanes."""
    unit = grid._unit
    x0, y0, x1, y1 = box
    header: Box | None = None
    content = box
    upright = False
    columns, rows = grid.across("v", box), grid.across("h", box)
    if columns and columns[0] - x0 <= 6 * unit and _vacant((x0, y0, columns[0], y1), symbols):
        header, content = (x0, y0, columns[0], y1), (columns[0], y0, x1, y1)
    elif rows and rows[0] - y0 <= 4.5 * unit and _vacant((x0, y0, x1, rows[0]), symbols):
        header, content = (x0, y0, x1, rows[0]), (x0, rows[0], x1, y1)
        upright = True
    index = len(out)
    out.append(Container("pool" if parent is None else "lane", box, header, parent, upright))
    if depth > 4:
        return
    inner_rows = [y for y in grid.across("h", content)]
    inner_columns = [x for x in grid.across("v", content)]
    cells: list[Box] = []
    if inner_rows:
        edges = [content[1], *inner_rows, content[3]]
        cells = [(content[0], a, content[2], b) for a, b in zip(edges, edges[1:], strict=False)]
    elif inner_columns:
        edges = [content[0], *inner_columns, content[2]]
        cells = [(a, content[1], b, content[3]) for a, b in zip(edges, edges[1:], strict=False)]
    cells = [c for c in cells if min(c[2] - c[0], c[3] - c[1]) > 1.2 * unit]
    if len(cells) >= 2:
        for cell in cells:
            _split(grid, cell, symbols, index, out, depth + 1)
    elif header is not None and (grid.across("v", content) or grid.across("h", content)):
        _split(grid, content, symbols, index, out, depth + 1)


def _vacant(box: Box, symbols: Sequence[Shape]) -> bool:
    return not any(inside(s.box, box) for s in symbols)


def _cut(box: Box, symbols: Sequence[Shape], unit: float) -> int:
    """Number of symbols that the border of the box runs through."""
    count = 0
    for s in symbols:
        if 0.12 < share(s.box, box) < 0.88 and min(size(s.box)) > 1.3 * unit:
            count += 1
    return count


def _is_pool(box: Box, symbols: Sequence[Shape], lines: Sequence[TextLine], unit: float, page: Page) -> bool:
    """A plain frame is a pool when its name is turned, or it is a bar with a name, or it holds nearly everything."""
    if any(line.turn and line.box[0] - box[0] < 2.5 * unit and share(line.box, box) > 0.9 for line in lines):
        return True
    held = sum(inside(s.box, box) for s in symbols)
    return held == 0 and _wide(box, unit, page) or held > 0.85 * len(symbols)


def _wide(box: Box, unit: float, page: Page) -> bool:
    width, height = size(box)
    return max(width, height) > 0.45 * max(page.size) and max(width, height) > 5 * min(width, height)


def _is_part(shape: Shape, containers: Sequence[Container], unit: float) -> bool:
    """A face that is a piece of a lane: three of its sides lie on the frame of one."""
    for c in containers:
        if c.kind == "subprocess" or share(shape.box, c.box) < 0.9:
            continue
        near = sum(abs(a - b) < 0.6 * unit for a, b in zip(shape.box, c.box, strict=True))
        if near >= 2:
            return True
    return False


def _outermost(frames: Sequence[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(frames, key=lambda b: -area(b)):
        if not any(share(box, k) > 0.9 for k in kept):
            kept.append(box)
    return sorted(kept, key=lambda b: (b[1], b[0]))


def _nest(containers: Sequence[Container]) -> list[Container]:
    """Give every container its smallest enclosing one as parent."""
    out = []
    for i, c in enumerate(containers):
        around = [
            j
            for j, other in enumerate(containers)
            if j != i and share(c.box, other.box) > 0.9 and area(other.box) > 1.02 * area(c.box)
        ]
        parent = c.parent if c.parent is not None else min(around, key=lambda j: area(containers[j].box), default=None)
        kind = c.kind
        if kind == "pool" and parent is not None and containers[parent].kind in ("pool", "lane"):
            kind = "lane" if c.header is not None else "subprocess"
        out.append(replace(c, parent=parent, kind=kind))
    return out
