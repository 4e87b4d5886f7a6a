"""What is drawn inside circles and diamonds: the borders and icons of events, the markers of gateways.

In: a page with its symbols. Out: the same symbols with borders measured (`stroke`, `double`, `filled`, `dashed`) and
`icon` named where the pixels are clear; an icon in doubt stays None. What an icon makes of a symbol is decided in
`assemble`; text is told from icons by the lines that were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from vision.boxes import centre, holds, share, size
from vision.icons_match import match
from vision.icons_rings import Rim, rim
from vision.parts import Box, Bytes, Floats, Page, Scene, Shape, TextLine

SURE = {"exclusive": 0.56, "parallel": 0.56, "inclusive": 0.7, "event": 0.75, "complex": 0.78} | {
    "message": 0.66, "timer": 0.68, "error": 0.68, "signal": 0.68, "conditional": 0.86, "terminate": 0.8
}  # fmt: skip
SURE_RARE = 0.78  # similarity to the best template that names an icon; of icons hardly ever drawn
LEAD = 0.03  # of the best over any other name; less where the likeness is beyond doubt
FAINT = 14  # grey levels by which an icon differs from its ground at least
LETTERS = 3  # text lines with so many letters are words, not icons


def name_icons(page: Page, lines: Sequence[TextLine], scene: Scene) -> Scene:
    """The scene with the circles and diamonds looked into; symbols that are parts of icons are left out."""
    words = [line for line in lines if sum(ch.isalnum() for ch in line.text) >= LETTERS]
    seen = [_look(page, shape, words) for shape in scene.shapes]
    kept = [s for s in seen if not any(_is_part(s, other) for other in seen if other is not s)]
    return replace(scene, shapes=tuple(kept))


def _look(page: Page, shape: Shape, words: Sequence[TextLine]) -> Shape:
    worded = any(holds(shape.box, centre(line.box)) and share(line.box, shape.box) > 0.6 for line in words)
    if shape.outline == "circle":
        return event(page, shape, worded)
    if shape.outline == "diamond" and not worded:
        return replace(shape, icon=gateway_mark(page, shape))
    return shape


def _is_part(small: Shape, big: Shape) -> bool:
    """Whether a symbol is only the inner line or the icon of a circle or diamond."""
    if big.outline not in ("circle", "diamond") or min(size(small.box)) > 0.95 * min(size(big.box)):
        return False
    return share(small.box, big.box) > 0.97


def gateway_mark(page: Page, shape: Shape) -> str | None:
    """The marker of a diamond; None where it is empty or unclear."""
    x0, y0, x1, y1 = shape.box
    half = min(x1 - x0, y1 - y0) / 2
    limit = float(np.clip(1 - (1.45 * max(shape.stroke, 1.5) + 2.0) / half, 0.5, 0.84))
    part, xs, ys = _part(page, shape.box)
    inner = np.abs(xs) + np.abs(ys) < limit
    edge = inner & (np.abs(xs) + np.abs(ys) > limit - 0.16)
    mask = _foreground(part, inner, edge)
    return None if mask is None else _named(part, mask, "gateway", half)


def event(page: Page, shape: Shape, worded: bool) -> Shape:
    """The circle with its border measured and its icon named (not where words stand inside)."""
    x, y = centre(shape.box)
    radius = sum(size(shape.box)) / 4
    border = rim(page.rgb, x, y, radius)
    if border is None:
        return replace(shape, filled=shape.filled or (not worded and _is_disc(page, x, y, radius)))
    disc = _circle_box(border.x, border.y, border.radius)
    icon = None if worded else _event_icon(page, disc, border)
    contour = np.array((border.x, border.y)) + (shape.contour - (x, y)) * (border.radius / radius)
    return replace(
        shape,
        box=disc,
        contour=contour,
        stroke=border.stroke,
        double=border.double,
        dashed=border.dashed,
        filled=False,
        icon=icon,
    )


def _is_disc(page: Page, x: float, y: float, radius: float) -> bool:
    """Whether the inside is as dark as ink, all over."""
    part, xs, ys = _part(page, _circle_box(x, y, radius))
    inside = part[np.hypot(xs, ys) < 0.8]
    paper = np.array(page.background, float)
    return len(inside) > 0 and float(np.percentile((paper - inside).mean(1), 10)) > 70


def _circle_box(x: float, y: float, radius: float) -> Box:
    return x - radius, y - radius, x + radius, y + radius


def _event_icon(page: Page, box: Box, border: Rim) -> str | None:
    part, xs, ys = _part(page, box)
    half = sum(size(box)) / 4
    away = np.hypot(xs, ys)
    limit = float(np.clip((border.clear - 1.0) / half, 0.3, 0.93))
    inner, edge = away < limit, (away < limit) & (away > limit - 0.12)
    mask = _foreground(part, inner, edge)
    if mask is None:
        return None
    name = _named(part, mask, "event", half)
    rest = float(np.ptp(np.nonzero(mask)[1])) > 1.85 * limit * half  # what is left of the border
    return None if rest and (name == "terminate" or (name == "timer" and not border.double)) else name


def _part(page: Page, box: Box) -> tuple[Bytes, Floats, Floats]:
    """(pixels of the box, their x and y about its centre in half widths and half heights)."""
    width, height = page.size
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    (cx, cy), (w, h) = centre(box), size(box)
    xs = (np.arange(x0, x1) + 0.5 - cx) / (w / 2)
    ys = (np.arange(y0, y1) + 0.5 - cy) / (h / 2)
    grid_x, grid_y = np.meshgrid(xs, ys)
    return page.rgb[y0:y1, x0:x1], grid_x, grid_y


def _foreground(part: Bytes, inner: np.ndarray, edge: np.ndarray) -> Bytes | None:
    """(h, w) uint8 mask of what differs from the ground near the border; None when nothing clearly does.

    The ground may be a gradient: a plane per channel through the pixels beside the border.
    """
    if edge.sum() < 8:
        return None
    ground = _ground(part, edge)
    off = np.abs(part.astype(np.float32) - ground).max(-1)
    off[~inner] = 0
    strong = float(np.percentile(off[inner], 97))
    if strong < FAINT:
        return None
    mask = (off > max(0.4 * strong, 0.6 * FAINT)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    least = max(3, 0.004 * inner.sum())
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    mask = keep[labels].astype(np.uint8)
    return mask if mask.sum() >= 0.02 * inner.sum() else None


def _ground(part: Bytes, edge: np.ndarray) -> Floats:
    """(h, w, 3): planes through the edge pixels, outliers left out."""
    ys, xs = np.nonzero(edge)
    values = part[edge].astype(np.float64)
    middle = np.median(values, axis=0)
    near = np.abs(values - middle).max(1) < max(24.0, 1.5 * float(np.median(np.abs(values - middle).max(1))))
    if near.sum() < 6:
        return np.broadcast_to(middle, part.shape)
    columns = np.stack([xs, ys, np.ones(len(xs))], 1)
    planes = np.linalg.lstsq(columns[near], values[near], rcond=None)[0]
    height, width = edge.shape
    grid_x, grid_y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([grid_x, grid_y, np.ones_like(grid_x)], -1) @ planes


def _named(part: Bytes, mask: Bytes, family: str, half: float) -> str | None:
    """The name of an icon, when it is of a fair size and like one template more than like any other."""
    ys, xs = np.nonzero(mask)
    extent = max(float(np.ptp(xs)), float(np.ptp(ys))) + 1
    if extent < 0.34 * half or extent < 5:
        return None
    found = match(part, mask, family)
    lead = LEAD if found.score < 0.78 else LEAD / 3 if found.score < 0.95 else LEAD / 8
    return found.name if found.score >= SURE.get(found.name, SURE_RARE) and found.lead >= lead else None
