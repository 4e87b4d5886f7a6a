"""Circles drawn with dashes: non-interrupting events of BPMN.

A dash votes with its neighbours for the circle whose tangents they are. Knows only the ink and where text stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vision.parts import Box, Bytes, Floats, TextLine
from vision.rings import best_circle, inked

SHORTEST, LONGEST = 0.18, 1.3  # of a dash, units
SMALLEST, LARGEST = 0.65, 3.4  # radius of a circle, units
SLENDER = 1.9  # length over thickness, from which a component has a direction
TOLERANCE = 0.14  # of the radius, by which a dash may lie beside its circle
FEWEST = 5  # dashes of a circle
MOST = 1500  # dashes looked at on one page


@dataclass(frozen=True, slots=True)
class DashedRing:
    """Centre, radius and border thickness in page pixels; coverage: share of the circumference that dashes take.
    double: there is a second circle inside."""

    x: float
    y: float
    radius: float
    stroke: float
    coverage: float
    double: bool


@dataclass(frozen=True, slots=True)
class _Dashes:
    """at: (n, 2) centres; along: (n, 2) unit directions; length, thick: (n,), pixels."""

    at: Floats
    along: Floats
    length: Floats
    thick: Floats


def dashed_rings(ink: Bytes, distance: NDArray[np.float32], lines: Sequence[TextLine], unit: float) -> list[DashedRing]:
    """Dashed circles of the size of events. ink: (H, W) uint8, 0 or 255; distance: (H, W), of each pixel to ink."""
    dashes = _dashes(ink, lines, unit)
    if len(dashes.at) < FEWEST:
        return []
    centres, radii = _guesses(dashes, unit)
    if not len(radii):
        return []
    found: list[tuple[bool, float, float, float, float, float]] = []
    for centre, radius in zip(centres, radii, strict=True):
        on, covered = _on(dashes, centre, float(radius))
        if on.sum() >= FEWEST and covered >= 0.4 and _gap(dashes.at[on] - centre) < 2.2:
            found.append((True, covered, *_circle(dashes.at[on]), float(np.median(dashes.thick[on]))))
        elif on.sum() >= 3 and covered >= 0.25:  # the other dashes touch something
            ring = best_circle(distance, _square(centre, float(radius)))
            if ring.coverage >= 0.6 and _widest(~inked(distance, ring)) <= 9:
                found.append((False, ring.coverage, ring.x, ring.y, ring.radius, float(np.median(dashes.thick[on]))))
    out: list[DashedRing] = []
    for sure, covered, x, y, radius, stroke in sorted(found, key=lambda f: (not f[0], -f[1] * f[4])):
        near = [k for k, ring in enumerate(out) if np.hypot(ring.x - x, ring.y - y) < 0.35 * max(radius, ring.radius)]
        ring = DashedRing(x, y, radius + stroke / 2, stroke, min(1.0, covered), False)
        if not near:
            out.append(ring)
            continue
        for k in near if sure else ():
            outer, inner = (out[k], ring) if out[k].radius >= ring.radius else (ring, out[k])
            double = inner.radius > 0.62 * outer.radius and inner.radius < 0.92 * outer.radius
            out[k] = DashedRing(
                outer.x, outer.y, outer.radius, outer.stroke, outer.coverage, out[k].double or ring.double or double
            )
    return out


def _dashes(ink: Bytes, lines: Sequence[TextLine], unit: float) -> _Dashes:
    """Short straight components outside the text."""
    count, labels, stats, middle = cv2.connectedComponentsWithStats(ink, connectivity=8)
    long = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    good = (long >= SHORTEST * unit) & (long <= LONGEST * unit) & (stats[:, cv2.CC_STAT_AREA] >= 4)
    good[0] = False
    boxes = np.array([line.box for line in lines], float).reshape(-1, 4)
    if len(boxes):
        x, y = middle[:, 0:1], middle[:, 1:2]
        held = (x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])
        good &= ~held.any(1)
    at, along, length, thick = [], [], [], []
    for i in np.flatnonzero(good)[:MOST].tolist():
        x0, y0, w, h, area = (int(v) for v in stats[i])
        ys, xs = np.nonzero(labels[y0 : y0 + h, x0 : x0 + w] == i)
        values, vectors = np.linalg.eigh(np.cov(np.stack([xs, ys]).astype(float)) + 1e-3 * np.eye(2))
        size = float(np.sqrt(12 * values[1]))
        if values[1] < SLENDER**2 * values[0]:
            continue
        at.append(middle[i])
        along.append(vectors[:, 1])
        length.append(size)
        thick.append(area / max(size, 1.0))
    empty = np.zeros((0, 2))
    return _Dashes(
        np.array(at) if at else empty, np.array(along) if along else empty, np.array(length), np.array(thick)
    )


def _guesses(dashes: _Dashes, unit: float) -> tuple[Floats, Floats]:
    """(n, 2) centres and (n,) radii where the normals of two neighbouring dashes meet at like distances."""
    count = len(dashes.at)
    nearest = min(7, count)
    _, others = cKDTree(dashes.at).query(dashes.at, nearest)
    i = np.repeat(np.arange(count), nearest)
    j = np.asarray(others).ravel()
    i, j = i[i < j], j[i < j]
    normal = np.stack([-dashes.along[:, 1], dashes.along[:, 0]], 1)
    a, b, u, v = dashes.at[i], dashes.at[j], normal[i], normal[j]
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    bent = np.abs(cross) > 0.15
    a, b, u, v, cross = a[bent], b[bent], u[bent], v[bent], cross[bent]
    gap = b - a
    s = (gap[:, 0] * v[:, 1] - gap[:, 1] * v[:, 0]) / cross
    t = (gap[:, 0] * u[:, 1] - gap[:, 1] * u[:, 0]) / cross
    radius = (np.abs(s) + np.abs(t)) / 2
    good = (np.abs(np.abs(s) - np.abs(t)) < 0.25 * radius) & (radius > SMALLEST * unit) & (radius < LARGEST * unit)
    good &= np.hypot(gap[:, 0], gap[:, 1]) < 1.5 * radius
    return a[good] + s[good, None] * u[good], radius[good]


def _on(dashes: _Dashes, centre: Floats, radius: float) -> tuple[NDArray[np.bool_], float]:
    """Which dashes lie along the circle, and the share of its circumference that they take."""
    spoke = dashes.at - centre
    distance = np.maximum(np.hypot(spoke[:, 0], spoke[:, 1]), 1e-6)
    tilt = np.abs((spoke * dashes.along).sum(1)) / distance
    on = (np.abs(distance - radius) < TOLERANCE * radius) & (tilt < 0.4)
    return on, float(dashes.length[on].sum() / (2 * np.pi * radius))


def _square(centre: Floats, radius: float) -> Box:
    x, y = float(centre[0]), float(centre[1])
    return x - radius, y - radius, x + radius, y + radius


def _widest(free: NDArray[np.bool_]) -> int:
    """The longest run of True around a circle, in steps of five degrees."""
    if free.all():
        return len(free)
    at = np.flatnonzero(~free)
    return int(np.diff(np.concatenate([at, [at[0] + len(free)]])).max()) - 1


def _gap(spokes: Floats) -> float:
    """The widest angle without a dash, radians."""
    angles = np.sort(np.arctan2(spokes[:, 1], spokes[:, 0]))
    return float(np.diff(np.concatenate([angles, [angles[0] + 2 * np.pi]])).max())


def _circle(points: Floats) -> tuple[float, float, float]:
    """Centre and radius of the least-squares circle (Kasa, 1976)."""
    a = np.column_stack([2 * points, np.ones(len(points))])
    x, y, c = np.linalg.lstsq(a, (points**2).sum(1), rcond=None)[0]
    return float(x), float(y), float(np.sqrt(max(c + x * x + y * y, 0.0)))
