"""The built-in describer: runs the stages of the reader on one picture and tells what it found.

Deterministic; keeps nothing between pictures. Needs no weights, no network and no GPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from PIL import Image

from diagram.model import Description, Example
from diagram.narrate import narrate
from vision.assemble import assemble
from vision.connectors import trace
from vision.icons import name_icons
from vision.parts import Reading
from vision.prepare import measured, prepare
from vision.second_look import look_beneath, look_inside
from vision.shapes import find_shapes
from vision.text import read_text


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
        lines = look_inside(page, text, scene)
        clock.lap("reread")
        tracing = trace(page, lines, scene)
        clock.lap("connectors")
        lines = look_beneath(page, lines, scene, tracing.connectors, text.language)
        clock.lap("beneath")
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


class _Clock:
    """Wall-clock seconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = now - self._last
        self._last = now
