"""Steps over whole masks in quick forms; they give what the plain calls of numpy and OpenCV do (`within` to a pixel).

Knows only pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Bytes

TILE = 128  # pixels

Slices = tuple[slice, slice]


def places(mask: Bytes | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Flat indices of what is not 0, ascending: `np.flatnonzero`, which takes four times as long over bytes."""
    return np.flatnonzero(mask.ravel() != 0)


def points(mask: Bytes | NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows, columns) of what is not 0, row by row: `np.nonzero`."""
    rows, columns = np.divmod(places(mask), mask.shape[1])
    return rows, columns


def around(mask: Bytes, reach: int) -> Iterator[tuple[Slices, Slices, Slices]]:
    """The tiles of a page within `reach` pixels of what is not 0: of the tile itself, of it with `reach` pixels around
    it, and of the tile within those."""
    height, width = mask.shape
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(height, top + TILE), min(width, left + TILE)
            y0, y1 = max(0, top - reach), min(height, bottom + reach)
            x0, x1 = max(0, left - reach), min(width, right + reach)
            if cv2.hasNonZero(mask[y0:y1, x0:x1]):
                inner = slice(top - y0, bottom - y0), slice(left - x0, right - x0)
                yield (slice(top, bottom), slice(left, right)), (slice(y0, y1), slice(x0, x1)), inner


def within(mask: Bytes, reach: int) -> Bytes:
    """(H, W) 0 or 255: the mask dilated by a disc. Round kernels take time by their area, distances do not."""
    far = cv2.distanceTransform(np.asarray(cv2.compare(mask, 0, cv2.CMP_EQ), np.uint8), cv2.DIST_L2, 5)
    return np.asarray(cv2.compare(far, reach + 0.3, cv2.CMP_LE), np.uint8)


def opened_along(mask: Bytes, length: int) -> Bytes:
    """The mask (H, W), 0 or 255, opened by a level line of `length` pixels, as OpenCV does it; rows with too little in
    them are not looked at."""
    least = min(mask.shape[1], length // 2)  # beside an edge OpenCV lets half a line stand for a whole one
    rows = np.flatnonzero(cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] >= 255 * least)
    out = np.zeros_like(mask)
    if len(rows):
        out[rows] = cv2.morphologyEx(mask[rows], cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    return out
