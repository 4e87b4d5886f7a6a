"""Circles drawn with dashes: non-interrupting events of BPMN.

A dash votes with its neighbours for the circle whose tangents they are. Knows only the ink and where text stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vision.border import circle
from vision.parts import Box, Bytes, Floats, Shape, TextLine
from vision.regions import small
from vision.rings import Ring, best_circle, inked, near_ink

SHORTEST, LONGEST = 0.18, 1.3  # of a dash, units
SMALLEST, LARGEST = 0.65, 3.4  # radius of a circle, units
SLENDER = 1.9  # length over thickness, from which a component has a direction
TOLERANCE = 0.14  # of the radius, by which a dash may lie beside its circle
FEWEST = 5  # dashes of a circle
DRAWN = 0.6  # share of its circumference that the dashes of a circle usually take
MOST = 1500  # dashes looked at on one page


@dataclass(frozen=True, slots=True)
class _Dashes:
    """at: (n, 2) centres; along: (n, 2) unit directions; length, thick: (n,), pixels."""

    at: Floats
    along: Floats
    length: Floats
    thick: Floats


def dashed_circles(ink: Bytes, lines: Sequence[TextLine], unit: float) -> list[Shape]:
    """Dashed circles of the size of events. ink: (H, W) uint8, 0 or 255."""
    dashes = _dashes(ink, lines, unit)
    if len(dashes.at) < FEWEST:
        return []
    around = near_ink(ink)
    found: list[tuple[bool, Ring]] = []
    for centre, radius in zip(*_guesses(dashes, unit), strict=True):
        on, covered = _on(dashes, centre, float(radius))
        stroke = float(np.median(dashes.thick[on])) if on.any() else 1.0
        if on.sum() >= FEWEST and covered >= 0.4 and _gap(dashes.at[on] - centre) < 2.2:
            found.append((True, Ring(*_circle(dashes.at[on]), stroke, min(1.0, covered / DRAWN))))
        elif on.sum() >= 3 and covered >= 0.25:  # the other dashes touch something
            ring = best_circle(around, _square(centre, float(radius)))
            if ring.coverage >= 0.6 and _widest(~inked(around, ring)) <= 9:
                found.append((False, replace(ring, stroke=stroke)))
    rings: list[Ring] = []
    for sure, ring in sorted(found, key=lambda f: (not f[0], -f[1].coverage * f[1].radius)):
        near = [k for k, other in enumerate(rings) if _about(ring, other)]
        if not near:
            rings.append(ring)
        for k in near if sure else ():
            outer, inner = (rings[k], ring) if rings[k].radius >= ring.radius else (ring, rings[k])
            double = 0.62 * outer.radius < inner.radius < 0.92 * outer.radius
            rings[k] = replace(outer, double=double or outer.double or inner.double)
    return [circle(replace(r, radius=r.radius + r.stroke / 2, dashed=True), None) for r in rings]


def _about(a: Ring, b: Ring) -> bool:
    """Whether two circles have nearly one centre."""
    return float(np.hypot(a.x - b.x, a.y - b.y)) < 0.35 * max(a.radius, b.radius)


def _dashes(ink: Bytes, lines: Sequence[TextLine], unit: float) -> _Dashes:
    """Short straight components outside the text."""
    boxes = np.array([line.box for line in lines], float).reshape(-1, 4)
    at, along, length, thick = [], [], [], []
    for piece in small(ink, LONGEST * unit):
        if max(piece.width, piece.height) < SHORTEST * unit:
            continue
        (x, y), (w, h), angle = cv2.minAreaRect(piece.border)
        if ((x > boxes[:, 0]) & (x < boxes[:, 2]) & (y > boxes[:, 1]) & (y < boxes[:, 3])).any():
            continue
        if w < h:
            w, h, angle = h, w, angle + 90
        if w + 1 < SLENDER * (h + 1):
            continue
        at.append((x, y))
        along.append((np.cos(np.radians(angle)), np.sin(np.radians(angle))))
        length.append(w + 1)
        thick.append((cv2.contourArea(piece.border) + w + 1) / (w + 1))
        if len(at) == MOST:
            break
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
