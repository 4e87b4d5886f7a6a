"""Character-sized marks of a page: what may be a letter, told from borders, lines and noise by size.

In: the gray picture. Out: `Marks`, connected components dark on light (in dark fills: light on dark). Knows nothing
of words or languages, nor which marks are icons: a recogniser settles that.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

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
    labels: (H, W) int32, 0 where there is none; index: (n,) label of each mark, ascending.
    boxes: (n, 4) int32 x0 y0 x1 y1, end exclusive; area: (n,) ink pixels.
    hung: (n,) whether the mark touches a drawn line or border.
    barrier: (H + 1, W + 1) int32 integral of the ink that is no mark: borders and lines.
    """

    gray: Bytes
    labels: Ints
    index: Ints
    boxes: Ints
    area: Ints
    hung: NDArray[np.bool_]
    barrier: Ints
    light: bool


def find_marks(gray: Bytes, unit: float, *, light: bool = False, floor: int = FLOOR) -> Marks | None:
    """Marks darker than their surroundings (light: lighter than theirs, inside dark fills only).

    gray: (H, W) uint8; unit: line height in pixels. None where a light pass finds no dark fill.
    """
    fills = _dark_fills(gray, unit) if light else None
    if light:
        if fills is None:
            return None
        gray = cv2.bitwise_not(gray)
    size = max(3, round(0.85 * unit) | 1)
    depth = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_RECT, (size, size)))
    near = max(3, round(0.5 * unit) | 1)
    contrast = cv2.dilate(depth, np.ones((near, near), np.uint8))
    limit = cv2.max(cv2.convertScaleAbs(contrast, alpha=SHARE), floor)
    ink = cv2.compare(depth, limit, cv2.CMP_GT)
    if fills is not None:
        ink = cv2.bitwise_and(ink, fills)
    rules = cv2.bitwise_or(_rules(ink, unit), cv2.transpose(_rules(cv2.transpose(ink), unit)))
    free = cv2.subtract(ink, rules)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=8, ltype=cv2.CV_32S)
    x, y, w, h, area = stats.T
    good = (h <= TALLEST * unit) & (w <= WIDEST * unit) & (w * h >= 2) & (area >= max(2, 0.0015 * unit * unit))
    good &= (h <= 1.4 * unit) | (w <= 1.6 * unit) | (w > 4 * h)
    good[0] = False
    index = np.flatnonzero(good).astype(np.int32)
    boxes = np.stack([x, y, x + w, y + h], 1)[index].astype(np.int32)
    other = np.zeros(len(stats), np.uint8)
    other[~good] = 1
    other[0] = 0
    walls = cv2.bitwise_or(cv2.compare(rules, 0, cv2.CMP_GT) // 255, other[labels])
    barrier = np.asarray(cv2.integral(walls, sdepth=cv2.CV_32S), np.int32)
    near = labels[cv2.dilate(rules, np.ones((3, 3), np.uint8)) > 0]
    touched = np.zeros(len(stats), np.bool_)
    touched[near] = True
    return Marks(gray, labels, index, boxes, area[index].astype(np.int32), touched[index], barrier, light)


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
    runs = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    reach = max(1, round(0.12 * unit))
    if len(ink) <= 2 * reach:
        return runs
    rest = cv2.subtract(ink, runs)
    between = cv2.bitwise_and(cv2.bitwise_and(rest[: -2 * reach], rest[2 * reach :]), runs[reach:-reach])
    if cv2.countNonZero(between) < unit:  # less than one word
        return runs
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8, ltype=cv2.CV_32S)
    x, y, w, h, area = stats.T
    doubtful = (h <= 0.5 * unit) & (w <= 14 * unit)
    doubtful[0] = False
    if not doubtful.any():
        return runs
    total = cv2.integral(cv2.compare(ink, 0, cv2.CMP_GT) // 255, sdepth=cv2.CV_32S)

    def counted(top: NDArray[np.int32], bottom: NDArray[np.int32]) -> NDArray[np.int32]:
        top, bottom = np.clip(top, 0, ink.shape[0]), np.clip(bottom, 0, ink.shape[0])
        return np.asarray(total[bottom, x + w] - total[top, x + w] - total[bottom, x] + total[top, x])

    above, below = counted(y - reach, y), counted(y + h, y + h + reach)
    inside = counted(y, y + h) - area
    side = 0.3 * reach * w
    print_ = doubtful & (above + inside / 2 > side) & (below + inside / 2 > side)
    if print_.any():
        runs[print_[labels]] = 0
    return runs


def _dark_fills(gray: Bytes, unit: float) -> Bytes | None:
    """(H, W) mask of regions dark enough for light letters and at least a line high; None when there are none."""
    step = max(1, int(unit // 8))
    small = cv2.resize(gray, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    dark = cv2.compare(small, 190, cv2.CMP_LT)
    size = max(2, round(0.9 * unit / step))
    kernel = np.ones((size, size), np.uint8)
    # letters are holes in the fill: close over them first, then ask for regions a line high
    closed = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((max(2, size // 2),) * 2, np.uint8))
    fills = cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel)
    # thin dark drawings close to blots too: a true fill has solid parts
    solid = cv2.erode(dark, np.ones((max(2, size // 4),) * 2, np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(fills, connectivity=8)
    kept = np.bincount(labels[solid > 0].ravel(), minlength=len(stats)) >= 0.12 * stats[:, cv2.CC_STAT_AREA]
    # room for two letters at least
    long = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) * step
    short = np.minimum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) * step
    kept &= (long >= 1.8 * unit) & (short >= 1.1 * unit)
    kept[0] = False
    if not kept.any():
        return None
    mask = np.where(kept[labels], 255, 0).astype(np.uint8)
    return cv2.resize(mask, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_NEAREST)
