"""Text that the first pass over the page could not see: inside symbols and name strips, and beneath lines.

`look_inside` reads bare symbols again, each by itself, before flows are traced. `look_beneath` reads the page again
with traced lines and outlines painted over: letters crossed by a flow or touching a border stand free then. Does not
know whose text is whose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vision.boxes import centre, share, size
from vision.erase import without_strokes
from vision.formulas import read_formulas
from vision.parts import Box, Connector, Page, Scene, Shape, TextLine
from vision.text import TextReading, read_changed, read_grounds, reread

WORDY = frozenset({"rectangle", "rounded", "stadium", "diamond", "parallelogram", "hexagon", "document", "barred"})
LOOKS = 60  # symbols read again per page at the most


def look_inside(page: Page, text: TextReading, scene: Scene) -> tuple[TextLine, ...]:
    """All lines of the page, with those inside symbols, name strips and the grounds of labels where the first pass over
    the whole page saw none or was less sure."""
    told = tuple(line for line in text.lines if not _joins(line, scene.shapes, page.unit))
    boxes = [s.box for s in scene.shapes if _may_speak(s) and min(size(s.box)) > 1.4 * page.unit]
    strips = [c.header for c in scene.containers if c.header is not None]
    boxes += [strip for strip in strips if not _stands(strip)]
    bare = [box for box in boxes if not any(share(line.box, box) > 0.5 for line in told)]
    inner = [(x0 + m, y0 + m, x1 - m, y1 - m) for x0, y0, x1, y1 in bare for m in [0.25 * page.unit]]
    found = reread(page, inner[:LOOKS], language=text.language, printed=text.printed)
    lines = [line for part in found for line in part]
    for strip in strips:
        if _stands(strip) and not any(share(line.box, strip) > 0.5 for line in told):
            lines += _turned(page, strip, text)
    worded = [shape for shape in scene.shapes if shape.outline in WORDY and shape.icon is None]
    lines = list(read_formulas(page, worded, (*told, *lines), text.language))
    return tuple(read_grounds(page, scene.grounds, lines, text.language))


def _joins(line: TextLine, shapes: Sequence[Shape], unit: float) -> bool:
    """Whether a sign fills the space between two symbols: a short arrow is taken for a letter (T, Y, V)."""
    if len(line.text) > 1:
        return False
    x, y = centre(line.box)
    near = 0.5 * unit
    for at, low, high in ((x, 0, 2), (y, 1, 3)):
        facing = [s.box for s in shapes if s.box[low] < at < s.box[high]]
        start, end = line.box[1 - low], line.box[3 - low]
        if any(abs(b[3 - low] - start) < near for b in facing) and any(abs(b[1 - low] - end) < near for b in facing):
            return True
    return False


def look_beneath(
    page: Page, text: TextReading, lines: Sequence[TextLine], scene: Scene, connectors: Sequence[Connector]
) -> tuple[TextLine, ...]:
    """`lines`, those of the page so far, and what lines and round outlines had cut or hidden, read without them."""
    if page.photo or not connectors:
        return tuple(lines)
    gray, changed = without_strokes(page, scene, connectors)
    return tuple(read_changed(replace(page, gray=gray), lines, changed, text.language, printed=text.printed))


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
    found = reread(replace(page, rgb=part, gray=gray), [inner], language=text.language, printed=text.printed)[0]

    def back(box: Box) -> Box:
        return x0 + box[1], y1 - box[2], x0 + box[3], y1 - box[0]

    return [
        replace(line, box=back(line.box), turn=90, words=tuple(replace(w, box=back(w.box)) for w in line.words))
        for line in found
        if line.turn == 0
    ]
