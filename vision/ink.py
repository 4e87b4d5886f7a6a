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
    return np.asarray(cv2.max(cv2.max(hat[..., 0], hat[..., 1]), hat[..., 2]), np.uint8)


def line_ink(page: Page) -> Bytes:
    """(H, W) uint8, 1 where a stroke is."""
    hat = contrast(page)
    histogram = np.bincount(hat.ravel(), minlength=256)
    histogram[:25] = 0
    total = histogram.sum()
    if total == 0:
        return np.zeros_like(hat)
    strong = int(np.searchsorted(np.cumsum(histogram), 0.97 * total))
    floor = max(FAINTEST, round(SHARE * strong))
    around = cv2.dilate(hat, np.ones((5, 5), np.uint8))
    threshold = np.maximum(cv2.convertScaleAbs(around, alpha=SHADOW), np.uint8(floor))
    return (hat >= threshold).astype(np.uint8)
