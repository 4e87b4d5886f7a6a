"""Blocks of text: lines that belong together, by their places alone.

Does not know what the words say, nor whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vision.boxes import centre, gaps, size, union
from vision.parts import Box, Connector, Floats, TextLine
from vision.text_language import join_lines


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, in reading order."""

    lines: tuple[TextLine, ...]
    box: Box

    @property
    def text(self) -> str:
        """The lines joined in reading order, hyphenation undone."""
        return join_lines([line.text for line in self.lines])

    @property
    def confidence(self) -> float:
        """Mean confidence of the lines, weighted by their length."""
        weights = [max(1, len(line.text)) for line in self.lines]
        return float(np.average([line.confidence for line in self.lines], weights=weights))


def block_of(lines: Sequence[TextLine]) -> Block:
    """One block of lines, put in reading order."""
    ordered = tuple(_reading_order(lines))
    return Block(ordered, union(line.box for line in ordered))


def _reading_order(lines: Sequence[TextLine]) -> list[TextLine]:
    """Top to bottom, pieces of one row left to right, as the reader of the (turned) text sees it."""
    turns = {line.turn for line in lines}
    turn = turns.pop() if len(turns) == 1 else 0
    rows: list[list[tuple[Box, TextLine]]] = []
    for box, line in sorted(((_as_read(line.box, turn), line) for line in lines), key=lambda x: centre(x[0])[1]):
        if rows:
            last = union(b for b, _ in rows[-1])
            overlap = min(last[3], box[3]) - max(last[1], box[1])
            if overlap > 0.55 * min(size(last)[1], size(box)[1]):
                rows[-1].append((box, line))
                continue
        rows.append([(box, line)])
    return [line for row in rows for _, line in sorted(row, key=lambda x: x[0][0])]


def _as_read(box: Box, turn: int) -> Box:
    """The box after its text was turned upright."""
    x0, y0, x1, y1 = box
    return (-y1, x0, -y0, x1) if turn == 90 else (y0, -x1, y1, -x0) if turn == 270 else box


def group(
    lines: Sequence[TextLine], unit: float, connectors: Sequence[Connector] = (), symbols: Sequence[Box] = ()
) -> list[Block]:
    """Blocks of lines that stand close under each other, centred or flush. Pieces of a row are put together first, also
    those that a flow runs between or that a symbol stands over in the middle. symbols: small ones without words."""
    rows = _joined([(line,) for line in lines], lambda a, b: _in_row(a, b, unit, connectors, symbols))
    return [block_of(lines) for lines in _joined(rows, lambda a, b: _continues(a, b, unit))]


Lines = tuple[TextLine, ...]


def _joined(parts: Sequence[Lines], alike: Callable[[Lines, Lines], bool]) -> list[Lines]:
    """Parts that belong together, directly or by others."""
    parent = list(range(len(parts)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(parts):
        for j in range(i):
            if alike(a, parts[j]):
                parent[root(i)] = root(j)
    groups: dict[int, list[TextLine]] = {}
    for i, part in enumerate(parts):
        groups.setdefault(root(i), []).extend(part)
    return [tuple(found) for found in groups.values()]


def _in_row(a: Lines, b: Lines, unit: float, connectors: Sequence[Connector], symbols: Sequence[Box]) -> bool:
    """Whether two pieces stand in one row with at most a flow between them."""
    one, other = union(line.box for line in a), union(line.box for line in b)
    gx, gy = gaps(one, other)
    high, low = max(size(one)[1], size(other)[1]), min(size(one)[1], size(other)[1])
    if -gy < 0.6 * low or high > 1.9 * low + 0.3 * unit or gx < -0.2 * high:
        return False
    if gx < 0.6 * high:
        return True
    left, right = min(one[2], other[2]), max(one[0], other[0])
    middle = (max(one[1], other[1]) + min(one[3], other[3])) / 2
    if gx >= 1.6 * high:
        return False
    whole = union((one, other))
    return any(_passes(c, left - 2, right + 2, middle, high) for c in connectors) or any(
        abs(centre(box)[0] - centre(whole)[0]) < 0.5 * high and 0 < whole[1] - box[1] < size(box)[1] + 1.5 * unit
        for box in symbols
    )


def _passes(connector: Connector, left: float, right: float, at: float, high: float) -> bool:
    """Whether a line runs upright through a gap in a row."""
    points, _ = dense(connector.points)
    near = points[(np.abs(points[:, 1] - at) < 0.6 * high) & (points[:, 0] > left) & (points[:, 0] < right)]
    return len(near) > 1 and float(np.ptp(near[:, 1])) > 0.5 * high


def _continues(a: Lines, b: Lines, unit: float) -> bool:
    """Whether two rows are neighbours in one block: close, overlapping sideways, aligned, of like height."""
    one, other = union(line.box for line in a), union(line.box for line in b)
    gx, gy = gaps(one, other)
    ha, hb = size(one)[1], size(other)[1]
    line = max(ha, hb, 0.7 * unit)
    if gy > 1.05 * line or gy < -0.4 * line or gx > 0 or max(ha, hb) > 1.9 * min(ha, hb) + 0.3 * unit:
        return False
    centred = abs(centre(one)[0] - centre(other)[0])
    flush = min(abs(one[0] - other[0]), abs(one[2] - other[2]))
    return min(centred, flush) < (0.9 if gy < 0.7 * line else 0.5) * line


def dense(points: Floats) -> tuple[Floats, Floats]:
    """Points every few pixels along a polyline and their share of its length."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    total = max(float(length[-1]), 1e-6)
    at = np.linspace(0, total, max(2, min(400, int(total / 3))))
    return np.stack([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])], 1), at / total
