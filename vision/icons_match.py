"""Name a small drawing by its edges: the markers of BPMN gateways and the icons of BPMN events.

Every template is drawn here, in a few proportions. Drawing and template are compared by where edges of which direction
lie, so that outline or fill, thin or bold, dark on light or light on dark make no difference. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vision.parts import Bytes, Floats

SIDE = 48  # pixels of a normalised drawing
DRAWN = 36  # of its longer extent
CELL = 4
GATEWAY_MARKS = ("exclusive", "parallel", "inclusive", "event", "complex")
EVENT_ICONS = (
    "message", "timer", "error", "escalation", "cancel", "compensation", "conditional", "link", "signal",
    "terminate", "multiple", "parallel_multiple",
)  # fmt: skip

SHAPED = {  # width over height, from and to; the rest: 0.75 to 1.33
    "message": (1.08, 2.3),
    "conditional": (0.5, 1.05),
    "exclusive": (0.5, 1.4),
    "compensation": (1.0, 2.4),
    "error": (0.6, 1.7),
    "link": (0.9, 2.0),
    "signal": (0.7, 1.5),
    "escalation": (0.55, 1.3),
}

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Match:
    """The best template: its name, similarity in [0, 1], and by how much it beats the best of any other name."""

    name: str
    score: float
    lead: float


def match(drawing: Bytes, mask: Bytes, family: str) -> Match:
    """The best name for a drawing.

    drawing: (h, w, 3) uint8; mask: (h, w) uint8, nonzero where the icon's pixels are (its extent); family: "gateway"
    or "event".
    """
    ys, xs = np.nonzero(mask)
    x0, x1, y0, y1 = float(xs.min()), float(xs.max() + 1), float(ys.min()), float(ys.max() + 1)
    scale = DRAWN / max(x1 - x0, y1 - y0)
    shift = (SIDE / 2 - scale * (x0 + x1) / 2, SIDE / 2 - scale * (y0 + y1) / 2)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    if scale < 1:
        drawing = cv2.GaussianBlur(drawing, (0, 0), 0.35 / scale)
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8)) * np.uint8(255)
    moved = cv2.warpAffine(drawing, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    around = cv2.warpAffine(near, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    seen = edges(moved, around)
    names, rows = _templates(family)
    aspect = (x1 - x0) / (y1 - y0)
    shaped = np.array([low <= aspect <= high for low, high in (SHAPED.get(name, (0.75, 1.33)) for name in names)])
    scores = np.where(shaped, rows @ seen, 0.0)
    best = int(scores.argmax())
    others = scores[np.array([name != names[best] for name in names])]
    return Match(names[best], float(scores[best]), float(scores[best] - others.max()))


def edges(drawing: Bytes, around: Bytes | None = None) -> Floats:
    """Unit vector of blurred edge strengths in four directions. drawing: (SIDE, SIDE) or (SIDE, SIDE, 3) uint8."""
    planes = drawing.astype(np.float32).reshape(SIDE, SIDE, -1)
    planes = cv2.GaussianBlur(planes, (0, 0), 1.0).reshape(SIDE, SIDE, -1)
    gx = np.stack([cv2.Sobel(planes[..., k], cv2.CV_32F, 1, 0) for k in range(planes.shape[2])], -1)
    gy = np.stack([cv2.Sobel(planes[..., k], cv2.CV_32F, 0, 1) for k in range(planes.shape[2])], -1)
    strength = gx * gx + gy * gy
    which = strength.argmax(-1)[..., None]
    gx, gy = np.take_along_axis(gx, which, -1)[..., 0], np.take_along_axis(gy, which, -1)[..., 0]
    size = np.sqrt(gx * gx + gy * gy)
    size = np.sqrt(size / max(1e-6, float(size.max())))
    if around is not None:
        size = size * (around > 64)
    turn = 2 * np.arctan2(gy, gx)
    bins = [size * np.maximum(0, np.cos(turn - k * np.pi / 2)) for k in range(4)]
    flat = [cv2.GaussianBlur(b, (0, 0), 0.75 * CELL)[CELL // 2 :: CELL, CELL // 2 :: CELL].ravel() for b in bins]
    vector = np.concatenate(flat).astype(np.float64)
    return vector / max(1e-9, float(np.linalg.norm(vector)))


@lru_cache(maxsize=2)
def _templates(family: str) -> tuple[list[str], Floats]:
    drawn = list(_gateway_marks() if family == "gateway" else _event_icons())
    return [name for name, _ in drawn], np.stack([edges(_centred(picture)) for _, picture in drawn])


def _centred(picture: Bytes) -> Bytes:
    """The drawing scaled to its place, as `match` does with what it sees."""
    ys, xs = np.nonzero(picture > 64)
    part = picture[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    scale = DRAWN / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    out = np.zeros((SIDE, SIDE), np.uint8)
    x, y = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    out[y : y + size[1], x : x + size[0]] = small
    return out


class _Pen:
    """Draws on a 192 x 192 canvas; coordinates in [0, 1] with the middle at (0.5, 0.5)."""

    def __init__(self) -> None:
        self.picture = np.zeros((192, 192), np.uint8)

    def line(self, points: Points, width: float, closed: bool = False) -> _Pen:
        at = [np.round(self._at(points)).astype(np.int32)]
        cv2.polylines(self.picture, at, closed, 255, max(1, round(width * 128)), cv2.LINE_AA)
        return self

    def area(self, points: Points, value: int = 255) -> _Pen:
        cv2.fillPoly(self.picture, [np.round(self._at(points)).astype(np.int32)], value, cv2.LINE_AA)
        return self

    def ring(self, radius: float, width: float) -> _Pen:
        """A circle; width 0 fills it."""
        pen = -1 if width == 0 else max(1, round(width * 128))
        cv2.circle(self.picture, (96, 96), round(radius * 128), 255, pen, cv2.LINE_AA)
        return self

    def _at(self, points: Points) -> Floats:
        return np.array(points) * 128 + 32


Named = tuple[str, Bytes]


def _gateway_marks() -> Iterator[Named]:
    for wide in (0.6, 0.75, 0.9, 1.0):
        a, b = 0.5 - wide / 2, 0.5 + wide / 2
        for width in (0.07, 0.16, 0.26):
            yield "exclusive", _Pen().line([(a, 0), (b, 1)], width).line([(b, 0), (a, 1)], width).picture
    for width in (0.05, 0.13, 0.24):
        cross = _Pen().line([(0.5, 0), (0.5, 1)], width).line([(0, 0.5), (1, 0.5)], width)
        yield "parallel", cross.picture
        yield "inclusive", _Pen().ring(0.45, width).picture
        for turns in ((0, 45, 90, 135), (0, 60, 120)):
            star = _Pen()
            for turn in turns:
                star.line(_turned([(0.5, 0), (0.5, 1)], turn), width)
            yield "complex", star.picture
    for width in (0.03, 0.06):
        for inner, pentagon in ((0.4, 0.22), (0.39, 0.28), (0.0, 0.3), (0.0, 0.38), (0.0, 0.24)):
            pen = _Pen().ring(0.5, width)
            pen = pen.ring(inner, width) if inner else pen
            yield "event", pen.line(_regular(5, pentagon), width, closed=True).picture
        for inner in (0.0, 0.4):
            pen = _Pen().ring(0.5, width).line([(0.5, 0.25), (0.5, 0.75)], 0.1).line([(0.25, 0.5), (0.75, 0.5)], 0.1)
            yield "event", (pen.ring(inner, width) if inner else pen).picture
        yield "event", _Pen().line(_regular(5, 0.5), width, closed=True).picture
    yield "event", _Pen().area(_regular(5, 0.5)).picture


def _event_icons() -> Iterator[Named]:
    yield from _messages()
    yield from _timers()
    bolts: list[Points] = [
        [(0, 1), (0.33, 0.1), (0.63, 0.6), (1, 0), (0.68, 0.92), (0.38, 0.42)],
        [(0, 1), (0.3, 0), (0.65, 0.65), (1, 0.05), (0.7, 1), (0.35, 0.35)],
        [(0, 0.9), (0.36, 0.1), (0.62, 0.62), (1, 0.1), (0.64, 0.98), (0.36, 0.4)],
    ]
    for bolt in bolts:
        for squeeze in (0.8, 1.0):
            points = [(0.5 + (x - 0.5) * squeeze, y) for x, y in bolt]
            yield from _both("error", points)
    for wide, notch in ((0.75, 0.62), (0.85, 0.55), (0.7, 0.75), (0.95, 0.7)):
        yield from _both("escalation", [(0.5, 0), (0.5 + wide / 2, 1), (0.5, notch), (0.5 - wide / 2, 1)])
    for tall in (0.85, 1.0, 1.15):
        wide = min(1.0, 1 / tall)
        yield from _both("signal", [(0.5, 0), (0.5 + wide / 2, wide * tall), (0.5 - wide / 2, wide * tall)])
    for waist, neck in ((0.3, 0.6), (0.22, 0.55), (0.35, 0.65)):
        head = [(neck, waist), (neck, 0.12), (1, 0.5), (neck, 0.88), (neck, 1 - waist)]
        yield from _both("link", [(0, waist), *head, (0, 1 - waist)])
    for a, b in ((0.12, 0.88), (0.05, 0.95), (0.2, 0.8)):
        for rows in (3, 4):
            pen = _Pen().line([(a, 0), (b, 0), (b, 1), (a, 1)], 0.05, closed=True)
            for k in range(rows):
                y = (k + 0.75) / (rows + 0.5)
                pen.line([(a + 0.1, y), (b - 0.1, y)], 0.05)
            yield "conditional", pen.picture
    for tall in (0.8, 1.0):
        y0, y1 = 0.5 - tall / 2, 0.5 + tall / 2
        left: Points = [(0, 0.5), (0.5, y0), (0.5, y1)]
        right: Points = [(0.5, 0.5), (1, y0), (1, y1)]
        yield "compensation", _Pen().line(left, 0.05, closed=True).line(right, 0.05, closed=True).picture
        yield "compensation", _Pen().area(left).area(right).picture
    for width in (0.06, 0.15, 0.26):
        yield "cancel", _Pen().line([(0, 0), (1, 1)], width).line([(1, 0), (0, 1)], width).picture
        yield "parallel_multiple", _Pen().line([(0.5, 0), (0.5, 1)], width).line([(0, 0.5), (1, 0.5)], width).picture
    a, b = 0.35, 0.65
    plus = [(a, 0), (b, 0), (b, a), (1, a), (1, b), (b, b), (b, 1), (a, 1), (a, b), (0, b), (0, a), (a, a)]
    yield from _both("parallel_multiple", plus)
    yield from _both("cancel", _turned(plus, 45))
    yield from _both("multiple", _regular(5, 0.5))
    yield "terminate", _Pen().ring(0.5, 0).picture


def _messages() -> Iterator[Named]:
    for tall in (0.6, 0.7, 0.8):
        y0, y1 = 0.5 - tall / 2, 0.5 + tall / 2
        frame: Points = [(0, y0), (1, y0), (1, y1), (0, y1)]
        for flap in (0.5, 0.66):
            tip = (0.5, y0 + flap * tall)
            yield "message", _Pen().line(frame, 0.05, closed=True).line([(0, y0), tip, (1, y0)], 0.05).picture
            pen = _Pen().area(frame)
            cut = [np.round(np.array([(0, y0), tip, (1, y0)]) * 128 + 32).astype(np.int32)]
            cv2.polylines(pen.picture, cut, False, 0, 9, cv2.LINE_AA)
            yield "message", pen.picture
            pen = _Pen().area([(0, y0), (0.1, y0), tip, (0.9, y0), (1, y0), (1, y1), (0, y1)])
            yield "message", pen.picture
        pen = _Pen().line(frame, 0.05, closed=True).line([(0, y0), (0.5, y0 + 0.55 * tall), (1, y0)], 0.05)
        low = y0 + 0.45 * tall
        yield "message", pen.line([(0, y1), (0.38, low)], 0.05).line([(1, y1), (0.62, low)], 0.05).picture


def _timers() -> Iterator[Named]:
    for long, short in ((0, 90), (0, 120), (20, 95), (0, 60), (-60, 60), (30, 120), (0, 180)):
        for ticks in (False, True):
            pen = _Pen().ring(0.47, 0.05)
            for angle, length in ((long, 0.36), (short, 0.26)):
                a = np.radians(angle)
                pen.line([(0.5, 0.5), (0.5 + length * np.sin(a), 0.5 - length * np.cos(a))], 0.05)
            for a in np.arange(12) * np.pi / 6 if ticks else ():
                x, y = float(np.sin(a)), float(np.cos(a))
                pen.line([(0.5 + 0.37 * x, 0.5 + 0.37 * y), (0.5 + 0.45 * x, 0.5 + 0.45 * y)], 0.04)
            yield "timer", pen.picture


def _both(name: str, points: Points) -> Iterator[Named]:
    """Outline and fill."""
    yield name, _Pen().line(points, 0.05, closed=True).picture
    yield name, _Pen().area(points).picture


def _regular(sides: int, radius: float) -> Points:
    turn = 2 * np.pi * np.arange(sides) / sides
    return [(0.5 + radius * float(np.sin(a)), 0.5 - radius * float(np.cos(a))) for a in turn]


def _turned(points: Points, degrees: float) -> Points:
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return [(0.5 + c * (x - 0.5) - s * (y - 0.5), 0.5 + s * (x - 0.5) + c * (y - 0.5)) for x, y in points]
