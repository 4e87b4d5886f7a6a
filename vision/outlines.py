"""Which standard outline a closed contour is: template areas at the contour's own aspect, compared by overlap (IoU).

Outlines are those of BPMN 2.0 and ISO 5807. Knows nothing of pages, text or neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.parts import Floats, Outline

Bits = NDArray[np.uint64]

PRIOR: dict[Outline, float] = {"circle": 0.03, "diamond": 0.015, "rectangle": 0.006}  # of near ties the plainer
BY_HAND: dict[Outline, float] = {"circle": 0.06, "diamond": 0.06, "rectangle": 0.07, "rounded": 0.07, "stadium": 0.05}
EXACT = 0.975  # IoU that a hand hardly reaches: a printed outline, photographed
GRID = 96  # templates are compared on a GRID x GRID raster of the bounding box


@dataclass(frozen=True, slots=True)
class Fit:
    """iou: overlap of contour and template area in [0, 1]; corner: radius of the rounding as a share of the shorter
    side (rectangles only); solidity: contour area over the area of its convex hull."""

    outline: Outline
    iou: float
    corner: float
    solidity: float


def fit(contour: Floats, by_hand: bool = False) -> Fit:
    """The best template for a closed contour, (n, 2) float, any units.

    by_hand: slanted and wavy sides are more likely a plain outline drawn badly. Convex templates are compared with the
    convex hull, so that bites (a boundary event on a task) do not count.
    """
    low, high = contour.min(0), contour.max(0)
    width, height = np.maximum(high - low, 1e-6)
    scaled = (contour - low) / (width, height) * (GRID - 1)
    raw = _area(scaled)
    hull = _area(cv2.convexHull(scaled.astype(np.float32))[:, 0, :].astype(np.float64))
    solidity = float(np.count_nonzero(raw)) / max(1.0, float(np.count_nonzero(hull)))
    names, areas, convex = _templates(_step(width / height))
    iou = _shared(areas, np.where(convex[:, None], _packed(hull), _packed(raw)))
    iou = np.where(convex, iou * (0.5 + 0.5 * min(1.0, solidity / 0.9)), iou)
    prior = BY_HAND if by_hand and float(iou.max()) < EXACT else PRIOR
    iou = iou + np.array([prior.get(name, 0.0) for name in names])
    best = int(iou.argmax())
    corner = _corner(hull, float(width), float(height))
    if names[best] == "rounded" and corner > 0.36 and 0.8 < width / height < 1.25:
        return Fit("circle", float(iou[best]), corner, solidity)
    return Fit(names[best], float(min(1.0, iou[best])), corner, solidity)


def overlap(contour: Floats, outline: Outline) -> float:
    """IoU of the contour's convex hull with the best template of one outline."""
    low, high = contour.min(0), contour.max(0)
    width, height = np.maximum(high - low, 1e-6)
    hull = _area(cv2.convexHull(((contour - low) / (width, height) * (GRID - 1)).astype(np.float32))[:, 0, :])
    names, areas, _ = _templates(_step(width / height))
    if outline == "circle" and "circle" not in names:
        outline = "ellipse"
    rows = [i for i, name in enumerate(names) if name == outline]
    return float(_shared(areas[rows], _packed(hull)).max())


def _area(points: Floats) -> np.ndarray:
    mask = np.zeros((GRID, GRID), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(bool)


def _packed(area: np.ndarray) -> Bits:
    """A raster of GRID x GRID, 64 pixels to the word."""
    return np.packbits(area.ravel()).view(np.uint64)


def _shared(areas: Bits, targets: Bits) -> Floats:
    """(n,) IoU of packed areas, (n, words), with packed targets, (n, words) or (words,)."""
    both = np.bitwise_count(areas & targets).sum(1, dtype=np.int64)
    return np.asarray(both / np.maximum(1, np.bitwise_count(areas | targets).sum(1, dtype=np.int64)), np.float64)


def _corner(hull: np.ndarray, width: float, height: float) -> float:
    """Radius of the rounding over the shorter side, from the median area missing in the four corners."""
    half = GRID // 2
    missing = [
        np.count_nonzero(~part) / half / half
        for part in (hull[:half, :half], hull[:half, half:], hull[half:, :half], hull[half:, half:])
    ]
    area = float(np.median(missing)) * width * height / 4
    return float(np.sqrt(area / (1 - np.pi / 4)) / min(width, height))


def _step(aspect: float) -> int:
    """Aspect ratios in steps of 10 %, as a cache key."""
    return int(np.clip(round(np.log(aspect) / np.log(1.1)), -40, 40))


@lru_cache(maxsize=128)
def _templates(step: int) -> tuple[list[Outline], Bits, np.ndarray]:
    """Names, areas (n, words) packed, convex flags (n,) for one aspect ratio (width / height = 1.1 ** step)."""
    aspect = 1.1**step
    wide, tall = (aspect, 1.0) if aspect >= 1 else (1.0, 1 / aspect)
    shorter = min(wide, tall)
    out: list[tuple[Outline, Floats, bool]] = []

    def add(name: Outline, points: list[tuple[float, float]], convex: bool = True) -> None:
        out.append((name, np.array(points, float), convex))

    add("rectangle", [(0, 0), (1, 0), (1, 1), (0, 1)])
    for radius in (0.12, 0.2, 0.3, 0.4):
        add("rounded", _rounded(radius * shorter / wide, radius * shorter / tall))
    stadium = _rounded(0.5 * shorter / wide, 0.5 * shorter / tall)
    if max(aspect, 1 / aspect) > 1.25:
        add("stadium", stadium)
        add("ellipse", _rounded(0.5, 0.5))
    else:
        add("circle", _rounded(0.5, 0.5))
    add("diamond", [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)])
    for slant in (0.15, 0.25, 0.4, 0.5, 0.6, 0.8):
        s = slant * tall / wide
        if 0.02 < s < 0.6:
            add("parallelogram", [(s, 0), (1, 0), (1 - s, 1), (0, 1)])
            add("parallelogram", [(0, 0), (1 - s, 0), (1, 1), (s, 1)])
            if s < 0.45:
                add("trapezoid", [(s, 0), (1 - s, 0), (1, 1), (0, 1)])
                add("trapezoid", [(0, 0), (1, 0), (1 - s, 1), (s, 1)])
        if 0.04 < s < 0.32:
            add("hexagon", [(s, 0), (1 - s, 0), (1, 0.5), (1 - s, 1), (s, 1), (0, 0.5)])
    t = np.linspace(0, np.pi, 24)
    for cap in (0.06, 0.12, 0.2) if aspect < 1.9 else ():
        top = [(0.5 - 0.5 * np.cos(a), cap - cap * np.sin(a)) for a in t]
        bottom = [(0.5 + 0.5 * np.cos(a), 1 - cap + cap * np.sin(a)) for a in t]
        add("cylinder", top + bottom)
        sag = [(0.5 - 0.5 * np.cos(a), cap * np.sin(a)) for a in t]
        add("cylinder", sag + bottom, convex=False)  # the body under the lid
    x = np.linspace(1, 0, 32)
    for depth in (0.06, 0.1, 0.15):
        wave = [(v, 1 - depth - depth * np.sin(2 * np.pi * v)) for v in x]
        add("document", [(0, 0), (1, 0), *wave], convex=False)
        wave = [(v, 1 - depth + depth * np.sin(2 * np.pi * v)) for v in x]
        add("document", [(0, 0), (1, 0), *wave], convex=False)
    for fold in (0.2, 0.3, 0.4):
        f, g = fold * shorter / wide, fold * shorter / tall
        add("page", [(0, 0), (1 - f, 0), (1, g), (1, 1), (0, 1)])
        add("page", [(0, 0), (1 - f, 0), (1 - f, g), (1, g), (1, 1), (0, 1)], convex=False)
    names = [name for name, _, _ in out]
    areas = np.stack([_packed(_area(points * (GRID - 1))) for _, points, _ in out])
    return names, areas, np.array([convex for _, _, convex in out])


def _rounded(rx: float, ry: float) -> list[tuple[float, float]]:
    """The unit square with corners rounded by an ellipse of these radii."""
    t = np.linspace(0, np.pi / 2, 12)
    corners = [(1 - rx, ry, -np.pi / 2), (1 - rx, 1 - ry, 0.0), (rx, 1 - ry, np.pi / 2), (rx, ry, np.pi)]
    return [(cx + rx * np.cos(a + start), cy + ry * np.sin(a + start)) for cx, cy, start in corners for a in t]
