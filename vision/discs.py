"""Circles that something sticks to: the tail or head of a flow, an arrow, the border of a task, another circle.

Where a blob of ink has no outline of its own, the largest discs that fit into it say where circles may be; the ink
must confirm them. Knows only masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Box, Bytes
from vision.rings import Ring, best_circle, inked

LARGEST = 3.5  # radius of an event, units
BESIDE = 0.4  # of the radius: circles with nearer centres are one
DRAWN = 0.88  # share of a whole circle on ink, at least
TOUCHED = 0.25  # share of the way around it where something lies against it, at most

Known = Callable[[Box], bool]


def discs(mask: Bytes, distance: NDArray[np.float32], least: float, unit: float, known: Known) -> list[Ring]:
    """Whole circles around the largest discs in a mask (H, W), 0 or 255. distance: (H, W), of each pixel to ink;
    least: pixels, of a diameter; known: tells the places that need no second look."""
    out: list[Ring] = []
    for box in _places(mask, least, unit, known):
        ring = best_circle(distance, box)
        if ring.coverage >= DRAWN and not any(_same(ring, other) for other in out) and _alone(distance, ring):
            out.append(ring)
    return out


def _alone(distance: NDArray[np.float32], ring: Ring) -> bool:
    """Whether there is paper around most of a circle: in a solid mass every circle lies on ink."""
    return float(inked(distance, replace(ring, radius=1.15 * ring.radius + 3.0)).mean()) <= TOUCHED


def _places(mask: Bytes, least: float, unit: float, known: Known) -> Iterator[Box]:
    """Boxes of the discs, largest first, one for each place."""
    depth = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32)
    high = np.asarray(cv2.dilate(depth, np.ones((5, 5), np.uint8)), np.float32)
    ys, xs = np.nonzero((depth >= high) & (depth > 0.5 * least) & (depth < LARGEST * unit))
    order = np.argsort(-depth[ys, xs], kind="stable")
    seen = np.zeros((0, 3))
    for x, y in zip(xs[order].tolist(), ys[order].tolist(), strict=True):
        if (np.hypot(seen[:, 0] - x, seen[:, 1] - y) < 0.5 * seen[:, 2]).any():
            continue
        r = float(depth[y, x])
        seen = np.vstack([seen, (x, y, r)])
        box = (x - r, y - r, x + r, y + r)
        if not known(box):
            yield box


def _same(a: Ring, b: Ring) -> bool:
    return float(np.hypot(a.x - b.x, a.y - b.y)) < BESIDE * max(a.radius, b.radius)
