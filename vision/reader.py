"""The built-in describer: runs the stages of the reader on one picture and tells what it found.

Deterministic; keeps nothing between pictures. Needs no weights, no network and no GPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from PIL import Image

from diagram.model import Description, Example
from diagram.narrate import narrate
from vision.assemble import assemble
from vision.boxes import share, size
from vision.connectors import trace
from vision.icons import name_icons
from vision.parts import Box, Page, Reading, Scene, Shape, TextLine
from vision.prepare import measured, prepare
from vision.shapes import find_shapes
from vision.text import TextReading, read_text, reread

WORDY = frozenset({"rectangle", "rounded", "stadium", "diamond", "parallelogram", "hexagon", "document", "barred"})
LOOKS = 60  # second looks per page at the most


class VisionReader:
    """Reads diagrams with classical vision and OCR. language: "auto", "en" or "ru"."""

    name = "vision"

    def __init__(self, language: Literal["auto", "en", "ru"] = "auto") -> None:
        self._language = language

    def describe(self, image: Image.Image, examples: Sequence[Example] = ()) -> Description:
        """Read one picture (any PIL mode). `examples` are carried along; this reader does not need them."""
        clock = _Clock()
        page = prepare(image)
        clock.lap("prepare")
        text = read_text(page, self._language)
        clock.lap("text")
        page = measured(page, text.lines)
        scene = name_icons(page, text.lines, find_shapes(page, text.lines))
        clock.lap("shapes")
        lines = (*text.lines, *_second_look(page, text, scene))
        clock.lap("reread")
        tracing = trace(page, lines, scene)
        clock.lap("connectors")
        reading = Reading(lines, scene, tracing.connectors, (*text.warnings, *tracing.warnings))
        diagram, warnings = assemble(page, reading, text.language)
        if not diagram.nodes:
            warnings.append("no diagram was found in this picture")
        clock.lap("assemble")
        told = narrate(diagram)
        clock.lap("narrate")
        return Description(
            diagram, told.title, told.text, told.steps, self.name, tuple(examples), tuple(warnings), clock.laps
        )


def _may_speak(shape: Shape) -> bool:
    """Whether words may stand inside: not beside the marker of a gateway."""
    return shape.outline in WORDY and not (shape.outline == "diamond" and shape.icon is not None)


def _second_look(page: Page, text: TextReading, scene: Scene) -> list[TextLine]:
    """Lines inside symbols and name strips where the first pass over the whole page saw none."""
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
    return lines


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


class _Clock:
    """Wall-clock seconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = now - self._last
        self._last = now
