"""Arithmetic of boxes `(x0, y0, x1, y1)`; any unit, end exclusive."""

from __future__ import annotations

from collections.abc import Iterable

from vision.parts import Box


def size(box: Box) -> tuple[float, float]:
    """(width, height)."""
    return box[2] - box[0], box[3] - box[1]


def area(box: Box) -> float:
    """Width times height."""
    return (box[2] - box[0]) * (box[3] - box[1])


def centre(box: Box) -> tuple[float, float]:
    """The middle of the box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def share(inner: Box, outer: Box) -> float:
    """Share of the area of `inner` that lies in `outer`."""
    x0, y0, x1, y1 = inner
    a, b, c, d = outer
    w = (x1 if x1 < c else c) - (x0 if x0 > a else a)  # called for all pairs: min and max take three times as long
    if w <= 0:
        return 0.0
    h = (y1 if y1 < d else d) - (y0 if y0 > b else b)
    return w * h / max(1e-6, (x1 - x0) * (y1 - y0)) if h > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union."""
    both = share(a, b) * area(a)
    return both / max(1e-6, area(a) + area(b) - both)


def inside(inner: Box, outer: Box) -> bool:
    """Whether `inner` is a clearly smaller box within `outer`."""
    return share(inner, outer) > 0.9 and area(inner) < 0.9 * area(outer)


def holds(box: Box, point: tuple[float, float]) -> bool:
    """Whether the point lies in the box or on its border."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all; ValueError when there is none."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def gaps(a: Box, b: Box) -> tuple[float, float]:
    """Free distance between two boxes along x and y; negative where they overlap."""
    return max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
