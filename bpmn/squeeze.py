"""Takes unused room out of a drawing: what is far apart in x or y for no reason moves together, order is kept.

Each axis is mapped by itself by a rising function, so level and upright lines stay so, nothing that was apart meets,
and boxes keep their sizes. Knows only numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from diagram.model import Box, Point

Kind = Literal["line", "box", "text", "frame"]
_NEED: Final[dict[frozenset[str], tuple[float, float]]] = {
    frozenset({"line"}): (12, 12),
    frozenset({"line", "box"}): (20, 20),
    frozenset({"line", "text"}): (6, 5),
    frozenset({"line", "frame"}): (18, 14),
    frozenset({"box"}): (50, 40),
    frozenset({"box", "text"}): (12, 8),
    frozenset({"box", "frame"}): (24, 20),
    frozenset({"text"}): (10, 8),
    frozenset({"text", "frame"}): (12, 8),
    frozenset({"frame"}): (30, 30),
}
"""Least distances of neighbours in x and y."""
_FAR: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A level or upright edge or line: where, of what, and from where to where on the other axis."""

    at: float
    kind: Kind
    low: float
    high: float


def squeeze(
    boxes: Iterable[Box],
    texts: Iterable[Box],
    frames: Iterable[Box],
    lines: Iterable[Sequence[Point]],
    stiff: tuple[Iterable[Box], Iterable[Box]] = ((), ()),
) -> Callable[[Point], Point]:
    """How points move.

    Args:
        boxes, texts: keep their sizes.
        frames: enclose others, may become smaller.
        stiff: frames that keep their width, and frames that keep their height.
    """
    areas: list[tuple[Box, Kind]] = [*((box, "box") for box in boxes), *((box, "text") for box in texts)]
    solid = [[box for box, _ in areas] + list(more) for more in stiff]
    areas += [(box, "frame") for box in frames]
    pieces = [(a, b) for points in lines for a, b in zip(points, points[1:], strict=False)]
    maps = []
    for axis in (0, 1):
        other = 1 - axis
        marks = [_Mark(box[k], kind, box[other], box[other + 2]) for box, kind in areas for k in (axis, axis + 2)]
        marks += [_Mark(box[k], "frame", box[other], box[other + 2]) for box in stiff[axis] for k in (axis, axis + 2)]
        for a, b in pieces:
            if a[axis] == b[axis]:
                marks.append(_Mark(a[axis], "line", *sorted((a[other], b[other]))))
        marks.sort(key=lambda mark: mark.at)
        maps.append(_map(marks, _merged([(box[axis], box[axis + 2]) for box in solid[axis]]), axis))
    return lambda point: (maps[0](point[0]), maps[1](point[1]))


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if out and low <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], high)
        else:
            out.append((low, high))
    return out


def _map(marks: Sequence[_Mark], solid: list[tuple[float, float]], axis: int) -> Callable[[float], float]:
    """The rising function of one axis: what lies in a solid span moves as one, as far back as all before it let it."""
    lows = [low for low, _ in solid]
    news: list[float] = []
    begin = 0
    while begin < len(marks):
        first = marks[begin].at
        span = bisect_right(lows, first + 0.01) - 1
        last = max(first, solid[span][1]) if span >= 0 else first
        end = begin + 1
        while end < len(marks) and marks[end].at <= last + 0.01:
            end += 1
        new = news[-1] if news else first
        for mark in marks[begin:end]:
            for k in range(begin - 1, -1, -1):
                if news[k] + _FAR < new + mark.at - first:
                    break
                new = max(new, news[k] + _need(marks[k], mark, axis) - (mark.at - first))
        news += [new + mark.at - first for mark in marks[begin:end]]
        begin = end
    olds = [mark.at for mark in marks]

    def moved(value: float) -> float:
        k = bisect_right(olds, value + 0.01) - 1
        if k < 0:
            return value
        if k == len(olds) - 1 or value - olds[k] < 0.01:
            return round(news[k] + value - olds[k], 3)
        share = (value - olds[k]) / (olds[k + 1] - olds[k])
        return round(news[k] + share * (news[k + 1] - news[k]), 3)

    return moved


def _need(one: _Mark, other: _Mark, axis: int) -> float:
    """How far apart two marks must stay."""
    gap = other.at - one.at
    if one.low - 8 > other.high or other.low - 8 > one.high:
        return min(gap, 4.0)
    return min(gap, _NEED[frozenset({one.kind, other.kind})][axis])
