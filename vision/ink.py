"""Which pixels of a page belong to thin strokes: lines, borders, letters, arrowheads.

Ink is what is darker than its surroundings within about one text height, in any colour channel, so that thin grey,
thick coloured and black strokes on white, tinted or shaded fills all count, and filled areas do not. Beside a much
darker stroke a faint one is taken for its blur or shadow. Does not know what the strokes mean.
"""

from __future__ import annotations

import cv2
import numpy as np

from vision.parts import Bytes, Page

REACH = 1.15  # widest stroke, in text heights
FAINTEST = 16  # levels of 255 below which a difference is noise
SHARE = 0.16  # of the strong strokes' contrast, below which a stroke is noise
SHADOW = 0.5  # of the contrast of the darkest neighbour, below which a pixel is its blur


def contrast(page: Page) -> Bytes:
    """(H, W) uint8: how much darker than its surroundings each pixel is, the best of the three channels."""
    size = max(3, round(REACH * page.unit)) | 1
    hat = cv2.morphologyEx(page.rgb, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_RECT, (size, size)))
    return strongest(np.asarray(hat, np.uint8))


def strongest(rgb: Bytes) -> Bytes:
    """(H, W): the largest of the three channels."""
    r, g, b = cv2.split(rgb)
    return np.asarray(cv2.max(cv2.max(r, g, r), b, r), np.uint8)


def line_ink(page: Page) -> Bytes:
    """(H, W) uint8, 1 where a stroke is."""
    hat = contrast(page)
    histogram = cv2.calcHist([hat], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    histogram[:25] = 0
    total = histogram.sum()
    if total == 0:
        return np.zeros_like(hat)
    strong = int(np.searchsorted(np.cumsum(histogram), 0.97 * total))
    floor = max(FAINTEST, round(SHARE * strong))
    around = cv2.dilate(hat, np.ones((5, 5), np.uint8))
    threshold = cv2.max(cv2.convertScaleAbs(around, alpha=SHADOW), floor)
    return np.asarray(cv2.min(cv2.compare(hat, threshold, cv2.CMP_GE), 1), np.uint8)
