"""Where texts beside symbols and flows go: the free place nearest to what they belong to.

Knows boxes and ways, and no other places than the usual ones: below, above, at the corners; along a flow, near its
start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from diagram.model import Box, Point

Place = tuple[float, Box]
"""How unusual it is, and the box."""
_WORD: Final = 18.0
"""Less is a space between words."""
_NEAR: Final = 8


class Plane:
    """What is drawn already, to be kept free of texts: boxes, and pieces of lines."""

    def __init__(self, boxes: Iterable[Box], lines: Iterable[Sequence[Point]]) -> None:
        self.boxes = list(boxes)
        self.texts: list[Box] = []
        self.pieces = [(a, b) for points in lines for a, b in zip(points, points[1:], strict=False)]

    def put(self, places: Iterable[Place]) -> tuple[Box, bool]:
        """The best place for a text, kept free from now on, and whether it covers nothing."""
        cost, box = min(
            ((bad + 1000 * self._covered(box) + _NEAR * self._crowded(box), box) for bad, box in places),
            key=lambda pair: pair[0],
        )
        self.boxes.append(box)
        self.texts.append(box)
        return box, cost < 1000

    def _crowded(self, box: Box) -> int:
        """How many texts stand so near in the same row that they would be read as one."""
        x0, y0, x1, y1 = box
        return sum(x0 - _WORD < b[2] and b[0] < x1 + _WORD and y0 < b[3] and b[1] < y1 for b in self.texts)

    def _covered(self, box: Box) -> int:
        x0, y0, x1, y1 = box
        count = sum(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in self.boxes)
        for (ax, ay), (bx, by) in self.pieces:
            count += max(ax, bx) > x0 - 1 and min(ax, bx) < x1 + 1 and max(ay, by) > y0 - 1 and min(ay, by) < y1 + 1
        return count


def around(box: Box, wide: float, high: float, *, first: str) -> Iterator[Place]:
    """Places of a text beside a symbol; first: "below", "above" or "corner" (below, right of a flow that leaves)."""
    x0, y0, x1, y1 = box
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    order = {"below": (0, 8), "above": (8, 0), "corner": (10, 30)}[first]
    for gap in (3.0, 7.0):
        yield order[0] + gap, (cx - wide / 2, y1 + gap, cx + wide / 2, y1 + gap + high)
        yield order[1] + gap, (cx - wide / 2, y0 - gap - high, cx + wide / 2, y0 - gap)
        for side, bad in ((1, 0), (-1, 3)):
            left = cx + 4 if side > 0 else cx - 4 - wide
            start = {"corner": 0, "above": 22}.get(first, 14)  # below a gateway stand the texts of its flows
            yield start + bad + gap, (left, y1 + gap, left + wide, y1 + gap + high)
            yield 16 + bad + gap, (left, y0 - gap - high, left + wide, y0 - gap)
            out = x1 + gap if side > 0 else x0 - gap - wide
            yield 15 + bad, (out, cy - high / 2, out + wide, cy + high / 2)
            yield 20 + bad, (out, y1 - 2, out + wide, y1 - 2 + high)
            yield 20 + bad, (out, y0 + 2 - high, out + wide, y0 + 2)
            for away in (12.0, 24.0):
                yield 24 + bad + away, (out, y1 + away, out + wide, y1 + away + high)
                yield 24 + bad + away, (out, y0 - away - high, out + wide, y0 - away)


def along(points: Sequence[Point], wide: float, high: float) -> Iterator[Place]:
    """Places of a text beside a way, near its start first."""
    gone = 0.0
    for (ax, ay), (bx, by) in zip(points, points[1:], strict=False):
        length = abs(bx - ax) + abs(by - ay)
        level = ay == by
        own = wide if level else high
        spots = [4 + own / 2, length / 2, length - 10 - own / 2]
        spots += [4 + own / 2 + step * (length - 14 - own) / 8 for step in range(9)] if length > own + 14 else []
        for spot in spots:
            tight = 0 if own <= length - 10 else 25
            x, y = ax + (bx - ax) * spot / (length or 1), ay + (by - ay) * spot / (length or 1)
            bad = (gone + abs(spot)) / 10 + tight
            for gap in (3.0, 9.0, 18.0, 30.0):
                far = bad + 1.5 * (gap - 3)
                if level:
                    yield far, (x - wide / 2, y - gap - high, x + wide / 2, y - gap)
                    yield far + 2, (x - wide / 2, y + gap, x + wide / 2, y + gap + high)
                else:
                    yield far, (x + gap + 1, y - high / 2, x + gap + 1 + wide, y + high / 2)
                    yield far + 2, (x - gap - 1 - wide, y - high / 2, x - gap - 1, y + high / 2)
        gone += length
