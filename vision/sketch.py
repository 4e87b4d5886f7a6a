"""Close what was drawn by hand: outlines whose strokes do not quite meet.

In: the ink of a photographed page and its text lines. Out: walls in which loose stroke ends run on into the stroke that
they point at, in three strengths, without words. And what tells outlines drawn by hand apart. Does not know what the
outlines mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import cKDTree

from vision.parts import Bytes, Floats, Outline, TextLine
from vision.regions import labelled
from vision.thinning import skeleton_graph, thin

HOST = 6.5  # units of handwriting; activities are no higher
ROUND = 0.86  # share of its bounding box below which a small box is a circle
BLUNT = 0.13  # of IoU, by which a diamond may look more like a circle
REACHES = (0.7, 1.7)  # units; gaps of an outline that are closed in the first and in the second wall
STRAIGHT = 5.0  # units; gaps between two ends that point at each other, closed in the third


def closed_walls(ink: Bytes, unit: float, lines: Sequence[TextLine]) -> list[Bytes]:
    """Masks (H, W) of 0 or 255, closed more and more. ink: (H, W), not 0 where a stroke is."""
    strokes = _without_words(np.asarray((ink > 0) * np.uint8(255), np.uint8), unit, lines)
    strokes = np.asarray(cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    ends, away, skeleton = _ends((strokes > 0).astype(np.uint8), unit)
    out = []
    for reach in REACHES:
        wall = strokes.copy()
        for a, b in _bridges(ends, away, skeleton, reach * unit):
            cv2.line(wall, a.astype(int).tolist(), b.astype(int).tolist(), 255, 2)
        out.append(wall)
    wall = out[-1].copy()
    for i, j in _facing(ends, away, STRAIGHT * unit):
        cv2.line(wall, ends[i].astype(int).tolist(), ends[j].astype(int).tolist(), 255, 2)
    return [*out, wall]


def is_pointed(as_circle: float, as_diamond: float) -> bool:
    """Whether a small outline with these overlaps is a diamond; its corners are blunt, its sides bulge."""
    return as_diamond > as_circle - BLUNT


def is_round(outline: Outline, contour: Floats, unit: float) -> bool:
    """Whether a small outline that looks like a box most is a circle all the same."""
    width, height = contour.max(0) - contour.min(0)
    if outline not in ("rectangle", "rounded", "stadium") or max(width, height) > min(
        5 * unit, 1.5 * min(width, height)
    ):
        return False
    return float(cv2.contourArea(cv2.convexHull(contour.astype(np.float32)))) < ROUND * width * height


def _without_words(strokes: Bytes, unit: float, lines: Sequence[TextLine]) -> Bytes:
    """The strokes without those that lie in text lines for the most part."""
    text = np.zeros_like(strokes)
    pad = 0.15 * unit
    for line in lines:
        x0, y0, x1, y1 = line.box
        if sum(ch.isalnum() for ch in line.text) > 1:
            text[max(0, int(y0 - pad)) : int(y1 + pad), max(0, int(x0 - pad)) : int(x1 + pad)] = 1
    labels, stats = labelled(strokes)
    inside = np.bincount(labels[text > 0], minlength=len(stats))
    gone = inside > 0.8 * stats[:, cv2.CC_STAT_AREA]
    gone |= stats[:, cv2.CC_STAT_AREA] < 0.02 * unit * unit
    gone[0] = False
    out = strokes.copy()
    out[gone[labels]] = 0
    return out


def _ends(mask: Bytes, unit: float) -> tuple[Floats, Floats, Floats]:
    """Loose ends of strokes: places (n, 2), outward unit vectors (n, 2); and the points of all middle lines (m, 2)."""
    graph, _ = skeleton_graph(thin(mask, np.zeros_like(mask)))
    ends: list[Floats] = []
    away: list[Floats] = []
    for branch in graph.branches:
        count = len(branch.points)
        if count < (0.35 if max(branch.ends) >= 0 else 0.2) * unit:  # a bump on a thick stroke
            continue
        for side, run in enumerate((branch.points, branch.points[::-1])):
            if branch.ends[side] < 0:
                vector = run[0] - run[min(count - 1, max(3, round(0.5 * unit)))]
                ends.append(run[0])
                away.append(vector / max(float(np.hypot(*vector)), 1e-6))
    points = [branch.points for branch in graph.branches]
    empty = np.zeros((0, 2))
    return np.array(ends).reshape(-1, 2), np.array(away).reshape(-1, 2), np.concatenate(points) if points else empty


def _bridges(ends: Floats, away: Floats, strokes: Floats, reach: float) -> list[tuple[Floats, Floats]]:
    """From each loose end to the nearest other end or stroke ahead of it, within `reach` pixels."""
    if not len(ends):
        return []
    tree, tips = cKDTree(strokes), cKDTree(ends)
    out: list[tuple[Floats, Floats]] = []
    for i, (at, aim) in enumerate(zip(ends, away, strict=True)):
        best: tuple[float, Floats] | None = None
        for j in tips.query_ball_point(at, reach):
            gap = ends[j] - at
            size = float(np.hypot(*gap))
            if j == i or size < 1:
                continue
            ahead, back = float(gap @ aim) / size, -float(gap @ away[j]) / size
            if ahead > 0.4 and back > 0.4 and (best is None or size * (2.2 - ahead - back) < best[0]):
                best = size * (2.2 - ahead - back), ends[j]
        near = strokes[tree.query_ball_point(at, reach)]
        gap = near - at
        size_ = np.hypot(gap[:, 0], gap[:, 1])
        cosine = gap @ aim / np.maximum(size_, 1e-6)
        good = (cosine > 0.64) & (size_ > 2)
        if good.any():
            cost = np.where(good, size_ * (2.0 - cosine), np.inf)
            k = int(cost.argmin())
            if best is None or float(cost[k]) < best[0]:
                best = float(cost[k]), near[k]
        if best is not None:
            out.append((at, best[1]))
    return out


def _facing(ends: Floats, away: Floats, reach: float) -> list[tuple[int, int]]:
    """Pairs of ends that point straight at each other, nearest first, each end once."""
    if len(ends) < 2:
        return []
    pairs = cKDTree(ends).query_pairs(reach, output_type="ndarray")
    gap = ends[pairs[:, 1]] - ends[pairs[:, 0]]
    distance = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-6)
    along = gap / distance[:, None]
    ahead, back = (away[pairs[:, 0]] * along).sum(1), -(away[pairs[:, 1]] * along).sum(1)
    facing = np.flatnonzero(np.minimum(ahead, back) > 0.94)
    used: set[int] = set()
    out = []
    for k in facing[np.argsort(distance[facing], kind="stable")].tolist():
        i, j = (int(v) for v in pairs[k])
        if i not in used and j not in used:
            used |= {i, j}
            out.append((i, j))
    return out
