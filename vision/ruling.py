"""The grid of a drawing canvas: faint lines at even steps, which belong to the program and not to the drawing.

In and out: RGB pictures, dark on light. Does not know what is drawn on the grid.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Bytes

FAINT = (5, 70)  # grey levels by which a line of a grid is darker than its paper
THIN = 7  # pixels; thicker lines are drawn
RUN = 40  # pixels that a line goes on between the things drawn over it
ACROSS = 0.3  # share of the picture's side that a line of a grid covers
FEWEST = 6  # lines along each axis
CLOSEST = 6  # pixels from line to line; what repeats closer is noise
LOOK = 1500  # pixels of the middle of the picture that are searched for a grid


def without_grid(rgb: Bytes, gray: Bytes) -> Bytes:
    """The picture with the grid painted over by what lies beside its lines; the picture itself where there is none.

    gray: (H, W), the same picture.
    """
    height, width = gray.shape
    if min(height, width) < RUN:
        return rgb
    y, x = max(0, (height - LOOK) // 2), max(0, (width - LOOK) // 2)
    faint = _faint(gray[y : y + LOOK, x : x + LOOK])
    if not (_even(_lines(faint)) and _even(_lines(np.ascontiguousarray(faint.T)))):
        return rgb
    faint = _faint(gray)
    grid = np.zeros_like(faint)
    grid[_lines(faint)], grid[:, _lines(np.ascontiguousarray(faint.T))] = 255, 255
    grid = cv2.bitwise_and(cv2.dilate(grid, np.ones((3, 3), np.uint8)), faint)
    out = rgb.copy()
    out[grid > 0] = cv2.morphologyEx(rgb, cv2.MORPH_CLOSE, np.ones((THIN, THIN), np.uint8))[grid > 0]
    return out


def _faint(gray: Bytes) -> Bytes:
    """(H, W) 255 where something thin is a little darker than what lies beside it."""
    return np.asarray(cv2.inRange(cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((THIN, THIN))), *FAINT), np.uint8)


def _lines(faint: Bytes) -> NDArray[np.int64]:
    """Rows along which a faint line runs."""
    runs = cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((1, RUN), np.uint8))
    return np.flatnonzero((runs > 0).mean(1) > ACROSS)


def _even(at: NDArray[np.int64]) -> bool:
    """Whether there are many lines, most of them at multiples of one step."""
    starts = at[np.concatenate([[True], np.diff(at) > 2])] if len(at) else at
    if len(starts) < FEWEST:
        return False
    gaps = np.diff(starts)
    step = float(np.median(gaps))
    return step >= CLOSEST and bool(np.mean(np.abs(gaps / step - np.round(gaps / step)) * step <= 1.5) > 0.7)
