"""Paints over traced lines and the outlines of symbols and frames, so that the letters they touch or cross stand free.

In: a page and what was drawn on it. Out: the page without those strokes. Reads no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from vision.parts import Bytes, Connector, Floats, Page, Scene
from vision.ranks import percentile

FAINT = 26  # gray levels between paper and ink
STEP = 1.0  # pixels along a stroke between two looks at its width


def without_strokes(page: Page, scene: Scene, connectors: Sequence[Connector]) -> tuple[Bytes, Bytes]:
    """The gray page with strokes painted over in the colour of the paper beside them, and where that was done.

    Both (H, W). Where ink goes on at both sides of a stroke, something crosses it, and it stays.
    """
    kernel = max(5, round(0.8 * page.unit) | 1)
    paper = cv2.morphologyEx(page.gray, cv2.MORPH_CLOSE, np.ones((kernel, kernel), np.uint8))
    ink = np.asarray(cv2.subtract(paper, page.gray)) > FAINT
    mask = np.zeros(ink.shape, np.uint8)
    for points, stroke in _strokes(scene, connectors, page.unit):
        _mark(mask, ink, points, stroke)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    return np.where(mask > 0, paper, page.gray).astype(np.uint8), mask


def _strokes(scene: Scene, connectors: Sequence[Connector], unit: float) -> Iterable[tuple[Floats, float]]:
    """Polylines with their thickness in pixels."""
    for connector in connectors:
        # a line back to where it began, a word long, is a word that touches a border
        astray = connector.source is not None and connector.source == connector.target
        if not astray or _lengths(connector.points)[-1] > 6 * unit:
            yield connector.points, connector.stroke
    thick = [shape.stroke for shape in scene.shapes if shape.stroke > 0]
    for frame in scene.containers:
        x0, y0, x1, y1 = frame.box
        corners = [(x0 + 1, y0 + 1), (x1 - 2, y0 + 1), (x1 - 2, y1 - 2), (x0 + 1, y1 - 2), (x0 + 1, y0 + 1)]
        yield np.array(corners), float(np.median(thick)) if thick else 0.1 * unit
    for shape in scene.shapes:
        if shape.outline in ("circle", "diamond") and shape.stroke > 0:
            yield np.concatenate([shape.contour, shape.contour[:1]]), shape.stroke


def _lengths(points: Floats) -> Floats:
    """Way along a polyline to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def _mark(mask: Bytes, ink: np.ndarray, points: Floats, stroke: float) -> None:
    """Set the pixels of a stroke in the mask, but for places where other ink crosses it."""
    length = _lengths(points)
    if length[-1] < 2:
        return
    at = np.arange(0.0, length[-1], STEP)
    steps = np.diff(points, axis=0)
    middle = np.stack([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])], 1)
    segment = np.clip(np.searchsorted(length, at, side="right") - 1, 0, len(steps) - 1)
    along = steps[segment] / np.maximum(np.hypot(*steps[segment].T), 1e-6)[:, None]
    reach = int(np.ceil(1.5 * stroke)) + 4
    offsets = np.arange(-reach, reach + 1)
    x = np.rint(middle[:, :1] - along[:, 1:] * offsets).astype(np.int32)
    y = np.rint(middle[:, 1:] + along[:, :1] * offsets).astype(np.int32)
    height, width = ink.shape
    inside = None
    if min(x.min(), y.min()) < 0 or x.max() >= width or y.max() >= height:
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    place = y * width + x
    dark = ink.ravel()[place]
    if inside is not None:
        dark &= inside
    # the run of ink nearest to the middle of the stroke
    slack = int(np.ceil(stroke / 2)) + 2
    nearest = np.array(sorted(range(reach - slack, reach + slack + 1), key=lambda at: (abs(at - reach), at)))
    rows, columns = np.arange(len(at)), np.arange(len(offsets), dtype=np.int16)
    first = dark[:, nearest].argmax(1)
    start = nearest[first]
    found = dark[rows, start]
    light = ~dark
    before, after = light & (columns < start[:, None]), light & (columns > start[:, None])
    low = np.where(before.any(1), len(offsets) - before[:, ::-1].argmax(1), 0)
    high = np.where(after.any(1), after.argmax(1), len(offsets)) - 1
    run = high - low + 1
    usual = percentile(run[found], 40) if found.any() else 0.0  # blur makes a stroke wider
    alone = found & (run <= max(1.4 * stroke + 2, min(usual + 1.5, 3 * stroke + 4)))
    if not alone.any():
        return
    # where letters touch the stroke, it runs on between its edges as they are before and behind
    clear = np.flatnonzero(alone)
    left, right = np.rint(np.interp(rows, clear, low[alone])), np.rint(np.interp(rows, clear, high[alone]))
    wide = right - left >= 3
    left, right = left + wide, right - wide  # its blurred edges close the letters
    touched = found & ~alone & ((low >= left - 2) | (high <= right + 2))
    begin, end = (np.where(alone, *pair).astype(np.int16)[:, None] for pair in ((low - 1, left), (high + 1, right)))
    own = (columns >= begin) & (columns <= end) & (alone | touched)[:, None]
    if inside is not None:
        own &= inside
    mask.ravel()[place[own]] = 255
