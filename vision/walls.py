"""Where a page has strokes and colour borders: the walls between its flat regions.

Knows only pixels: not what a stroke belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from vision.ink import strongest
from vision.masks import Slices, around, opened_along, within
from vision.parts import Bytes, Page, TextLine
from vision.ranks import percentile_within
from vision.regions import small
from vision.threads import each, together

CLEAN = 2.0  # grey levels of waves near strokes, above which a picture is smoothed before it is looked at
LIGHTER = 45  # grey levels by which words are lighter than their ground, and the ground darker than the paper
NEAR = 13  # pixels across the neighbourhood of strokes in which compression leaves waves
BLOCK = 8  # uploaded pixels as far as a stroke's waves go (ITU-T T.81)
LEVEL = 2.6  # of a text line's height: no shorter straight run at the edge of words is a border
BESIDE = 0.25  # of it: how far the borders of a box may be from its words and still hide what ends there
UPRIGHT = 0.35  # of a text line's height: what is lower and beside a word is no upright border
WAVES = 3.0  # of their usual height: steps that are borders all the same
SMOOTH = 6.0  # of the waves' height: differences that are smoothed away


@dataclass(frozen=True, slots=True)
class Walls:
    """Masks of the page's size, uint8 0 or 255.

    ink: strokes and marks darker than what surrounds them, whatever their colour.
    wall: ink and the borders between differently coloured fills.
    joined: wall without words, the gaps of dashed and dotted lines closed.
    """

    ink: Bytes
    wall: Bytes
    joined: Bytes


def find_walls(page: Page, lines: Sequence[TextLine]) -> Walls:
    """Strokes by black-hat per channel (survives fills and gradients), fills by their morphological gradient."""
    rgb = _without_light_words(page, lines)
    ink, slope, beside = _strokes(rgb, page.unit)
    ringing = _ringing(slope, ink, beside)
    if ringing > CLEAN:
        calm = np.asarray(cv2.bilateralFilter(rgb, 7, SMOOTH * ringing, 3.0), np.uint8)
        ink, slope, beside = _strokes(calm, page.unit)

    def stepped() -> Bytes:
        level = float(np.clip(5 * _noise(page.gray), 9, 45))
        step = cv2.threshold(slope, level, 255, cv2.THRESH_BINARY)[1]
        if ringing > CLEAN:
            left = WAVES * _ringing(slope, ink, beside)
            if left > level:
                reach = 2 * round(BLOCK / page.to_source[0, 0]) + 1
                near = cv2.dilate(ink, np.ones((reach, reach), np.uint8))
                step[(near > 0) & (slope < left)] = 0
        step[beside > 0] = 0
        return np.asarray(cv2.bitwise_or(ink, step), np.uint8)

    wall, dashes = together(stepped, partial(_dashes, ink, page.unit, lines))
    closed = cv2.morphologyEx(_without_text(wall, page.unit, lines), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return Walls(ink=ink, wall=wall, joined=np.asarray(cv2.bitwise_or(closed, dashes), np.uint8))


def _without_light_words(page: Page, lines: Sequence[TextLine]) -> Bytes:
    """The page without words that are lighter than what they stand on: beside them their ground looks like strokes."""
    out = page.rgb
    paper = float(np.dot(page.background, (0.299, 0.587, 0.114)))
    for line in lines:
        x0, y0, x1, y1 = (max(0, round(v) + grow) for v, grow in zip(line.box, (-2, -2, 2, 2), strict=True))
        gray = page.gray[y0:y1, x0:x1]
        if not gray.size or percentile_within(gray, None, 50) > paper - LIGHTER:
            continue
        ground = np.median(page.rgb[y0:y1, x0:x1], axis=0 if line.turn else 1, keepdims=True)
        level = ground @ np.array((0.299, 0.587, 0.114))
        light = gray > level + LIGHTER / 3
        if light.mean() < 0.5:
            out = page.rgb.copy() if out is page.rgb else out
            part = out[y0:y1, x0:x1]
            part[light] = np.broadcast_to(ground, part.shape)[light]
    return out


def _without_text(wall: Bytes, unit: float, lines: Sequence[TextLine]) -> Bytes:
    """The walls with the words taken out; upright borders that a word touches go on through it."""
    if not lines:
        return wall
    out = wall.copy()
    spots = [tuple(max(0, int(v)) for v in line.box) for line in lines if line.turn == 0]
    spots = [(x0, y0, x1, y1) for x0, y0, x1, y1 in spots if wall[y0:y1, x0:x1].size]
    boxed = []
    for x0, y0, x1, y1 in spots:
        quarter, near = (y1 - y0) // 4, round(BESIDE * unit)
        above, below = max(0, y0 - near), y1 - quarter
        left, wider = max(0, x0 - round(unit)), x1 + round(unit)
        length = max(round(LEVEL * unit), x1 - x0 + near)
        top, bottom = (
            opened_along(wall[first:last, left:wider], length)[:, x0 - left : x1 - left]
            for first, last in ((above, y0 + quarter), (below, y1 + near))
        )
        out[y0:y1, x0:x1] = 0
        out[y0 : y0 + quarter, x0:x1] = top[y0 - above :]  # borders that words run into
        out[below:y1, x0:x1] = bottom[: y1 - below]
        boxed.append(top.any(0) & bottom.any(0))
    reach = int(1.3 * unit)
    for (x0, y0, x1, y1), closed in zip(spots, boxed, strict=True):
        a = max(0, y0 - reach)
        part = out[a : y1 + reach, x0:x1]
        upright = cv2.morphologyEx(part, cv2.MORPH_OPEN, np.ones((round(UPRIGHT * unit), 1), np.uint8))
        bridged = cv2.morphologyEx(upright, cv2.MORPH_CLOSE, np.ones((y1 - y0 + 5, 1), np.uint8))
        bridged[:, closed] = 0  # flows that end above and below a box
        out[y0:y1, x0:x1] |= bridged[y0 - a : y1 - a]
    return out


def _dashes(ink: Bytes, unit: float, lines: Sequence[TextLine]) -> Bytes:
    """The small strokes of the page that are no letters, joined where they follow each other closely."""
    mask = np.zeros_like(ink)
    cv2.drawContours(mask, [piece.border for piece in small(ink, 1.1 * unit)], -1, 255, cv2.FILLED)
    mask = cv2.bitwise_and(mask, ink)
    for line in lines:
        x0, y0, x1, y1 = (int(v) for v in line.box)
        rim = 1 + int(0.08 * min(x1 - x0, y1 - y0))  # a dashed line may run along the words
        mask[max(0, y0 + rim) : y1 - rim, max(0, x0 + rim) : x1 - rim] = 0
    reach = int(0.65 * unit) // 2
    out = np.zeros_like(mask)

    def close(place: tuple[Slices, Slices, Slices]) -> None:
        tile, wide, inner = place
        part = mask[wide]
        part = cv2.bitwise_or(part, cv2.bitwise_and(ink[wide], within(part, reach)))  # what the dashes lead to
        gaps = cv2.bitwise_not(within(part, reach))
        out[tile] = cv2.bitwise_not(within(np.asarray(gaps, np.uint8), reach))[inner]

    each(close, list(around(mask, 3 * reach)))
    return out


def _strokes(rgb: Bytes, unit: float) -> tuple[Bytes, Bytes, Bytes]:
    """(ink, slope of the colours, ink and the pixels beside it, whose slope is the stroke's own)."""
    size = round(1.15 * unit) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    hat, slope = (
        strongest(np.asarray(changed, np.uint8))
        for changed in together(
            partial(cv2.morphologyEx, rgb, cv2.MORPH_BLACKHAT, kernel),
            partial(cv2.morphologyEx, rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)),
        )
    )
    noise = _noise(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8))
    ink = cv2.threshold(hat, float(np.clip(7 * noise, 22, 60)), 255, cv2.THRESH_BINARY)[1]
    return ink, slope, cv2.dilate(ink, np.ones((5, 5), np.uint8))


def _ringing(slope: Bytes, ink: Bytes, beside: Bytes) -> float:
    """Usual slope near strokes where compression has left its waves, in grey levels (0 for clean exports)."""
    near = cv2.subtract(cv2.dilate(ink, np.ones((NEAR, NEAR), np.uint8)), beside)
    slope, near = (np.ascontiguousarray(part[::2, ::2]) for part in (slope, near))
    return percentile_within(slope, near, 75) if cv2.countNonZero(near) else 0.0


def _noise(gray: Bytes) -> float:
    """Standard deviation of the pixel noise in flat areas, in grey levels (0 for clean exports)."""
    part = np.ascontiguousarray(gray[: gray.shape[0] // 2 * 2 : 2])
    bend = cv2.filter2D(part, cv2.CV_16S, np.array([[1, -2, 1]], np.float32))[:, 1:-1]
    levels = cv2.convertScaleAbs(bend)  # 255 at the most, which is noise beyond all that is asked
    count = np.cumsum(cv2.calcHist([levels], [0], None, [256], [0, 256]).ravel().astype(np.int64))
    return float(np.searchsorted(count, 0.75 * count[-1])) / 2.8
