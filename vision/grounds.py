"""Small patches of colour behind the labels of flows, found from the words outwards.

A label on a line often has a ground of its own that hides the line. Its rim is no stroke, but looks like one. Knows
the page and its text lines, not the flows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision.boxes import share, size
from vision.parts import Box, Page, Shape, TextLine

LONGEST = 12.0  # units; labels of flows are no longer
LEAST = 10  # grey levels in any channel by which a ground differs from the paper
WIDEST = 0.9  # units between a word and the rim of its ground, at most


def grounds(page: Page, lines: Sequence[TextLine], shapes: Sequence[Shape]) -> list[Box]:
    """Boxes of the grounds of all lines that lie in no shape."""
    free = [
        line.box
        for line in lines
        if line.turn == 0
        and size(line.box)[0] < LONGEST * page.unit
        and not any(share(line.box, shape.box) > 0.3 for shape in shapes)
    ]
    found = (_ground(page, box) for box in free)
    return [box for box in found if box is not None]


def _ground(page: Page, box: Box) -> Box | None:
    """The patch of one colour around a word; None where the paper, or a large area, lies behind it."""
    width, height = page.size
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, round(box[2])), min(height, round(box[3]))
    reach = round(WIDEST * page.unit)
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    around = page.rgb[top : min(height, y1 + reach), left : min(width, x1 + reach)].astype(np.int16)
    word = around[y0 - top : y1 - top, x0 - left : x1 - left].reshape(-1, 3)
    if len(word) < 4:
        return None
    grey = word.sum(1)
    colour = np.median(word[grey >= np.percentile(grey, 60)], axis=0)
    contrast = float(np.abs(colour - np.array(page.background)).max())
    if contrast < LEAST:
        return None
    like = np.abs(around - colour).max(2) < 0.5 * contrast
    rows, columns = like[:, x0 - left : x1 - left].mean(1), like[y0 - top : y1 - top].mean(0)
    above, below = _runs(rows, y0 - top, y1 - top)
    before, after = _runs(columns, x0 - left, x1 - left)
    if above == 0 or before == 0 or below == len(rows) or after == len(columns):
        return None
    return float(left + before), float(top + above), float(left + after), float(top + below)


def _runs(shares: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """How far, before `start` and after `stop`, most of every row has the ground's colour."""
    same = shares > 0.6
    before, after = start, stop
    while before > 0 and same[before - 1]:
        before -= 1
    while after < len(same) and same[after]:
        after += 1
    return before, after
