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
from vision.masks import opened_along
from vision.parts import Box, Bytes, Container, Page, Scene, Shape, TextLine
from vision.regions import pieces
from vision.threads import each
from vision.walls import Walls

Kind = Literal["pool", "lane", "subprocess", "group"]
BOXY = ("rectangle", "rounded", "stadium")
FEW = 0.2  # of the symbols in a frame may lie across its border (logos, envelopes on message flows)


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
    grid = _Grid(walls.wall, unit, [s.box for s in shapes if _covers(s, page)])
    containers = _partitions(grid, symbols, lines)
    frames = [] if containers else grid.frames(symbols)
    frames = [f for f in frames if not any(s.outline == "barred" and iou(s.box, f) > 0.8 for s in symbols)]
    pools = _pool_frames(grid, frames, symbols, lines)
    paper = [f for f in _outermost(frames) if f not in pools]  # page frames: their bands and bodies are no symbols
    for frame in pools:
        has_lanes = any(inside(s.box, frame) for s in symbols)
        named = any(inside(line.box, frame) for line in lines)
        if not (has_lanes or (named and _wide(frame, page))):
            continue
        found: list[Container] = []
        _split(grid, frame, symbols, lines, None, found)
        if len(found) == 1 and found[0].header is None and not _is_pool(frame, symbols, lines, unit, page):
            continue
        containers += [replace(c, parent=None if c.parent is None else c.parent + len(containers)) for c in found]
    for s in sorted(holders, key=lambda s: -area(s.box)):
        if any(c.kind in ("pool", "lane") and iou(s.box, c.box) > 0.8 for c in containers) or _is_part(
            s, containers, unit
        ):
            continue
        if _cut(s.box, symbols, unit) >= 2 or _is_band(s.box, paper):
            continue
        if any(c.kind in ("pool", "lane") and share(c.box, s.box) > 0.9 for c in containers):
            continue  # the ground that pools are drawn on
        held = sum(inside(n.box, s.box) for n in symbols)
        pool = s.outline == "rectangle" and not containers and held > 0.85 * len(symbols)
        kind: Kind = "pool" if pool else "subprocess"
        containers.append(Container(kind, s.box, confidence=s.confidence, shape=s))
    frames_shapes = [s for s in symbols if any(iou(s.box, c.box) > 0.8 for c in containers)]
    frames_shapes += [s for s in shapes if _is_band(s.box, paper) or _is_title(s, paper, pools, unit)]
    strips = [c.header for c in containers if c.header]
    kept = [
        s
        for s in shapes
        if s not in holders
        and s not in frames_shapes
        and not any(iou(s.box, strip) > 0.6 or share(s.box, strip) > 0.9 for strip in strips)
        and not _is_part(s, containers, unit)
        and not (s in nodelike and s not in symbols)
    ]
    return Scene(tuple(kept), tuple(_nest(containers)))


class _Grid:
    """Long straight lines of a page and the rectangles they close."""

    def __init__(self, wall: Bytes, unit: float, blockers: Sequence[Box]) -> None:
        self._wall, self.unit, self._blockers = wall, unit, blockers
        self.horizontal, self.vertical = each(self._segments, (wall, np.asarray(cv2.transpose(wall), np.uint8)))
        self.slack = max(3.0, 0.35 * unit)

    def _segments(self, wall: Bytes) -> list[Segment]:
        length = int(7 * self.unit)
        thin = [piece for piece in pieces(opened_along(wall, length), 1) if piece.height <= 0.8 * self.unit]
        out = [Segment(p.top + p.height / 2, float(p.left), float(p.left + p.width), float(p.height)) for p in thin]
        return _joined(sorted(out, key=lambda s: (s.at, s.start)), self.unit)

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
        unit, slack = self.unit, self.slack
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
                if _cut(box, symbols, unit) <= FEW * sum(inside(s.box, box) for s in symbols) and not self._apart(box):
                    out.append(box)
        return out

    def _apart(self, box: Box) -> bool:
        """Whether a box is two frames with a space between them: both its upright sides end and begin again."""
        x0, y0, x1, y1 = box
        breaks = [s.at for s in self.horizontal if abs(s.start - x0) < self.slack and abs(s.end - x1) < self.slack]
        rim, inner = 0.15 * self.unit, [at for at in breaks if y0 <= at <= y1]
        spaces = [(a + rim, b - rim) for a, b in zip(inner, inner[1:], strict=False) if b - a > 0.6 * self.unit]
        return any(max(self.covered("v", x, low, high) for x in (x0, x1)) < 0.5 for low, high in spaces)

    def across(self, axis: Literal["h", "v"], box: Box, *, bounded: bool = False) -> list[float]:
        """Positions of lines that span the box from side to side, its own border left out. Where a symbol covers the
        line it is taken to go on. bounded: lines that run on beyond the box do not count (flows do)."""
        x0, y0, x1, y1 = box
        low, high, start, end = (y0, y1, x0, x1) if axis == "h" else (x0, x1, y0, y1)
        found = self.horizontal if axis == "h" else self.vertical
        out: list[float] = []
        for s in found:
            if not low + self.slack < s.at < high - self.slack or (out and s.at - out[-1] <= self.slack):
                continue
            parts = [p for p in found if abs(p.at - s.at) < 0.35 * self.unit and p.end > start and p.start < end]
            if not parts:
                continue
            first, last = min(p.start for p in parts), max(p.end for p in parts)
            rests = [(start, first), (last, end)]  # too short for a piece of its own
            hidden = self._hidden(axis, s.at, 0.8 * (end - start))
            if any(b - a > self.slack and not self._goes_on(axis, s.at, a, b, hidden) for a, b in rests):
                continue
            parts = [*parts, *(replace(s, start=a, end=b) for a, b in rests if b > a)]
            if bounded and (first < start - 2 * self.unit or last > end + 2 * self.unit):
                continue
            if _free([*((p.start, p.end) for p in parts), *hidden], start, end) <= 0.05 * (end - start):
                out.append(s.at)
        return out

    def _goes_on(
        self, axis: Literal["h", "v"], at: float, start: float, end: float, hidden: Sequence[tuple[float, float]]
    ) -> bool:
        """Whether a line is drawn from start to end, what symbols hide left out."""
        free = [(start, end)]
        for a, z in hidden:
            free = [p for low, high in free for p in ((low, min(a, high)), (max(z, low), high)) if p[1] > p[0]]
        return bool(free) and all(self.covered(axis, at, a, b) > 0.9 for a, b in free)

    def _hidden(self, axis: Literal["h", "v"], at: float, most: float) -> list[tuple[float, float]]:
        """The pieces of a straight line that symbols cover; what is longer than `most` is a frame, not a symbol."""
        out = []
        for b in self._blockers:
            near, far, a, z = (b[1], b[3], b[0], b[2]) if axis == "h" else (b[0], b[2], b[1], b[3])
            if near < at < far and z - a <= most:
                out.append((a - self.slack, z + self.slack))
        return out


def _partitions(grid: _Grid, symbols: Sequence[Shape], lines: Sequence[TextLine]) -> list[Container]:
    """Columns between upright lines of one length, each with its name on top, not closed above and below (UML)."""
    unit = grid.unit
    for first in grid.vertical:
        same = [s for s in grid.vertical if abs(s.start - first.start) < unit and abs(s.end - first.end) < unit]
        edges = [s.at for s in same]
        if first is not same[0] or len(edges) < 3:
            continue
        top, bottom = min(s.start for s in same), max(s.end for s in same)
        cells = [(a, top, b, bottom) for a, b in zip(edges, edges[1:], strict=False) if b - a > 3 * unit]
        names = [[line for line in lines if _leads(line, cell, True, unit)] for cell in cells]
        held = sum(inside(s.box, cell) for s in symbols for cell in cells)
        if len(cells) < 2 or not all(names) or held < 0.9 * len(symbols):
            continue
        if any(grid.covered("h", y, edges[0], edges[-1]) > 0.9 for y in (top, bottom)):
            continue  # a frame
        return [
            Container("lane", cell, (cell[0], top, cell[2], max(line.box[3] for line in named)), None, True)
            for cell, named in zip(cells, names, strict=True)
        ]
    return []


def _free(spans: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Pixels between start and end that no span covers."""
    free, reached = 0.0, start
    for a, z in sorted(spans):
        free += max(0.0, min(a, end) - reached)
        reached = max(reached, min(z, end))
    return free + max(0.0, end - reached)


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
    grid: _Grid,
    box: Box,
    symbols: Sequence[Shape],
    lines: Sequence[TextLine],
    parent: int | None,
    out: list[Container],
    column: bool = False,
) -> None:
    """Add the frame as a pool (or lane) and divide it into its lanes. column: it is one of several side by side."""
    unit = grid.unit
    header, content, upright = _header(grid, box, symbols, lines)
    upright = upright or (column and header is None)
    index = len(out)
    out.append(Container("pool" if parent is None else "lane", box, header, parent, upright))
    if len(out) > 60:
        return
    columns = grid.across("v", content)
    strip, _, named_above = _header(grid, content, symbols, lines)
    if named_above and strip is not None and columns:
        rows: list[float] = []  # a row of names on top of columns
    else:
        rows = grid.across("h", content, bounded=True)
        columns = [] if rows else grid.across("v", content, bounded=True)
    x0, y0, x1, y1 = content
    if rows:
        edges = [y0, *rows, y1]
        cells = [(x0, a, x1, b) for a, b in zip(edges, edges[1:], strict=False)]
    else:
        edges = [x0, *columns, x1]
        cells = [(a, y0, b, y1) for a, b in zip(edges, edges[1:], strict=False)]
    cells = [c for c in cells if min(size(c)) > 1.2 * unit]
    if len(cells) >= 2:
        for cell in cells:
            _split(grid, cell, symbols, lines, index, out, column=not rows)
    elif header is not None and _header(grid, content, symbols, lines)[0] is not None:
        _split(grid, content, symbols, lines, index, out)
    elif header is not None and any(_leads(line, content, upright, unit) for line in lines):
        out.append(Container("lane", content, None, index, upright))  # the only lane of its pool


def _leads(line: TextLine, box: Box, upright: bool, unit: float) -> bool:
    """Whether a line is the name at the edge of a lane that has no strip for it."""
    x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
    if share(line.box, box) < 0.9:
        return False
    if upright:
        return line.turn == 0 and y - box[1] < 1.6 * unit and abs(x - (box[0] + box[2]) / 2) < 0.15 * (box[2] - box[0])
    return line.turn != 0 and x - box[0] < 2.2 * unit


def _header(grid: _Grid, box: Box, symbols: Sequence[Shape], lines: Sequence[TextLine]) -> tuple[Box | None, Box, bool]:
    """(strip with the name, what is left, whether the strip is on top). Names of lanes may stand in the strip of their
    pool, beside its own."""
    x0, y0, x1, y1 = box
    unit = grid.unit
    columns = [x for x in grid.across("v", box) if x - x0 > 0.9 * unit]  # nearer ones are double frames
    rows = [y for y in grid.across("h", box) if y - y0 > 0.9 * unit]
    wide = x1 - x0
    if columns and columns[0] - x0 <= min(15 * unit, 0.3 * wide):
        strip = (x0, y0, columns[0], y1)
        named = columns[0] - x0 <= 9 * unit or _turned_words(strip, lines)
        if named and _vacant(strip, symbols) and not _own_names(strip, rows, lines):
            return strip, (columns[0], y0, x1, y1), False
    if rows and rows[0] - y0 <= 4.5 * unit and _vacant((x0, y0, x1, rows[0]), symbols):
        return (x0, y0, x1, rows[0]), (x0, rows[0], x1, y1), True
    return None, box, False


def _own_names(strip: Box, rows: Sequence[float], lines: Sequence[TextLine]) -> bool:
    """Whether lines across the frame cut the strip into parts that each hold a name: those of its lanes."""
    edges = [strip[1], *rows, strip[3]]
    parts = [(strip[0], a, strip[2], b) for a, b in zip(edges, edges[1:], strict=False)]
    names = [line.box for line in lines if line.turn and share(line.box, strip) > 0.6]
    return len(parts) > 1 and all(any(share(name, part) > 0.9 for name in names) for part in parts)


def _turned_words(strip: Box, lines: Sequence[TextLine]) -> bool:
    """Whether a strip holds words, all of which run up it."""
    words = [line for line in lines if share(line.box, strip) > 0.5]
    return bool(words) and all(line.turn != 0 for line in words)


def _vacant(strip: Box, symbols: Sequence[Shape]) -> bool:
    """No symbol lies in the strip; boxes as thick as the strip are its own cells."""
    thick = min(size(strip))
    return not any(inside(s.box, strip) and min(size(s.box)) < 0.75 * thick for s in symbols)


def _cut(box: Box, symbols: Sequence[Shape], unit: float) -> int:
    """Number of symbols that the border of the box runs through."""
    count = 0
    for s in symbols:
        if 0.12 < share(s.box, box) < 0.88 and min(size(s.box)) > 1.3 * unit:
            count += 1
    return count


def _is_pool(box: Box, symbols: Sequence[Shape], lines: Sequence[TextLine], unit: float, page: Page) -> bool:
    """A plain frame is a pool when its name is turned, or it is a bar with a name, or it holds nearly everything."""
    if _turned_name(box, lines, unit):
        return True
    held = sum(inside(s.box, box) for s in symbols)
    return (held == 0 and _wide(box, page)) or held > 0.85 * len(symbols)


def _wide(box: Box, page: Page) -> bool:
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


def _is_band(box: Box, frames: Sequence[Box]) -> bool:
    """A part of a page frame from side to side."""
    return any(share(box, f) > 0.9 and size(box)[0] > 0.95 * size(f)[0] for f in frames)


def _is_title(shape: Shape, frames: Sequence[Box], pools: Sequence[Box], unit: float) -> bool:
    """A piece of the band at the edge of a page frame, outside its pools."""
    if min(size(shape.box)) > 4 * unit or any(share(shape.box, pool) > 0.5 for pool in pools):
        return False
    return any(share(shape.box, f) > 0.9 and _common_sides(shape.box, f, unit) >= 1 for f in frames)


def _covers(shape: Shape, page: Page) -> bool:
    """Whether a shape is opaque and large enough to hide a lane's line."""
    return max(size(shape.box)) < 0.6 * max(page.size) and min(size(shape.box)) > 1.3 * page.unit


def _pool_frames(grid: _Grid, frames: Sequence[Box], symbols: Sequence[Shape], lines: Sequence[TextLine]) -> list[Box]:
    """The outermost frames; a page frame (with a title band or none) gives way to the pools inside it."""
    out: list[Box] = []
    for box in _outermost(frames):
        held = [s for s in symbols if inside(s.box, box)]
        nested = [f for f in frames if share(f, box) > 0.95 and area(f) < 0.96 * area(box)]
        loose = _outermost([f for f in nested if _common_sides(f, box, grid.unit) <= 1])
        pools = [f for f in loose if _turned_name(f, lines, grid.unit) or _is_bar(f, symbols, lines)]
        stack = [f for f in loose if size(f)[0] > 0.9 * size(box)[0]]  # one below the other
        main = [f for f in loose if sum(inside(s.box, f) for s in held) > 0.7 * len(held)]
        own = [line for line in lines if not any(share(line.box, f) > 0.9 for f in pools)]
        if _turned_name(box, own, grid.unit) or not held:
            out.append(box)
        elif _hold_most(pools, held):
            out += pools
        elif len(stack) > 1 and _hold_most(stack, held):
            out += stack
        elif main and area(main[0]) > 0.4 * area(box):
            out += [main[0], *(f for f in pools if share(f, main[0]) < 0.5)]
        else:
            out.append(box)
    return sorted(out, key=lambda b: (b[1], b[0]))


def _hold_most(frames: Sequence[Box], symbols: Sequence[Shape]) -> bool:
    return sum(any(inside(s.box, f) for f in frames) for s in symbols) >= 0.7 * len(symbols)


def _common_sides(inner: Box, outer: Box, unit: float) -> int:
    return sum(abs(a - b) < 0.4 * unit for a, b in zip(inner, outer, strict=True))


def _turned_name(box: Box, lines: Sequence[TextLine], unit: float) -> bool:
    return any(line.turn and line.box[0] - box[0] < 3 * unit and share(line.box, box) > 0.9 for line in lines)


def _is_bar(box: Box, symbols: Sequence[Shape], lines: Sequence[TextLine]) -> bool:
    """A pool whose inside is not shown: nothing in it but its name."""
    named = sum(share(line.box, box) > 0.9 for line in lines)
    return named in (1, 2) and not any(inside(s.box, box) for s in symbols) and size(box)[0] > 6 * size(box)[1]


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
