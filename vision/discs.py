"""Circles that something sticks to: the tail or head of a flow, an arrow, the border of a task, another circle.

Where a blob of ink has no outline of its own, the largest discs that fit into it say where circles may be; the ink
must confirm them. Knows only masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from vision.masks import points
from vision.parts import Box, Bytes
from vision.rings import Ring, best_circle, inked

LARGEST = 3.5  # radius of an event, units
BESIDE = 0.4  # of the radius: circles with nearer centres are one
DRAWN = 0.88  # share of a whole circle on ink, at least
TOUCHED = 0.25  # share of the way around it where something lies against it, at most

Known = Callable[[Box], bool]


def discs(mask: Bytes, near: Bytes, least: float, unit: float, known: Known) -> list[Ring]:
    """Whole circles around the largest discs in a mask (H, W), 0 or 255. near: (H, W), not 0 beside ink;
    least: pixels, of a diameter; known: tells the places that need no second look."""
    out: list[Ring] = []
    for box in _places(mask, least, unit, known):
        ring = best_circle(near, box)
        if ring.coverage >= DRAWN and not any(_same(ring, other) for other in out) and _alone(near, ring):
            out.append(ring)
    return out


def _alone(near: Bytes, ring: Ring) -> bool:
    """Whether there is paper around most of a circle: in a solid mass every circle lies on ink."""
    return float(inked(near, replace(ring, radius=1.15 * ring.radius + 3.0)).mean()) <= TOUCHED


def _places(mask: Bytes, least: float, unit: float, known: Known) -> Iterator[Box]:
    """Boxes of the discs, largest first, one for each place."""
    found: list[tuple[float, int, int]] = []  # depth turned over, y, x
    for border in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        left, top, width, height = cv2.boundingRect(border)
        if min(width, height) < least - 1:
            continue
        own = np.zeros((height + 2, width + 2), np.uint8)
        cv2.drawContours(own, [border], -1, 255, cv2.FILLED, offset=(1 - left, 1 - top))
        own[1:-1, 1:-1] &= mask[top : top + height, left : left + width]
        depth = np.asarray(cv2.distanceTransform(own, cv2.DIST_L2, 5), np.float32)
        high = np.asarray(cv2.dilate(depth, np.ones((5, 5), np.uint8)), np.float32)
        ys, xs = points((depth >= high) & (depth > 0.5 * least) & (depth < LARGEST * unit))
        at = zip((-depth[ys, xs]).tolist(), (ys + top - 1).tolist(), (xs + left - 1).tolist(), strict=True)
        found.extend(at)
    seen = np.zeros((0, 3))
    for turned, y, x in sorted(found):
        if (np.hypot(seen[:, 0] - x, seen[:, 1] - y) < 0.5 * seen[:, 2]).any():
            continue
        r = -turned
        seen = np.vstack([seen, (x, y, r)])
        box = (x - r, y - r, x + r, y + r)
        if not known(box):
            yield box


def _same(a: Ring, b: Ring) -> bool:
    return float(np.hypot(a.x - b.x, a.y - b.y)) < BESIDE * max(a.radius, b.radius)
