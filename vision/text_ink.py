"""Character-sized marks of a page: what may be a letter, told from borders, lines and noise by size.

In: the gray picture. Out: `Marks`, connected components dark on light (in dark fills: light on dark). Knows nothing
of words or languages, nor which marks are icons: a recogniser settles that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.masks import opened_along
from vision.parts import Bytes

Ints = NDArray[np.int32]

FLOOR = 26  # gray levels between ink and paper below which a mark is noise
SHARE = 0.38  # of the local contrast: what belongs to the ink of a stroke
RULE = 2.6  # units: straight runs of ink longer than this are drawn lines, never parts of letters
TALLEST, WIDEST = 2.3, 9.0  # units: larger components are no characters (or words in one stroke)


@dataclass(frozen=True, slots=True)
class Marks:
    """Components that may be (parts of) characters, of one polarity.

    gray: (H, W) uint8, dark ink on light paper (already turned over for light-on-dark marks).
    ink: (H, W) uint8, 255 where ink is that belongs to no drawn line.
    borders: of each mark, (k, 1, 2) int32 x y of its outer pixels; boxes: (n, 4) int32 x0 y0 x1 y1, end exclusive.
    hung: (n,) whether the mark touches a drawn line or border.
    barrier: (H + 1, W + 1) int32 integral of the ink that is no mark: borders and lines.
    """

    gray: Bytes
    ink: Bytes
    borders: list[Ints]
    boxes: Ints
    hung: NDArray[np.bool_]
    barrier: Ints
    light: bool

    def mask(self, members: Iterable[int], x0: int, y0: int, x1: int, y1: int) -> Bytes:
        """(y1 - y0, x1 - x0) uint8, 1 where one of the marks is."""
        out = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.drawContours(out, [self.borders[i] for i in members], -1, 1, cv2.FILLED, offset=(-x0, -y0))
        return np.asarray(cv2.bitwise_and(out, out, mask=self.ink[y0:y1, x0:x1]), np.uint8)


def find_marks(gray: Bytes, unit: float, *, light: bool = False, floor: int = FLOOR) -> Marks | None:
    """Marks darker than their surroundings (light: lighter than theirs, inside dark fills only).

    gray: (H, W) uint8; unit: line height in pixels. None where a light pass finds no dark fill.
    """
    if light:
        fills = _dark_fills(gray, unit)
        if fills is None:
            return None
        gray = np.asarray(cv2.bitwise_not(gray), np.uint8)
        ink = _ink_inside(gray, fills, unit, floor)
    else:
        ink = _ink(gray, unit, floor)
    rules = cv2.bitwise_or(_rules(ink, unit), cv2.transpose(_rules(np.asarray(cv2.transpose(ink), np.uint8), unit)))
    free = np.asarray(cv2.subtract(ink, rules), np.uint8)
    outlines, tree = cv2.findContours(free, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    links = np.empty((0, 4), np.int32) if tree is None else np.asarray(tree[0], np.int32)
    outer = np.flatnonzero(links[:, 3] < 0)
    places = np.array([cv2.boundingRect(outlines[i]) for i in outer.tolist()], np.int32).reshape(-1, 4)
    x, y, w, h = places.T
    good = (h <= TALLEST * unit) & (w <= WIDEST * unit) & (w * h >= 2)
    good &= (h <= 1.4 * unit) | (w <= 1.6 * unit) | (w > 4 * h)
    walls = rules.copy()
    for i in outer[~good & (w * h >= 2)].tolist():
        cv2.drawContours(walls, _piece(outlines, links, i), -1, 255, cv2.FILLED)
    _, walls = cv2.threshold(cv2.bitwise_and(walls, ink), 0, 1, cv2.THRESH_BINARY)
    barrier = np.asarray(cv2.integral(walls, sdepth=cv2.CV_32S), np.int32)
    borders = [np.asarray(outlines[i], np.int32) for i in outer[good].tolist()]
    hung = np.zeros(len(borders), np.bool_)
    if borders:
        points = np.concatenate(borders)[:, 0]
        starts = np.cumsum([0, *map(len, borders[:-1])])
        beside = cv2.dilate(rules, np.ones((3, 3), np.uint8))
        hung = np.logical_or.reduceat(beside[points[:, 1], points[:, 0]] > 0, starts)
    boxes = np.stack([x, y, x + w, y + h], 1)[good].astype(np.int32)
    return Marks(gray, free, borders, boxes, hung, barrier, light)


def _piece(outlines: Sequence[np.ndarray], links: Ints, outer: int) -> list[np.ndarray]:
    """The outer border of a piece and those of its holes, from what `findContours` found."""
    piece, hole = [outlines[outer]], int(links[outer, 2])
    while hole >= 0:
        piece.append(outlines[hole])
        hole = int(links[hole, 0])
    return piece


def _ink(gray: Bytes, unit: float, floor: int) -> Bytes:
    """(H, W) 255 where something is darker than its surroundings, and not merely the blur of what is darker still."""
    size = max(3, round(0.85 * unit) | 1)
    depth = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_RECT, (size, size)))
    near = max(3, round(0.5 * unit) | 1)
    contrast = cv2.dilate(depth, np.ones((near, near), np.uint8))
    limit = cv2.max(cv2.convertScaleAbs(contrast, alpha=SHARE), floor)
    return np.asarray(cv2.compare(depth, limit, cv2.CMP_GT), np.uint8)


def _ink_inside(gray: Bytes, fills: Bytes, unit: float, floor: int) -> Bytes:
    """`_ink` where the fills are, else 0."""
    out = np.zeros_like(gray)
    reach = round(1.5 * unit) + 2  # how far a pixel's surroundings go
    for border in cv2.findContours(fills, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, w, h = cv2.boundingRect(border)
        left, top = max(0, x - reach), max(0, y - reach)
        part = _ink(gray[top : y + h + reach, left : x + w + reach], unit, floor)
        out[y : y + h, x : x + w] = part[y - top : y - top + h, x - left : x - left + w]
    return np.asarray(cv2.bitwise_and(out, fills), np.uint8)


def is_noisy(gray: Bytes) -> bool:
    """A photo or a grainy scan: few pixels equal their neighbour."""
    rows = gray[::5]
    return bool(float((rows[:, 1:] == rows[:, :-1]).mean()) < 0.8)


def even_light(gray: Bytes, unit: float) -> tuple[Bytes, int]:
    """The picture on white paper without shadows, and the floor that tells pen strokes from printed grids and grain.

    Returns (H, W) uint8 and the gray levels between paper and the faintest stroke (Otsu over all that is darker than
    its surroundings).
    """
    step = max(1, int(unit // 6))
    small = cv2.resize(gray, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    size = max(5, round(1.6 * unit / step) | 1)
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    paper = cv2.blur(paper, (size, size))
    full = cv2.resize(paper, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_LINEAR)
    level = np.asarray(cv2.divide(gray, cv2.max(full, 1), scale=255), np.uint8)
    level = np.asarray(cv2.GaussianBlur(level, (3, 3), 0), np.uint8)
    depth = 255 - level[::2, ::2]
    strokes = depth[depth > 12]
    if len(strokes) < 50:
        return level, FLOOR
    floor, _ = cv2.threshold(strokes.reshape(1, -1), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return level, int(np.clip(floor * 0.9, FLOOR, 110))


def _rules(ink: Bytes, unit: float) -> Bytes:
    """(H, W) level straight runs of ink that are drawn lines: long, and not the grown-together middle of small print,
    which has ink above and below it all along."""
    length = max(9, round(RULE * unit))
    runs = opened_along(ink, length)
    reach = max(1, round(0.12 * unit))
    if len(ink) <= 2 * reach:
        return runs
    rest = cv2.subtract(ink, runs)
    between = cv2.bitwise_and(cv2.bitwise_and(rest[: -2 * reach], rest[2 * reach :]), runs[reach:-reach])
    if cv2.countNonZero(between) < unit:  # less than one word
        return runs
    for border in cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, w, h = cv2.boundingRect(border)
        if h > 0.5 * unit or w > 14 * unit or not between[max(0, y - reach) : y + h - reach, x : x + w].any():
            continue
        own = cv2.countNonZero(runs[y : y + h, x : x + w])
        inside = cv2.countNonZero(ink[y : y + h, x : x + w]) - own
        above = cv2.countNonZero(ink[max(0, y - reach) : y, x : x + w]) if y else 0
        below = cv2.countNonZero(ink[y + h : y + h + reach, x : x + w]) if y + h < len(ink) else 0
        if min(above, below) + inside / 2 > 0.3 * reach * w:
            cv2.drawContours(runs, [border], -1, 0, cv2.FILLED)
    return runs


def _dark_fills(gray: Bytes, unit: float) -> Bytes | None:
    """(H, W) mask of regions dark enough for light letters and at least a line high; None when there are none."""
    step = max(1, int(unit // 8))
    height, width = gray.shape
    whole = gray[: height - height % step, : width - width % step]  # reducing by a whole number is fast
    small = cv2.resize(whole, (width // step, height // step), interpolation=cv2.INTER_AREA)
    dark = cv2.compare(small, 190, cv2.CMP_LT)
    size = max(2, round(0.9 * unit / step))
    # letters are holes in the fill: close over them first, then ask for regions a line high
    closed = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((max(2, size // 2),) * 2, np.uint8))
    fills = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    outlines, tree = cv2.findContours(fills, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return None
    # thin dark drawings close to blots too: a true fill has solid parts
    solid = cv2.erode(dark, np.ones((max(2, size // 4),) * 2, np.uint8))
    mask = np.zeros_like(fills)
    links = np.asarray(tree[0], np.int32)
    for number in np.flatnonzero(links[:, 3] < 0).tolist():
        x, y, w, h = cv2.boundingRect(outlines[number])
        # room for two letters at least
        if max(w, h) * step < 1.8 * unit or min(w, h) * step < 1.1 * unit:
            continue
        own = np.zeros((h, w), np.uint8)
        cv2.drawContours(own, _piece(outlines, links, number), -1, 255, cv2.FILLED, offset=(-x, -y))
        if cv2.countNonZero(cv2.bitwise_and(own, solid[y : y + h, x : x + w])) >= 0.12 * cv2.countNonZero(own):
            mask[y : y + h, x : x + w] |= own
    if not mask.any():
        return None
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(mask, np.uint8)
