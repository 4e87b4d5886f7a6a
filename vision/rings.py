"""Parametric circles and diamonds: place the outline so that as much of it as possible lies on ink.

Knows only masks and grey levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Box, Bytes, Floats, Page
from vision.ranks import percentile

ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)
UNIT_CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle: centre and outer radius in page pixels, border thickness, share of the circumference on ink."""

    x: float
    y: float
    radius: float
    stroke: float
    coverage: float
    double: bool = False
    dashed: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Diamond:
    """A rhombus with upright diagonals: centre and half diagonals in page pixels."""

    x: float
    y: float
    rx: float
    ry: float
    stroke: float
    coverage: float


def rings(page: Page, centre: Floats, radius: float) -> Ring | None:
    """Read the borders of a circle off its radial grey profile; None when no border is found near `radius`.

    The profile is the mean grey level along circles of growing radius; dark runs are borders.
    """
    reach = int(np.ceil(radius * 1.6)) + 3
    radii = np.arange(0, reach, 0.5)
    at = centre[None, None, :] + radii[:, None, None] * UNIT_CIRCLE[None]
    width, height = page.size
    xs = np.clip(np.round(at[..., 0]).astype(int), 0, width - 1)
    ys = np.clip(np.round(at[..., 1]).astype(int), 0, height - 1)
    grey = page.rgb[ys, xs].min(-1).astype(float)  # (radii, angles)
    profile = np.median(grey, axis=1)
    paper = percentile(profile[radii > 0.4 * radius], 90)
    dark = float(profile[(radii > 0.6 * radius) & (radii < 1.25 * radius)].min())
    if paper - dark < 18:
        return None
    level = (paper + dark) / 2
    below = profile < level
    runs = _runs(below)
    near = [(a, b) for a, b in runs if radii[b] > 0.6 * radius and radii[a] < 1.45 * radius]
    if not near:
        return None
    start, end = near[-1]
    if radii[end] > 1.3 * radius and len(near) > 1 and radii[near[-2][1]] > 0.8 * radius:
        gap = radii[start] - radii[near[-2][1]]
        if gap > 0.35 * radius:
            near = near[:-1]
            start, end = near[-1]
    outer = float(radii[end]) + 0.5
    stroke = float(radii[end] - radii[start]) + 0.5
    on = grey[start : end + 1].min(0) < level
    double = len(near) > 1 and 0.6 < radii[near[-2][1]] / outer < 0.97
    filled = bool(np.mean(profile[radii < 0.8 * outer] < level) > 0.9)
    coverage = float(on.mean())
    return Ring(float(centre[0]), float(centre[1]), outer, stroke, coverage, double, False, filled)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of every run of True."""
    edges = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return list(zip(np.nonzero(edges == 1)[0].tolist(), (np.nonzero(edges == -1)[0] - 1).tolist(), strict=True))


def near_ink(ink: Bytes, wobble: float = 0.0) -> Bytes:
    """(H, W), not 0 within 1.5 pixels of ink, and `wobble` more."""
    if not wobble:
        return np.asarray(cv2.dilate(ink, np.ones((3, 3), np.uint8)), np.uint8)
    distance = cv2.distanceTransform(cv2.bitwise_not(ink), cv2.DIST_L2, 3)
    return np.asarray(cv2.compare(distance, 1.5 + wobble, cv2.CMP_LE), np.uint8)


def best_circle(near: Bytes, box: Box) -> Ring:
    """The best-covered circle about the size of `box`. near: (H, W), not 0 beside ink."""
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    size = (box[2] - box[0] + box[3] - box[1]) / 4
    span = max(2.0, 0.16 * size)
    shifts = np.linspace(-span, span, 7)
    radii = np.arange(0.75 * size, 1.22 * size + 1, max(1.0, size / 24))
    xs, ys, rs = (v.ravel() for v in np.meshgrid(cx + shifts, cy + shifts, radii, indexing="ij"))
    points = np.stack([xs, ys], 1)[:, None, :] + rs[:, None, None] * UNIT_CIRCLE[None]
    coverage = _on_ink(near, points)
    value = coverage + 0.04 * rs / size
    i = int(value.argmax())
    return Ring(float(xs[i]), float(ys[i]), float(rs[i]), 1.0, float(coverage[i]))


def inked(near: Bytes, ring: Ring) -> NDArray[np.bool_]:
    """(72,) at which angles a circle lies on ink."""
    points = np.array([ring.x, ring.y]) + ring.radius * UNIT_CIRCLE
    x = np.clip(np.round(points[:, 0]).astype(int), 0, near.shape[1] - 1)
    y = np.clip(np.round(points[:, 1]).astype(int), 0, near.shape[0] - 1)
    return np.asarray(near[y, x] > 0)


def best_diamond(near: Bytes, box: Box) -> Diamond:
    """The best-covered diamond about the size of `box`; its tips may stick out of the box."""
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    rx0, ry0 = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    shifts = np.linspace(-0.16, 0.16, 5)
    scales = np.linspace(0.9, 1.6, 15)
    ratios = np.array([1.0, ry0 / max(rx0, 1e-6)]) if abs(ry0 / max(rx0, 1e-6) - 1) > 0.08 else np.array([1.0])
    grid = np.meshgrid(shifts, shifts, scales, ratios, indexing="ij")
    dx, dy, scale, ratio = (v.ravel() for v in grid)
    rx = (rx0 + ry0) / 2 * scale / np.sqrt(ratio)
    ry = rx * ratio
    xs, ys = cx + dx * rx0, cy + dy * ry0
    t = np.linspace(0, 1, 18, endpoint=False)[:, None]
    tips = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)], float)
    unit = np.concatenate([tips[k] * (1 - t) + tips[(k + 1) % 4] * t for k in range(4)])
    points = np.stack([xs, ys], 1)[:, None, :] + unit[None] * np.stack([rx, ry], 1)[:, None, :]
    coverage = _on_ink(near, points)
    value = coverage + 0.05 * scale
    i = int(value.argmax())
    return Diamond(float(xs[i]), float(ys[i]), float(rx[i]), float(ry[i]), 1.0, float(coverage[i]))


def _on_ink(near: Bytes, points: np.ndarray) -> np.ndarray:
    """(n,) share of points (n, m, 2) beside ink; points off the page count as missed."""
    height, width = near.shape
    x, y = np.rint(points[..., 0]).astype(np.int32), np.rint(points[..., 1]).astype(np.int32)
    if x.min() >= 0 and y.min() >= 0 and x.max() < width and y.max() < height:
        found = near[y, x] > 0
    else:
        good = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        found = (near[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > 0) & good
    return np.asarray(np.count_nonzero(found, axis=1) / found.shape[1])
