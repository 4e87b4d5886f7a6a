"""Frames drawn by hand: which of the boxes found on a photographed page are pools and their name strips.

Sides drawn by hand are no straight lines and corners no right angles, so that size, place and turned words have to tell
frames from activities. Reads no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vision.boxes import area, inside, share, size
from vision.parts import Box, Container, Scene, Shape, TextLine

BOXY = ("rectangle", "rounded", "stadium", "parallelogram")
WIDE, HIGH = 18.0, 5.0  # units; a frame with symbols inside is at least as wide and high
CLOSED = 14.0  # units; a box at least as wide, and six times as wide as high, is a pool whose inside is not shown


def tidy(scene: Scene, lines: Sequence[TextLine], unit: float) -> Scene:
    """The scene with pools and name strips taken out of the activities."""
    strips = [s for s in scene.shapes if _is_strip(s, lines, unit)]
    closed = [s for s in scene.shapes if s not in strips and _is_closed(s, unit)]
    containers = [_frame(c, strips, unit) for c in scene.containers]
    containers += [Container("pool", s.box, s.box, confidence=s.confidence) for s in closed]
    gone = [*strips, *closed]
    kept = [
        s
        for s in scene.shapes
        if s not in gone and not (s.filled and s.outline == "circle") and not any(_within(s, t.box) for t in strips)
    ]
    return Scene(tuple(kept), tuple(containers))


def _is_strip(shape: Shape, lines: Sequence[TextLine], unit: float) -> bool:
    """A narrow upright box with a word that runs up it."""
    width, height = size(shape.box)
    if shape.outline not in BOXY or height < 1.6 * width or height < 4 * unit:
        return False
    words = [line for line in lines if share(line.box, shape.box) > 0.5]
    upright = [line for line in words if line.turn or line.box[3] - line.box[1] > 1.5 * (line.box[2] - line.box[0])]
    return bool(upright) and 2 * len(upright) >= len(words)


def _is_closed(shape: Shape, unit: float) -> bool:
    width, height = size(shape.box)
    return shape.outline in BOXY and width > max(CLOSED * unit, 6 * height)


def _frame(container: Container, strips: Sequence[Shape], unit: float) -> Container:
    """A large frame is a pool; its name stands in the strip at its left."""
    width, height = size(container.box)
    if container.kind == "subprocess" and (width < WIDE * unit or height < HIGH * unit):
        return container
    header = container.header
    if header is None:
        header = next((s.box for s in strips if _beside(s.box, container.box, unit)), None)
    kind = "pool" if container.kind == "subprocess" else container.kind
    return replace(container, kind=kind, header=header)


def _beside(strip: Box, frame: Box, unit: float) -> bool:
    """Whether a strip lies at the left side of a frame, within or right before it."""
    common = min(strip[3], frame[3]) - max(strip[1], frame[1])
    near = abs(strip[0] - frame[0]) < 1.5 * unit or abs(strip[2] - frame[0]) < 1.5 * unit
    return near and common > 0.6 * (strip[3] - strip[1]) and common > 0.5 * (frame[3] - frame[1])


def _within(shape: Shape, strip: Box) -> bool:
    return inside(shape.box, strip) and area(shape.box) < 0.5 * area(strip)
