"""The built-in describer: runs the stages of the reader on one picture and tells what it found.

Deterministic; keeps nothing between pictures. Needs no weights, no network and no GPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Literal

from PIL import Image

from diagram.model import Description, Example
from diagram.narrate import narrate
from diagram.progress import stage
from vision import heap, threads
from vision.assemble import assemble
from vision.connectors import trace
from vision.icons import name_icons
from vision.ink import line_ink
from vision.parts import Reading
from vision.prepare import measured, prepare
from vision.second_look import look_beneath, look_inside
from vision.shapes import find_shapes
from vision.text import read_text
from vision.threads import aside


class VisionReader:
    """Reads diagrams with classical vision and OCR. language: "auto", "en" or "ru"."""

    name = "vision"

    def __init__(self, language: Literal["auto", "en", "ru"] = "auto") -> None:
        self._language = language
        heap.share_one()
        threads.prepare()

    def describe(self, image: Image.Image, examples: Sequence[Example] = ()) -> Description:
        """Read one picture (any PIL mode). `examples` are carried along; this reader does not need them."""
        clock = _Clock()
        clock.begin("prepare")
        page = prepare(image)
        clock.begin("text")
        text = read_text(page, self._language)
        clock.begin("shapes")
        page = measured(page, text.lines)
        with aside(partial(line_ink, page)) as ink:
            scene = name_icons(page, text.lines, find_shapes(page, text.lines))
            clock.begin("reread")
            lines = look_inside(page, text, scene)
            clock.begin("connectors")
            tracing = trace(page, lines, scene, ink())
        clock.begin("beneath")
        lines = look_beneath(page, text, lines, scene, tracing.connectors)
        clock.begin("assemble")
        reading = Reading(lines, scene, tracing.connectors, (*text.warnings, *tracing.warnings))
        diagram, warnings = assemble(page, reading, text.language)
        if not diagram.nodes:
            warnings.append("no diagram was found in this picture")
        clock.begin("narrate")
        told = narrate(diagram)
        clock.end()
        return Description(
            diagram, told.title, told.text, told.steps, self.name, tuple(examples), tuple(warnings), clock.laps
        )


class _Clock:
    """Wall-clock seconds per stage; each is told of as it begins."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._stage = ""
        self._since = 0.0

    def begin(self, name: str) -> None:
        self.end()
        stage(name)
        self._stage, self._since = name, time.perf_counter()

    def end(self) -> None:
        if self._stage:
            self.laps[self._stage] = time.perf_counter() - self._since
