"""Text that the first pass over the page could not see: inside symbols and name strips, and beneath lines.

`look_inside` reads bare symbols again, each by itself, before flows are traced. `look_beneath` reads the page again
with traced lines and outlines painted over: letters crossed by a flow or touching a border stand free then. Does not
know whose text is whose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from diagram.kinds import Language
from vision.boxes import share, size
from vision.parts import Box, Bytes, Connector, Floats, Page, Scene, Shape, TextLine
from vision.text import TextReading, read_changed, read_grounds, reread

WORDY = frozenset({"rectangle", "rounded", "stadium", "diamond", "parallelogram", "hexagon", "document", "barred"})
LOOKS = 60  # symbols read again per page at the most
FAINT = 26  # gray levels between paper and ink


def look_inside(page: Page, text: TextReading, scene: Scene) -> tuple[TextLine, ...]:
    """All lines of the page, with those inside symbols, name strips and the grounds of labels where the first pass over
    the whole page saw none or was less sure."""
    boxes = [s.box for s in scene.shapes if _may_speak(s) and min(size(s.box)) > 1.4 * page.unit]
    strips = [c.header for c in scene.containers if c.header is not None]
    boxes += [strip for strip in strips if not _stands(strip)]
    bare = [box for box in boxes if not any(share(line.box, box) > 0.5 for line in text.lines)]
    inner = [(x0 + m, y0 + m, x1 - m, y1 - m) for x0, y0, x1, y1 in bare for m in [0.25 * page.unit]]
    found = reread(page, inner[:LOOKS], language=text.language)
    lines = [line for part in found for line in part]
    for strip in strips:
        if _stands(strip) and not any(share(line.box, strip) > 0.5 for line in text.lines):
            lines += _turned(page, strip, text)
    return tuple(read_grounds(page, scene.grounds, (*text.lines, *lines), text.language))


def look_beneath(
    page: Page, lines: Sequence[TextLine], scene: Scene, connectors: Sequence[Connector], language: Language
) -> tuple[TextLine, ...]:
    """All lines of the page, those that lines and round outlines had cut or hidden read again without them."""
    if page.photo or not connectors:
        return tuple(lines)
    gray, changed = without_strokes(page, scene, connectors)
    return tuple(read_changed(replace(page, gray=gray), lines, changed, language))


def without_strokes(page: Page, scene: Scene, connectors: Sequence[Connector]) -> tuple[Bytes, Bytes]:
    """The gray page with traced lines and the outlines of events and gateways painted over, and where that was done.

    Both (H, W). A line is painted over where it stands alone; where something else crosses it, it stays.
    """
    kernel = max(5, round(0.8 * page.unit) | 1)
    paper = cv2.morphologyEx(page.gray, cv2.MORPH_CLOSE, np.ones((kernel, kernel), np.uint8))
    ink = cv2.subtract(paper, page.gray) > FAINT
    mask = np.zeros(ink.shape, np.uint8)
    for points, stroke in _strokes(scene, connectors):
        _mark(mask, ink, points, stroke)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    return np.where(mask > 0, paper, page.gray).astype(np.uint8), mask


def _strokes(scene: Scene, connectors: Sequence[Connector]) -> Iterable[tuple[Floats, float]]:
    """Polylines with their thickness in pixels."""
    for connector in connectors:
        if len(connector.points) > 1:
            yield connector.points, connector.stroke
    for shape in scene.shapes:
        if shape.outline in ("circle", "diamond") and shape.stroke > 0:
            yield np.concatenate([shape.contour, shape.contour[:1]]), shape.stroke


def _mark(mask: Bytes, ink: np.ndarray, points: Floats, stroke: float) -> None:
    """Set the pixels of a stroke in the mask, but for places where the ink across it is wider than the stroke."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] < 2:
        return
    at = np.arange(0.0, length[-1], 0.5)
    middle = np.stack([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])], 1)
    segment = np.clip(np.searchsorted(length, at, side="right") - 1, 0, len(steps) - 1)
    along = np.diff(points, axis=0)[segment] / np.maximum(steps[segment], 1e-6)[:, None]
    reach = int(np.ceil(1.5 * stroke)) + 4
    offsets = np.arange(-reach, reach + 1)
    x = np.rint(middle[:, :1] - along[:, 1:] * offsets).astype(int)
    y = np.rint(middle[:, 1:] + along[:, :1] * offsets).astype(int)
    height, width = ink.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    dark = ink[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] & inside
    # the run of ink nearest to the middle of the stroke
    slack = int(np.ceil(stroke / 2)) + 2
    near = np.where(dark[:, reach - slack : reach + slack + 1], np.abs(np.arange(-slack, slack + 1)), 99)
    start = near.argmin(1) + reach - slack
    found = near.min(1) < 99
    columns = np.arange(len(offsets))
    light = ~dark
    low = np.where(light & (columns < start[:, None]), columns, -1).max(1) + 1
    high = np.where(light & (columns > start[:, None]), columns, len(offsets)).min(1) - 1
    alone = found & (high - low + 1 <= 1.4 * stroke + 2)
    own = (columns >= low[:, None] - 1) & (columns <= high[:, None] + 1) & alone[:, None] & inside
    mask[y[own], x[own]] = 255


def _may_speak(shape: Shape) -> bool:
    """Whether words may stand inside: not beside the marker of a gateway."""
    return shape.outline in WORDY and not (shape.outline == "diamond" and shape.icon is not None)


def _stands(box: Box) -> bool:
    width, height = size(box)
    return height > 1.5 * width


def _turned(page: Page, strip: Box, text: TextReading) -> list[TextLine]:
    """Lines that run upwards in a narrow strip."""
    x0, y0, x1, y1 = (int(v) for v in strip)
    part = np.ascontiguousarray(np.rot90(page.rgb[y0:y1, x0:x1], -1))
    gray = np.ascontiguousarray(np.rot90(page.gray[y0:y1, x0:x1], -1))
    inner = (3.0, 3.0, gray.shape[1] - 3.0, gray.shape[0] - 3.0)
    found = reread(replace(page, rgb=part, gray=gray), [inner], language=text.language)[0]

    def back(box: Box) -> Box:
        return x0 + box[1], y1 - box[2], x0 + box[3], y1 - box[0]

    return [
        replace(line, box=back(line.box), turn=90, words=tuple(replace(w, box=back(w.box)) for w in line.words))
        for line in found
        if line.turn == 0
    ]
