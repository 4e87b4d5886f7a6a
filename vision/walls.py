"""Where a page has strokes and colour borders: the walls between its flat regions.

Knows only pixels: not what a stroke belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.parts import Bytes, Page


@dataclass(frozen=True, slots=True)
class Walls:
    """Masks of the page's size, uint8 0 or 255.

    ink: strokes and marks darker than what surrounds them, whatever their colour.
    wall: ink and the borders between differently coloured fills.
    """

    ink: Bytes
    wall: Bytes


def find_walls(page: Page) -> Walls:
    """Strokes by black-hat per channel (survives fills and gradients), fills by their morphological gradient."""
    size = int(round(1.15 * page.unit)) | 1
    noise = _noise(page.gray)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    hat = _strongest(cv2.morphologyEx(page.rgb, cv2.MORPH_BLACKHAT, kernel))
    ink = cv2.threshold(hat, float(np.clip(7 * noise, 22, 60)), 255, cv2.THRESH_BINARY)[1]
    slope = _strongest(cv2.morphologyEx(page.rgb, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    step = cv2.threshold(slope, float(np.clip(5 * noise, 9, 45)), 255, cv2.THRESH_BINARY)[1]
    beside = cv2.dilate(ink, np.ones((5, 5), np.uint8))  # the slopes of a stroke are not borders of a fill
    step[beside > 0] = 0
    return Walls(ink=ink, wall=cv2.bitwise_or(ink, step))


def _strongest(rgb: Bytes) -> Bytes:
    """(H, W): the largest of the three channels."""
    r, g, b = cv2.split(rgb)
    return cv2.max(cv2.max(r, g), b)


def _noise(gray: Bytes) -> float:
    """Standard deviation of the pixel noise in flat areas, in grey levels (0 for clean exports)."""
    part = gray[: gray.shape[0] // 2 * 2 : 2]
    lap = np.abs(part[:, 2:].astype(np.int16) - 2 * part[:, 1:-1].astype(np.int16) + part[:, :-2].astype(np.int16))
    return float(np.percentile(lap, 75)) / 2.8
