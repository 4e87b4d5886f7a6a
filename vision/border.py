"""The border of a symbol whose inside was found: how thick it is, how much of it is drawn, and what fills it.

Knows pixels and one contour, not its neighbours.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vision.parts import Box, Bytes, Floats, Outline, Page, Shape
from vision.ranks import percentile
from vision.rings import UNIT_CIRCLE, Ring, rings
from vision.walls import Walls

DISC = 5.0  # units; filled discs that begin or end a process are no wider
CROSSED = 12.0  # units; larger boxes are frames, which may share their lines
BLUNTED = 1.35  # of half a diagonal, to which the tip of a diamond is prolonged at most
DARK = 100  # grey levels by which they are darker than the paper


def bordered(page: Page, walls: Walls, wall: Bytes, contour: Floats, outline: Outline, corner: float) -> Shape:
    """The shape with its border, from the contour of its inside."""
    low, high = contour.min(0), contour.max(0)
    fill = fill_colour(page, walls, low, high)
    stroke, coverage = _border(page, walls, wall, contour)
    if outline == "page" and _whole_corner(walls.ink, low, high, page.unit):
        outline, contour = "rounded", np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    if outline not in ("document", "page", "bracket"):
        contour = cv2.convexHull(contour.astype(np.float32))[:, 0, :].astype(np.float64)
    grown = grow(contour, stroke)
    if outline == "diamond" and not page.photo:
        grown = _pointed(contour, stroke)
    if outline in ("rounded", "hexagon", "polygon") and _is_disc(page, grown, page.unit):
        outline = "circle"  # larger than the strokes that were looked for, its rim is not all there
    if outline in ("circle", "ellipse") and 0.75 < (high[0] - low[0]) / (high[1] - low[1]) < 1.33:
        centre = (low + high) / 2
        ring = rings(page, centre, float((high - low).mean()) / 2)
        if ring is not None:
            if page.photo:  # its radius is not the same all around
                ring = replace(ring, coverage=max(ring.coverage, coverage))
            return circle(ring, fill)
    if outline == "rounded" and corner < 0.06:
        outline = "rectangle"
    return Shape(outline, box_of(grown), grown, stroke, coverage, fill=fill)


def _pointed(contour: Floats, stroke: float) -> Floats:
    """The outer corners of a diamond from the contour of its inside, whose sharp tips ink has filled."""
    low, high = contour.min(0), contour.max(0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    spokes = np.abs(_dense(contour) - centre)
    sides = spokes[(spokes < 0.8 * half).all(1)]
    if len(sides) < 8:
        return grow(contour, stroke)
    inverse = np.linalg.lstsq(sides, np.ones(len(sides)), rcond=None)[0]
    full = 1 / np.maximum(inverse, 1e-6)
    miss = np.abs(sides @ inverse - 1).mean()
    if miss > 0.06 or (full > BLUNTED * half).any():
        return grow(contour, stroke)
    full = np.maximum(full, half)
    a, b = full + stroke * float(np.hypot(*full)) / full[::-1]
    return centre + np.array([(0, -b), (a, 0), (0, b), (-a, 0)])


def _dense(contour: Floats) -> Floats:
    """(n, 2) points along a closed polygon, 16 on each side."""
    steps = np.arange(16)[None, :, None] / 16
    return np.asarray((contour[:, None] * (1 - steps) + np.roll(contour, -1, 0)[:, None] * steps).reshape(-1, 2))


def _is_disc(page: Page, contour: Floats, unit: float) -> bool:
    """Whether a small outline as wide as high is round: dark within the circle in its box, another colour around."""
    low, high = contour.min(0), contour.max(0)
    wide, high_ = high - low
    if not 0.85 < wide / high_ < 1.18 or max(wide, high_) > DISC * unit:
        return False
    middle, radius = (low + high) / 2, (wide + high_) / 4

    def colours(share: float) -> np.ndarray:
        at = np.round(middle + share * radius * UNIT_CIRCLE).astype(int)
        width, height = page.size
        return page.rgb[np.clip(at[:, 1], 0, height - 1), np.clip(at[:, 0], 0, width - 1)].astype(int)

    own = np.median(colours(0.6), axis=0)
    if float((np.array(page.background) - own) @ (0.299, 0.587, 0.114)) < DARK:
        return False
    within, around = (np.abs(colours(share) - own).max(1) < DARK / 3 for share in (0.86, 1.16))
    return bool(within.mean() > 0.95 and around.mean() < 0.15)


def circle(ring: Ring, fill: tuple[int, int, int] | None) -> Shape:
    """The shape of a measured circle."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    contour = np.stack([ring.x + ring.radius * np.cos(angle), ring.y + ring.radius * np.sin(angle)], 1)
    return Shape(
        "circle", box_of(contour), contour, ring.stroke, ring.coverage, ring.dashed, ring.double, ring.filled, fill
    )


def box_of(contour: Floats) -> Box:
    """The box around (n, 2) points."""
    (x0, y0), (x1, y1) = contour.min(0), contour.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def fill_colour(page: Page, walls: Walls, low: Floats, high: Floats) -> tuple[int, int, int] | None:
    """Median colour of the middle of the box where there is no stroke; None when that is the paper's colour."""
    (x0, y0), (x1, y1) = (low * 0.85 + high * 0.15).astype(int), (low * 0.15 + high * 0.85).astype(int)
    step = max(1, int(min(x1 - x0, y1 - y0) / 24))
    part = page.rgb[y0 : y1 + 1 : step, x0 : x1 + 1 : step].reshape(-1, 3)
    flat = walls.wall[y0 : y1 + 1 : step, x0 : x1 + 1 : step].ravel() == 0
    if flat.sum() < 4:
        return None
    values = np.sort(part[flat].astype(np.float64), axis=0)
    colour = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    if np.abs(colour - np.array(page.background)).max() < 10:
        return None
    return int(colour[0]), int(colour[1]), int(colour[2])


def _whole_corner(ink: Bytes, low: Floats, high: Floats, unit: float) -> bool:
    """Whether the border goes on to the upper right corner, where a sheet would be folded (an icon hides the inside).
    low, high: corners of the inside."""
    reach = int(0.2 * (high - low).min())
    right, top, short = int(high[0]), int(low[1]), int(0.45 * unit)
    above = ink[max(0, top - 4) : top + 2, right - reach : right - short]
    beside = ink[top + short : top + reach, right - 1 : right + 5]
    return (
        reach - short > 0.4 * unit
        and above.size > 0
        and bool((above > 0).any(0).mean() > 0.9 and beside.size and (beside > 0).any(1).mean() > 0.9)
    )


def _border(page: Page, walls: Walls, wall: Bytes, contour: Floats) -> tuple[float, float]:
    """(thickness in pixels, share of the outline that has a wall right outside), by looking outwards along normals."""
    reach = max(6, int(0.6 * page.unit))
    step = max(1, len(contour) // 160)
    points = contour[::step]
    along = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    normal = np.stack([along[:, 1], -along[:, 0]], 1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    centre = points.mean(0)
    outward = np.sign(((points - centre) * normal).sum(1, keepdims=True))
    normal *= np.where(outward == 0, 1, outward)
    distance = np.arange(1, reach + 1)
    at = np.round(points[:, None, :] + normal[:, None, :] * distance[None, :, None]).astype(int)
    width, height = page.size
    inside = (at[..., 0] >= 0) & (at[..., 0] < width) & (at[..., 1] >= 0) & (at[..., 1] < height)
    hit = np.zeros(at.shape[:2], bool)
    hit[inside] = wall[at[..., 1][inside], at[..., 0][inside]] > 0
    starts = hit[:, : max(3, reach // 3)].any(1)
    first = np.where(starts, hit.argmax(1), 0)
    after = np.arange(reach)[None, :] >= first[:, None]
    ends = np.where((~hit & after).any(1), (~hit & after).argmax(1), reach)
    coverage = float(starts.mean())
    inked = np.zeros(at.shape[:2], bool)
    inked[inside] = walls.ink[at[..., 1][inside], at[..., 0][inside]] > 0
    drawn = float(inked[:, : max(3, reach // 3)].any(1).mean()) > 0.4
    if not drawn or not starts.any():
        return 0.0, coverage
    thin, usual = (percentile(ends[starts], share) for share in (25, 50))
    return float(thin if thin < 0.6 * usual else usual), coverage  # a shadow lies along some of its sides


def grow(contour: Floats, by: float) -> Floats:
    """The contour moved outwards by `by` pixels on every side (scaling about the centre, per axis)."""
    low, high = contour.min(0), contour.max(0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    return centre + (contour - centre) * ((half + by) / half)


def runs_beyond(ink: Bytes, box: Box, unit: float) -> bool:
    """Whether the sides of an upright box of ordinary size go straight on beyond its corners, as where flows cross."""
    x0, y0, x1, y1 = (round(v) for v in box)
    if max(x1 - x0, y1 - y0) > CROSSED * unit or min(x0, y0) < 1:
        return False
    near, far, rim = round(0.25 * unit), round(0.8 * unit), max(2, round(0.15 * unit))
    count = 0
    for flat, low, high, sides in ((True, x0, x1, (y0, y1)), (False, y0, y1, (x0, x1))):
        view = ink if flat else ink.T
        for at in sides:
            rows = view[max(0, at - rim) : at + rim + 1]
            for run in (rows[:, max(0, low - far) : max(0, low - near)], rows[:, high + near : high + far]):
                clear = run.size > 0 and bool((run[0] == 0).all() or (run[-1] == 0).all())  # a line, no mass
                count += clear and bool((run > 0).any(0).all())
    return count >= 3
